/**
 * Who may take over. A standby is judged by what it has received, on the newest timeline; with synchronous replication
 * by whether enough of those that a commit waited for were seen, so that one of them must have each acknowledged commit.
 */
import { memberName } from "../../api/names.ts";
import type { Look } from "../../ports.ts";
import { compareLsn, lsnDiff, type Lsn } from "../../postgres/lsn.ts";
import { positionOf, type Cluster } from "../cluster.ts";
import type { Desired } from "../desired.ts";
import { valueOf, type MemberSighting, type Observation } from "../observation.ts";

export interface Candidate {
  readonly ordinal: number;
  readonly timeline: number | undefined;
  readonly position: Lsn | undefined;
  /** Why it may not take over; undefined when it may. */
  readonly objection: string | undefined;
  /** Objections that PromoteAfter sets aside. */
  readonly isSoft: boolean;
  /** Whether it told all that it has. */
  readonly isSettled: boolean;
}

export interface Election {
  readonly candidates: readonly Candidate[];
  /** Who takes over by the rules. */
  readonly winner: Candidate | undefined;
  /** The most advanced standby, whatever the rules say of it. */
  readonly best: Candidate | undefined;
  /** With synchronous replication: why no acknowledged commit can be lost, or why that is not certain. */
  readonly arithmetic: string | undefined;
  /** The last position that the primary is known to have written. */
  readonly lastKnown: Lsn | undefined;
}

interface Question { readonly want: Desired; readonly seen: Observation; readonly cluster: Cluster }

const isNever = ({ spec }: Desired, ordinal: number): boolean => spec.members.some((one) => one.ordinal === ordinal && one.candidate === "Never");

/** The newest timeline that is known of: what the primary wrote in this epoch, or what a standby has of it. */
const newestTimeline = ({ want, seen, cluster }: Question): number => Math.max(0, want.status.primary?.timeline ?? 0,
  ...seen.members.filter(({ ordinal }) => ordinal !== cluster.primaryOrdinal).map(({ server }) => valueOf(server)?.timeline ?? 0));

/** What the primary told last, or what a standby was seen to have before: the status keeps that across a restart of the operator. */
function lastKnownOf({ want, seen, cluster }: Question): Lsn | undefined {
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  const told = [
    server === undefined || server.inRecovery ? undefined : positionOf(server), want.status.primary?.lastPosition,
    cluster.primary !== undefined && seen.lastTold?.member === memberName(want.owner.name, cluster.primary.ordinal) ? seen.lastTold.position : undefined,
    ...(want.status.members ?? []).map(({ replication }) => replication?.receivedLSN),
  ].filter((lsn) => lsn !== undefined);
  return told.reduce<Lsn | undefined>((most, lsn) => most === undefined || compareLsn(lsn, most) > 0 ? lsn : most, undefined);
}

/**
 * Whether a position is the last one. A server that has booted since replays what its disk holds before it asks for
 * more, and until then tells less than it has; before 10 it does not say when that is done.
 */
const isSettled = ({ receiver, receivedLsn, replaying }: Look): boolean => receiver !== undefined || receivedLsn !== undefined || replaying === false;

interface Bounds { readonly timeline: number; readonly lastKnown: Lsn | undefined }

type Judgement = Pick<Candidate, "objection" | "isSoft">;

const refusal = (sentence: string, isSoft = false): Judgement => ({ objection: sentence, isSoft });

