/**
 * Each condition is a list of small objections; the first one speaks. Conditions are output: no rule reads
 * yesterday's. "Could not be seen" is Unknown, never True.
 */
import type { ConditionType, Reason } from "../api/conditions.ts";
import { isOurs, label, memberName, volumeName } from "../api/names.ts";
import { overlap, parseSubnet } from "../api/addresses.ts";
import type { Waiting } from "./action.ts";
import { configurationOf, parametersOf } from "./configuration.ts";
import type { Cluster } from "./cluster.ts";
import type { Desired } from "./desired.ts";
import { nicsOf } from "./desired.ts";
import { isSynchronous } from "./failover/election.ts";
import { verdictOf } from "./failover/failover.ts";
import type { Decision } from "./failover/table.ts";
import { fullAtOf } from "./jobs.ts";
import { valueOf, type MemberSighting, type Observation } from "./observation.ts";
import { isAttached } from "./rules/nics.ts";

/** A failed action, as conditions need to know it. */
export interface Failure { readonly lane: string; readonly kind: string; readonly message: string; readonly reason: string | undefined }

export interface Scene {
  readonly want: Desired; readonly seen: Observation; readonly cluster: Cluster;
  readonly waitingFor: readonly Waiting[]; readonly failures: readonly Failure[]; readonly isBusy: boolean;
}

export interface Objection { readonly status?: "False" | "Unknown"; readonly reason: string; readonly message: string }
export type Check = (scene: Scene) => Objection | undefined;

interface Definition {
  readonly checks: readonly Check[];
  readonly normal: (scene: Scene) => { readonly reason: Reason; readonly message: string };
}

const object = (reason: Reason, message: string): Objection => ({ reason, message });
const doubt = (reason: Reason, message: string): Objection => ({ status: "Unknown", reason, message });

const wantedMembers = ({ seen, cluster }: Scene): readonly MemberSighting[] => seen.members.filter(({ ordinal }) => cluster.ordinals.includes(ordinal));
const nameOf = ({ want }: Scene, { ordinal }: { readonly ordinal: number }): string => memberName(want.owner.name, ordinal);

const engineSilent: Check = ({ seen }) => seen.engine.seen === "present" ? undefined
  : doubt("EngineUnreachable", `the Docker Engine does not answer (${seen.engine.seen === "unknown" ? seen.engine.because : ""}): check that it runs, for example with docker info`);

/** What somebody waits for, or what failed, with one of these reasons. */
const troubled = (...reasons: readonly string[]): Check => ({ waitingFor, failures }) => {
  const failure = failures.find(({ reason }) => reason !== undefined && reasons.includes(reason));
  if (failure?.reason !== undefined) return { reason: failure.reason, message: `${failure.lane}: ${failure.message}` };
  const waiting = waitingFor.find(({ reason }) => reason !== undefined && reasons.includes(reason));
  return waiting?.reason === undefined ? undefined : { reason: waiting.reason, message: waiting.because };
};

/** An attempt that is no further than the one that found the disk full has not shown that there is room. */
export const diskFull: Check = (scene) => {
  for (const member of scene.seen.members) {
    const job = valueOf(member.job);
    if (job === undefined || !isOurs(scene.want.owner, job.labels) || fullAtOf(job) === undefined) continue;
    return object("DiskFull", `${nameOf(scene, member)}: an attempt to fill its volume found no space left, and it is tried again (attempt ${job.labels[label.attempt] ?? "1"}): make room for the volume ${volumeName(scene.want.owner, member.ordinal)}`);
  }
  return undefined;
};

const hibernated: Check = ({ want }) => want.spec.replicas === 0 ? object("Hibernated", "replicas is 0: all members are stopped and their data is kept; raise replicas to start them") : undefined;

