/** A control plane in a process of its own, for tests that kill it. Prints its address when it is ready. */
import { startControlPlane } from "../../src/apiserver/server.ts";

const [directory = "", port = "0"] = process.argv.slice(2);
const log = { info: () => undefined, debug: () => undefined };
const plane = await startControlPlane({ directory, port: Number(port), log, now: () => Date.now() });
process.stdout.write(`${plane.url}\n`);
