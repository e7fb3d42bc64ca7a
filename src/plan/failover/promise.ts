/**
 * What is promised about acknowledged commits, recorded in status.synchronous: each of them is on `required` of the
 * `standbys`. A failover relies on it, so it must hold at every moment, whatever the server's setting is just then:
 * it is widened before the server is told of more standbys or of fewer confirmations, and narrowed only when those
 * that are left have all that was written under the wider one.
 */
import { memberName } from "../../api/names.ts";
import type { Status } from "../../api/resource.ts";
import type { Look } from "../../ports.ts";
import { compareLsn } from "../../postgres/lsn.ts";
import { parseSynchronousStandbyNames } from "../../postgres/standby-names.ts";
import type { Action, Step } from "../action.ts";
import { memberAt, positionOf } from "../cluster.ts";
import { synchronousNames } from "../configuration.ts";
import type { Desired } from "../desired.ts";
import { valueOf } from "../observation.ts";
import { action, perform, wait, type ClusterContext } from "../rules/context.ts";

export interface CommitPromise { readonly standbys: readonly number[]; readonly required: number }
type Recorded = NonNullable<Status["synchronous"]>;

/** A setting's value as ordinals; undefined when nobody is waited for. */
export function promiseIn(want: Desired, names: string): CommitPromise | undefined {
  const parsed = parseSynchronousStandbyNames(names);
  if (parsed === undefined) return undefined;
  const prefix = memberName(want.owner.name, 0).slice(0, -1);
  const standbys = parsed.names.filter((name) => name.startsWith(prefix)).map((name) => Number(name.slice(prefix.length))).sort((one, other) => one - other);
  // Where more are waited for than there are, nothing is acknowledged; what was before is on those that there are.
  return { standbys, required: Math.min(parsed.count, standbys.length) };
}

const inForce = (want: Desired, server: Look | undefined): CommitPromise | undefined => promiseIn(want, server?.settings["synchronous_standby_names"] ?? "");

/** What a standby promises from the moment of its promotion: its configuration says already whom it will wait for. */
export const promiseAfter = ({ want, seen }: ClusterContext, ordinal: number): Recorded | undefined => {
  const server = memberAt(seen, ordinal)?.server;
  return server === undefined ? undefined : inForce(want, valueOf(server));
};

const isSame = (one: CommitPromise | undefined, other: CommitPromise | undefined): boolean =>
  one?.required === other?.required && (one?.standbys.join() ?? "") === (other?.standbys.join() ?? "");

/** Whether what holds by `narrow` holds by `wide` too. Nothing promised covers everything. */
const covers = (wide: CommitPromise | undefined, narrow: CommitPromise | undefined): boolean => wide === undefined || wide.required === 0
  || (narrow !== undefined && wide.required <= narrow.required && narrow.standbys.every((ordinal) => wide.standbys.includes(ordinal)));

const widened = (one: CommitPromise | undefined, other: CommitPromise | undefined): Recorded | undefined => one === undefined || other === undefined ? undefined
  : { standbys: [...new Set([...one.standbys, ...other.standbys])].sort((a, b) => a - b), required: Math.min(one.required, other.required) };

/** What has to be recorded before the primary is given these names; nothing when what is recorded covers them. */
export function beforeNames({ want }: ClusterContext, lane: string, names: string): readonly Action[] {
  const recorded = want.status.synchronous;
  const next = promiseIn(want, names);
  if (covers(recorded, next)) return [];
  return [action("recordSynchronous", lane, "commits are about to be confirmed by others than was promised", { synchronous: widened(recorded, next) })];
}

/** Sessions read a new configuration one after the other: by then all of them have. By the server's own clock, milliseconds. */
const settledMs = 2_000;
const soonestMs = 100;
const soonMs = 500;
const pending = "a failover can count on the standbys that commits wait for as soon as they have all that was written before";

/** Narrows the promise to what is in force, in two steps: from which position on, and later that all have reached it. */
export function promise(context: ClusterContext): Step {
  const { want, cluster } = context;
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  if (server === undefined || !cluster.writable) return "satisfied";
  const recorded = want.status.synchronous;
  const real = inForce(want, server);
  const record = (because: string, synchronous: Recorded | undefined): Step => perform(action("recordSynchronous", "promise", because, { synchronous }));
  if (!covers(recorded, real)) return record("the server waits for others than was promised", widened(recorded, real));
  if (isSame(recorded, real) && recorded?.next === undefined) return "satisfied";
  if (real === undefined) return recorded === undefined ? "satisfied" : record("no standby is waited for", undefined);
  if (isSame(recorded, real)) return record("the promise is the one in force", real);
  // Until they stream there is nothing to wait for here; and the same round may be about to give it other names.
  const isChanging = !isSame(real, promiseIn(want, synchronousNames(want, context.seen, cluster)));
  if (isChanging || !real.standbys.every((ordinal) => cluster.streaming.includes(ordinal))) return "satisfied";
  const youngMs = server.answeredAt - server.loadedAt;
  if (youngMs < settledMs) return wait(pending, undefined, Math.max(soonestMs, settledMs - youngMs));
  const { standbys, required } = recorded ?? { standbys: [], required: 0 };
  const next = recorded?.next;
  if (next === undefined || !isSame(next, real)) {
    return record("other standbys are waited for from now on", { standbys, required, next: { ...real, after: positionOf(server) } });
  }
  const isReached = real.standbys.every((ordinal) => server.senders.some(({ applicationName, state, flushLsn }) =>
    applicationName === memberName(want.owner.name, ordinal) && state === "streaming" && flushLsn !== undefined && compareLsn(flushLsn, next.after) >= 0));
  return isReached ? record("all that are waited for have what was written before", real) : wait(pending, undefined, soonMs);
}
