// Runs kubectl against the embedded control plane.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { run } from "../src/images/run.ts";

export interface Kubectl {
  /** Runs it to its end and gives what it printed; a failure carries kubectl's own words. */
  (...args: readonly string[]): Promise<string>;
  /** Like `get --watch -o json`: each object as it changes, until the signal fires. */
  readonly watch: (args: readonly string[], onObject: (object: unknown) => void, signal: AbortSignal) => Promise<void>;
}

const longestCallSeconds = 60;

/** kubectl prints watched objects one after the other, each ending with a brace at the start of a line. */
const watchWith = (program: string, kubeconfig: string): Kubectl["watch"] => async (args, onObject, signal) => {
  const child = spawn(program, ["--kubeconfig", kubeconfig, ...args, "--watch", "-o", "json"], { stdio: ["ignore", "pipe", "ignore"], signal });
  child.on("error", () => undefined); // the abort; a kubectl that is missing was noticed before
  let lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line === "}") {
      onObject(JSON.parse(lines.join("\n")));
      lines = [];
    }
  }
};

export const makeKubectl = (program: string, kubeconfig: string): Kubectl => Object.assign(
  (...args: readonly string[]) => run({ program, args: ["--kubeconfig", kubeconfig, ...args], timeoutSeconds: longestCallSeconds }),
  { watch: watchWith(program, kubeconfig) },
);
