/** statusOf(): what a round saw and did, as the resource's status, and the events that a person should read. */
import { conditionTypes, type ConditionType } from "../api/conditions.ts";
import { label, memberName, selectorOf } from "../api/names.ts";
import type { Status } from "../api/resource.ts";
import type { EventNote } from "../ports.ts";
import type { Plan } from "./action.ts";
import { clusterOf, type Cluster } from "./cluster.ts";
import { definitions, diskFull, stallingReasons, troubled, type Failure, type Objection, type Scene } from "./conditions.ts";
import type { Desired } from "./desired.ts";
import { lsnDiff } from "../postgres/lsn.ts";
import { endOfWalIn, progressOf } from "./jobs.ts";
import { memberStatus, settled, type MemberStatus } from "./members-status.ts";
import { valueOf, type Observation } from "./observation.ts";
import { printed } from "./plan.ts";

export type Condition = NonNullable<Status["conditions"]>[number];
type Operation = NonNullable<Status["operation"]>;
type Verdict = Pick<Condition, "status" | "reason" | "message">;

const planLinesMax = 64;
/** How long steps may take before Stalled says so. Milliseconds. */
const deadlineMs = { initdb: 120_000, basebackup: 3_600_000, rewind: 1_800_000, start: 120_000, other: 300_000 } as const;

const operations: Readonly<Record<string, string>> = { initdb: "InitDB", rewind: "Rewind", recopy: "Recopy" };

const verdict = (objection: Objection): Verdict => ({ status: objection.status ?? "False", reason: objection.reason, message: objection.message });

const iso = (at: number): string => new Date(at).toISOString();

/** The longest work under way: a running job, a server that does not answer yet, or else whatever is waited for. */
function operationOf({ want, seen, waitingFor, failures, isBusy }: Scene): Operation | undefined {
  for (const { ordinal, job } of seen.members) {
    if (job.seen !== "present" || job.value.state !== "running") continue;
    const kind = job.value.labels[label.job] ?? "";
    const type = kind === "initdb" || kind === "rewind" ? kind : "basebackup";
    return {
      type: operations[kind] ?? "BaseBackup", ordinal, step: "running", attempt: Number(job.value.labels[label.attempt] ?? "1"),
      startedAt: iso(job.value.startedAt), deadline: iso(job.value.startedAt + deadlineMs[type]),
      message: `${memberName(want.owner.name, ordinal)}: ${progressOf(job.value.log) ?? "at work"}`,
    };
  }
  for (const { ordinal, container, server } of seen.members) {
    const facts = valueOf(container);
    if (facts?.state !== "running" || server.seen !== "unknown") continue;
    return { type: "Start", ordinal, step: "answering", attempt: 1, startedAt: iso(facts.startedAt), deadline: iso(facts.startedAt + deadlineMs.start), message: server.because };
  }
  const failure = failures[0];
  const waiting = waitingFor[0];
  if (!isBusy || (failure === undefined && waiting === undefined)) return undefined;
  const step = failure === undefined ? waiting?.lane ?? "" : `${failure.lane} ${failure.kind}`;
  const before = want.status.operation;
  const isSame = before?.type === "Reconcile" && before.step === step;
  const startedAt = isSame ? Date.parse(before.startedAt) : seen.at;
  return {
    type: "Reconcile", step, startedAt: iso(startedAt), deadline: iso(startedAt + deadlineMs.other),
    attempt: isSame ? before.attempt + (failure === undefined ? 0 : 1) : 1, message: (failure?.message ?? waiting?.because ?? "").slice(0, 2_000),
  };
}

function stalled(scene: Scene, operation: Operation | undefined): Verdict {
  const trouble = troubled(...stallingReasons)(scene) ?? diskFull(scene);
  if (trouble !== undefined) return { status: "True", reason: trouble.reason, message: trouble.message };
  const { seen, want: { owner } } = scene;
  if (operation?.deadline !== undefined && seen.at > Date.parse(operation.deadline)) {
    return { status: "True", reason: "StepDeadlineExceeded", message: `${operation.type} ${operation.step} should have ended by ${operation.deadline}: ${operation.message}. Look with: docker logs ${owner.namespace}_${owner.name}_${operation.ordinal ?? 0}` };
  }
  return { status: "False", reason: "Progressing", message: "nothing is stuck" };
}

// Those that decide about Ready, worst first.
const deciding = ["Available", "SingleSystem", "NetworksAttached", "DurabilityMet", "ConfigApplied", "ReplicationPathVerified"] as const satisfies readonly ConditionType[];