const primaryAccepts: Check = (scene) => {
  const { cluster, seen, want } = scene;
  if (cluster.writable) return undefined;
  const lost = scene.waitingFor.find(({ reason }) => reason === "DataLost");
  if (lost !== undefined) return object("NoPrimary", lost.because);
  if (cluster.primary === undefined) return object("NoPrimary", "no primary is chosen yet");
  const { server, container } = cluster.primary;
  const name = memberName(want.owner.name, cluster.primary.ordinal);
  const { row } = verdictOf(scene);
  if (want.status.primary?.downSince !== undefined && row.decision !== "Serve") return object(isUnderWay[row.decision] === true ? "FailoverInProgress" : "NoPrimary", `${name}: ${row.sentence}`);
  if (server.seen === "unknown" && valueOf(container)?.state === "running") return doubt("NoPrimary", `${name} does not answer: ${server.because}`);
  return object("NoPrimary", seen.members.length === 0 ? "no member exists" : `${name} does not accept writes yet`);
};

/** Decisions that the operator carries out by itself; with others a person is needed, or nobody can tell yet. */
const isUnderWay: Readonly<Partial<Record<Decision, true>>> = { HandOver: true, Fence: true, Promote: true, PromoteBest: true };

const couldFailOver: Check = (scene) => {
  const { want, cluster } = scene;
  if (want.spec.failover.mode === "Disabled") return object("Disabled", "failover.mode is Disabled: a primary that is lost is only restarted in place");
  if (cluster.primary === undefined) return doubt("NotObserved", "no primary is chosen yet");
  const { election } = verdictOf(scene);
  if (election.winner !== undefined) return undefined;
  if (election.candidates.length === 0) return object("NoCandidate", "there is no standby: with replicas 1 a primary that is lost is only restarted in place");
  const lagging = election.candidates.every(({ objection }) => objection === undefined || objection.includes("maxLagBytes"));
  const each = election.candidates.map(({ ordinal, objection }) => `${memberName(want.owner.name, ordinal)} ${objection ?? "could take over, if what was acknowledged were sure to be there"}`).join("; ");
  return object(lagging && election.arithmetic === undefined ? "LagExceeded" : "NoCandidate", `${each}${election.arithmetic === undefined ? "" : `. ${election.arithmetic}`}`);
};

const promised: Check = ({ want }) => want.spec.replication.mode === "Async" || isSynchronous(want) ? undefined
  : doubt("NotObserved", "synchronous replication is not confirmed yet: until then a failover goes by the rules of asynchronous replication");

const enoughSync: Check = ({ want, cluster }) => {
  const { mode, minSync, durability } = want.spec.replication;
  if (mode === "Async") return undefined;
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  if (server === undefined) return doubt("NotObserved", "the primary was not seen");
  const names = cluster.streaming.map((ordinal) => memberName(want.owner.name, ordinal));
  const sync = server.senders.filter(({ applicationName, syncState }) => names.includes(applicationName) && (syncState === "sync" || syncState === "quorum"));
  if (sync.length >= minSync) return undefined;
  const found = `${sync.length} of ${minSync} synchronous standbys stream`;
  return durability === "Required" ? object("InsufficientSync", `${found}: commits wait until they do`)
    : object("DegradedToPreferred", `${found}: commits are acknowledged without them, as durability Preferred allows`);
};

const overlapping: Check = ({ want, seen }) => {
  for (const { name, subnet } of want.networks) {
    const range = parseSubnet(subnet ?? "");
    const other = want.networks.find((one) => one.name !== name && overlapsWith(range, one.subnet));
    if (other !== undefined && seen.networks[name]?.seen !== "present") return object("SubnetOverlap", `the subnets of ${name} and ${other.name} overlap: choose another for one of them`);
  }
  return undefined;
};

const overlapsWith = (range: ReturnType<typeof parseSubnet>, subnet: string | undefined): boolean => {
  const other = parseSubnet(subnet ?? "");
  return range !== undefined && other !== undefined && overlap(range, other);
};

