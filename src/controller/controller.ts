/**
 * The loop: takes a key, runs one round for it, and reads from the outcome when the key comes back. Several keys go
 * side by side. It knows no kind and decides nothing about the world. It must never run one key twice at once, never
 * let a key that hangs or fails hold up another, and never end because a round failed.
 */
import { createBackoff } from "./backoff.ts";
import { asError, orAborted, pause, whenAborted } from "./clock.ts";
import type { Backoff } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import type { Queue } from "./queue.ts";

/** What a round says about the next one of its key. */
export type Outcome =
  /** Nothing to do until something happens. */
  | { readonly then: "rest" }
  /** Work goes on outside: look how it went. */
  | { readonly then: "lookAgain"; readonly afterMs: number }
  /** It failed in a way that may pass: try again, ever more slowly. */
  | { readonly then: "retry"; readonly error: Error }
  /** It fails until a person changes something: look again at the pace of the resync. */
  | { readonly then: "giveUp"; readonly error: Error };

export interface Log {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface ControllerOptions {
  readonly queue: Queue;
  readonly reconcile: (key: string, signal: AbortSignal) => Promise<Outcome>;
  /** Keys side by side. */
  readonly concurrency: number;
  /** A round that takes longer is aborted by its signal. */
  readonly roundTimeoutMs: number;
  /** How soon a key that gave up is looked at again. Keys at rest come back by the resync of the watch. */
  readonly resyncMs: number;
  /** How long a stop waits for rounds to finish, and then for those that it aborted. */
  readonly stopGraceMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** An error in one line; its causes too, if whoever runs the loop knows how. */
  readonly explain?: (error: Error) => string;
  /** Ends the loop. */
  readonly signal: AbortSignal;
}

interface Loop extends ControllerOptions {
  readonly backoff: Backoff;
  readonly rounds: Map<string, Round>;
}
interface Round { readonly over: AbortController; readonly settled: Promise<void> }

/** Runs until the signal aborts or the queue is closed, and all rounds ended or were given up on. Never rejects. */
export const runController = async (options: ControllerOptions): Promise<void> => {
  const loop: Loop = { ...options, backoff: createBackoff(options), rounds: new Map() };
  const workers = Array.from({ length: options.concurrency }, () => work(loop));
  await Promise.race([Promise.all(workers), whenAborted(options.signal)]);
  options.queue.close();
  await drain(loop);
};

const work = async (loop: Loop): Promise<void> => {
  for (;;) {
    const key = await loop.queue.take(loop.signal);
    if (key === undefined) return;
    const round = startRound(loop, key);
    // A round that ignores its abort gives up its place here, so that others go on. Its key stays in flight until it
    // really ends, since two rounds of one key could undo each other's work.
    await orAborted(round.settled, round.over.signal).catch(() => undefined);
  }
};

const startRound = (loop: Loop, key: string): Round => {
  const over = new AbortController();
  const settled = runRound(loop, key, over).then((outcome) => {
    loop.rounds.delete(key);
    follow(loop, key, outcome);
    loop.queue.done(key);
  });
  const round = { over, settled };
  loop.rounds.set(key, round);
  return round;
};

const runRound = async (loop: Loop, key: string, over: AbortController): Promise<Outcome> => {
  const finished = new AbortController();
  const startedAt = loop.clock.now();
  void pause(loop.clock, loop.roundTimeoutMs, finished.signal).then(() => {
    if (!finished.signal.aborted) over.abort(new Error(`the round took longer than ${loop.roundTimeoutMs} ms`));
  });
  try {
    const outcome = await loop.reconcile(key, over.signal);
    loop.log.debug("round", { key, then: outcome.then, tookMs: loop.clock.now() - startedAt });
    return outcome;
  } catch (error) {
    return { then: "retry", error: over.signal.aborted ? asError(over.signal.reason) : asError(error) };
  } finally {
    finished.abort("finished");
  }
};

/** Acts on an outcome. An event that came during the round is already in the queue, and sooner than any of these. */
const follow = (loop: Loop, key: string, outcome: Outcome): void => {
  switch (outcome.then) {
    case "rest":
      return loop.backoff.reset(key);
    case "lookAgain":
      loop.backoff.reset(key);
      return loop.queue.addAfter(key, outcome.afterMs);
    case "retry": {
      const afterMs = loop.backoff.next(key);
      report(loop, "round failed", outcome.error, { key, attempt: loop.backoff.failures(key), nextInMs: afterMs });
      return loop.queue.addAfter(key, afterMs);
    }
    case "giveUp":
      loop.backoff.reset(key);
      report(loop, "round gave up", outcome.error, { key, nextInMs: loop.resyncMs });
      return loop.queue.addAfter(key, loop.resyncMs);
  }
};

const report = (loop: Loop, message: string, error: Error, fields: Readonly<Record<string, unknown>>): void => {
  const explain = loop.explain ?? (({ message: own }: Error) => own);
  // What fails because we stop is no news.
  const level = loop.signal.aborted ? "debug" : "info";
  loop.log[level](message, { ...fields, error: explain(error) });
};

/** Lets rounds in flight finish, then asks them to, and does not wait for those that do neither. */
const drain = async (loop: Loop): Promise<void> => {
  await settleWithin(loop);
  for (const { over } of loop.rounds.values()) over.abort(new Error("stopping"));
  await settleWithin(loop);
  if (loop.rounds.size > 0) loop.log.info("stopped with rounds that did not end", { keys: [...loop.rounds.keys()] });
};

const settleWithin = async ({ rounds, clock, stopGraceMs }: Loop): Promise<void> => {
  if (rounds.size === 0) return;
  const settled = new AbortController();
  const all = Promise.all([...rounds.values()].map((round) => round.settled)).then(() => settled.abort());
  await Promise.race([all, pause(clock, stopGraceMs, settled.signal)]);
  settled.abort();
};
