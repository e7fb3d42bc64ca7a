/**
 * Many worlds, a seed each. SEED=n runs one of them and tells its story; SEEDS=n runs that many from a start of their
 * own (FROM=n). Seeds that failed once stay in seeds.txt.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import type { Report } from "./run.ts";
import { run } from "./run.ts";

const seedsUsual = 1500;

const known = readFileSync(new URL("seeds.txt", import.meta.url), "utf8").split("\n").map((line) => line.replace(/#.*/, "").trim()).filter((line) => line !== "").map(Number);

const numberIn = (name: string): number | undefined => process.env[name] === undefined ? undefined : Number(process.env[name]);

const seedsOf = (): readonly number[] => {
  const from = numberIn("FROM") ?? 1;
  return [...new Set([...known, ...Array.from({ length: numberIn("SEEDS") ?? seedsUsual }, (_, index) => from + index)])];
};

const told = ({ seed, faults, story }: Report): string => [
  `SEED ${seed}`, ...story.slice(-200).map((line) => line.slice(0, 300)), ...faults.map((fault) => `FAULT ${fault}`),
  `again: SEED=${seed} node --test test/sim/simulate.test.ts`,
].join("\n");

const share = (seeds: readonly number[], onReport: (report: Report) => void): Promise<void> => new Promise((resolve, reject) => {
  const worker = new Worker(new URL("worker.ts", import.meta.url), { workerData: { seeds }, resourceLimits: { maxYoungGenerationSizeMb: 64 } });
  worker.on("message", onReport);
  worker.on("error", reject);
  worker.on("exit", (code) => { if (code === 0) resolve(); else reject(new Error(`a worker ended with code ${code}`)); });
});

const single = numberIn("SEED");

if (single !== undefined) {
  test(`the world of seed ${single}`, async () => {
    const report = await run(single, { isTold: true });
    console.log(told(report));
    assert.deepEqual(report.faults, []);
  });
} else {
  test("in every world it stays safe while things go wrong, and comes to rest when they no longer do", async (context) => {
    const seeds = seedsOf();
    const workers = Math.min(4, availableParallelism());
    const reports: Report[] = [];
    await Promise.all(Array.from({ length: workers }, (_, index) => share(seeds.filter((_seed, at) => at % workers === index), (report) => { reports.push(report); })));
    const bad = reports.filter(({ faults }) => faults.length > 0).sort((one, other) => one.seed - other.seed);
    context.diagnostic(`${reports.length} worlds, ${reports.reduce((sum, { rounds }) => sum + rounds, 0)} rounds`);
    assert.equal(reports.length, seeds.length);
    assert.equal(bad.length, 0, bad.slice(0, 3).map(told).join("\n\n") + `\n${bad.length} seeds failed: ${bad.map(({ seed }) => seed).join(" ")}`);
  });
}

test("the same seed is the same world", async () => {
  const [one, other, silent] = [await run(7, { isTold: true }), await run(7, { isTold: true }), await run(7, { isTold: false })];
  assert.deepEqual(one, other);
  assert.deepEqual({ ...one, story: [] }, silent);
});