/** What clients need beside a running server: accounts with the passwords of their Secrets, and the database. */
function unsetOf({ want, seen, cluster }: Scene): string | undefined {
  const account = Object.entries(seen.accounts).find(([, state]) => state === "missing" || state === "differs");
  if (account !== undefined) return `the ${account[0]} account has to be set from its Secret`;
  const { database } = want.spec.bootstrap.initdb;
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  return server === undefined || server.databases.includes(database) ? undefined : `the database ${database} has to be made`;
}

function ready(scene: Scene, others: Readonly<Record<string, Verdict>>, members: readonly MemberStatus[]): Verdict {
  const { want, cluster } = scene;
  const trouble = troubled("SpecInvalid", "EngineUnreachable", "DataLost", "NameTaken", "ForeignData", "CredentialsMissing", "ImageUnavailable", "DiskFull")(scene) ?? diskFull(scene);
  if (want.deleting) return { status: "False", reason: "Deleting", message: scene.waitingFor[0]?.because ?? "the resource is being deleted" };
  if (trouble !== undefined) return { status: trouble.reason === "EngineUnreachable" ? "Unknown" : "False", reason: trouble.reason, message: trouble.message };
  if (want.spec.replicas === 0) return { status: "False", reason: "Hibernated", message: "replicas is 0: all members are stopped and their data is kept" };
  const worst = deciding.map((type) => others[type]).find((one) => one !== undefined && one.status !== "True");
  const missing = members.filter(({ ordinal, ready: is }) => cluster.ordinals.includes(ordinal) && is !== "True");
  const count = cluster.ordinals.length - missing.length;
  if (missing.length > 0 && (worst === undefined || worst.reason === "NotObserved" || worst.reason === "Progressing")) {
    return { status: "False", reason: "MembersPending", message: `${count} of ${cluster.ordinals.length} members are ready; ${missing.map(({ name, state }) => `${name} is ${state}`).join(", ")}` };
  }
  if (worst !== undefined) return worst;
  const unset = unsetOf(scene);
  if (unset !== undefined) return { status: "False", reason: "MembersPending", message: unset };
  const leaving = cluster.surplus.filter(({ volume, container }) => volume.seen !== "absent" || container.seen !== "absent");
  return leaving.length > 0 ? { status: "False", reason: "MembersPending", message: `${leaving.length} members are being scaled away` }
    : { status: "True", reason: "AllMembersReady", message: `all ${cluster.ordinals.length} members are ready` };
}

function verdicts(scene: Scene, operation: Operation | undefined, members: readonly MemberStatus[]): Readonly<Record<ConditionType, Verdict>> {
  const checked = Object.fromEntries(Object.entries(definitions).map(([type, { checks, normal }]): [string, Verdict] => {
    const objection = checks.map((check) => check(scene)).find((one) => one !== undefined);
    return [type, objection === undefined ? { status: "True", ...normal(scene) } : verdict(objection)];
  })) as Record<keyof typeof definitions, Verdict>;
  const paused = scene.want.paused ? "; reconcilePolicy is Paused" : "";
  const isWorking = scene.isBusy && !scene.want.paused;
  return {
    ...checked,
    Ready: ready(scene, checked, members),
    Reconciling: isWorking ? { status: "True", reason: "Progressing", message: operation?.message ?? "steps are being taken" }
      : { status: "False", reason: scene.want.paused ? "Paused" : "AtGoal", message: `nothing is being changed${paused}` },
    Stalled: stalled(scene, operation),
  };
}

/** Conditions with the time of their last change of status kept. */
function conditionsOf(want: Desired, seen: Observation, now: Readonly<Record<ConditionType, Verdict>>): readonly Condition[] {
  const { generation } = want.resource.metadata;
  return conditionTypes.map((type) => {
    const before = want.status.conditions?.find((one) => one.type === type);
    const since = before?.status === now[type].status ? before.lastTransitionTime : iso(seen.at);
    return { type, ...now[type], observedGeneration: generation, lastTransitionTime: since };
  });
}

const bytes = (count: number): string => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, count < 1 ? 0 : Math.floor(Math.log2(count) / 10));
  return `${Math.round(count / 1024 ** power)} ${units[power] ?? "B"}`;
};

