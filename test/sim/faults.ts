/**
 * Calls as they are in life: they fail, hang until their signal fires, come late, or succeed and say that they did
 * not; and the operator may die before or after any of them. The seed says which of these exist and how often.
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
  /** Somebody else writes to the resource just before. */
  readonly rival: number;
}

export const noFaults: Rates = { failedRead: 0, slowRead: 0, failedWrite: 0, deniedWrite: 0, slowWrite: 0, hang: 0, death: 0, rival: 0 };

/** Half of the kinds of faults, each more or less often. */
export const ratesOf = (random: Random): Rates => {
  const rate = (most: number): number => random.chance(0.5) ? 0 : most * random.next() ** 2;
  return {
    failedRead: rate(0.02), slowRead: rate(0.01), failedWrite: rate(0.25), deniedWrite: rate(0.2), slowWrite: rate(0.3), hang: rate(0.004), death: rate(0.01), rival: rate(0.15),
  };
};

/** One run of the operator's program, from its start to its death. */
export interface Life {
  isDead: boolean;
  readonly clock: Clock & { readonly stop: () => void };
  readonly die: () => void;
}

export interface Call<T> {
  /** `engine.start`, for the log. */
  readonly what: string;
  readonly isWrite: boolean;
  readonly effect: () => T;
  /** Done instead of the effect when the call breaks off in its middle. */
  readonly half?: (() => void) | undefined;
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

type Fate = "fine" | "fails" | "denies" | "slow" | "hangs" | "dies first" | "dies after";

function fateOf(random: Random, rates: Rates, isWrite: boolean): Fate {
  const odds: readonly (readonly [Fate, number])[] = isWrite
    ? [["fails", rates.failedWrite], ["denies", rates.deniedWrite], ["slow", rates.slowWrite], ["hangs", rates.hang * 4], ["dies first", rates.death * 2], ["dies after", rates.death * 4]]
    : [["fails", rates.failedRead], ["slow", rates.slowRead], ["hangs", rates.hang], ["dies first", rates.death * 0.3]];
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
        if (!life.isDead) resolve(value);
      } catch (error) {
        if (!life.isDead) reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

async function hang<T>({ life, random }: Trouble, { effect, isWrite, signal, what }: Call<T>): Promise<T> {
  if (isWrite && random.chance(0.5)) attempt(effect);
  await life.clock.sleep(isWrite ? hangMs.write : hangMs.read, signal).catch(() => undefined);
  throw new Transient(`${what}: no answer in time`);
}

const attempt = (effect: () => unknown): void => {
  try { effect(); } catch { /* nobody hears of it */ }
};

/** One call to the outside, with whatever goes wrong with it. */
export async function perform<T>(trouble: Trouble, call: Call<T>): Promise<T> {
  const { life, random, rates, note, outage } = trouble;
  const { what, isWrite, effect, half, signal } = call;
  if (life.isDead) return never();
  signal.throwIfAborted();
  const out = outage(what);
  if (out !== undefined) throw out;
  const now = rates();
  const fate = now === noFaults ? "fine" : fateOf(random, now, isWrite);
  if (fate !== "fine") note(`${what} ${fate}`);
  switch (fate) {
    case "fine": return effect();
    case "fails":
      if (half !== undefined && random.chance(0.5)) attempt(half);
      throw isWrite && random.chance(0.2) ? new Terminal(`${what}: refused`) : new Transient(`${what}: failed`);
    case "denies": attempt(effect); throw new Transient(`${what}: the answer was lost`);
    case "slow": return later(trouble, call, random.between(1, slowMsMax));
    case "hangs": return hang(trouble, call);
    case "dies first": life.die(); return never();
    case "dies after": attempt(effect); life.die(); return never();
  }
}
