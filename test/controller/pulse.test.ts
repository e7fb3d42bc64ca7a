import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createPulse, type Subject } from "../../src/controller/pulse.ts";
import { virtualClock } from "./virtual-clock.ts";

type Answer = (signal: AbortSignal) => Promise<string | undefined>;

const answers = (position?: string): Answer => async () => position;
const fails: Answer = async () => { throw new Error("connection refused"); };
/** Answers nothing, and heeds no signal. */
const hangs: Answer = () => new Promise(() => undefined);

const subject = (boot: string, change: Partial<Subject<string>> = {}): Subject<string> => ({ boot, target: `target of ${boot}`, everyMs: 1_000, ...change });

/** A pulse on virtual time, whose subjects answer as they are told to; it notes what is asked, and what is not answered. */
const start = (answer: Answer = answers("0/1")) => {
  const clock = virtualClock();
  const stop = new AbortController();
  const asked: { readonly at: number; readonly target: string; readonly signal: AbortSignal }[] = [];
  const silences: { readonly at: number; readonly key: string }[] = [];
  const how = { answer };
  const pulse = createPulse<string, string>({
    clock, signal: stop.signal, onSilence: (key) => silences.push({ at: clock.now(), key }),
    beat: (target, signal) => { asked.push({ at: clock.now(), target, signal }); return how.answer(signal); },
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await clock.advance(0);
    assert.equal(clock.sleepers(), 0, "no timer outlives the pulse");
  };
  return { clock, pulse, how, asked, silences, end, times: () => asked.map(({ at }) => at) };
};

test("it asks at once, then again and again, and tells what was heard last", async () => {
  const { clock, pulse, how, silences, times, end } = start();
  assert.equal(pulse.heard("a@1"), undefined, "nobody was asked yet");
  pulse.follow("k", subject("a@1"));
  assert.deepEqual(pulse.heard("a@1"), { silentMs: 0, answered: false, position: undefined });
  await clock.advance(2_400);
  assert.deepEqual(times(), [0, 1_000, 2_000]);
  assert.deepEqual(pulse.heard("a@1"), { silentMs: 400, answered: true, position: "0/1" });
  how.answer = answers("0/2");
  await clock.advance(600);
  assert.deepEqual(pulse.heard("a@1"), { silentMs: 0, answered: true, position: "0/2" });
  assert.deepEqual(silences, []);
  await end();
});

test("silence counts from the last answer, each question that fails is told, and failures do not quicken it", async () => {
  const { clock, pulse, how, silences, times, end } = start();
  pulse.follow("k", subject("a@1"));
  await clock.advance(1_500);
  how.answer = fails;
  await clock.advance(3_000);
  assert.deepEqual(times(), [0, 1_000, 2_000, 3_000, 4_000]);
  assert.deepEqual(silences, [2_000, 3_000, 4_000].map((at) => ({ at, key: "k" })));
  assert.deepEqual(pulse.heard("a@1"), { silentMs: 3_500, answered: true, position: "0/1" });
  how.answer = answers("0/9");
  await clock.advance(500);
  assert.deepEqual(pulse.heard("a@1"), { silentMs: 0, answered: true, position: "0/9" });
  await end();
});

test("one that never answered is silent since it was first asked", async () => {
  const { clock, pulse, end } = start(fails);
  pulse.follow("k", subject("a@1"));
  await clock.advance(7_000);
  assert.deepEqual(pulse.heard("a@1"), { silentMs: 7_000, answered: false, position: undefined });
  await end();
});

test("a question that is not answered in its time is given up, and the next one is asked", async () => {
  const { clock, pulse, how, asked, silences, times, end } = start(hangs);
  pulse.follow("k", subject("a@1"));
  await clock.advance(999);
  assert.equal(asked[0]?.signal.aborted, false);
  await clock.advance(1);
  assert.equal(asked[0]?.signal.aborted, true, "its connection is let go");
  assert.deepEqual([silences.map(({ at }) => at), times()], [[1_000], [0, 1_000]]);
  how.answer = answers("0/1");
  await clock.advance(1_000);
  assert.deepEqual(pulse.heard("a@1"), { silentMs: 0, answered: true, position: "0/1" });
  await end();
});

test("an answer that comes too late is none", async () => {
  const late = Promise.withResolvers<string>();
  const { clock, pulse, how, end } = start(() => late.promise);
  pulse.follow("k", subject("a@1"));
  how.answer = hangs;
  await clock.advance(1_000);
  late.resolve("0/7");
  await clock.advance(500);
  assert.deepEqual(pulse.heard("a@1"), { silentMs: 1_500, answered: false, position: undefined });
  await end();
});

test("an answer without a position is a sign of life, and the position stays", async () => {
  const { clock, pulse, how, end } = start(answers("0/5"));
  pulse.follow("k", subject("a@1"));
  await clock.advance(500);
  how.answer = answers(undefined);
  await clock.advance(500);
  assert.deepEqual(pulse.heard("a@1"), { silentMs: 0, answered: true, position: "0/5" });
  await end();
});

test("asked to follow the same one again, it goes on as before", async () => {
  const { clock, pulse, times, end } = start();
  for (let round = 0; round < 5; round += 1) {
    pulse.follow("k", subject("a@1"));
    await clock.advance(300);
  }
  assert.deepEqual(times(), [0, 1_000]);
  await end();
});

test("another password and another pace of the same one are taken from the next question on", async () => {
  const { clock, pulse, asked, end } = start();
  pulse.follow("k", subject("a@1"));
  await clock.advance(500);
  pulse.follow("k", subject("a@1", { target: "new", everyMs: 250 }));
  await clock.advance(1_000);
  assert.deepEqual(asked.map(({ at, target }) => `${at} ${target}`), ["0 target of a@1", "1000 new", "1250 new", "1500 new"]);
  await end();
});

test("another boot starts anew: what was heard of the one before does not count for it", async () => {
  const { clock, pulse, how, asked, end } = start();
  pulse.follow("k", subject("a@1"));
  await clock.advance(500);
  how.answer = fails;
  pulse.follow("k", subject("a@2"));
  await clock.advance(2_200);
  assert.equal(pulse.heard("a@1"), undefined);
  assert.deepEqual(pulse.heard("a@2"), { silentMs: 2_200, answered: false, position: undefined });
  assert.deepEqual(asked.map(({ target }) => target), ["target of a@1", "target of a@2", "target of a@2", "target of a@2"]);
  await end();
});

test("one that is left is asked no more, and what it said last stays known", async () => {
  const { clock, pulse, asked, how, silences, end } = start(answers("0/5"));
  pulse.follow("k", subject("a@1"));
  await clock.advance(1_500);
  how.answer = hangs;
  await clock.advance(600);
  pulse.follow("k", undefined);
  await clock.advance(60_000);
  assert.equal(asked.length, 3);
  assert.equal(asked[2]?.signal.aborted, true, "the question under way is given up");
  assert.deepEqual(silences, []);
  assert.deepEqual(pulse.heard("a@1"), { silentMs: 61_100, answered: true, position: "0/5" });
  assert.equal(clock.sleepers(), 0);
  await end();
});

test("one that was left and is followed again has answered before, and its silence counts from now", async () => {
  const { clock, pulse, how, end } = start(answers("0/5"));
  pulse.follow("k", subject("a@1"));
  await clock.advance(500);
  pulse.follow("k", undefined);
  await clock.advance(60_000);
  how.answer = fails;
  pulse.follow("k", subject("a@1"));
  await clock.advance(1_500);
  assert.deepEqual(pulse.heard("a@1"), { silentMs: 1_500, answered: true, position: "0/5" });
  await end();
});

test("to leave one that nobody follows is nothing", async () => {
  const { clock, pulse, asked, end } = start();
  pulse.follow("k", undefined);
  await clock.advance(5_000);
  assert.deepEqual(asked, []);
  await end();
});

test("each key has its own subject, and one that hangs holds up no other", async () => {
  const { clock, pulse, how, silences, end } = start();
  how.answer = hangs;
  pulse.follow("stuck", subject("a@1"));
  await clock.advance(10);
  how.answer = answers("0/1");
  pulse.follow("well", subject("b@1"));
  await clock.advance(900);
  assert.deepEqual([pulse.heard("a@1")?.answered, pulse.heard("b@1")?.answered], [false, true]);
  await clock.advance(200);
  assert.deepEqual(silences.map(({ key }) => key), ["stuck"]);
  await end();
});

test("when the program ends, nobody is asked any more", async () => {
  const { clock, pulse, asked, end } = start(hangs);
  for (const key of ["a", "b", "c"]) pulse.follow(key, subject(key));
  await clock.advance(100);
  await end();
  assert.ok(asked.every(({ signal }) => signal.aborted));
  pulse.follow("d", subject("d"));
  await clock.advance(10_000);
  assert.equal(asked.length, 3);
});

type Step = { readonly do: "follow"; readonly boot: string } | { readonly do: "leave" } | { readonly do: "pass"; readonly ms: number } | { readonly do: "answer"; readonly how: Answer };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(fc.oneof(
  fc.constantFrom("a@1", "a@2", "a@3").map((boot): Step => ({ do: "follow", boot })), fc.constant<Step>({ do: "leave" }),
  fc.integer({ min: 0, max: 2_500 }).map((ms): Step => ({ do: "pass", ms })), fc.constantFrom(answers("0/1"), answers(undefined), fails, hangs).map((how): Step => ({ do: "answer", how })),
), { maxLength: 30 });

test("however it is followed and left: one question at a time, of the right one, at its pace, and silence is never overstated", async () => {
  await fc.assert(fc.asyncProperty(steps, async (list) => {
    const { clock, pulse, how, asked, end } = start();
    let followed: string | undefined;
    let since = 0;
    for (const step of list) {
      if (step.do === "answer") how.answer = step.how;
      if (step.do === "leave") { pulse.follow("k", undefined); followed = undefined; }
      if (step.do === "follow") {
        if (step.boot !== followed) since = clock.now();
        pulse.follow("k", subject(step.boot));
        followed = step.boot;
      }
      const before = asked.length;
      const at = clock.now();
      await clock.advance(step.do === "pass" ? step.ms : 0);
      const fresh = asked.slice(before);
      if (followed === undefined) assert.deepEqual(fresh, [], "nobody is asked who is not followed");
      assert.ok(fresh.every(({ target }) => target === `target of ${followed ?? ""}`));
      assert.ok(fresh.length <= Math.floor((clock.now() - at) / 1_000) + 1, "not more often than its pace");
      assert.ok(asked.slice(0, -1).every(({ signal }, index) => signal.aborted || (asked[index + 1]?.at ?? 0) > (asked[index]?.at ?? 0)), "one question at a time");
      if (followed !== undefined) assert.ok((pulse.heard(followed)?.silentMs ?? -1) <= clock.now() - since);
    }
    await end();
  }), { numRuns: 200 });
});
