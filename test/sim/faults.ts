/**
 * Calls as they are in life: they take a moment, fail, hang until their signal fires, come late, or succeed and say
 * that they did not; and the operator may die or freeze before or after any of them. The seed says which of these
 * exist and how often.
 */
import { Terminal, Transient } from "../../src/errors.ts";
import type { Clock } from "../../src/controller/clock.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** Probabilities for each call. */
export interface Rates {
  readonly failedRead: number;
  readonly slowRead: number;
  readonly failedWrite: number;
  /** Done, and yet an error comes back. */
  readonly deniedWrite: number;
  readonly slowWrite: number;
  /** No answer until the signal fires; done or not. */
  readonly hang: number;
  readonly death: number;
  /** The whole program stands still for a while, and then goes on where it was. */
  readonly freeze: number;
  /** Takes a moment in which the world goes on. */
  readonly moment: number;
  /** Somebody else writes to the resource just before. */
  readonly rival: number;
}

export const noFaults: Rates = { failedRead: 0, slowRead: 0, failedWrite: 0, deniedWrite: 0, slowWrite: 0, hang: 0, death: 0, freeze: 0, moment: 0, rival: 0 };

/** Half of the kinds of faults, each more or less often. */
export const ratesOf = (random: Random): Rates => {
  const rate = (most: number): number => random.chance(0.5) ? 0 : most * random.next() ** 2;
  return {
    failedRead: rate(0.02), slowRead: rate(0.01), failedWrite: rate(0.25), deniedWrite: rate(0.2), slowWrite: rate(0.3), hang: rate(0.004), death: rate(0.01),
    freeze: rate(0.004), moment: rate(0.1), rival: rate(0.15),
  };
};

/** One run of the operator's program, from its start to its death. */
export interface Life {
  isDead: boolean;
  /** Until when it stands still. By the timeline. */
  thawAt: number;
  readonly clock: Clock & { readonly stop: () => void };
  readonly die: () => void;
  readonly freeze: () => void;
}

export interface Call<T> {
  /** `engine.start`, for the log. */
  readonly what: string;
  readonly isWrite: boolean;
  readonly effect: () => T;
  /** Done instead of the effect when the call breaks off in its middle. */
  readonly half?: (() => void) | undefined;
  /** How long it waits for an answer that does not come; undefined when there is somebody to answer. Milliseconds. */
  readonly silentMs?: (() => number | undefined) | undefined;
  /** How long it takes when nothing goes wrong. Milliseconds. */
  readonly takesMs?: number;
  readonly signal: AbortSignal;
}

export interface Trouble {
  readonly time: Timeline;
  readonly random: Random;
  readonly rates: () => Rates;
  readonly life: Life;
  readonly note: (sentence: string) => void;
  /** Told when something takes effect after its call has been answered, or without one to answer. */
  readonly onLate: () => void;
  /** Why the other side can't be reached at all just now. */
  readonly outage: (what: string) => Error | undefined;
}

/** The program is gone: nothing in it goes on. */
const never = (): Promise<never> => new Promise(() => undefined);

const slowMsMax = 6_000;
const hangMs = { read: 15_000, write: 60_000 } as const;

type Fate = "fine" | "fails" | "denies" | "slow" | "a moment" | "hangs" | "dies first" | "dies after" | "freezes first" | "freezes after";

function fateOf(random: Random, rates: Rates, isWrite: boolean): Fate {
  const odds: readonly (readonly [Fate, number])[] = isWrite
    ? [["fails", rates.failedWrite], ["denies", rates.deniedWrite], ["slow", rates.slowWrite], ["hangs", rates.hang * 4], ["dies first", rates.death * 2], ["dies after", rates.death * 4], ["freezes first", rates.freeze * 3], ["freezes after", rates.freeze * 3], ["a moment", rates.moment]]
    : [["fails", rates.failedRead], ["slow", rates.slowRead], ["hangs", rates.hang], ["dies first", rates.death * 0.3], ["freezes first", rates.freeze * 0.3], ["freezes after", rates.freeze * 0.3], ["a moment", rates.moment]];
  let left = random.next();
  for (const [fate, chance] of odds) {
    if (left < chance) return fate;
    left -= chance;
  }
  return "fine";
}