function summaries(want: Desired, cluster: Cluster, members: readonly MemberStatus[]): Pick<Status, "syncSummary" | "lagSummary"> {
  const { mode, minSync } = want.spec.replication;
  const lags = members.flatMap(({ replication }) => replication?.replayLagBytes === undefined ? [] : [replication.replayLagBytes]);
  const sync = members.filter(({ replication }) => replication?.syncState === "Sync" || replication?.syncState === "Quorum").length;
  return {
    syncSummary: mode === "Async" ? `async ${cluster.streaming.length}/${Math.max(0, cluster.ordinals.length - 1)}` : `${mode.toLowerCase()} ${sync}/${minSync}`,
    ...(lags.length === 0 ? {} : { lagSummary: bytes(Math.max(...lags)) }),
  };
}

type Recorded = NonNullable<Status["primary"]>;

/**
 * What is recorded of the primary, with the timeline that it writes and since when it is not seen to accept writes.
 * Time in which nobody looked, or nothing was to be done, does not count.
 */
function primaryStatus(want: Desired, seen: Observation, cluster: Cluster, recorded: Recorded): Recorded {
  const { ordinal, epoch, since, previous, timeline: before, downSince, lastPosition } = recorded;
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  const timeline = cluster.writable ? server?.timeline ?? before : before;
  const isLookedFor = seen.engine.seen === "present" && cluster.primary?.container.seen !== "unknown" && !want.paused && want.spec.replicas > 0 && want.status.systemIdentifier !== undefined;
  const down = cluster.writable || !isLookedFor ? undefined : downSince ?? iso(seen.at);
  const told = lastPosition ?? (seen.lastTold?.member === memberName(want.owner.name, ordinal) ? seen.lastTold.position : undefined);
  return {
    ordinal, epoch, since, ...(previous === undefined ? {} : { previous }), ...(timeline === undefined ? {} : { timeline }), ...(down === undefined ? {} : { downSince: down }),
    ...(down === undefined || told === undefined ? {} : { lastPosition: told }),
  };
}

/** Decisions stay as they were recorded, with what was found out about them since. */
function decisionsOf(want: Desired, seen: Observation, cluster: Cluster): Partial<Status> {
  const { synchronous, observedSwitchoverToken, switchover, lastFailover } = want.status;
  return {
    ...(synchronous === undefined ? {} : { synchronous }), ...(observedSwitchoverToken === undefined ? {} : { observedSwitchoverToken }), ...(switchover === undefined ? {} : { switchover }),
    ...(lastFailover === undefined ? {} : { lastFailover: { ...lastFailover, ...durationOf(want, seen, cluster), ...lossOf(want, seen, cluster) } }),
  };
}

function durationOf({ status: { lastFailover, primary } }: Desired, seen: Observation, cluster: Cluster): { readonly durationMs?: number } {
  if (lastFailover?.downSince === undefined || lastFailover.durationMs !== undefined || !cluster.writable || primary?.epoch !== lastFailover.epoch) return {};
  return { durationMs: Math.max(0, seen.at - Date.parse(lastFailover.downSince)) };
}

/** What the former primary had and the new one has not, from the former one's own data: its rewind tells where its WAL ended. */
function lossOf({ status: { lastFailover, synchronous } }: Desired, seen: Observation, cluster: Cluster): { readonly possibleLossBytes?: number; readonly lossIsExact?: boolean } {
  const job = seen.members.find(({ ordinal }) => ordinal === lastFailover?.from)?.job;
  const end = job?.seen === "present" ? endOfWalIn(job.value.log) : undefined;
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  const branch = server?.history?.find(({ timeline }) => timeline === lastFailover?.timeline);
  if (end === undefined || branch === undefined || synchronous !== undefined) return {};
  return { possibleLossBytes: Math.max(0, lsnDiff(end, branch.end)), lossIsExact: true };
}

