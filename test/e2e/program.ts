/** The program under test as a child process on a home of its own: started, killed, and started again. */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Hopeless } from "./eventually.ts";

export interface Program {
  readonly pid: number | undefined;
  readonly logPath: string;
  start(): void;
  /** SIGKILL: no good-bye. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and resolves to the exit code. */
  stop(): Promise<number | null>;
  /** What is wrong with it, when it ended without having been asked to. */
  trouble(): Promise<string | undefined>;
  log(): Promise<string>;
}

const root = join(import.meta.dirname, "..", "..");

const ended = (child: ChildProcess): Promise<void> => child.exitCode !== null || child.signalCode !== null
  ? Promise.resolve() : new Promise((resolve) => { child.once("exit", () => { resolve(); }); });

export function programOf({ args, home, onStart }: { readonly args: readonly string[]; readonly home: string; readonly onStart: (pid: number) => void }): Program {
  const logPath = join(home, "program.log");
  let child: ChildProcess | undefined;
  let asked = false;
  const read = (): Promise<string> => readFile(logPath, "utf8").catch(() => "");
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    const ending = child;
    if (ending === undefined) return null;
    asked = true;
    ending.kill(signal);
    await ended(ending);
    child = undefined;
    return ending.exitCode;
  };
  return {
    get pid() { return child?.pid; },
    logPath,
    start: () => {
      if (child !== undefined) throw new Error("it runs already");
      const log = openSync(logPath, "a", 0o600);
      asked = false;
      child = spawn(process.execPath, [join(root, "src", "main.ts"), ...args], { cwd: root, stdio: ["ignore", log, log] });
      closeSync(log);
      if (child.pid !== undefined) onStart(child.pid);
    },
    kill: async () => { await end("SIGKILL"); },
    stop: () => end("SIGTERM"),
    trouble: async () => child !== undefined && child.exitCode !== null && !asked
      ? `the program ended by itself with code ${String(child.exitCode)}: ${(await read()).trim().split("\n").slice(-5).join(" | ")}` : undefined,
    log: read,
  };
}

/** No waiting helps when the program is no more. */
export const checkAlive = async (program: Program): Promise<void> => {
  const trouble = await program.trouble();
  if (trouble !== undefined) throw new Hopeless(trouble);
};
