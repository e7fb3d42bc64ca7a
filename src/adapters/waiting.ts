/** Waiting that ends with a signal, or with a time. */
import { setTimeout as pause } from "node:timers/promises";

/** Whether the work takes longer than this. */
export const isLate = async (work: Promise<unknown>, ms: number): Promise<boolean> => {
  const over = new AbortController();
  try {
    return await Promise.race([work.then(() => false, () => false), pause(ms, true, { signal: over.signal })]);
  } finally {
    over.abort();
  }
};

/** The outcome of the work, or the signal's reason as soon as it aborts: for work that may not heed its signal. */
export const orAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  return promise;
};