const nicsThere: Check = (scene) => {
  for (const member of wantedMembers(scene)) {
    const container = valueOf(member.container);
    const name = nameOf(scene, member);
    if (container === undefined) return member.container.seen === "unknown" ? doubt("NotObserved", `${name}: ${member.container.because}`) : object("MembersPending", `${name} is not made yet`);
    for (const nic of nicsOf(scene.want, member.ordinal)) {
      const endpoint = container.endpoints.find(({ network }) => network === nic.network);
      if (!isAttached(endpoint, nic, container.state === "running")) return object("DriftRepairing", `${name}: ${nic.interfaceName} is not attached to ${nic.network}`);
    }
    if (container.state !== "running") return object("MembersPending", container.state === "paused" ? `${name} is paused` : `${name} does not run, so its NICs are not up`);
  }
  return undefined;
};

/** A NIC counts as verified when the member's own namespace shows its MAC under the wanted name with the wanted address. */
export function nicState(member: MemberSighting, nic: ReturnType<typeof nicsOf>[number]): { readonly state: "Pending" | "Attached" | "Verified" | "NameMismatch" | "Unknown"; readonly name?: string; readonly mac?: string } {
  const container = valueOf(member.container);
  const endpoint = container?.endpoints.find(({ network }) => network === nic.network);
  if (container === undefined || !isAttached(endpoint, nic, container.state === "running") || container.state !== "running") return { state: member.container.seen === "unknown" ? "Unknown" : "Pending" };
  const found = valueOf(member.interfaces)?.find(({ mac }) => mac === endpoint?.mac);
  if (found === undefined || (nic.address !== undefined && !found.addresses.includes(nic.address))) return { state: "Attached", ...(endpoint?.mac ? { mac: endpoint.mac } : {}) };
  return { state: found.name === nic.interfaceName ? "Verified" : "NameMismatch", name: found.name, mac: found.mac };
}

const nicsVerified: Check = (scene) => {
  for (const member of wantedMembers(scene)) {
    for (const nic of nicsOf(scene.want, member.ordinal)) {
      const { state, name } = nicState(member, nic);
      const who = nameOf(scene, member);
      if (state === "NameMismatch") return object("NameMismatch", `${who}: the NIC on ${nic.network} is ${name ?? "unnamed"}, not ${nic.interfaceName}; this Engine names NICs in the order of their networks at start, so it is right again after a restart where the spec counts eth1, eth2, ... without a gap`);
      if (state !== "Verified") return doubt("NotObserved", `${who}: ${nic.interfaceName} could not be verified inside the member yet`);
    }
  }
  return undefined;
};

const pathVerified: Check = (scene) => {
  const { want, cluster } = scene;
  const network = want.replicationNetwork;
  const standbys = cluster.ordinals.filter((ordinal) => ordinal !== cluster.primaryOrdinal);
  if (network === undefined || standbys.length === 0) return undefined;
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  if (server === undefined) return doubt("NotObserved", "the primary was not seen");
  for (const ordinal of standbys) {
    const name = memberName(want.owner.name, ordinal);
    const sender = server.senders.find(({ applicationName }) => applicationName === name);
    if (sender === undefined) return doubt("NotObserved", `${name} is not connected to the primary`);
    if (sender.clientAddress !== network.addresses[ordinal]) return object("WrongInterface", `${name} streams from ${sender.clientAddress ?? "a socket"}, not from ${network.addresses[ordinal] ?? "its address"} on ${network.name}`);
  }
  return undefined;
};

const configEqual: Check = (scene) => {
  const { want, seen, cluster } = scene;
  for (const member of wantedMembers(scene)) {
    const name = nameOf(scene, member);
    const { refusal, held } = parametersOf(want, cluster, member);
    if (refusal !== undefined) return object("InvalidParameter", `${name}: PostgreSQL refuses spec.postgres.parameters and runs with the last good ones: ${refusal}`);
    const server = valueOf(member.server);
    if (server === undefined) return doubt("NotObserved", `${name} was not seen`);
    // A hostssl line loads, and matches nobody, while TLS is off.
    const problem = server.fileProblems.find(({ error }) => !/SSL is disabled/.test(error));
    if (problem !== undefined) return object("InvalidParameter", problem.file === "pg_hba.conf"
      ? `${name}: PostgreSQL refuses a line of spec.postgres.hba and keeps the rules it had: ${problem.error}`
      : `${name}: PostgreSQL refuses ${problem.name ?? "a setting"} in its configuration: ${problem.error}`);
    if (server.pendingRestart.length > 0) return object("PendingRestart", `${name} has to be restarted for ${server.pendingRestart.join(", ")}`);
    if (held.length > 0) return object("PendingRestart", `${held.join(", ")}: lowering it below the running primary's value is not done on a running cluster`);
    const made = configurationOf(want, seen, cluster, member);
    if ("configuration" in made && made.configuration.hash !== server.configHash) return object("Progressing", `${name} has not loaded its settings yet`);
  }
  return undefined;
};

