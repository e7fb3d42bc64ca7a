/**
 * Which containers ended, as the Engine's events told. An event tells it at once; the container itself can be inspected
 * only when the Engine has taken its network down, some tenths of a second later, and those are what a failover is
 * measured by. Kept only while the events flow, and only until the container starts again.
 */
export interface Death { readonly exitCode: number; /** Milliseconds since the epoch, by the Engine's clock. */ readonly at: number }

export interface Deaths {
  readonly note: (id: string, death: Death) => void;
  readonly started: (id: string) => void;
  /** Events may have been missed: what is known counts no more. */
  readonly forget: () => void;
  readonly of: (id: string) => Death | undefined;
  /** Resolves with the next end of this container; never, when the signal aborts before. */
  readonly next: (id: string, signal: AbortSignal) => Promise<void>;
}

const keptMax = 20_000;

export const deathRegister = (): Deaths => {
  const known = new Map<string, Death>();
  const waiting = new Map<string, Set<() => void>>();
  return {
    note: (id, death) => {
      if (known.size >= keptMax) known.clear();
      known.set(id, death);
      for (const resolve of waiting.get(id) ?? []) resolve();
    },
    started: (id) => { known.delete(id); },
    forget: () => { known.clear(); },
    of: (id) => known.get(id),
    next: (id, signal) => new Promise((resolve) => {
      const those = waiting.get(id) ?? new Set();
      const leave = (): void => {
        those.delete(resolve);
        if (those.size === 0) waiting.delete(id);
      };
      waiting.set(id, those.add(resolve));
      signal.addEventListener("abort", leave, { once: true });
    }),
  };
};
