/**
 * The queue of keys that want a round. It hands each key to one taker at a time and remembers what is asked of a key
 * during its round, so that nothing is done twice at once and nothing is forgotten. It must never hold a key twice,
 * so its length is bounded by the number of resources, and by `lengthMax` whatever happens.
 */
import { pause } from "./clock.ts";
import type { Clock } from "./clock.ts";

export interface QueueOptions {
  readonly clock: Clock;
  /** Keys waiting at most. A key beyond that is refused; the periodic resync offers it again. */
  readonly lengthMax: number;
  /** Told of each refused key. */
  readonly onFull: (key: string) => void;
}

export interface Queue {
  /** The key wants a round now, or right after the round it is in. */
  readonly add: (key: string) => void;
  /** The key wants a round in `ms` milliseconds, unless it already wants one earlier. */
  readonly addAfter: (key: string, ms: number) => void;
  /** The key that has been due for longest, as soon as there is one; undefined when closed or aborted. */
  readonly take: (signal: AbortSignal) => Promise<string | undefined>;
  /** The round of a taken key is over: only now can it be taken again. */
  readonly done: (key: string) => void;
  /** Keys that want a round, now or later. */
  readonly length: () => number;
  /** Ends all waiting takers; what is added from now on is dropped. */
  readonly close: () => void;
}

interface Due { readonly key: string; readonly at: number }
interface Alarm { readonly at: number; readonly off: AbortController }
type Taker = (key: string | undefined) => void;

/** Timers overflow beyond 24 days, where they fire at once; an alarm may ring early, so it rings daily. */
const longestSleepMs = 24 * 3600 * 1000;

export const createQueue = ({ clock, lengthMax, onFull }: QueueOptions): Queue => {
  const dueAt = new Map<string, number>(); // of equal deadlines the one set first comes first
  const inFlight = new Set<string>();
  const takers = new Set<Taker>();
  let alarm: Alarm | undefined;
  let closed = false;

  const earliest = (): Due | undefined => {
    let first: Due | undefined;
    for (const [key, at] of dueAt) if (!inFlight.has(key) && (first === undefined || at < first.at)) first = { key, at };
    return first;
  };

  const setAlarm = (at: number | undefined): void => {
    if (alarm?.at === at) return;
    alarm?.off.abort("another alarm");
    alarm = undefined;
    if (at === undefined) return;
    const set: Alarm = { at, off: new AbortController() };
    alarm = set;
    void pause(clock, Math.min(at - clock.now(), longestSleepMs), set.off.signal).then(() => {
      if (alarm !== set) return;
      alarm = undefined;
      serve();
    });
  };

  const serve = (): void => {
    for (const taker of takers) {
      const next = earliest();
      if (next === undefined || next.at > clock.now()) return setAlarm(next?.at);
      dueAt.delete(next.key);
      inFlight.add(next.key);
      takers.delete(taker);
      taker(next.key);
    }
    setAlarm(undefined); // nobody waits: whoever takes next looks at the clock itself
  };

  const schedule = (key: string, at: number): void => {
    const known = dueAt.get(key);
    if (closed || (known !== undefined && known <= at)) return;
    // What happens to a key in flight must not be lost, so it is never refused: there are few of those.
    if (known === undefined && !inFlight.has(key) && dueAt.size >= lengthMax) return onFull(key);
    dueAt.delete(key); // an earlier deadline is a new place in line
    dueAt.set(key, at);
    serve();
  };

  return {
    add: (key) => schedule(key, clock.now()),
    addAfter: (key, ms) => schedule(key, clock.now() + Math.max(0, ms)),
    take: (signal) => new Promise((resolve) => {
      if (closed || signal.aborted) return resolve(undefined);
      const taker: Taker = (key) => { signal.removeEventListener("abort", leave); resolve(key); };
      const leave = () => { takers.delete(taker); taker(undefined); };
      signal.addEventListener("abort", leave, { once: true });
      takers.add(taker);
      serve();
    }),
    done: (key) => { inFlight.delete(key); serve(); },
    length: () => dueAt.size,
    close: () => {
      closed = true;
      dueAt.clear();
      setAlarm(undefined);
      for (const taker of takers) taker(undefined);
      takers.clear();
    },
  };
};
