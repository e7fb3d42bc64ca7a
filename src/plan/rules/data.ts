/** A member's data directory: initdb for the very first primary, a base backup for everybody else, and never over anything. */
import { containerName, label, slotName, volumeName } from "../../api/names.ts";
import { dataOf, hasDiverged, isAlive, memberAt } from "../cluster.ts";
import { upstreamHost } from "../configuration.ts";
import { basebackupJob, cannotRewind, fullAtOf, hasFilledDisk, initdbJob, progressOf, recopyJob, rewindJob, type JobInput } from "../jobs.ts";
import { valueOf, type DataFacts, type Login } from "../observation.ts";
import type { Action, Step } from "../action.ts";
import { action, followedBy, leftOf, perform, wait, type MemberContext, type Rule } from "./context.ts";
import { start } from "./start.ts";

/** Seconds until the next attempt after the nth failure: 2, 4, 8 ... at most a minute. */
const backoffMs = (attempt: number): number => Math.min(60_000, 1_000 * 2 ** attempt);

/** How often to look how far a job is; that it ended is told by the Engine at once. Milliseconds. */
const jobLookMs = 1_000;

const attemptOf = (labels: Readonly<Record<string, string>>): number => Number(labels[label.attempt] ?? "1");

export const data: Rule = (context) => {
  const { me } = context;
  if (valueOf(me.container)?.state === "running") return "satisfied";
  if (me.job.seen === "unknown") return wait(me.job.because);
  if (me.job.seen === "present") return underway(context);
  if (me.data.seen === "unknown") return wait(me.data.because);
  if (me.data.seen === "absent") return fill(context, { attempt: 1, because: "no data" });
  const fit = fits(context, me.data.value);
  return fit === "satisfied" ? follows(context, me.data.value) : fit;
};

/** Whether the data is this cluster's, and of its major version. */
function fits({ want, cluster, me, lane }: MemberContext, found: DataFacts): Step {
  const { systemIdentifier, major } = found;
  if (cluster.systemIdentifier !== undefined && systemIdentifier !== cluster.systemIdentifier) {
    // While the operator works, it makes the container again at once, and that one holds the volume: hence the pause.
    return wait(`${lane}'s volume holds another cluster's data (system identifier ${systemIdentifier}, here ${cluster.systemIdentifier}): keep a copy if it is needed; then set reconcilePolicy Paused, docker rm -f ${containerName(want.owner, me.ordinal)}, docker volume rm ${volumeName(want.owner, me.ordinal)}, and set Apply again`, "ForeignData");
  }
  return major === want.traits.major ? "satisfied"
    : wait(`${lane}'s volume holds data of PostgreSQL ${major}, and postgres.version is ${want.traits.version}: write ${major} there`, "ForeignData");
}

/**
 * Whether the data can go on from where the primary is. What a former primary wrote behind the place where its
 * successor began has to go before it can follow: by a rewind, or else by a copy. A fresh copy is known by its label.
 */
function follows(context: MemberContext, found: DataFacts): Step {
  const { cluster, isPrimary, lane } = context;
  if (isPrimary || cluster.primaryOrdinal === undefined) return "satisfied";
  // Its successor is promoted only while it is seen not to run.
  if (isSucceeded(context)) return wait(`${lane} rejoins when the primary accepts writes`, undefined, 150);
  if (found.isTorn) return repair(context, "recopy", { attempt: 1, because: "a rewind of it was not completed" });
  const wasPrimary = !found.isCopy && (found.state === "inProduction" || found.state === "shutDown");
  if (!found.isDiverged && !wasPrimary) return "satisfied";
  // One whose primary is down starts, read-only as ever: it may be the only one that is left.
  const primary = cluster.primary === undefined ? undefined : valueOf(cluster.primary.container);
  if (!cluster.writable) return primary === undefined || !isAlive(primary) ? "satisfied" : wait(`${lane} rejoins when the primary accepts writes`, undefined, 150);
  // A primary that crashed may have written beyond its last checkpoint, and how far only a rewind finds out.
  const isOff = found.isDiverged || found.state === "inProduction" || hasDiverged(cluster, { timeline: found.timeline, position: found.checkpoint, history: undefined }) === true;
  return isOff ? repair(context, "rewind", { attempt: 1, because: "it wrote what the new primary has not" }) : "satisfied";
}

