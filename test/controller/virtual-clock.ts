/** A clock whose time passes only when a test says so. */
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../src/controller/clock.ts";

export interface VirtualClock extends Clock {
  /** Lets that much time pass, waking sleepers in order and letting each finish what it does next. */
  advance(ms: number): Promise<void>;
  /** Sleepers not yet woken: what is left after a stop is a leak. */
  sleepers(): number;
}

interface Sleeper { readonly at: number; readonly wake: () => void }

/** All that can happen without time passing has happened. */
export const settled = async (): Promise<void> => { await setImmediate(); };

export const virtualClock = (): VirtualClock => {
  const sleepers = new Set<Sleeper>();
  let now = 0;

  const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const abort = () => { sleepers.delete(sleeper); reject(signal.reason as Error); };
      const sleeper: Sleeper = { at: now + Math.max(0, ms), wake: () => { signal.removeEventListener("abort", abort); resolve(); } };
      signal.addEventListener("abort", abort, { once: true });
      sleepers.add(sleeper);
    });

  const advance = async (ms: number): Promise<void> => {
    const until = now + ms;
    for (;;) {
      await settled();
      const [next] = [...sleepers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      now = Math.max(now, next.at);
      sleepers.delete(next);
      next.wake();
    }
    now = until;
    await settled();
  };

  return { now: () => now, sleep, advance, sleepers: () => sleepers.size };
};
