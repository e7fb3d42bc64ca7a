/**
 * One member from nothing to its role: volume, container, NICs, data, start, role. Data before process, wires before
 * process, process before role. A rung trusts those above it. Each member has its own lane, so one that is stuck
 * delays no other.
 */
import { isOurs, label, labelsOf, volumeName } from "../../api/names.ts";
import { containerOf } from "../desired.ts";
import { valueOf } from "../observation.ts";
import { action, followedBy, perform, soonAfter, wait, type MemberContext, type Rule } from "./context.ts";
import { configure, noteGood, restart } from "./configure.ts";
import { data } from "./data.ts";
import { nics } from "./nics.ts";
import { promote } from "./primary.ts";
import { start } from "./start.ts";

const taken = (what: string, name: string): string =>
  `a ${what} named ${name} is there and is not ours: rename or remove it (docker ${what} rm ${name}), or give this resource another name`;

/** A volume is made once. A primary whose volume is gone is never given an empty one. */
export const volume: Rule = (context) => {
  const { want, me, lane, isPrimary } = context;
  const name = volumeName(want.owner, me.ordinal);
  if (me.volume.seen === "unknown") return wait(me.volume.because);
  if (me.volume.seen === "present") return isOurs(want.owner, me.volume.value.labels) ? "satisfied" : wait(taken("volume", name), "NameTaken");
  if (isPrimary && want.status.systemIdentifier !== undefined) return wait(lost(want.owner, lane), "DataLost");
  const make = action("createVolume", lane, "absent", { volume: name, labels: labelsOf(want.owner, "volume", { [label.ordinal]: String(me.ordinal) }) });
  return perform(make, ...me.container.seen === "absent" ? followedBy(container(context)) : []);
};

const lost = ({ namespace, name }: { readonly namespace: string; readonly name: string }, lane: string): string =>
  `the data of the primary ${lane} is gone and is not made anew by itself: restore its volume, or start over with kubectl -n ${namespace} delete pgrs ${name} and apply it again`;

/** The container's parts that cannot be changed in place. */
export const needsNewContainer = ({ want, seen, me }: MemberContext): boolean => {
  const container = valueOf(me.container);
  const image = valueOf(seen.image);
  return container !== undefined && image !== undefined
    && container.labels[label.config] !== containerOf(want, me.ordinal, image).labels[label.config];
};

// An endpoint on a network that is gone can't be taken off any more: only a new container starts without it.
const replacement = (context: MemberContext, error: string): string | undefined => needsNewContainer(context) ? "made for another image, limits or mounts"
  : /network \S+ not found/i.test(error) ? "hangs on a network that is gone" : undefined;

export const container: Rule = (context) => {
  const { want, seen, me, lane } = context;
  if (me.container.seen === "unknown") return wait(me.container.because);
  if (me.container.seen === "present") {
    const { id, name, labels, state, error } = me.container.value;
    if (!isOurs(want.owner, labels)) return wait(taken("container", name), "NameTaken");
    const because = replacement(context, error);
    if (state === "running" || state === "paused" || because === undefined) return "satisfied";
    return valueOf(me.job) === undefined ? perform(action("removeContainer", lane, because, { container: id })) : "satisfied";
  }
  if (want.archiveVolume !== undefined && seen.archive.seen !== "present") return wait("the archive volume is being made");
  if (seen.image.seen !== "present") return wait(`the image ${want.images.join(" or ")} is not there yet`);
  return perform(action("createContainer", lane, "absent", { container: containerOf(want, me.ordinal, seen.image.value) }));
};

const unsettled: Rule = ({ me, lane }) => {
  const state = valueOf(me.container)?.state;
  if (state === "paused") return wait(`${lane} is paused: docker unpause ${valueOf(me.container)?.name ?? ""}`);
  return state === "running" || state === "created" || state === "exited" ? "satisfied" : wait(`${lane}'s container is ${state ?? "absent"}`);
};

const wired: Rule = (context) => valueOf(context.me.container)?.state === "running" ? "satisfied" : nics(context);

const answers: Rule = ({ seen, me, lane }) => {
  if (me.server.seen === "present") return "satisfied";
  const why = me.server.seen === "unknown" ? me.server.because : "not asked yet";
  return wait(`${lane}'s PostgreSQL does not answer yet: ${why}`, undefined, soonAfter(valueOf(me.container)?.startedAt ?? 0, seen.at));
};

/** Only the recorded primary may accept writes. Whoever else does is stopped: its next boot is read-only. */
const readOnly: Rule = ({ me, lane, isPrimary, cluster }) => {
  const server = valueOf(me.server);
  const container = valueOf(me.container);
  if (isPrimary || server === undefined || container === undefined || server.inRecovery || cluster.primaryOrdinal === undefined) return "satisfied";
  return perform(action("stopMember", lane, `accepts writes, while the recorded primary is ordinal ${cluster.primaryOrdinal}`, { container: container.id }));
};

const streams: Rule = ({ seen, me, lane, isPrimary, cluster }) => {
  if (isPrimary || cluster.primaryOrdinal === undefined || cluster.streaming.includes(me.ordinal)) return "satisfied";
  const startedAt = Math.max(...[me, cluster.primary].map((member) => member === undefined ? 0 : valueOf(member.container)?.startedAt ?? 0));
  return wait(cluster.writable ? `${lane} does not stream yet` : `${lane} waits for the primary`, undefined, soonAfter(startedAt, seen.at));
};

/** A one-shot container that ended unnoticed, since somebody else started the member. */
const swept: Rule = ({ want, me, lane }) => {
  const job = valueOf(me.job);
  return job === undefined || job.state === "running" || !isOurs(want.owner, job.labels) ? "satisfied"
    : perform(action("removeContainer", lane, "its work is done", { container: job.id }));
};

export const ladder: readonly Rule[] = [volume, container, unsettled, wired, data, start, answers, readOnly, promote, configure, restart, streams, noteGood, swept];

/** NICs of a running member mend in a lane of their own: a wire that cannot be mended holds up neither role nor settings. */
export const wires: Rule = (context) => valueOf(context.me.container)?.state === "running" ? nics({ ...context, lane: `${context.lane}/nics` }) : "satisfied";