/** Whether it was the primary of the epoch before, and the one of this epoch is there and about to be promoted. */
const isSucceeded = ({ want: { status }, cluster, me }: MemberContext): boolean =>
  me.ordinal === status.primary?.previous && cluster.primary !== undefined && valueOf(cluster.primary.server)?.inRecovery === true;

/** A rewind where the image can, or a copy beside the data that is there. */
function repair(context: MemberContext, kind: "rewind" | "recopy", attempt: Attempt): Step {
  const { want, cluster, lane } = context;
  const ready = copySource(context);
  if ("wait" in ready) return ready;
  const { job, host, login } = ready;
  const input = { ...job, ...attempt };
  if (kind === "recopy" || !want.traits.rewindsWithoutSuperuser) return perform(recopyJob(input, { host }, login));
  const { target } = cluster.primary ?? {};
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  // A source that has not written a checkpoint since its promotion still tells its former timeline.
  return perform(...target === undefined ? [] : [action("checkpoint", lane, "a rewind reads the primary's control file", { target })], rewindJob(input, { host, timeline: server?.timeline }, login));
}

/** What a program says about its failure. Its last line may only tell that it cleans up. */
const complaintOf = (log: readonly string[]): string | undefined => log.findLast((line) => /\b(error|fatal|panic):/i.test(line)) ?? log.at(-1);

function underway(context: MemberContext): Step {
  const { want, seen, cluster, me, lane } = context;
  if (me.job.seen !== "present") return "satisfied";
  const { id, labels, state, exitCode, finishedAt, log, error } = me.job.value;
  const kind = labels[label.job] ?? "";
  const what = whats[kind] ?? "base backup";
  // While nobody is recorded, everybody who has data is asked, and nobody is there to copy from.
  if (state !== "running" && cluster.primaryOrdinal === undefined && me.data.seen === "present" && !me.data.value.isTorn) return perform(action("removeContainer", lane, "nobody is the primary, so it is not tried again", { container: id }));
  const attempt = attemptOf(labels);
  const next = (one: Attempt): Step => after(id, lane, `${what} failed`, kind === "recopy" || (kind === "rewind" && state === "created") ? repair(context, kind, one) : fill(context, one));
  if (state === "created" && error === "") {
    // What kept it from starting, a full disk for example, may well keep the next one.
    const leftMs = leftOf(backoffMs(attempt), { since: Number(labels[label.madeAt] ?? "0"), at: seen.at });
    return leftMs > 0 ? wait(`${lane}: ${what} could not be started (attempt ${attempt})`, "StepFailed", leftMs) : next({ attempt: attempt + 1, because: `attempt ${attempt} never started` });
  }
  if (state === "running") return wait(`${lane}: ${what} ${progressOf(log) ?? "runs"}`, undefined, jobLookMs);
  if (kind === "rewind" && exitCode !== 0) {
    const words = exitCode === cannotRewind ? "it can't be rewound" : `the rewind failed: ${error === "" ? complaintOf(log) ?? `exit code ${exitCode}` : error}`;
    return after(id, lane, "the rewind failed", repair(context, "recopy", { attempt: 1, because: words }));
  }
  if (exitCode === 0 && me.data.seen === "present") {
    return perform(action("removeContainer", lane, `${what} is complete`, { container: id }), ...fits(context, me.data.value) === "satisfied" ? followedBy(start(context)) : []);
  }
  if (exitCode === 0 && me.data.seen === "unknown") return wait(me.data.because);
  const words = error === "" ? complaintOf(log) ?? `exit code ${exitCode}` : error;
  const leftMs = leftOf(backoffMs(attempt), { since: finishedAt, at: seen.at });
  const failed = `${lane}: ${what} failed (attempt ${attempt}): ${words}`;
  if (leftMs > 0) {
    return hasFilledDisk(log) ? wait(`${failed}. Make room for the volume ${volumeName(want.owner, me.ordinal)} (docker volume inspect says where it lies); it is tried again`, "DiskFull", leftMs)
      : wait(failed, "StepFailed", leftMs);
  }
  return next({ attempt: attempt + 1, because: `attempt ${attempt} failed: ${words}`, fullAt: fullAtOf(me.job.value) });
}

