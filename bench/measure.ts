/** One fault, and what clients saw of it: the pause between acknowledged writes, and when all members streamed again. */
import { setTimeout as pause } from "node:timers/promises";
import { now, openSession, acceptsWrites, type Route } from "../test/e2e/session.ts";
import { startObserver, watchMembers, type Observer, type Said } from "../test/e2e/observer.ts";
import { longestPause } from "../test/e2e/evidence.ts";
import { startWriter, type Writer } from "../test/e2e/writer.ts";
import type { Fault } from "./faults.ts";
import type { Side } from "./side.ts";

export interface Figures {
  /** By the wall clock. */
  readonly faultAt: number;
  /** The longest time between two acknowledged writes, less the detection time that was asked for. */
  readonly pauseMs: number;
  /** From the fault until the primary has all the others as streaming standbys again, less the detection time. */
  readonly wholeMs: number;
  /** From the first word of the new primary that it accepts writes, until the primary's own address answers likewise. */
  readonly addressMs: number | undefined;
  /** Pairs of members that accepted writes at the same moment. */
  readonly conflicts: number;
}

const wholeLimitMs = 60_000;
const writesBefore = 30;
const beforeMs = 100;
const betweenTriesMs = 25;
const addressLimitMs = 30_000;

/** Opens a session every few milliseconds, whatever the earlier ones do, until one is with a member that accepts writes. Says when. */
function firstAnswer(route: Route, host: string, over: AbortSignal): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  const ask = async (): Promise<void> => {
    const session = await openSession(route, host, "pgrs-bench-address").catch(() => undefined);
    if (session === undefined) return;
    if (await acceptsWrites(session).catch(() => false)) resolve(now());
    session.close();
  };
  void ask();
  const again = setInterval(() => void ask(), betweenTriesMs);
  over.addEventListener("abort", () => { resolve(undefined); }, { once: true });
  return promise.finally(() => { clearInterval(again); });
}

/** The primary, by its ordinal. */
export async function primaryOf({ superuser, hosts }: Side): Promise<number> {
  const said = await Promise.all(hosts.map(async (host) => {
    const session = await openSession(superuser, host, "pgrs-bench").catch(() => undefined);
    const answer = session === undefined ? false : await acceptsWrites(session).catch(() => false);
    session?.close();
    return answer;
  }));
  return said.indexOf(true);
}

const standbysThatStream = {
  name: "standbys", text: "select case when pg_is_in_recovery() then -1 else (select count(*)::int from pg_stat_replication where state = 'streaming') end",
};

interface Seen { readonly latest: ReadonlyMap<string, Said<number>>; readonly whole: (old: Said<number>, after: number) => Promise<number>; readonly stop: () => Promise<void> }

/** Looks for a primary whose standbys all stream: another one than before, or the same one in another life. */
function startWatch(side: Side): Seen {
  const latest = new Map<string, Said<number>>();
  let onAnswer: ((said: Said<number>) => void) | undefined;
  const { stop } = watchMembers({
    route: side.superuser, everyMs: 20, ask: async (session) => Number(await session.ask(standbysThatStream)),
    onAnswer: (said) => { latest.set(said.member, said); onAnswer?.(said); },
  });
  const whole: Seen["whole"] = (old, after) => new Promise((resolve, reject) => {
    const limit = setTimeout(() => { reject(new Error(`not all members stream again within ${String(wholeLimitMs / 1_000)} s`)); }, wholeLimitMs);
    onAnswer = ({ member, life, askedAt, answeredAt, value }) => {
      if (askedAt < after || value !== side.hosts.length - 1 || (member === old.member && life === old.life)) return;
      clearTimeout(limit);
      resolve(answeredAt);
    };
  });
  return { latest, whole, stop };
}

/** How long after another member's first word the address is its own. Undefined when none spoke, or the address never did. */
async function addressMoved(side: Side, observer: Observer, { host, address, from }: { readonly host: string; readonly address: string; readonly from: number }, over: AbortSignal): Promise<number | undefined> {
  let other = observer.firstOther(host, from);
  while (other === undefined && !over.aborted) {
    await pause(2);
    other = observer.firstOther(host, from);
  }
  const answeredAt = await firstAnswer(side.application, address, AbortSignal.any([over, AbortSignal.timeout(addressLimitMs)]));
  return answeredAt === undefined || other === undefined ? undefined : Math.max(0, answeredAt - other.answeredAt);
}

/**
 * A frozen server that is killed may acknowledge a write as it thaws, before it is gone: where another member took over,
 * the pause lasts until that one acknowledged the first.
 */
function pauseOf({ writes }: Writer, host: string, from: number): number {
  const longest = longestPause(writes, { from, to: now() });
  const other = writes.find((write) => write.host !== host && write.acknowledgedAt > longest.from);
  return Math.max(longest.to, other?.acknowledgedAt ?? longest.to) - longest.from;
}

/** Inflicts the fault on a cluster that is whole, and measures until it is whole again. `address`: the one that follows the primary. */
export async function measure(side: Side, fault: Fault, address: string | undefined): Promise<Figures> {
  const over = new AbortController();
  const primary = await primaryOf(side);
  const host = side.hosts[primary] ?? "";
  const writer = await startWriter(side.application);
  const observer = startObserver(side.application);
  const watch = startWatch(side);
  try {
    for (let count = 0; count < writesBefore; count += 1) await writer.next();
    const old = watch.latest.get(host);
    if (old === undefined) throw new Error(`${host} does not answer`);
    const faultAt = now();
    const faultWallAt = Date.now();
    const whole = watch.whole(old, faultAt);
    whole.catch(() => undefined);
    const moved = address === undefined ? undefined : addressMoved(side, observer, { host, address, from: faultAt }, over.signal);
    await fault.inflict(side, primary);
    const wholeAt = await whole;
    await writer.next();
    const { detectionMs } = fault;
    return { faultAt: faultWallAt, pauseMs: pauseOf(writer, host, faultAt - beforeMs) - detectionMs, wholeMs: wholeAt - faultAt - detectionMs, addressMs: await moved, conflicts: observer.conflicts().length };
  } finally {
    over.abort();
    await Promise.all([writer.stop(), observer.stop(), watch.stop()]);
  }
}