/** An answer that comes later, unless the signal fires or the program dies before. What was sent takes effect all the same. */
function later<T>({ time, life, onLate }: Trouble, { effect, isWrite, signal, what }: Call<T>, ms: number): Promise<T> {
  // A slow answer to a read tells what was; a slow write takes effect at its end.
  const early = isWrite ? undefined : { value: effect() };
  return new Promise((resolve, reject) => {
    const abort = (): void => { if (!life.isDead) reject(new Transient(`${what}: given up before it was answered`)); };
    signal.addEventListener("abort", abort, { once: true });
    time.after(ms, () => {
      signal.removeEventListener("abort", abort);
      onLate();
      try {
        const value = early === undefined ? effect() : early.value;
        whenAwake(time, life, () => resolve(value));
      } catch (error) {
        whenAwake(time, life, () => reject(error instanceof Error ? error : new Error(String(error))));
      }
    });
  });
}

/** Goes on in a program as soon as that moves; never in one that is gone. */
function whenAwake(time: Timeline, life: Life, run: () => void): void {
  if (life.isDead) return;
  if (life.thawAt <= time.now()) return run();
  time.after(life.thawAt - time.now(), () => whenAwake(time, life, run));
}

const thawed = (time: Timeline, life: Life): Promise<void> => new Promise((resolve) => whenAwake(time, life, resolve));

async function hang<T>({ life, random }: Trouble, { effect, isWrite, signal, what }: Call<T>): Promise<T> {
  if (isWrite && random.chance(0.5)) attempt(effect);
  await life.clock.sleep(isWrite ? hangMs.write : hangMs.read, signal).catch(() => undefined);
  throw new Transient(`${what}: no answer in time`);
}

const attempt = (effect: () => unknown): void => {
  try { effect(); } catch { /* nobody hears of it */ }
};

/** Nobody answers, until whoever asks has waited long enough. */
async function silence({ life }: Trouble, { what, signal }: Pick<Call<unknown>, "what" | "signal">, ms: number): Promise<never> {
  await life.clock.sleep(ms, signal).catch(() => undefined);
  throw new Transient(`${what}: no answer within ${ms} ms`);
}

const momentMsMax = 80;

/** One call to the outside, with whatever goes wrong with it. */
export async function perform<T>(trouble: Trouble, call: Call<T>): Promise<T> {
  const { life, random, rates, note, outage, time } = trouble;
  const { what, isWrite, effect, half, signal } = call;
  if (life.isDead) return never();
  if (life.thawAt > time.now()) await thawed(time, life);
  signal.throwIfAborted();
  const out = outage(what);
  if (out !== undefined) throw out;
  const silentMs = call.silentMs?.();
  if (silentMs !== undefined) return silence(trouble, call, silentMs);
  const now = rates();
  const fate = now === noFaults ? "fine" : fateOf(random, now, isWrite);
  if (fate !== "fine" && fate !== "a moment") note(`${what} ${fate}`);
  switch (fate) {
    case "fine": return call.takesMs === undefined ? effect() : taking(trouble, call, call.takesMs);
    case "fails":
      if (half !== undefined && random.chance(0.5)) attempt(half);
      throw isWrite && random.chance(0.2) ? new Terminal(`${what}: refused`) : new Transient(`${what}: failed`);
    case "denies": attempt(effect); throw new Transient(`${what}: the answer was lost`);
    case "slow": return later(trouble, call, random.between(1, slowMsMax));
    case "a moment": return later({ ...trouble, onLate: () => undefined }, call, random.between(1, momentMsMax));
    case "hangs": return hang(trouble, call);
    case "dies first": life.die(); return never();
    case "dies after": attempt(effect); life.die(); return never();
    case "freezes first": life.freeze(); await thawed(time, life); signal.throwIfAborted(); return effect();
    case "freezes after": return frozenAfter(trouble, call);
  }
}

/** Takes effect somewhere in the time that it takes. */
const taking = <T>(trouble: Trouble, call: Call<T>, ms: number): Promise<T> =>
  later({ ...trouble, onLate: () => undefined }, { ...call, isWrite: trouble.random.chance(0.5) }, ms);

/** What the other side answered is read when the program moves again. */
async function frozenAfter<T>({ life, time }: Trouble, { effect }: Call<T>): Promise<T> {
  life.freeze();
  try { return effect(); } finally { await thawed(time, life); }
}