/** The next job in the place of one that failed. */
const after = (id: string, lane: string, because: string, next: Step): Step => typeof next === "object" && "do" in next
  ? perform(action("removeContainer", lane, because, { container: id }), ...next.do) : next;

const whats: Readonly<Record<string, string>> = { initdb: "initdb", rewind: "rewind" };

type Attempt = Pick<JobInput, "attempt" | "because" | "fullAt">;

function fill(context: MemberContext, attempt: Attempt): Step {
  const { seen, isPrimary, lane } = context;
  if (seen.image.seen !== "present") return wait(`${lane} waits for the image`);
  const job = isPrimary ? first(context, attempt) : copy(context, attempt);
  return "kind" in job ? perform(job) : job;
}

/** initdb happens once in a cluster's life: when nobody has data, and nobody ever had. */
function first({ want, seen, cluster, me, lane }: MemberContext, attempt: Attempt): Action | Exclude<Step, "satisfied"> {
  const others = seen.members.filter(({ ordinal }) => ordinal !== me.ordinal);
  const holder = others.find((member) => dataOf(member) !== "none");
  if (want.status.systemIdentifier !== undefined || (holder !== undefined && dataOf(holder) === "data")) {
    return refuse(`${lane} is the recorded primary and its volume is empty, while this cluster has had data: restore the volume, or delete the resource and apply it again`);
  }
  if (holder !== undefined) return { wait: `${lane} waits until the volume of ordinal ${holder.ordinal} has been looked into` };
  const login = valueOf(seen.secrets.superuser);
  const image = valueOf(seen.image);
  if (login === undefined || image === undefined || cluster.primaryOrdinal === undefined) return { wait: `${lane} waits for its Secret` };
  return initdbJob({ want, ordinal: me.ordinal, image, at: seen.at, ...attempt }, login);
}

const refuse = (sentence: string): Exclude<Step, "satisfied"> => ({ wait: sentence, reason: "DataLost" });

interface CopySource { readonly job: Omit<JobInput, keyof Attempt>; readonly host: string; readonly login: Login }

/** A base backup waits for a primary that accepts writes, the replication account, and this standby's slot. */
function copySource({ want, seen, cluster, me, lane }: MemberContext): CopySource | Exclude<Step, "satisfied" | { readonly do: unknown }> {
  const login = valueOf(seen.secrets.replication);
  const image = valueOf(seen.image);
  if (cluster.primaryOrdinal === undefined) return { wait: `${lane} waits for a primary` };
  if (image === undefined) return { wait: `${lane} waits for the image` };
  if (!cluster.writable || login === undefined) return { wait: `${lane} waits for the primary to accept writes` };
  if (seen.accounts.replication !== "current") return { wait: `${lane} waits for the replication account` };
  const server = memberAt(seen, cluster.primaryOrdinal)?.server;
  const slots = server?.seen === "present" ? server.value.slots.map(({ name }) => name) : [];
  if (want.spec.replication.slots && want.traits.slots && !slots.includes(slotName(me.ordinal))) return { wait: `${lane} waits for its slot`, lookAgainAfterMs: 100 };
  const host = upstreamHost(want, seen, cluster, me);
  if (host === undefined) return { wait: `${lane} waits for the primary's address` };
  const unattached = want.networks.find(({ name }) => seen.networks[name]?.seen !== "present");
  if (unattached !== undefined) return { wait: `${lane} waits for the network ${unattached.name}` };
  return { job: { want, ordinal: me.ordinal, image, at: seen.at }, host, login };
}

function copy(context: MemberContext, attempt: Attempt): Action | Exclude<Step, "satisfied"> {
  const ready = copySource(context);
  return "wait" in ready ? ready : basebackupJob({ ...ready.job, ...attempt }, { host: ready.host }, ready.login);
}
