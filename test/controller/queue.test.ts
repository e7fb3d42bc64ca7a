import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createQueue } from "../../src/controller/queue.ts";
import type { Clock } from "../../src/controller/clock.ts";
import type { Queue } from "../../src/controller/queue.ts";
import { settled, virtualClock } from "./virtual-clock.ts";

const never = new AbortController().signal;
const unexpected = (key: string) => assert.fail(`${key} was refused`);
const setUp = (lengthMax = 100) => {
  const clock = virtualClock();
  const refused: string[] = [];
  const queue = createQueue({ clock, lengthMax, onFull: (key) => refused.push(key) });
  /** Keys in the order in which they are handed out, each given back at once. */
  const handedOut: string[] = [];
  const drain = async () => {
    for (let key = await queue.take(never); key !== undefined; key = await queue.take(never)) {
      handedOut.push(key);
      queue.done(key);
    }
  };
  return { clock, queue, refused, handedOut, drain };
};

test("keys come out in the order in which they came in, each once", async () => {
  const { queue, handedOut, drain } = setUp();
  for (const key of ["b", "a", "b", "c", "a"]) queue.add(key);
  void drain();
  await settled();
  assert.deepEqual(handedOut, ["b", "a", "c"]);
});

test("the earlier of two deadlines wins, whichever was set first", async () => {
  const { clock, queue, handedOut, drain } = setUp();
  queue.addAfter("a", 100);
  queue.addAfter("a", 50);
  queue.addAfter("b", 20);
  queue.addAfter("b", 500);
  void drain();
  await clock.advance(19);
  assert.deepEqual(handedOut, []);
  await clock.advance(1);
  assert.deepEqual(handedOut, ["b"]);
  await clock.advance(30);
  assert.deepEqual(handedOut, ["b", "a"]);
  await clock.advance(1000);
  assert.deepEqual(handedOut, ["b", "a"], "the later deadlines are gone");
});

test("a deadline that becomes earlier while a taker sleeps wakes it in time", async () => {
  const { clock, queue, handedOut, drain } = setUp();
  queue.addAfter("a", 1000);
  void drain();
  await clock.advance(10);
  queue.addAfter("a", 5);
  await clock.advance(5);
  assert.deepEqual(handedOut, ["a"]);
});

test("add brings a key forward that was to come later", async () => {
  const { queue, handedOut, drain } = setUp();
  queue.addAfter("a", 1000);
  queue.add("a");
  void drain();
  await settled();
  assert.deepEqual(handedOut, ["a"]);
  assert.equal(queue.length(), 0);
});

test("a key in flight is not handed out, and comes right after its round when it was added meanwhile", async () => {
  const { queue } = setUp();
  queue.add("a");
  assert.equal(await queue.take(never), "a");
  queue.add("a");
  const second = queue.take(never);
  let isTaken = false;
  void second.then(() => { isTaken = true; });
  await settled();
  assert.equal(isTaken, false);
  queue.done("a");
  assert.equal(await second, "a");
});

test("a busy key does not keep others waiting: who has been due for longest comes first", async () => {
  const { clock, queue } = setUp();
  const order: string[] = [];
  queue.add("busy");
  queue.add("quiet");
  for (let round = 0; round < 4; round += 1) {
    const key = await queue.take(never);
    if (key === undefined) break;
    order.push(key);
    await clock.advance(1);
    queue.add("busy");
    queue.done(key);
  }
  assert.deepEqual(order, ["busy", "quiet", "busy", "busy"]);
});

test("beyond its length the queue refuses new keys, and says so; known keys and keys in flight it takes", async () => {
  const { queue, refused } = setUp(2);
  queue.add("a");
  assert.equal(await queue.take(never), "a");
  for (const key of ["b", "c", "d", "b", "a"]) queue.add(key);
  assert.deepEqual(refused, ["d"]);
  assert.equal(queue.length(), 3);
});

test("close ends takers, timers and the queue", async () => {
  const { clock, queue } = setUp();
  queue.addAfter("a", 10);
  const taken = queue.take(never);
  await settled();
  queue.close();
  assert.equal(await taken, undefined);
  assert.equal(await queue.take(never), undefined);
  queue.add("b");
  assert.equal(queue.length(), 0);
  await settled();
  assert.equal(clock.sleepers(), 0);
});

test("an aborted taker leaves without a key, and the key goes to the next one", async () => {
  const { queue } = setUp();
  const first = new AbortController();
  const left = queue.take(first.signal);
  first.abort();
  assert.equal(await left, undefined);
  assert.equal(await queue.take(first.signal), undefined);
  queue.add("a");
  assert.equal(await queue.take(never), "a");
});

test("a deadline beyond what a timer can hold is kept", async () => {
  const { clock, queue, handedOut, drain } = setUp();
  const days = 24 * 3600 * 1000;
  queue.addAfter("a", 40 * days);
  queue.addAfter("b", Infinity);
  void drain();
  await clock.advance(40 * days - 1);
  assert.deepEqual(handedOut, []);
  await clock.advance(1);
  assert.deepEqual(handedOut, ["a"]);
});

interface Added { readonly key: string; readonly at: number }

test("in every interleaving: no key twice at once, and after each add a round of that key begins", async () => {
  const keys = fc.constantFrom("a", "b", "c");
  const asks = fc.array(fc.tuple(keys, fc.option(fc.integer({ min: 0, max: 50 }))), { maxLength: 12 });
  await fc.assert(fc.asyncProperty(fc.scheduler(), asks, fc.integer({ min: 1, max: 3 }), async (scheduler, wanted, workers) => {
    let step = 0; // a logical clock over all that happens
    let now = 0;
    const clock: Clock = {
      now: () => now,
      sleep: async (ms) => {
        const until = now + ms;
        await scheduler.schedule(Promise.resolve(), "time passes");
        now = Math.max(now, until);
      },
    };
    const queue = createQueue({ clock, lengthMax: 10, onFull: unexpected });
    const added: Added[] = [];
    const begun: Added[] = [];
    const inFlight = new Set<string>();
    for (let worker = 0; worker < workers; worker += 1) void runRounds(queue, async (key) => {
      assert.ok(!inFlight.has(key), `${key} runs twice at once`);
      inFlight.add(key);
      begun.push({ key, at: step += 1 });
      await scheduler.schedule(Promise.resolve(), `round of ${key}`);
      inFlight.delete(key);
    });
    const asked = wanted.map(([key, ms]) => scheduler.schedule(Promise.resolve(), `add ${key}`).then(() => {
      added.push({ key, at: step += 1 });
      if (ms === null) queue.add(key); else queue.addAfter(key, ms);
    }));
    await scheduler.waitIdle();
    await Promise.all(asked);
    await scheduler.waitIdle();
    for (const { key, at } of added) {
      assert.ok(begun.some((round) => round.key === key && round.at > at), `the add of ${key} was lost`);
    }
    assert.equal(queue.length(), 0);
    queue.close();
  }), { numRuns: 300 });
});

const runRounds = async (queue: Queue, round: (key: string) => Promise<void>): Promise<void> => {
  for (let key = await queue.take(never); key !== undefined; key = await queue.take(never)) {
    await round(key);
    queue.done(key);
  }
};
