import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { runController } from "../../src/controller/controller.ts";
import { createQueue } from "../../src/controller/queue.ts";
import type { ControllerOptions, Outcome } from "../../src/controller/controller.ts";
import type { Clock } from "../../src/controller/clock.ts";
import { settled, virtualClock } from "./virtual-clock.ts";

const rest: Outcome = { then: "rest" };
const retry = (message: string): Outcome => ({ then: "retry", error: new Error(message) });

interface Line { readonly level: string; readonly message: string; readonly key: unknown; readonly error: unknown }

/** A running loop on virtual time. Jitter is off: a retry waits its full time. */
const start = (reconcile: ControllerOptions["reconcile"], options: Partial<ControllerOptions> = {}) => {
  const clock = virtualClock();
  const queue = createQueue({ clock, lengthMax: 100, onFull: (key) => assert.fail(`${key} was refused`) });
  const stop = new AbortController();
  const lines: Line[] = [];
  const write = (level: string) => (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
    lines.push({ level, message, key: fields.key, error: fields.error });
  };
  const ended = runController({
    queue, reconcile, clock, signal: stop.signal, concurrency: 2, roundTimeoutMs: 1000, resyncMs: 60_000, stopGraceMs: 500,
    random: () => 1 - Number.EPSILON, log: { info: write("info"), debug: write("debug") }, ...options,
  });
  return { clock, queue, stop, ended, lines, infos: () => lines.filter(({ level }) => level === "info") };
};

/** Answers each round of a key with the next of these outcomes, then rests; notes when each began. */
const scripted = (...outcomes: Outcome[]) => {
  const began: number[] = [];
  let now: () => number = () => 0;
  const reconcile = async (): Promise<Outcome> => { began.push(now()); return outcomes.shift() ?? rest; };
  return { began, reconcile, read: (clock: Clock) => { now = () => clock.now(); } };
};

const finish = async (loop: ReturnType<typeof start>): Promise<void> => {
  loop.stop.abort();
  await loop.clock.advance(5_000);
  await loop.ended;
  assert.equal(loop.clock.sleepers(), 0, "no timer outlives the loop");
};

test("rest ends it, lookAgain comes back in time", async () => {
  const script = scripted({ then: "lookAgain", afterMs: 300 });
  const loop = start(script.reconcile);
  script.read(loop.clock);
  loop.queue.add("a");
  await loop.clock.advance(100_000);
  assert.deepEqual(script.began, [0, 300]);
  assert.deepEqual(loop.infos(), []);
  await finish(loop);
});

test("retries come ever more slowly, success starts the count anew, and each failure is logged once with its key", async () => {
  const script = scripted(retry("one"), retry("two"), { then: "lookAgain", afterMs: 1000 }, retry("three"));
  const loop = start(script.reconcile);
  script.read(loop.clock);
  loop.queue.add("a");
  await loop.clock.advance(100_000);
  assert.deepEqual(script.began, [0, 200, 600, 1600, 1800]);
  assert.deepEqual(loop.infos().map(({ key, error }) => [key, error]), [["a", "one"], ["a", "two"], ["a", "three"]]);
  await finish(loop);
});

test("a key that gave up is looked at again at the pace of the resync", async () => {
  const script = scripted({ then: "giveUp", error: new Error("no such parent") }, { then: "giveUp", error: new Error("no such parent") });
  const loop = start(script.reconcile);
  script.read(loop.clock);
  loop.queue.add("a");
  await loop.clock.advance(1_000_000);
  assert.deepEqual(script.began, [0, 60_000, 120_000]);
  assert.equal(loop.infos()[0]?.message, "round gave up");
  await finish(loop);
});

test("a round that throws is retried, whatever it throws", async () => {
  const thrown: unknown[] = [new Error("surprise"), "a string"];
  let rounds = 0;
  const loop = start(async () => {
    rounds += 1;
    const next = thrown.shift();
    if (next !== undefined) throw next as Error;
    return rest;
  }, { explain: ({ message }) => `explained: ${message}` });
  loop.queue.add("a");
  await loop.clock.advance(10_000);
  assert.equal(rounds, 3);
  assert.deepEqual(loop.infos().map(({ error }) => error), ["explained: surprise", "explained: a string"]);
  await finish(loop);
});

test("an event during a failing round is answered at once, not after the backoff", async () => {
  const script = scripted(retry("one"), retry("two"), retry("three"));
  const loop = start(async () => {
    if (script.began.length === 2) loop.queue.add("a"); // during the third round
    return script.reconcile();
  });
  script.read(loop.clock);
  loop.queue.add("a");
  await loop.clock.advance(1_000);
  assert.deepEqual(script.began, [0, 200, 600, 600]);
  await finish(loop);
});

test("a hung round is aborted by its signal and retried", async () => {
  let rounds = 0;
  const loop = start((_key, signal) => {
    rounds += 1;
    return rounds > 1 ? Promise.resolve(rest)
      : new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
  });
  loop.queue.add("a");
  await loop.clock.advance(1_199);
  assert.equal(rounds, 1);
  await loop.clock.advance(1);
  assert.equal(rounds, 2);
  assert.deepEqual(loop.infos().map(({ key, error }) => [key, error]), [["a", "the round took longer than 1000 ms"]]);
  await finish(loop);
});

