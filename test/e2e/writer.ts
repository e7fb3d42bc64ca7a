/**
 * A client outside the members that writes one row after the other, about a hundred a second, each with the next id,
 * and notes which were acknowledged, when, and by whom. It finds the primary as a client with
 * target_session_attrs=read-write does, by asking every member of its list, all side by side, so that a dead address
 * costs nothing. An insert whose connection broke is never sent again: nobody knows whether it was committed.
 */
import { setTimeout as pause } from "node:timers/promises";
import { lengthOf, longestPause, type Write } from "./evidence.ts";
import { acceptsWrites, now, openSession, type Route, type Session } from "./session.ts";

export interface Writer {
  /** In the order in which they were acknowledged, which is that of their ids. */
  readonly writes: readonly Write[];
  /** Ids that were sent and never acknowledged: they may be there, or not. */
  readonly unknown: readonly number[];
  readonly acknowledged: () => readonly number[];
  /** Resolves with the next write that is sent and acknowledged after this call; rejects when there is none for two minutes. */
  next(): Promise<Write>;
  /** The longest time without an acknowledged write from a moment until now, in milliseconds. */
  longestPauseSince(from: number): number;
  stop(): Promise<void>;
}

export const table = "written";
const everyMs = 10;
const betweenTriesMs = 10;
const nextMs = 120_000;
const applicationName = "pgrs-test-writer";

/** Asks one member again and again, until it accepts writes or another was found. */
async function search(route: Route, host: string, over: AbortSignal): Promise<Session | undefined> {
  while (!over.aborted) {
    const session = await openSession(route, host, applicationName).catch(() => undefined);
    try {
      while (session !== undefined && !over.aborted) {
        if (await acceptsWrites(session)) return session;
        await pause(betweenTriesMs);
      }
    } catch {
      // It broke; the next connection tells more.
    }
    session?.close();
    await pause(betweenTriesMs);
  }
  return undefined;
}

/** The first member that says that it accepts writes; undefined when stopped before. */
async function seek(route: Route, stopped: AbortSignal): Promise<Session | undefined> {
  const found = new AbortController();
  const over = AbortSignal.any([found.signal, stopped]);
  const { promise, resolve } = Promise.withResolvers<Session | undefined>();
  const searches = route.hosts.map(async (host) => {
    const session = await search(route, host, over);
    if (over.aborted) return session?.close();
    if (session !== undefined) { found.abort(); resolve(session); }
  });
  void Promise.all(searches).then(() => { resolve(undefined); });
  return promise;
}

/** Makes the table where it is missing, writes the first row, and goes on until it is stopped. */
export async function startWriter(route: Route): Promise<Writer> {
  const writes: Write[] = [];
  const unknown: number[] = [];
  const waiting: { readonly from: number; readonly resolve: (write: Write) => void }[] = [];
  const stop = new AbortController();
  let nextId = 1;

  const write = async (session: Session): Promise<boolean> => {
    const id = nextId;
    nextId += 1;
    const sentAt = now();
    try {
      await session.ask({ name: "write", text: `insert into ${table} (id) values ($1)`, values: [id] });
    } catch {
      unknown.push(id);
      session.close();
      return false;
    }
    const done: Write = { id, host: session.host, sentAt, acknowledgedAt: now() };
    writes.push(done);
    while (waiting[0] !== undefined && waiting[0].from <= sentAt) waiting.shift()?.resolve(done);
    await pause(Math.max(0, sentAt + everyMs - now()));
    return true;
  };

  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const session = await seek(route, stop.signal);
      while (session !== undefined && !stop.signal.aborted && await write(session));
      session?.close();
    }
  };

  const first = await seek(route, AbortSignal.timeout(30_000));
  if (first === undefined) throw new Error(`none of ${route.hosts.join(", ")} accepts writes`);
  await first.ask({ name: "table", text: `create table if not exists ${table} (id bigint primary key, at timestamptz not null default clock_timestamp())` });
  nextId = Number(await first.ask({ name: "last", text: `select coalesce(max(id), 0) from ${table}` })) + 1;
  first.close();
  const running = run();
  const writer: Writer = {
    writes, unknown,
    acknowledged: () => writes.map(({ id }) => id),
    next: () => new Promise((resolve, reject) => {
      const limit = setTimeout(() => { reject(new Error(`no write was acknowledged within ${String(nextMs / 1_000)} s`)); }, nextMs);
      waiting.push({ from: now(), resolve: (write) => { clearTimeout(limit); resolve(write); } });
    }),
    longestPauseSince: (from) => lengthOf(longestPause(writes, { from, to: now() })),
    stop: async () => { stop.abort(); await running; },
  };
  await writer.next();
  return writer;
}
