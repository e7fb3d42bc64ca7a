/**
 * What becomes of an object when its owners go. An object whose owners are all gone is deleted; the owner's finalizers
 * `foregroundDeletion` and `orphan` are removed once its dependents are gone or let go. It never deletes an object that
 * has an owner left, nor one whose owner's kind it does not know.
 */
import { deleteObjects, ours } from "./deletes.ts";
import { isDeleting, withMetadata } from "./objects.ts";
import { isReleased } from "./admission.ts";
import type { Core } from "./core.ts";
import type { Key } from "./journal.ts";
import type { KubeObject, OwnerReference } from "./kind.ts";
import type { Owners } from "./owners.ts";
import type { Served } from "./registry.ts";

interface Found { readonly key: Key; readonly served: Served; readonly object: KubeObject }

const find = ({ store, registry }: Core, key: Key): Found | undefined => {
  const object = store.get(key);
  const served = registry.ofResource(key.resource);
  return object === undefined || served === undefined ? undefined : { key, served, object: served.fromStored(object) };
};

const isGone = ({ registry, store }: Core, owners: Owners, { apiVersion, kind, name, uid }: OwnerReference, namespace: string): boolean => {
  if (owners.has(uid)) return false;
  const served = registry.findKind(apiVersion, kind);
  // A kind that is not served may be served again: its absence proves nothing.
  if (served === undefined) return false;
  return store.get({ resource: served.resource, namespace: served.kind.namespaced ? namespace : "", name })?.metadata.uid !== uid;
};

/** Stores what the collector made of an object: without its last finalizer a deleted one goes. */
const settle = ({ store }: Core, { key, served }: Found, after: KubeObject): void => {
  if (isReleased(served.kind, after)) store.write([{ key }]);
  else store.write([{ key, object: served.toStored(after) }]);
};

const withoutFinalizer = (object: KubeObject, name: string): KubeObject => {
  const left = (object.metadata.finalizers ?? []).filter((one) => one !== name);
  return withMetadata(object, { finalizers: left.length === 0 ? undefined : left });
};

const finishOrphaning = (core: Core, owners: Owners, owner: Found): void => {
  const { uid } = owner.object.metadata;
  for (const key of owners.dependentsOf(uid)) {
    const dependent = find(core, key);
    if (dependent === undefined) continue;
    const left = (dependent.object.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== uid);
    settle(core, dependent, withMetadata(dependent.object, { ownerReferences: left.length === 0 ? undefined : left }));
  }
  settle(core, owner, withoutFinalizer(owner.object, ours.orphan));
};

const isBlocking = (dependent: KubeObject, uid: string): boolean =>
  (dependent.metadata.ownerReferences ?? []).some((reference) => reference.uid === uid && reference.blockOwnerDeletion === true);

const finishForeground = (core: Core, owners: Owners, owner: Found): void => {
  const { uid } = owner.object.metadata;
  for (const key of owners.dependentsOf(uid)) {
    const dependent = find(core, key);
    // One with another owner left is let go when this one is gone.
    if (dependent === undefined || isDeleting(dependent.object) || hasOtherOwner(core, owners, dependent, uid)) continue;
    deleteObjects(core, dependent.served, [dependent.object], { dryRun: false, propagation: "Foreground" });
  }
  const waiting = owners.dependentsOf(uid).some((key) => {
    const dependent = find(core, key);
    return dependent !== undefined && isBlocking(dependent.object, uid) && !hasOtherOwner(core, owners, dependent, uid);
  });
  if (!waiting) settle(core, owner, withoutFinalizer(owner.object, ours.foreground));
};

const hasOtherOwner = (core: Core, owners: Owners, { object }: Found, uid: string): boolean =>
  (object.metadata.ownerReferences ?? []).some((reference) => reference.uid !== uid && !isGone(core, owners, reference, object.metadata.namespace ?? ""));

const settleOwners = (core: Core, owners: Owners, dependent: Found): void => {
  const { object, served } = dependent;
  const references = object.metadata.ownerReferences ?? [];
  if (references.length === 0 || isDeleting(object)) return;
  const left = references.filter((reference) => !isGone(core, owners, reference, object.metadata.namespace ?? ""));
  if (left.length === 0) deleteObjects(core, served, [object], { dryRun: false, propagation: "Background" });
  else if (left.length < references.length) settle(core, dependent, withMetadata(object, { ownerReferences: left }));
};

/** Does what is due for one object now; what follows from it comes with the changes that it makes. */
export const collect = (core: Core, owners: Owners, key: Key): void => {
  const found = find(core, key);
  if (found === undefined) return;
  const finalizers = isDeleting(found.object) ? found.object.metadata.finalizers ?? [] : [];
  if (finalizers.includes(ours.orphan)) finishOrphaning(core, owners, found);
  else if (finalizers.includes(ours.foreground)) finishForeground(core, owners, found);
  else settleOwners(core, owners, found);
};
