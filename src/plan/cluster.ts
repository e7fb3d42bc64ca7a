/** What a round's observation means for the cluster as a whole: derived once, asked by every rule. */
import { memberName } from "../api/names.ts";
import { compareLsn, type Lsn } from "../postgres/lsn.ts";
import type { ServerFacts, TimelineEnd } from "../postgres/look.ts";
import type { ContainerFacts } from "../ports.ts";
import type { Desired } from "./desired.ts";
import { valueOf, type MemberSighting, type Observation } from "./observation.ts";

export interface Cluster {
  /** The recorded primary, and what was seen of it. */
  readonly primaryOrdinal: number | undefined;
  readonly primary: MemberSighting | undefined;
  /** Whether the recorded primary was just seen to accept writes. */
  readonly writable: boolean;
  /** The members that should be there. */
  readonly ordinals: readonly number[];
  /** Members that should not be there (scaled away), highest ordinal first. */
  readonly surplus: readonly MemberSighting[];
  /** Ordinals of wanted standbys that stream from the primary, as the primary sees it. */
  readonly streaming: readonly number[];
  readonly systemIdentifier: string | undefined;
  /** The notes of refused parameters of all wanted members: what one could not start with is not tried on the next. */
  readonly refusals: readonly string[];
}

const has = (member: MemberSighting): "data" | "none" | "unknown" => {
  if (member.server.seen === "present" || member.data.seen === "present") return "data";
  if (member.volume.seen === "absent") return "none";
  // Only a stopped member's volume can be looked into; of a running one whose server is silent nothing is known.
  const isStopped = member.container.seen === "present" && !isAlive(member.container.value);
  return member.volume.seen === "present" && member.data.seen === "absent" && isStopped ? "none" : "unknown";
};

/** Whether a member's volume holds a complete data directory, as far as that could be seen. */
export const dataOf = has;

export const memberAt = (seen: Observation, ordinal: number): MemberSighting | undefined =>
  seen.members.find((member) => member.ordinal === ordinal);

/**
 * Which members there should be: the primary and the lowest others. While no primary is recorded, or no data is known
 * of, everything that has a volume stays in view, since any of them may hold the newest data.
 */
function ordinalsOf(want: Desired, seen: Observation): readonly number[] {
  const { replicas } = want.spec;
  const lowest = Array.from({ length: replicas }, (_, ordinal) => ordinal);
  const primary = want.status.primary?.ordinal;
  if (replicas === 0) return [];
  if (primary === undefined || want.status.systemIdentifier === undefined) {
    const found = seen.members.filter(({ ordinal, volume }) => ordinal === primary || volume.seen !== "absent").map(({ ordinal }) => ordinal);
    return [...new Set([...lowest, ...found])].sort((one, other) => one - other);
  }
  return primary < replicas ? lowest : [...lowest.slice(0, -1), primary];
}

const derived = new WeakMap<Observation, { readonly want: Desired; readonly cluster: Cluster }>();

/** What is derived is kept as long as the observation itself: plan and status ask for the same. */
export function clusterOf(want: Desired, seen: Observation): Cluster {
  const known = derived.get(seen);
  if (known?.want === want) return known.cluster;
  const cluster = derive(want, seen);
  derived.set(seen, { want, cluster });
  return cluster;
}

function derive(want: Desired, seen: Observation): Cluster {
  const primaryOrdinal = want.status.primary?.ordinal;
  const primary = primaryOrdinal === undefined ? undefined : memberAt(seen, primaryOrdinal);
  const server = primary === undefined ? undefined : valueOf(primary.server);
  const ordinals = ordinalsOf(want, seen);
  const streams = (ordinal: number): boolean =>
    server?.senders.some(({ applicationName, state }) => applicationName === memberName(want.owner.name, ordinal) && state === "streaming") ?? false;
  return {
    primaryOrdinal, primary, ordinals,
    writable: server !== undefined && !server.inRecovery,
    surplus: seen.members.filter(({ ordinal }) => !ordinals.includes(ordinal)).reverse(),
    streaming: ordinals.filter((ordinal) => ordinal !== primaryOrdinal && streams(ordinal)),
    systemIdentifier: want.status.systemIdentifier ?? server?.systemIdentifier ?? undefined,
    refusals: seen.members.filter(({ ordinal }) => ordinals.includes(ordinal)).flatMap((member) => (valueOf(member.server) ?? valueOf(member.data))?.refused ?? []),
  };
}

/** Whether a container's processes may run, or go on running by themselves. */
export const isAlive = ({ state }: Pick<ContainerFacts, "state">): boolean => state === "running" || state === "paused" || state === "restarting";

export interface Branch { readonly timeline: number; readonly position: Lsn; readonly history: readonly TimelineEnd[] | undefined }

/**
 * Whether what a member holds was written on a branch that the primary did not take: beyond the place where the primary
 * left the timeline that the member is on, or on a timeline that has the same number and began elsewhere, since two
 * members that are promoted apart count on from the same one. Undefined while the primary can't tell.
 */
export function hasDiverged({ primary, writable }: Cluster, { timeline, position, history }: Branch): boolean | undefined {
  const server = primary === undefined ? undefined : valueOf(primary.server);
  if (!writable || server?.timeline === undefined || server.history === undefined) return undefined;
  const taken = new Map(server.history.map((one) => [one.timeline, one.end]));
  if (history?.some((one) => taken.get(one.timeline) !== one.end) === true) return true;
  // Two that were promoted apart at the very same place have one history; who has more than the primary is the other one.
  if (timeline === server.timeline) return compareLsn(position, positionOf(server)) > 0;
  const left = taken.get(timeline);
  return left === undefined || compareLsn(position, left) > 0;
}

/** Newest timeline first, then most WAL. The order in which data is to be preferred. */
export const newestFirst = (one: { readonly timeline: number; readonly lsn: Lsn }, other: { readonly timeline: number; readonly lsn: Lsn }): number =>
  other.timeline - one.timeline || compareLsn(other.lsn, one.lsn);

/** The last position that a server holds: written by a primary; received or replayed, whichever is more, by a standby. */
export const positionOf = ({ flushLsn, currentLsn, receivedLsn, replayedLsn }: Pick<ServerFacts, "flushLsn" | "currentLsn" | "receivedLsn" | "replayedLsn">): Lsn =>
  [flushLsn, currentLsn, receivedLsn, replayedLsn].filter((lsn) => lsn !== undefined).reduce((most, lsn) => compareLsn(lsn, most) > 0 ? lsn : most, "0/0");
