/** Asks every member again and again, over a connection of its own, and keeps the answers with their times. */
import { setTimeout as pause } from "node:timers/promises";
import { conflictsOf, type Answer, type Reign } from "./evidence.ts";
import { acceptsWrites, now, openSession, type Route, type Session } from "./session.ts";

/** What a member answered. `life`: its connection, which a server that restarts ends. */
export interface Said<T> { readonly member: string; readonly life: number; readonly askedAt: number; readonly answeredAt: number; readonly value: T }

interface Watch<T> {
  readonly route: Route;
  readonly everyMs: number;
  readonly ask: (session: Session) => Promise<T>;
  readonly onAnswer: (said: Said<T>) => void;
}

const applicationName = "pgrs-test-observer";

/** Asks all members side by side until it is stopped; one that does not answer delays no other. */
export function watchMembers<T>({ route, everyMs, ask, onAnswer }: Watch<T>): { readonly stop: () => Promise<void> } {
  const stop = new AbortController();
  const open = new Set<Session>();
  let lives = 0;
  const listen = async (session: Session): Promise<void> => {
    lives += 1;
    const life = lives;
    while (!stop.signal.aborted) {
      const askedAt = now();
      const value = await ask(session);
      onAnswer({ member: session.host, life, askedAt, answeredAt: now(), value });
      await pause(everyMs);
    }
  };
  const watch = async (host: string): Promise<void> => {
    while (!stop.signal.aborted) {
      const session = await openSession(route, host, applicationName).catch(() => undefined);
      if (session !== undefined) {
        open.add(session);
        await listen(session).catch(() => undefined);
        session.close();
        open.delete(session);
      }
      await pause(everyMs);
    }
  };
  const watching = Promise.all(route.hosts.map(watch));
  return {
    stop: async () => {
      stop.abort();
      for (const session of open) session.close();
      await watching;
    },
  };
}

export interface Observer {
  readonly answers: readonly Answer[];
  /** Members that certainly accepted writes at the same moment; empty when none was seen to. */
  conflicts(): readonly (readonly [Reign, Reign])[];
  /** When another address than this one first said that it accepts writes, after a moment; undefined while none has. */
  firstOther(host: string, after: number): Answer | undefined;
  readonly stop: () => Promise<void>;
}

const observedEveryMs = 20;

/** Whether members accept writes, about fifty times a second. */
export function startObserver(route: Route): Observer {
  const answers: Answer[] = [];
  const { stop } = watchMembers({
    route, everyMs: observedEveryMs, ask: acceptsWrites,
    onAnswer: ({ value, ...said }) => { answers.push({ ...said, writes: value }); },
  });
  return {
    answers, stop,
    conflicts: () => conflictsOf(answers),
    firstOther: (host, after) => answers.find((answer) => answer.writes && answer.member !== host && answer.askedAt >= after),
  };
}
