/** Runs its share of the seeds beside the other workers, and reports each run as it ends. */
import { parentPort, workerData } from "node:worker_threads";
import { run } from "./run.ts";

// Errors are part of the game here, and nobody reads where they were made.
Error.stackTraceLimit = 0;

for (const seed of (workerData as { readonly seeds: readonly number[] }).seeds) {
  const { faults, story, rounds, settledMs } = await run(seed);
  parentPort?.postMessage({ seed, faults, rounds, settledMs, story: faults.length > 0 ? story : [] });
}
