/** Virtual time. It passes only from one appointment to the next, and only when all that can happen before has happened. */
import { setImmediate } from "node:timers/promises";
import type { Clock } from "../../src/controller/clock.ts";

interface Appointment { readonly at: number; readonly order: number; readonly run: () => void }

export interface Timeline {
  now(): number;
  /** Runs something after so many milliseconds, unless what it returns is called before. */
  after(ms: number, run: () => void): () => void;
  /** Lets time pass, up to that moment or until `isOver` says so. */
  passUntil(at: number, isOver?: () => boolean): Promise<void>;
}

export const timeline = (): Timeline => {
  const appointments = new Set<Appointment>();
  let now = 0;
  let order = 0;

  const earliest = (): Appointment | undefined => {
    let first: Appointment | undefined;
    for (const one of appointments) if (first === undefined || one.at < first.at || (one.at === first.at && one.order < first.order)) first = one;
    return first;
  };

  return {
    now: () => now,
    after: (ms, run) => {
      const appointment = { at: now + Math.max(0, ms), order: order += 1, run };
      appointments.add(appointment);
      return () => { appointments.delete(appointment); };
    },
    passUntil: async (at, isOver = () => false) => {
      for (;;) {
        await setImmediate();
        const next = earliest();
        if (isOver()) return;
        if (next === undefined || next.at > at) break;
        appointments.delete(next);
        now = Math.max(now, next.at);
        next.run();
      }
      now = Math.max(now, at);
    },
  };
};

/** A clock for one run of a program: when the program is gone, nothing wakes it any more, and what is frozen wakes late. */
export const clockOn = (time: Timeline, thawAt: () => number = () => 0): Clock & { readonly stop: () => void } => {
  const pending = new Set<() => void>();
  return {
    now: () => time.now(),
    sleep: (ms, signal) => new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const abort = (): void => { end(); reject(signal.reason as Error); };
      let cancel = (): void => undefined;
      const wake = (): void => {
        if (thawAt() > time.now()) { cancel = time.after(thawAt() - time.now(), wake); return; }
        end();
        resolve();
      };
      cancel = time.after(ms, wake);
      const end = (): void => { cancel(); pending.delete(end); signal.removeEventListener("abort", abort); };
      pending.add(end);
      signal.addEventListener("abort", abort, { once: true });
    }),
    stop: () => { for (const end of pending) end(); },
  };
};