function judge({ want, cluster }: Question, me: MemberSighting, { timeline, lastKnown }: Bounds): Judgement {
  const { ordinal, server } = me;
  if (want.spec.fencedOrdinals.includes(ordinal)) return refusal("is fenced");
  if (server.seen !== "present") return refusal(server.seen === "unknown" ? `does not answer: ${server.because}` : "does not run");
  const { inRecovery, systemIdentifier } = server.value;
  if (!inRecovery) return refusal("accepts writes already");
  if (cluster.systemIdentifier !== undefined && systemIdentifier !== undefined && systemIdentifier !== cluster.systemIdentifier) return refusal("holds another cluster's data");
  if (isNever(want, ordinal)) return refusal("is never a candidate, by spec.members", true);
  if ((server.value.timeline ?? 0) < timeline) return refusal(`is on timeline ${server.value.timeline ?? 0}, and the newest is ${timeline}`, true);
  if (!isSettled(server.value)) return refusal("still replays what its disk holds", true);
  // With a promise to keep, the arithmetic decides: how much more the primary wrote without acknowledging it is no matter.
  const lag = lastKnown === undefined || isSynchronous(want) ? 0 : lsnDiff(lastKnown, positionOf(server.value));
  return lag > want.spec.failover.maxLagBytes ? refusal(`lacks ${lag} bytes of what the primary had, more than maxLagBytes`, true) : { objection: undefined, isSoft: true };
}

/** The promise about acknowledged commits that holds: on `required` of these standbys. */
const promiseOf = ({ status }: Desired): { readonly standbys: readonly number[]; readonly required: number } | undefined =>
  status.synchronous === undefined || status.synchronous.required === 0 ? undefined : status.synchronous;

/** Whether commits are known to be on standbys, as far as the operator has recorded it. */
export const isSynchronous = (want: Desired): boolean => promiseOf(want) !== undefined;

/** R + W > N: the standbys that were seen, and those that have each commit, must have one in common. */
function quorum({ want, cluster }: Question, candidates: readonly Candidate[]): { readonly holds: boolean; readonly arithmetic: string | undefined } {
  const promise = promiseOf(want);
  if (promise === undefined) return { holds: true, arithmetic: undefined };
  const { standbys, required } = promise;
  const counted = standbys.filter((ordinal) => ordinal !== cluster.primaryOrdinal);
  const seen = candidates.filter(({ ordinal, position, isSettled: isLast }) => counted.includes(ordinal) && position !== undefined && isLast);
  // Of the timeline that this epoch writes nothing was seen yet: commits of the one before may be on its primary alone.
  if (want.status.primary?.timeline === undefined) return { holds: false, arithmetic: "the primary was not yet seen to accept writes in this epoch, so it may be the only one that has all commits" };
  const holds = seen.length + required > counted.length;
  const names = seen.map(({ ordinal }) => memberName(want.owner.name, ordinal)).join(", ");
  return { holds, arithmetic: `${counted.length} standbys count (N), each commit is on ${required} of them (W), ${seen.length} were seen (R: ${names === "" ? "none" : names}): R + W is ${holds ? "more" : "not more"} than N` };
}

const further = (one: Candidate, other: Candidate): number =>
  (other.timeline ?? 0) - (one.timeline ?? 0) || compareLsn(other.position ?? "0/0", one.position ?? "0/0") || one.ordinal - other.ordinal;

/** Judges every standby by one look. Positions count as final only when the primary was seen to have ended in the same look. */
export function elect(question: Question): Election {
  const { want, seen, cluster } = question;
  const lastKnown = lastKnownOf(question);
  const bounds: Bounds = { timeline: newestTimeline(question), lastKnown };
  const candidates = seen.members.filter(({ ordinal }) => cluster.ordinals.includes(ordinal) && ordinal !== cluster.primaryOrdinal).map((me): Candidate => {
    const server = valueOf(me.server);
    return {
      ordinal: me.ordinal, timeline: server?.timeline, position: server === undefined ? undefined : positionOf(server),
      isSettled: server !== undefined && isSettled(server), ...judge(question, me, bounds),
    };
  });
  const { holds, arithmetic } = quorum(question, candidates);
  const able = candidates.filter(({ position, isSoft }) => position !== undefined && isSoft).sort(further);
  const free = able.filter(({ objection }) => objection === undefined);
  // With a promise to keep, only the most advanced of all that were seen surely has every acknowledged commit.
  const isAhead = (one: Candidate): boolean => promiseOf(want) === undefined
    || able.every(({ timeline, position }) => (timeline ?? 0) < bounds.timeline || compareLsn(one.position ?? "0/0", position ?? "0/0") >= 0);
  return { candidates, arithmetic, lastKnown, winner: holds ? free.find(isAhead) : undefined, best: able[0] };
}
