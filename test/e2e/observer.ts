/** Asks every member, about fifty times a second over a connection of its own, whether it accepts writes, and keeps the answers with their times. */
import { setTimeout as pause } from "node:timers/promises";
import { conflictsOf, type Answer, type Reign } from "./evidence.ts";
import { acceptsWrites, now, openSession, type Route, type Session } from "./session.ts";

export interface Observer {
  readonly answers: readonly Answer[];
  /** Members that certainly accepted writes at the same moment; empty when none was seen to. */
  conflicts(): readonly (readonly [Reign, Reign])[];
  /** When a member first said that it accepts writes, after a moment; undefined while it has not. `member` is its address. */
  firstYesOf(member: string, after: number): number | undefined;
  stop(): Promise<void>;
}

const everyMs = 20;
const applicationName = "pgrs-test-observer";

export function startObserver(route: Route): Observer {
  const answers: Answer[] = [];
  const stop = new AbortController();
  let lives = 0;

  const listen = async (session: Session): Promise<void> => {
    lives += 1;
    const life = lives;
    while (!stop.signal.aborted) {
      const askedAt = now();
      const writes = await acceptsWrites(session);
      answers.push({ member: session.host, life, askedAt, answeredAt: now(), writes });
      await pause(everyMs);
    }
  };

  const watch = async (host: string): Promise<void> => {
    while (!stop.signal.aborted) {
      const session = await openSession(route, host, applicationName).catch(() => undefined);
      if (session !== undefined) await listen(session).catch(() => undefined);
      session?.close();
      await pause(everyMs);
    }
  };

  const watching = Promise.all(route.hosts.map(watch));
  return {
    answers,
    conflicts: () => conflictsOf(answers),
    firstYesOf: (member, after) => answers.find((answer) => answer.writes && answer.member === member && answer.askedAt >= after)?.answeredAt,
    stop: async () => { stop.abort(); await watching; },
  };
}
