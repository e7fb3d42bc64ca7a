/** What a member lives in: its volume, made once, and its container, made anew when it has to be another one. */
import { isOurs, label, labelsOf, volumeName } from "../../api/names.ts";
import { containerOf } from "../desired.ts";
import { valueOf } from "../observation.ts";
import { action, followedBy, perform, wait, type MemberContext, type Rule } from "./context.ts";

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
  const { want, me, lane } = context;
  if (me.container.seen === "unknown") return wait(me.container.because);
  if (me.container.seen === "present") {
    const { id, name, labels, state, error } = me.container.value;
    if (!isOurs(want.owner, labels)) return wait(taken("container", name), "NameTaken");
    const because = replacement(context, error);
    if (state === "running" || state === "paused" || because === undefined) return "satisfied";
    if (valueOf(me.job) !== undefined) return "satisfied";
    // In one go, since a primary without a container counts as crashed.
    return perform(action("removeContainer", lane, because, { container: id }), ...followedBy(make(context)));
  }
  return make(context);
};

const make: Rule = ({ want, seen, me, lane }) => {
  if (want.archiveVolume !== undefined && seen.archive.seen !== "present") return wait("the archive volume is being made");
  if (seen.image.seen !== "present") return wait(`the image ${want.images.join(" or ")} is not there yet`);
  return perform(action("createContainer", lane, "absent", { container: containerOf(want, me.ordinal, seen.image.value) }));
};
