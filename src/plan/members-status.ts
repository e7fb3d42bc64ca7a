/** A member's entry in the status, and what of it may wait. */
import { label, memberName } from "../api/names.ts";
import type { Status } from "../api/resource.ts";
import { lsnDiff } from "../postgres/lsn.ts";
import { positionOf, type Cluster } from "./cluster.ts";
import { nicState } from "./conditions.ts";
import { nicsOf, type Desired } from "./desired.ts";
import { valueOf, type MemberSighting, type Observation } from "./observation.ts";
import { restartReason } from "./rules/configure.ts";
import { contextOf } from "./rules/context.ts";

export type MemberStatus = NonNullable<Status["members"]>[number];

function stateOf(me: MemberSighting, isPrimary: boolean, isStreaming: boolean): MemberStatus["state"] {
  const container = valueOf(me.container);
  if (me.container.seen === "unknown") return "Unknown";
  if (container?.state === "running") {
    if (me.server.seen !== "present") return "Starting";
    return isPrimary ? me.server.value.inRecovery ? "Starting" : "Running" : isStreaming ? "Streaming" : "Starting";
  }
  const job = valueOf(me.job);
  if (job !== undefined) return job.state === "exited" && job.exitCode !== 0 ? "Failed" : job.labels[label.job] === "initdb" ? "Creating" : "Copying";
  if (container === undefined) return "Pending";
  return container.state === "exited" ? container.exitCode === 0 ? "Stopped" : "Failed" : container.state === "created" ? "Pending" : "Unknown";
}

function messageOf(me: MemberSighting): string | undefined {
  const container = valueOf(me.container);
  if (me.container.seen === "unknown") return me.container.because;
  if (container?.error) return container.error;
  if (container?.state === "exited" && container.exitCode !== 0) return `exited with code ${container.exitCode}${me.log.length > 0 ? `: ${me.log.at(-1) ?? ""}` : ""}`;
  return container?.state === "running" && me.server.seen === "unknown" ? me.server.because : undefined;
}

function replicationOf(want: Desired, cluster: Cluster, me: MemberSighting): MemberStatus["replication"] {
  const primary = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  const sender = primary?.senders.find(({ applicationName }) => applicationName === memberName(want.owner.name, me.ordinal));
  if (primary === undefined || sender === undefined) return undefined;
  const network = want.networks.find(({ addresses }) => addresses[me.ordinal] !== undefined && addresses[me.ordinal] === sender.clientAddress);
  const replayed = sender.replayLsn;
  return {
    via: network?.name ?? "bridge",
    ...(sender.syncState === undefined ? {} : { syncState: sender.syncState.charAt(0).toUpperCase() + sender.syncState.slice(1) }),
    ...(sender.flushLsn === undefined ? {} : { receivedLSN: sender.flushLsn }),
    ...(replayed === undefined ? {} : { replayLagBytes: Math.max(0, lsnDiff(positionOf(primary), replayed)) }),
  };
}

/** Whether a member runs as specified. */
function readyOf(want: Desired, seen: Observation, cluster: Cluster, me: MemberSighting, state: MemberStatus["state"]): MemberStatus["ready"] {
  if (state === "Unknown" || (state === "Starting" && me.server.seen === "unknown")) return "Unknown";
  if (state !== "Running" && state !== "Streaming") return "False";
  if (nicsOf(want, me.ordinal).some((nic) => nicState(me, nic).state !== "Verified")) return "False";
  return restartReason(contextOf({ want, seen, cluster }, me)) === undefined ? "True" : "False";
}

export function memberStatus(want: Desired, seen: Observation, cluster: Cluster, me: MemberSighting): MemberStatus {
  const isPrimary = me.ordinal === cluster.primaryOrdinal;
  const state = stateOf(me, isPrimary, cluster.streaming.includes(me.ordinal));
  const server = valueOf(me.server);
  const container = valueOf(me.container);
  const message = messageOf(me);
  const replication = replicationOf(want, cluster, me);
  const interfaces = nicsOf(want, me.ordinal).map((nic) => {
    const { state: nicIs, name, mac } = nicState(me, nic);
    const wish = want.networks.find(({ docker }) => docker === nic.network);
    const prefix = wish?.subnet?.split("/")[1];
    return {
      network: wish?.name ?? nic.network, state: nicIs, ...(name === undefined ? {} : { name }), ...(mac === undefined ? {} : { mac }),
      ...(nic.address === undefined ? {} : { address: prefix === undefined ? nic.address : `${nic.address}/${prefix}` }),
    };
  });
  return {
    ordinal: me.ordinal, name: memberName(want.owner.name, me.ordinal),
    role: server === undefined ? "Unknown" : isPrimary && !server.inRecovery ? "Primary" : "Standby",
    state, ready: readyOf(want, seen, cluster, me, state), observedAt: new Date(seen.at).toISOString(),
    ...(message === undefined ? {} : { message }),
    ...(container === undefined ? {} : { container: container.id.slice(0, 12), image: valueOf(seen.image)?.id === container.imageId ? valueOf(seen.image)?.digest ?? container.imageId : container.imageId }),
    ...(interfaces.length === 0 ? {} : { interfaces }),
    ...(replication === undefined ? {} : { replication }),
    ...(server === undefined || server.pendingRestart.length === 0 ? {} : { pendingRestart: server.pendingRestart }),
  };
}

/** Positions and lag move all the time; they are refreshed this often while nothing else changes. Milliseconds. */
const refreshMs = 30_000;

const lasting = ({ observedAt: _, replication, ...rest }: MemberStatus): unknown => {
  const { receivedLSN: __, replayLagBytes: ___, ...kept } = replication ?? {};
  return [rest, kept];
};

const moving = ({ replication }: MemberStatus): unknown => [replication?.receivedLSN, replication?.replayLagBytes];

type Fields = Readonly<Record<string, unknown>>;

/** The same content; a field that is undefined is none. */
function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return one === other;
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => isSame((one as Fields)[name], (other as Fields)[name]));
}

/** The entry to write: the earlier one while only its moving parts differ, so that a status at rest is not written. */
export function settled(before: MemberStatus | undefined, now: MemberStatus, at: number): MemberStatus {
  if (before === undefined || !isSame(lasting(before), lasting(now))) return now;
  const ageMs = at - Date.parse(before.observedAt ?? "1970-01-01T00:00:00Z");
  return !isSame(moving(before), moving(now)) && ageMs >= refreshMs ? now : before;
}