/** The status to save after a round. Equal to the one before when nothing worth telling changed. */
export function statusOf(want: Desired, seen: Observation, next: Plan, failures: readonly Failure[]): Status {
  const cluster = clusterOf(want, seen);
  const scene: Scene = { want, seen, cluster, waitingFor: next.waitingFor, failures, isBusy: next.actions.length + next.waitingFor.length > 0 };
  const operation = operationOf(scene);
  const members = seen.members.map((me) => settled(want.status.members?.find(({ ordinal }) => ordinal === me.ordinal), memberStatus(want, seen, cluster, me), seen.at));
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  const { primary } = want.status;
  const client = want.networks.find(({ purpose }) => purpose === "Client");
  const address = primary === undefined ? undefined : client?.addresses[primary.ordinal];
  const existing = members.filter(({ container }) => container !== undefined);
  const timeline = server?.timeline ?? want.status.timeline;
  return {
    observedGeneration: want.resource.metadata.generation,
    replicas: existing.length, readyReplicas: members.filter(({ ready: is }) => is === "True").length, selector: selectorOf(want.owner),
    ...(cluster.systemIdentifier === undefined ? {} : { systemIdentifier: cluster.systemIdentifier }),
    ...(timeline === undefined ? {} : { timeline }),
    ...(primary === undefined ? {} : { primary: { ...primaryStatus(want, seen, cluster, primary), ...(address === undefined ? {} : { address }) } }),
    ...decisionsOf(want, seen, cluster),
    ...summaries(want, cluster, members),
    members,
    ...(operation === undefined ? {} : { operation }),
    ...(scene.isBusy ? { plan: printed(next).slice(0, planLinesMax).map((line) => line.slice(0, 500)) } : {}),
    conditions: conditionsOf(want, seen, verdicts(scene, operation, members)),
  };
}

/** Actions that a person wants to read about in the resource's events: the reason, and the sentence. */
const told: Readonly<Record<string, readonly [reason: string, sentence: (lane: string, because: string) => string]>> = {
  createContainer: ["Created", (lane, because) => `made the container of ${lane} (${because})`],
  removeContainer: ["Removed", (lane, because) => `removed a container of ${lane} (${because})`],
  startJob: ["JobStarted", (lane, because) => `started to fill the volume of ${lane} (${because})`],
  startMember: ["Started", (lane, because) => `started ${lane}, read-only (${because})`],
  stopMember: ["Stopped", (lane, because) => `stopped ${lane} (${because})`],
  promote: ["Promoted", (lane, because) => `promoted ${lane}: ${because}`],
  fenceMember: ["Fenced", (_, because) => `killed the primary's container: ${because}`],
  addAddress: ["AddressMoved", (_, because) => `put the primary's address on its NIC and announced it (${because})`],
  removeOldData: ["OldDataRemoved", (lane, because) => `removed the data kept beside the copy of ${lane} (${because})`],
  recordPrimary: ["PrimaryRecorded", (_, because) => `another primary is recorded: ${because}`],
  recordSwitchover: ["SwitchoverEnded", (_, because) => because],
  attachNic: ["NicAttached", (lane, because) => `attached a NIC of ${lane} (${because})`],
  createNetwork: ["NetworkCreated", (lane, because) => `made the ${lane} (${because})`],
  removeNetwork: ["NetworkRemoved", (lane, because) => `removed the ${lane} (${because})`],
  removeVolume: ["VolumeRemoved", (lane, because) => `removed the volume of ${lane} (${because})`],
  configure: ["Configured", (lane, because) => `gave ${lane} new settings (${because})`],
  pullImage: ["Pulling", (_, because) => `began to pull the image (${because})`],
  ensureAccount: ["AccountSet", (_, because) => `set an account from its Secret (${because})`],
  dropSlot: ["SlotDropped", (_, because) => `dropped a slot (${because})`],
};

/** Events: one for each action worth telling, for each failure, and for each condition that changed its status. */
export function eventsOf(before: Status, after: Status, succeeded: Plan["actions"], failures: readonly Failure[]): readonly EventNote[] {
  const done = succeeded.flatMap(({ kind, lane, because }): readonly EventNote[] => {
    const telling = told[kind];
    return telling === undefined ? [] : [{ type: "Normal", reason: telling[0], message: telling[1](lane, because) }];
  });
  const failed = failures.map(({ lane, kind, message, reason: why }): EventNote => ({ type: "Warning", reason: why ?? "Failed", message: `${lane} ${kind}: ${message}` }));
  const changed = (after.conditions ?? []).flatMap(({ type, status, reason: why, message }): readonly EventNote[] => {
    const earlier = before.conditions?.find((one) => one.type === type);
    if (type === "Reconciling" || earlier?.status === status || (earlier === undefined && status !== "True")) return [];
    const isBad = type === "Stalled" ? status === "True" : status !== "True";
    return type === "Stalled" && !isBad && earlier === undefined ? [] : [{ type: isBad ? "Warning" : "Normal", reason: why, message: `${type} is ${status}: ${message}` }];
  });
  return [...done, ...failed, ...changed];
}
