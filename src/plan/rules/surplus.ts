/** Members that are no longer wanted: scaled away one after the other, stopped for hibernation, or removed for good. */
import { isOurs } from "../../api/names.ts";
import type { Action, Step } from "../action.ts";
import { valueOf, type MemberSighting } from "../observation.ts";
import { restartReason } from "./configure.ts";
import { action, contextOf, perform, wait, type ClusterContext, type Rule } from "./context.ts";

const jobGone: Rule = ({ want, me, lane }) => {
  if (me.job.seen === "unknown") return wait(me.job.because);
  if (me.job.seen === "absent" || !isOurs(want.owner, me.job.value.labels)) return "satisfied";
  return me.job.value.state === "running" ? perform(action("stopMember", lane, "its job is not needed any more", { container: me.job.value.id }))
    : perform(action("removeContainer", lane, "its job is not needed any more", { container: me.job.value.id }));
};

const stopped = (because: string): Rule => ({ want, me, lane }) => {
  if (me.container.seen === "unknown") return wait(me.container.because);
  if (me.container.seen === "absent" || !isOurs(want.owner, me.container.value.labels)) return "satisfied";
  return me.container.value.state === "running" || me.container.value.state === "paused" ? perform(action("stopMember", lane, because, { container: me.container.value.id })) : "satisfied";
};

const containerGone = (because: string): Rule => ({ want, me, lane }) =>
  me.container.seen === "present" && isOurs(want.owner, me.container.value.labels)
    ? perform(action("removeContainer", lane, because, { container: me.container.value.id })) : "satisfied";

const volumeGone = (because: string): Rule => ({ want, me, lane }) => {
  if (me.volume.seen === "unknown") return wait(me.volume.because);
  return me.volume.seen === "present" && isOurs(want.owner, me.volume.value.labels)
    ? perform(action("removeVolume", lane, because, { volume: me.volume.value.name })) : "satisfied";
};

/** A copy is given up only while the primary is seen to have the data and to accept writes, and is not about to be restarted. */
const primaryServes: Rule = (context) => {
  const { cluster, lane } = context;
  if (!cluster.writable || cluster.primary === undefined) return wait(`${lane} is scaled away when the primary accepts writes again`);
  return restartReason(contextOf(context, cluster.primary)) === undefined ? "satisfied" : wait(`${lane} is scaled away after the primary's restart`);
};

/** Its slot goes before its data, so that a forgotten slot never holds WAL. */
const slotGone: Rule = ({ cluster, me, lane }) => {
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  return server?.slots.some(({ name }) => name === `pgrs_${me.ordinal}`) === true ? wait(`${lane}'s slot is being dropped`, undefined, 200) : "satisfied";
};

/** A member that spec.fencedOrdinals names. Its data and its container stay. */
export const fenced: readonly Rule[] = [jobGone, stopped("is fenced by spec.fencedOrdinals")];

const away = "scaled away";
export const scaleDown: readonly Rule[] = [primaryServes, jobGone, stopped(away), slotGone, containerGone(away), volumeGone(away)];

/** The primary first, so that its standbys receive all that it wrote, its last checkpoint included, and can follow it again. */
const afterPrimary: Rule = ({ cluster, me, lane }) => {
  const primary = cluster.primary?.container;
  const mayRun = primary?.seen === "unknown" || (primary?.seen === "present" && primary.value.state === "running");
  return me.ordinal !== cluster.primaryOrdinal && mayRun ? wait(`${lane} stops after the primary`) : "satisfied";
};

/** replicas 0. Data and containers stay. */
export const hibernate: readonly Rule[] = [jobGone, afterPrimary, stopped("replicas is 0")];

const deleted = "the resource is deleted";
const removal = (members: { readonly volumes: boolean }): readonly Rule[] =>
  [jobGone, ...(members.volumes ? [] : [afterPrimary]), stopped(deleted), containerGone(deleted), ...(members.volumes ? [volumeGone(deleted)] : [])];

/** What the finalizer has to see done: containers and networks gone, and volumes too where the policy says Delete. */
export function dismantle(context: ClusterContext, climbMember: (ladder: readonly Rule[], me: MemberSighting) => Step): readonly Step[] {
  const { want, seen } = context;
  const deletes = want.spec.deletionPolicy === "Delete";
  const members = seen.members.map((me) => climbMember(removal({ volumes: deletes }), me));
  if (members.some((step) => step !== "satisfied")) return members;
  const networks = want.networks.flatMap(({ name }) => seen.networks[name] ?? []).flatMap((sight): readonly (Action | string)[] => {
    if (sight.seen === "unknown") return [sight.because];
    if (sight.seen === "absent" || !isOurs(want.owner, sight.value.labels)) return [];
    return [action("removeNetwork", `network ${sight.value.name}`, deleted, { network: sight.value.name })];
  });
  const stale = seen.staleNetworks.map(({ name }) => action("removeNetwork", `network ${name}`, deleted, { network: name }));
  const archive = deletes && seen.archive.seen === "present" && isOurs(want.owner, seen.archive.value.labels)
    ? [action("removeVolume", "archive", deleted, { volume: seen.archive.value.name })] : [];
  const unseen = [...networks.filter((one) => typeof one === "string"), ...(seen.archive.seen === "unknown" ? [seen.archive.because] : [])];
  if (unseen.length > 0) return unseen.map((because) => wait(because));
  const steps = [...networks.filter((one) => typeof one !== "string"), ...stale, ...archive];
  return steps.length > 0 ? steps.map((step) => perform(step)) : [];
}