test("rounds that ignore their abort lose their place, so other keys go on, and keep their key, so it is never twice", async () => {
  const release: (() => void)[] = [];
  const began: string[] = [];
  const loop = start((key) => {
    began.push(key);
    return key.startsWith("hung") ? new Promise((resolve) => release.push(() => resolve(rest))) : Promise.resolve(rest);
  });
  for (const key of ["hung-1", "hung-2", "fine"]) loop.queue.add(key);
  await loop.clock.advance(999);
  assert.deepEqual(began, ["hung-1", "hung-2"], "both places are taken");
  loop.queue.add("hung-1");
  await loop.clock.advance(10_000);
  assert.deepEqual(began, ["hung-1", "hung-2", "fine"]);
  release[0]?.();
  await settled();
  assert.deepEqual(began, ["hung-1", "hung-2", "fine", "hung-1"], "what was asked meanwhile comes when the round has ended");
  for (const end of release) end();
  await finish(loop);
});

test("a stop starts no round and waits for those in flight", async () => {
  const began: string[] = [];
  let end: () => void = () => undefined;
  let isEnded = false;
  const loop = start((key) => { began.push(key); return new Promise((resolve) => { end = () => resolve(rest); }); }, { concurrency: 1 });
  void loop.ended.then(() => { isEnded = true; });
  loop.queue.add("a");
  loop.queue.add("b");
  await settled();
  loop.stop.abort();
  await loop.clock.advance(499);
  assert.equal(isEnded, false);
  end();
  await loop.ended;
  assert.deepEqual(began, ["a"]);
  assert.deepEqual(loop.infos(), []);
});

test("a stop aborts rounds that go on, and logs their failure as no news", async () => {
  const loop = start((_key, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("interrupted")))), { roundTimeoutMs: 60_000 });
  loop.queue.add("a");
  await settled();
  loop.stop.abort();
  await loop.clock.advance(500);
  await loop.ended;
  assert.deepEqual(loop.infos(), []);
  assert.deepEqual(loop.lines.map(({ message, error }) => [message, error]), [["round failed", "stopping"]]);
});

test("a stop does not wait for ever for a round that ignores it, and says so", async () => {
  const loop = start(() => new Promise(() => undefined));
  loop.queue.add("a");
  await settled();
  loop.stop.abort();
  await loop.clock.advance(1_000);
  await loop.ended;
  assert.deepEqual(loop.infos().map(({ message }) => message), ["stopped with rounds that did not end"]);
});

test("a closed queue ends the loop", async () => {
  const loop = start(async () => rest);
  loop.queue.close();
  await loop.ended;
});

test("in every interleaving: no key twice at once, at most `concurrency` rounds, and no event is lost", async () => {
  const outcomes = fc.constantFrom<Outcome>(rest, retry("no"), { then: "lookAgain", afterMs: 5 }, { then: "giveUp", error: new Error("no") });
  await fc.assert(fc.asyncProperty(fc.scheduler(), fc.array(outcomes, { maxLength: 10 }), fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 10 }),
    async (scheduler, script, events) => {
      let now = 0;
      let step = 0;
      const clock: Clock = {
        now: () => now,
        sleep: async (ms, signal) => {
          const until = now + ms;
          if (ms >= 1_000_000) return new Promise((resolve) => signal.addEventListener("abort", () => resolve())); // no round hangs here
          await scheduler.schedule(Promise.resolve(), "time passes");
          now = Math.max(now, until);
        },
      };
      const queue = createQueue({ clock, lengthMax: 10, onFull: (key) => assert.fail(`${key} was refused`) });
      const inFlight = new Set<string>();
      const begun = new Map<string, number>();
      const asked = new Map<string, number>();
      const wrong: string[] = [];
      const reconcile = async (key: string): Promise<Outcome> => {
        if (inFlight.has(key)) wrong.push(`${key} runs twice at once`);
        if (inFlight.size >= 2) wrong.push("more rounds than places");
        inFlight.add(key);
        begun.set(key, step += 1);
        await scheduler.schedule(Promise.resolve(), `round of ${key}`);
        inFlight.delete(key);
        return script.shift() ?? rest;
      };
      const stop = new AbortController();
      const ended = runController({
        queue, reconcile, clock, concurrency: 2, roundTimeoutMs: 1_000_000, resyncMs: 100, stopGraceMs: 10, random: () => 0,
        log: { info: () => undefined, debug: () => undefined }, signal: stop.signal,
      });
      for (const key of events) void scheduler.schedule(Promise.resolve(), `event of ${key}`).then(() => { asked.set(key, step += 1); queue.add(key); });
      await scheduler.waitIdle();
      for (const [key, at] of asked) if ((begun.get(key) ?? 0) < at) wrong.push(`the event of ${key} was lost`);
      assert.deepEqual(wrong, []);
      assert.equal(queue.length(), 0, "in the end all keys rest");
      stop.abort();
      await ended;
    }), { numRuns: 300 });
});
