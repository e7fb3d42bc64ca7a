/** The program under measurement as a child process, and what it logs, line by line. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface LogLine { readonly message: string; readonly timestamp: string; readonly [field: string]: unknown }

export interface Program {
  /** Every line so far. */
  readonly lines: readonly LogLine[];
  readonly startedAt: number;
  readonly pid: number | undefined;
  /** The first line with this message, which may have been written already. */
  untilLogged(message: string): Promise<LogLine>;
  /** Resident memory in KiB. */
  residentKib(): number;
  stop(): Promise<void>;
}

const logWaitMs = 60_000;
const stopWaitMs = 20_000;
const mainFile = join(import.meta.dirname, "..", "src", "main.ts");

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

const end = async (child: ChildProcess): Promise<void> => {
  if (hasEnded(child)) return;
  child.kill("SIGTERM");
  const limit = setTimeout(() => child.kill("SIGKILL"), stopWaitMs);
  await once(child, "exit");
  clearTimeout(limit);
};

const parsed = (line: string): LogLine => {
  try { return JSON.parse(line) as LogLine; } catch { return { message: line, timestamp: "" }; }
};

/** Starts `pgrs` with these arguments, logging as JSON. */
export function startProgram(...args: readonly string[]): Program {
  const startedAt = Date.now();
  const child = spawn(process.execPath, [mainFile, ...args, "--log-format", "json"], { stdio: ["ignore", "pipe", "inherit"] });
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  const news = (): void => { for (const look of [...waiting]) look(); };
  createInterface({ input: child.stdout }).on("line", (line) => { lines.push(parsed(line)); news(); });
  child.on("exit", news);
  return {
    lines, startedAt, pid: child.pid,
    untilLogged: (message) => new Promise((resolve, reject) => {
      const limit = setTimeout(() => { finish(); reject(new Error(`pgrs ${args.join(" ")} did not say "${message}" in time`)); }, logWaitMs);
      const finish = (): void => { clearTimeout(limit); waiting.delete(look); };
      const look = (): void => {
        const line = lines.find((one) => one.message === message);
        if (line !== undefined) { finish(); resolve(line); }
        else if (hasEnded(child)) { finish(); reject(new Error(`pgrs ${args.join(" ")} ended: ${lines.at(-1)?.message ?? "without a word"}`)); }
      };
      waiting.add(look);
      look();
    }),
    residentKib: () => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${String(child.pid)}/status`, "utf8"))?.[1] ?? Number.NaN),
    stop: () => end(child),
  };
}
