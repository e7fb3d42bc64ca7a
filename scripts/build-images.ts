// Builds the local images named as arguments (majors, or "tools"), as `pgrs image build` does.
// PGRS_DEBIAN_MIRROR names a Debian archive for machines whose own apt sources have none.
import Docker from "dockerode";
import { explain } from "../src/errors.ts";
import { buildImage, buildTools } from "../src/images/build.ts";
import { withHeartbeat } from "./heartbeat.ts";

const mirror = process.env.PGRS_DEBIAN_MIRROR;
const docker = new Docker();
const say = (line: string): void => { console.log(`pgrs: ${line}`); };

try {
  for (const name of process.argv.slice(2)) {
    await withHeartbeat(say, (progress) => {
      const request = { docker, progress, ...(mirror === undefined ? {} : { mirror }) };
      return name === "tools" ? buildTools(request) : buildImage({ ...request, major: name });
    });
  }
} catch (error) {
  console.error(`pgrs: ${explain(error)}`);
  process.exitCode = 1;
}
