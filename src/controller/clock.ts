/** Time, as the loop sees it: injected, so that a simulation can drive hours of it in a moment. */

export interface Clock {
  /** Milliseconds that never go back. Not the wall clock: setting that must not delay a key. */
  now(): number;
  /** Resolves after `ms`; rejects as soon as the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Sleeps; an abort ends the sleep early and is no error, so whoever paused looks at the signal next. */
export const pause = async (clock: Clock, ms: number, signal: AbortSignal): Promise<void> => {
  if (signal.aborted) return;
  try { await clock.sleep(ms, signal); } catch (error) { if (!signal.aborted) throw error; }
};

/** Settles with the work, or rejects when the signal aborts: for work that may not heed its signal. */
export const orAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(asError(signal.reason));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });

/** Resolves when the signal aborts. */
export const whenAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** Anything can be thrown; the loop speaks of errors only. */
export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
