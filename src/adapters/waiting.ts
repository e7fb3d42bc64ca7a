/** Waiting that ends with a signal. */

/** The outcome of the work, or the signal's reason as soon as it aborts: for work that may not heed its signal. */
export const orAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const abort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  void work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  return promise;
};
