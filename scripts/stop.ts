// npm stop: ends the control plane and the operator of this state folder; containers are not touched.
import { findRunning, stopBackground } from "./background.ts";
import { findHome } from "./home.ts";

const home = findHome();
const pid = await findRunning(home);
if (pid === undefined) {
  console.log(`pgrs: nothing runs on ${home.folder}`);
} else {
  console.log(`pgrs: stopping control plane and operator (pid ${String(pid)})`);
  const end = await stopBackground(pid, home);
  console.log(end === "ended" ? "pgrs: stopped; the databases go on running" : "pgrs: it did not stop by itself and was killed; the databases go on running");
}
