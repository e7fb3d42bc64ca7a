// Puts Debian's kubectl into a folder, without installing a package: argument 1 is the folder.
import { copyFile, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { explain } from "../src/errors.ts";
import { download, findMirror } from "../src/images/packages.ts";
import { run } from "../src/images/run.ts";
import { withHeartbeat } from "./heartbeat.ts";

const say = (line: string): void => { console.log(`pgrs: kubectl: ${line}`); };

const fetchKubectl = async (folder: string, progress: (line: string) => void): Promise<void> => {
  await mkdir(folder, { recursive: true });
  const home = dirname(folder);
  const named = process.env.PGRS_DEBIAN_MIRROR;
  const mirror = named === undefined ? await findMirror() : { archive: named };
  const files = await download({ suite: "trixie", packages: ["kubectl"], mirror, cache: join(home, "cache"), progress });
  const file = files.find(({ name }) => name === "kubectl");
  if (file === undefined) throw new Error("the mirror has no kubectl");
  const work = await mkdtemp(join(home, "kubectl-"));
  try {
    await run({ program: "dpkg-deb", args: ["--extract", file.path, work] });
    // A rename, so that an interrupted copy is never taken for a program.
    await copyFile(join(work, "usr/bin/kubectl"), join(folder, "kubectl.new"));
    await rename(join(folder, "kubectl.new"), join(folder, "kubectl"));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
};

const [folder] = process.argv.slice(2);
try {
  if (folder === undefined) throw new Error("name the folder that kubectl goes to");
  await withHeartbeat(say, (progress) => fetchKubectl(folder, progress));
} catch (error) {
  console.error(`pgrs: ${explain(error)}`);
  process.exitCode = 1;
}
