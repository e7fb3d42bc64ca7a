/**
 * Follows one list of an API: lists it, watches it from there, and says which keys changed. It owns the restart after
 * everything that ends a stream: a clean close, an error, an expired version, silence. It must never miss a change
 * for longer than a resync, never let an event of an abandoned stream in, and never reconnect without a pause.
 */
import { createBackoff } from "./backoff.ts";
import { changedBesidesStatus, createCache, isOlder, versionOf } from "./cache.ts";
import { asError, orAborted, pause } from "./clock.ts";
import type { Cache, IsNews, Watched, WatchEvent } from "./cache.ts";
import type { Clock } from "./clock.ts";
import type { Log } from "./controller.ts";

export interface WatchOptions {
  readonly list: (signal: AbortSignal) => Promise<{ readonly resourceVersion: string; readonly items: readonly Watched[] }>;
  /**
   * Reports events after that version until the stream closes; rejects when it breaks. A version that is too old
   * (410) is an event of type ERROR with a Status, as in the stream itself.
   */
  readonly watch: (resourceVersion: string, onEvent: (event: WatchEvent) => void, signal: AbortSignal) => Promise<void>;
  readonly onChange: (key: string) => void;
  /** Called once, after the first list has been reported. */
  readonly onSynced: () => void;
  readonly isNews?: IsNews;
  /** A stream without event or bookmark for so long is taken for dead, and so is a list that takes so long. */
  readonly idleTimeoutMs: number;
  /** How often all keys are reported, changed or not, and the list is read anew. */
  readonly resyncMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** An error in one line; its causes too, if whoever watches knows how. */
  readonly explain?: (error: Error) => string;
  readonly signal: AbortSignal;
}

export interface Watching {
  /** The latest known state of an object. It may be behind the server's. */
  readonly get: (key: string) => Watched | undefined;
  readonly keys: () => readonly string[];
  /** Resolves when the signal has ended it. */
  readonly stopped: Promise<void>;
}

interface Following extends WatchOptions {
  readonly cache: Cache;
  /** The stream now open, if one is. */
  stream: AbortController | undefined;
}

/** Why a stream was ended by us, without anything being wrong. */
class Renewal extends Error { override readonly name = "Renewal"; }

/** A stream that lived so long was a healthy one, even if it had nothing to tell. */
const healthyAfterMs = 5_000;

export const watchResources = (options: WatchOptions): Watching => {
  const cache = createCache(options.isNews ?? changedBesidesStatus);
  const following: Following = { ...options, cache, stream: undefined };
  const stopped = Promise.all([follow(following), resync(following)]).then(() => undefined);
  return { get: cache.get, keys: cache.keys, stopped };
};

/** List, watch, watch again from where the stream closed; list again after anything but a clean close. */
const follow = async (following: Following): Promise<void> => {
  const { clock, signal } = following;
  const backoff = createBackoff(following);
  let version: string | undefined;
  let isSynced = false;
  while (!signal.aborted) {
    let ended: Error | undefined;
    try {
      version ??= await relist(following);
      if (!isSynced) following.onSynced();
      isSynced = true;
      version = await stream(following, version, () => backoff.reset("watch"));
    } catch (error) {
      version = undefined;
      ended = asError(error);
    }
    if (signal.aborted) return;
    const afterMs = backoff.next("watch");
    report(following, ended, afterMs);
    await pause(clock, afterMs, signal);
  }
};

const report = ({ log, explain }: Following, ended: Error | undefined, nextInMs: number): void => {
  if (ended === undefined) return log.debug("watch closed", { nextInMs });
  if (ended instanceof Renewal) return log.debug("watch renewed", { because: ended.message, nextInMs });
  log.info("watch interrupted", { error: explain === undefined ? ended.message : explain(ended), nextInMs });
};

const relist = async (following: Following): Promise<string> => {
  const { list, idleTimeoutMs, signal } = following;
  const over = linked(signal);
  void pause(following.clock, idleTimeoutMs, over.signal).then(() => over.abort(new Error(`the list took longer than ${idleTimeoutMs} ms`)));
  try {
    const { resourceVersion, items } = await orAborted(list(over.signal), over.signal);
    for (const key of following.cache.replace(items, resourceVersion)) following.onChange(key);
    return resourceVersion;
  } finally {
    over.abort();
  }
};

/** One stream, until it closes; returns the version to go on from. */
const stream = async (following: Following, from: string, onHealthy: () => void): Promise<string> => {
  const { watch, cache, onChange, clock, idleTimeoutMs, signal } = following;
  const over = linked(signal);
  let version = from;
  const startedAt = clock.now();
  let heardAt = startedAt;

  const onEvent = (event: WatchEvent): void => {
    if (over.signal.aborted) return; // an abandoned stream may still speak
    heardAt = clock.now();
    if (event.type === "ERROR") return over.abort(refusal(event.object));
    onHealthy();
    version = later(version, versionOf(event.object));
    const key = event.type === "BOOKMARK" ? undefined : cache.apply(event);
    if (key !== undefined) onChange(key);
  };

  const endWhenSilent = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const silentMs = clock.now() - heardAt;
      if (silentMs >= idleTimeoutMs) return over.abort(new Error(`no event and no bookmark for ${silentMs} ms`));
      await pause(clock, idleTimeoutMs - silentMs, over.signal);
    }
  };

  following.stream = over;
  void endWhenSilent();
  try {
    await orAborted(watch(from, onEvent, over.signal), over.signal);
    return version;
  } finally {
    if (clock.now() - startedAt >= healthyAfterMs) onHealthy();
    following.stream = undefined;
    over.abort();
  }
};

/** Reports every key now and then, server or no server: what it describes can drift without an event of its own. */
const resync = async (following: Following): Promise<void> => {
  const { clock, resyncMs, signal, cache, onChange } = following;
  for (;;) {
    await pause(clock, resyncMs, signal);
    if (signal.aborted) return;
    for (const key of cache.keys()) onChange(key);
    following.stream?.abort(new Renewal("time to read the list anew"));
  }
};

/** An event of type ERROR. An expired version is the normal fate of a stream that was away for long. */
const refusal = (status: Watched): Error => {
  const message = "message" in status ? String(status.message) : "no reason given";
  const code = "code" in status ? Number(status.code) : 0;
  return code === 410 ? new Renewal(message) : new Error(`the server ended the watch: ${message}`);
};

/** Where to go on from: versions only grow, so of two the later, or the one heard last if they cannot be ordered. */
const later = (known: string, heard: string): string => (heard === "" || isOlder(heard, known) ? known : heard);

/** A controller of its own that the signal aborts too; aborting it releases the signal. */
const linked = (signal: AbortSignal): AbortController => {
  const own = new AbortController();
  const abort = () => own.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true, signal: own.signal });
  return own;
};
