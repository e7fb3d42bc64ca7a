/**
 * How long a key that failed waits before its next try: twice as long each time, up to a cap, and spread at random
 * so that keys which failed together do not come back together. It remembers failing keys only.
 */

export interface BackoffOptions {
  /** From 0 up to, not including, 1. */
  readonly random: () => number;
  readonly baseMs?: number;
  readonly capMs?: number;
}

export interface Backoff {
  /** Counts one more failure of the key and says how long to wait. */
  next(key: string): number;
  /** How often the key failed since it last succeeded. */
  failures(key: string): number;
  /** The key succeeded: its next failure waits the shortest time again. */
  reset(key: string): void;
}

export const createBackoff = ({ random, baseMs = 200, capMs = 30_000 }: BackoffOptions): Backoff => {
  const failures = new Map<string, number>();
  return {
    next: (key) => {
      const before = failures.get(key) ?? 0;
      failures.set(key, before + 1);
      const fullMs = Math.min(capMs, baseMs * 2 ** before);
      // Never less than half: an unlucky draw must not turn a failing key into a busy one.
      return Math.round(fullMs / 2 + (fullMs / 2) * random());
    },
    failures: (key) => failures.get(key) ?? 0,
    reset: (key) => { failures.delete(key); },
  };
};
