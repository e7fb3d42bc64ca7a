/**
 * Asks one subject of each key for a sign of life, again and again, and remembers when it last gave one. It knows
 * nothing of what is asked, decides nothing, and must never ask a subject that it was told to leave.
 */
import { orAborted, pause, type Clock } from "./clock.ts";

export interface Subject<T> {
  /** Which life of it is meant: what was heard of another one does not count. */
  readonly boot: string;
  readonly target: T;
  /** From one question to the next, and how long each may wait for its answer. */
  readonly everyMs: number;
}

export interface Heard<A> {
  /** Since the last sign of life, or since the first question. */
  readonly silentMs: number;
  readonly answered: boolean;
  /** What the last sign of life said, where one said something. */
  readonly position: A | undefined;
}

export interface PulseOptions<T, A> {
  readonly beat: (target: T, signal: AbortSignal) => Promise<A | undefined>;
  /** Told of each question that was not answered. */
  readonly onSilence: (key: string) => void;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface Pulse<T, A> {
  readonly follow: (key: string, subject: Subject<T> | undefined) => void;
  readonly heard: (boot: string) => Heard<A> | undefined;
  /** The last sign of life of the subject that was followed last, be it gone by now. */
  readonly last: (key: string) => { readonly target: T; readonly position: A } | undefined;
}

interface Following<T, A> { readonly boot: string; readonly stop: AbortController; subject: Subject<T>; heardAt: number; answered: boolean; position: A | undefined }

/** More than there are resources; the one that was followed longest ago is forgotten. */
const followedMax = 20_000;

export function createPulse<T, A>({ beat, onSilence, clock, signal }: PulseOptions<T, A>): Pulse<T, A> {
  const followed = new Map<string, Following<T, A>>();
  const byBoot = new Map<string, Following<T, A>>();

  const ask = async (following: Following<T, A>, { target, everyMs }: Subject<T>, over: AbortSignal): Promise<boolean> => {
    const limit = new AbortController();
    const done = new AbortController();
    void pause(clock, everyMs, AbortSignal.any([over, done.signal])).then(() => { if (!done.signal.aborted) limit.abort(new Error("no sign of life")); });
    const either = AbortSignal.any([over, limit.signal]);
    try {
      const answer = await orAborted(beat(target, either), either);
      Object.assign(following, { heardAt: clock.now(), answered: true, position: answer ?? following.position });
      return true;
    } catch {
      return false;
    } finally {
      done.abort("answered");
    }
  };

  const run = async (key: string, following: Following<T, A>): Promise<void> => {
    const over = AbortSignal.any([following.stop.signal, signal]);
    while (!over.aborted) {
      const startedAt = clock.now();
      const { subject } = following;
      const answered = await ask(following, subject, over);
      if (over.aborted) return;
      if (!answered) onSilence(key);
      await pause(clock, startedAt + subject.everyMs - clock.now(), over);
    }
  };

  const forget = (key: string): void => {
    const known = followed.get(key);
    known?.stop.abort();
    if (known !== undefined) byBoot.delete(known.boot);
    followed.delete(key);
  };

  return {
    follow: (key, subject) => {
      const known = followed.get(key);
      if (known !== undefined && subject !== undefined && known.boot === subject.boot && !known.stop.signal.aborted) {
        // Its password or its pace may be another by now: from the next question on.
        known.subject = subject;
        return;
      }
      known?.stop.abort();
      // What was last heard of one that is left stays known: that is what it wrote at least.
      if (subject === undefined) return;
      const following: Following<T, A> = { boot: subject.boot, subject, stop: new AbortController(), heardAt: clock.now(), answered: false, position: undefined };
      if (known?.boot === subject.boot) Object.assign(following, { answered: known.answered, position: known.position });
      const oldest = followed.size >= followedMax && known === undefined ? followed.keys().next().value : undefined;
      for (const gone of [key, oldest]) if (gone !== undefined) forget(gone);
      followed.set(key, following);
      byBoot.set(following.boot, following);
      void run(key, following);
    },
    last: (key) => {
      const known = followed.get(key);
      return known?.position === undefined ? undefined : { target: known.subject.target, position: known.position };
    },
    heard: (boot) => {
      const found = byBoot.get(boot);
      return found && { silentMs: clock.now() - found.heardAt, answered: found.answered, position: found.position };
    },
  };
}