const oneSystem: Check = (scene) => {
  const { cluster } = scene;
  for (const member of wantedMembers(scene)) {
    const found = valueOf(member.server)?.systemIdentifier ?? valueOf(member.data)?.systemIdentifier;
    if (found !== undefined && cluster.systemIdentifier !== undefined && found !== cluster.systemIdentifier) return object("ForeignData", `${nameOf(scene, member)} holds another cluster's data (system identifier ${found}, here ${cluster.systemIdentifier}): move its volume away`);
    if (member.ordinal !== cluster.primaryOrdinal && valueOf(member.server)?.inRecovery === false) return object("ForkDetected", `${nameOf(scene, member)} accepts writes and is not the primary: it is being stopped`);
  }
  return cluster.systemIdentifier === undefined ? doubt("NotObserved", "no data was seen yet") : undefined;
};

const networkReasons = ["AddressConflict", "SubnetOverlap", "ParentMissing", "NetworkMissing", "DriverUnsupported"] as const;

export const definitions: Readonly<Record<Exclude<ConditionType, "Ready" | "Reconciling" | "Stalled">, Definition>> = {
  Available: { checks: [engineSilent, hibernated, primaryAccepts], normal: ({ want, cluster }) => ({ reason: "PrimaryAccepts", message: `${memberName(want.owner.name, cluster.primaryOrdinal ?? 0)} accepts writes` }) },
  DurabilityMet: { checks: [engineSilent, hibernated, enoughSync], normal: ({ want }) => want.spec.replication.mode === "Async"
    ? { reason: "AsyncByChoice", message: "replication is asynchronous, as the spec says" } : { reason: "EnoughSync", message: "enough synchronous standbys stream" } },
  FailoverPossible: { checks: [engineSilent, hibernated, couldFailOver, promised], normal: (scene) => ({
    reason: "CandidateReady", message: `${memberName(scene.want.owner.name, verdictOf(scene).election.winner?.ordinal ?? 0)} could take over${scene.want.spec.failover.mode === "Manual" ? ", when a person says so" : ""}`,
  }) },
  NetworksAttached: { checks: [engineSilent, troubled(...networkReasons), overlapping, hibernated, nicsThere, nicsVerified], normal: ({ want }) => want.networks.length === 0
    ? { reason: "NoneWanted", message: "the spec names no networks" } : { reason: "AllVerified", message: "every NIC was seen inside its member with its name and address" } },
  ReplicationPathVerified: { checks: [engineSilent, hibernated, pathVerified], normal: ({ want }) => want.replicationNetwork === undefined
    ? { reason: "NotRequired", message: "the spec names no Replication network" } : { reason: "PathVerified", message: `all standbys stream over ${want.replicationNetwork.name}` } },
  ConfigApplied: { checks: [engineSilent, hibernated, configEqual], normal: () => ({ reason: "AllEqual", message: "every member runs with the settings of the spec" }) },
  SingleSystem: { checks: [engineSilent, troubled("ForeignData", "ForkDetected"), oneSystem], normal: () => ({ reason: "OneSystem", message: "one system identifier, one writer" }) },
};

/** Reasons that no patience cures: a person, or the world, has to change something. */
export const stallingReasons: readonly string[] = [
  "SpecInvalid", "FailoverProposed", "NoCandidate", "Disabled", "Fenced", "ImageUnavailable", "EngineUnreachable", "DataLost", "NameTaken", "ForeignData", "CredentialsMissing", "DiskFull", ...networkReasons, "StepDeadlineExceeded",
];

export { troubled };
