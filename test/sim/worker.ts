/** Runs its share of the seeds beside the other workers, and reports each run as it ends. */
import { parentPort, workerData } from "node:worker_threads";
import { run } from "./run.ts";

// Errors are part of the game here, and nobody reads where they were made.
Error.stackTraceLimit = 0;

/** A story costs as much as a third of a run: those of the others are told when they went wrong. */
const toldEvery = 10;

for (const seed of (workerData as { readonly seeds: readonly number[] }).seeds) {
  const isTold = seed % toldEvery === 0;
  const silent = await run(seed, { isTold });
  const report = silent.faults.length > 0 && !isTold ? await run(seed, { isTold: true }) : silent;
  parentPort?.postMessage({ ...report, story: report.faults.length > 0 ? report.story : [] });
}
