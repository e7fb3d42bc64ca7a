import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createBackoff } from "../../src/controller/backoff.ts";

const highest = () => 1 - Number.EPSILON;

test("each failure of a key doubles its wait, up to the cap", () => {
  const backoff = createBackoff({ random: highest });
  const waits = Array.from({ length: 10 }, () => backoff.next("a"));
  assert.deepEqual(waits, [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
});

test("the spread takes away half at most", () => {
  const backoff = createBackoff({ random: () => 0 });
  assert.deepEqual([backoff.next("a"), backoff.next("a"), backoff.next("a")], [100, 200, 400]);
});

test("keys fail each for itself, and success forgets", () => {
  const backoff = createBackoff({ random: highest, baseMs: 10, capMs: 50 });
  backoff.next("a");
  backoff.next("a");
  assert.equal(backoff.failures("a"), 2);
  assert.equal(backoff.next("b"), 10);
  backoff.reset("a");
  assert.equal(backoff.failures("a"), 0);
  assert.equal(backoff.next("a"), 10);
});

test("any number of failures waits between half of the base and the cap", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 2000 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (times, draw) => {
    const backoff = createBackoff({ random: () => draw });
    let wait = 0;
    for (let count = 0; count < times; count += 1) wait = backoff.next("a");
    assert.ok(wait >= 100 && wait <= 30_000);
    backoff.reset("a");
    assert.ok(backoff.next("a") <= 200);
  }), { numRuns: 50 });
});
