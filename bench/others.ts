/** What is measured in processes of its own: starts of the control plane, of everything by npm start, and memory. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { dump } from "js-yaml";
import { run } from "../src/images/run.ts";
import { resourceOf } from "./cluster.ts";
import type { MemoryFigures } from "./memory.ts";
import { startProgram } from "./program.ts";
import { median, seconds, table } from "./steps.ts";

const starts = 3;
const project = join(import.meta.dirname, "..");

/** From the start of the process to its answer, on an empty folder (keys and certificates are made) and on a known one. */
export async function controlPlaneStarts(home: string, print: (text: string) => void): Promise<void> {
  const once = async (folder: string): Promise<number> => {
    const program = startProgram("apiserver", "--home", folder);
    const { timestamp } = await program.untilLogged("control plane ready");
    await program.stop();
    return Date.parse(timestamp) - program.startedAt;
  };
  const fresh: number[] = [];
  const known: number[] = [];
  for (let start = 0; start < starts; start += 1) {
    const folder = join(home, `start${String(start)}`);
    fresh.push(await once(folder));
    known.push(await once(folder));
  }
  print("\nControl plane, from the start of the process to ready");
  print(table([["folder", ...fresh.map((_, start) => `start ${String(start + 1)}`), "median"], ...([["empty", fresh], ["known", known]] as const).map(([name, all]) => [name, ...all.map(seconds), seconds(median(all))])]));
}

/** The operator's loop with so many resources in the simulated world. */
export async function memoryOf(resources: number): Promise<MemoryFigures> {
  const printed = await run({ program: process.execPath, args: ["--expose-gc", join(import.meta.dirname, "memory.ts"), String(resources)], timeoutSeconds: 180 });
  return JSON.parse(printed) as MemoryFigures;
}

interface WholeStarts {
  readonly home: string;
  readonly name: string;
  readonly print: (text: string) => void;
  /** Told what the first start has left running, so that it can be ended should this run be killed. */
  readonly onStarted: (left: { readonly programPid: number; readonly installation: string }) => void;
}

/** npm start from nothing running to Ready and proven, on a state folder of its own; then once more with all in place. */
export async function wholeStarts({ home, name, print, onStarted }: WholeStarts): Promise<void> {
  const folder = join(home, "start");
  const file = join(home, "start.yaml");
  await writeFile(file, dump(resourceOf(name, 100, 2)));
  const script = (...args: readonly string[]): Promise<string> => run({ program: "env", args: [`PGRS_HOME=${folder}`, "npm", "run", "-s", ...args], folder: project, timeoutSeconds: 180 });
  const timed = async (): Promise<number> => {
    const startedAt = Date.now();
    await script("start", "--", file);
    return Date.now() - startedAt;
  };
  try {
    const first = await timed();
    const [pid, installation] = await Promise.all(["pgrs.pid", "installation"].map((file) => readFile(join(folder, file), "utf8")));
    onStarted({ programPid: Number(pid), installation: (installation ?? "").trim() });
    const again = await timed();
    await script("stop");
    const restarted = await timed();
    print("\nnpm start with two members, Node, Docker, kubectl and image in place");
    print(table([["nothing runs, no databases yet", seconds(first)], ["everything runs", seconds(again)], ["after npm stop, databases running", seconds(restarted)]]));
  } finally {
    await script("clean", "--", "--yes");
  }
}
