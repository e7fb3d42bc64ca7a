/** Runs a program of the system and waits for its end: within its seconds, or it is killed; failing, it is quoted. */
import { spawn } from "node:child_process";
import { Terminal } from "../errors.ts";

/** How much of a program's complaints is kept: enough for the last words of a failure. */
const keptCharacters = 64 * 1024;

/** A program to run, in which folder, and for how long at most. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly folder?: string;
  readonly timeoutSeconds?: number;
}

const lastLines = (text: string): string => text.trim().split("\n").slice(-4).map((line) => line.trim()).join("; ");

/** Runs a program and gives what it printed; a failure carries its last lines, since they say what is wrong. */
export const run = ({ program, args, folder, timeoutSeconds = 600 }: Command): Promise<string> =>
  new Promise((resolve, reject) => {
    let printed = "";
    let complained = "";
    const child = spawn(program, args, {
      stdio: ["ignore", "pipe", "pipe"], signal: AbortSignal.timeout(timeoutSeconds * 1000),
      ...(folder === undefined ? {} : { cwd: folder }),
    });
    child.stdout.setEncoding("utf8").on("data", (part: string) => { printed += part; });
    child.stderr.setEncoding("utf8").on("data", (part: string) => { complained = (complained + part).slice(-keptCharacters); });
    child.on("error", (error) => {
      const why = error.name === "AbortError" ? `did not end within ${String(timeoutSeconds)} s` : "could not be run";
      reject(new Terminal(`${program} ${why}`, { cause: error }));
    });
    child.on("close", (code) => {
      if (code === 0) resolve(printed);
      else reject(new Terminal(`${program} failed: ${lastLines(complained.trim() === "" ? printed : complained)}`));
    });
  });
