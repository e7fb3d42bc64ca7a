/**
 * One member from nothing to its role: volume, container, NICs, data, start, role. Data before process, wires before
 * process, process before role. A rung trusts those above it. Each member has its own lane, so one that is stuck
 * delays no other.
 */
import { isOurs } from "../../api/names.ts";
import { hasDiverged, positionOf } from "../cluster.ts";
import { divergedNote } from "../jobs.ts";
import { valueOf } from "../observation.ts";
import { action, perform, soonAfter, wait, type Rule } from "./context.ts";
import { configure, noteGood, noteRefused, restart } from "./configure.ts";
import { container, volume } from "./container.ts";
import { data } from "./data.ts";
import { nics } from "./nics.ts";
import { promote } from "./primary.ts";
import { start } from "./start.ts";

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

/**
 * A standby that has more than the primary had when it began its timeline can't follow it. It is stopped, with a note
 * on its volume that it has to be rewound or copied anew.
 */
const diverged: Rule = ({ want, me, lane, isPrimary, cluster }) => {
  const server = valueOf(me.server);
  const container = valueOf(me.container);
  if (isPrimary || server?.inRecovery !== true || server.receiver !== undefined || container === undefined || cluster.streaming.includes(me.ordinal) || server.timeline === undefined) return "satisfied";
  const at = { timeline: server.timeline, position: positionOf(server), history: server.history };
  if (server.replaying === true || hasDiverged(cluster, at) !== true) return "satisfied";
  const because = `has WAL up to ${at.position} of timeline ${at.timeline}, which the primary has not`;
  return perform(
    action("noteParameters", lane, because, { container: container.id, directory: want.dataDirectory, file: { path: divergedNote, text: `${because}\n` } }),
    action("stopMember", lane, because, { container: container.id }));
};

/** What was kept beside a copy goes when the copy streams. */
const oldDataGone: Rule = ({ want, me, lane, cluster }) => {
  const container = valueOf(me.container);
  if (valueOf(me.server)?.keepsOld !== true || container === undefined || !cluster.streaming.includes(me.ordinal)) return "satisfied";
  return perform(action("removeOldData", lane, "the copy streams, so the data before it is not needed any more", { container: container.id, mount: want.mount, dataDirectory: want.dataDirectory }));
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

export const ladder: readonly Rule[] = [volume, container, unsettled, wired, data, start, answers, readOnly, diverged, promote, noteRefused, configure, restart, streams, oldDataGone, noteGood, swept];

/** NICs of a running member mend in a lane of their own: a wire that cannot be mended holds up neither role nor settings. */
export const wires: Rule = (context) => {
  const container = valueOf(context.me.container);
  return container?.state === "running" && isOurs(context.want.owner, container.labels) ? nics({ ...context, lane: `${context.lane}/nics` }) : "satisfied";
};
