// The control plane and operator as a background program: one for each state folder, known by a pid file that is
// believed only when that pid is ours. It never signals a process that it has not recognised by its command line.
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { projectFolder } from "./home.ts";
import type { Home } from "./home.ts";

const program = join(projectFolder, "src", "main.ts");
const graceSeconds = 30;

/** Whether /proc says that this pid is our program on that state folder: pids are used again after a reboot. */
const isOurs = (pid: number, home: Home): boolean => {
  try {
    const words = readFileSync(`/proc/${String(pid)}/cmdline`, "utf8").split("\0");
    return words.includes(program) && words.includes("up") && words.includes(home.folder);
  } catch {
    return false; // no such process
  }
};

/** The pid of the program that runs on this state folder, if any. A stale pid file is removed. */
export const findRunning = async (home: Home): Promise<number | undefined> => {
  const text = await readFile(home.pidFile, "utf8").catch(() => "");
  const pid = /^\d+$/.exec(text.trim()) === null ? undefined : Number(text.trim());
  if (pid !== undefined && isOurs(pid, home)) return pid;
  await rm(home.pidFile, { force: true });
  return undefined;
};

/** Starts it in a session of its own, so that it outlives this terminal, and gives its pid. */
export const startBackground = async (home: Home, port: string | undefined): Promise<number> => {
  const log = openSync(home.logFile, "a", 0o600);
  try {
    const child = spawn(process.execPath, [program, "up", "--home", home.folder, ...(port === undefined ? [] : ["--port", port]), "--log-format", "json"],
      { cwd: projectFolder, detached: true, stdio: ["ignore", log, log] });
    if (child.pid === undefined) throw new Error(`${process.execPath} could not be started`);
    child.unref();
    await writeFile(home.pidFile, `${String(child.pid)}\n`);
    return child.pid;
  } finally {
    closeSync(log);
  }
};

/** The last lines of the log, for when it ended too early. */
export const lastLogLines = async (home: Home, lines: number): Promise<string> =>
  (await readFile(home.logFile, "utf8").catch(() => "")).trim().split("\n").slice(-lines).join("\n");

export const isRunning = (pid: number, home: Home): boolean => isOurs(pid, home);

/** Asks it to end and waits; kills it only when it did not within half a minute. */
export const stopBackground = async (pid: number, home: Home): Promise<"ended" | "killed"> => {
  process.kill(pid, "SIGTERM");
  const deadline = Date.now() + graceSeconds * 1000;
  while (isOurs(pid, home) && Date.now() < deadline) await sleep(50);
  const killed = isOurs(pid, home);
  if (killed) process.kill(pid, "SIGKILL");
  await rm(home.pidFile, { force: true });
  return killed ? "killed" : "ended";
};
