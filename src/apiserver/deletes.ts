/**
 * Deleting objects: at once when nothing holds them, else by marking them and waiting for whoever holds them. What
 * belongs to a deleted object is for lifecycle.ts.
 */
import { isReleased } from "./admission.ts";
import { decodeBody } from "./bodies.ts";
import { cleanupFinalizer, withCondition, conditionsOf } from "./definitions.ts";
import { keyOf, liveObject } from "./core.ts";
import { isObject, own } from "../schema/json.ts";
import { isDeleting, objectAt, timestamp, withMetadata } from "./objects.ts";
import { isDryRun } from "./params.ts";
import { badRequest, conflict, forbidden, invalid, success } from "./problems.ts";
import { matching } from "./reads.ts";
import type { Call, Core, Result } from "./core.ts";
import type { KubeObject } from "./kind.ts";
import type { Served } from "./registry.ts";
import type { Edit } from "./store.ts";
import type { Json, JsonObject } from "../schema/types.ts";

export type Propagation = "Background" | "Foreground" | "Orphan";

export interface DeleteOptions {
  readonly dryRun: boolean;
  readonly propagation?: Propagation;
  readonly uid?: string;
  readonly resourceVersion?: string;
}

const type = { group: "meta.k8s.io", kind: "DeleteOptions" };

const propagationOf = (value: Json | undefined, orphan: Json | undefined): Propagation | undefined => {
  if (value === undefined || value === null || value === "") return orphan === true || orphan === "true" ? "Orphan" : orphan === false || orphan === "false" ? "Background" : undefined;
  if (value === "Background" || value === "Foreground" || value === "Orphan") return value;
  throw invalid(type, "", [{
    field: "propagationPolicy", reason: "FieldValueNotSupported",
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: "Foreground", "Background", "Orphan", "nil"`,
  }]);
};

const bodyOptions = ({ body }: Call): JsonObject => {
  if (body.bytes.length === 0) return {};
  const { value } = decodeBody(body);
  if (value === null) return {};
  if (!isObject(value)) throw badRequest("the delete options are no object");
  const kind = own(value, "kind");
  if (kind !== undefined && kind !== "DeleteOptions") throw badRequest(`decoded object cannot be converted to DeleteOptions: ${JSON.stringify(kind)}`);
  return value;
};

/** The options of the body; those of the query count where the body says nothing. */
export const deleteOptions = (call: Call): DeleteOptions => {
  const body = bodyOptions(call);
  const preconditions = objectAt(body, "preconditions");
  const uid = own(preconditions, "uid");
  const resourceVersion = own(preconditions, "resourceVersion");
  const inBody = own(body, "dryRun");
  const dryRun = [...(Array.isArray(inBody) ? inBody.map(String) : []), ...call.query.getAll("dryRun").filter((value) => value !== "")];
  const propagation = propagationOf(own(body, "propagationPolicy") ?? call.query.get("propagationPolicy"), own(body, "orphanDependents") ?? call.query.get("orphanDependents"));
  return {
    dryRun: isDryRun(dryRun, "DeleteOptions"), ...(propagation === undefined ? {} : { propagation }),
    ...(typeof uid === "string" ? { uid } : {}), ...(typeof resourceVersion === "string" ? { resourceVersion } : {}),
  };
};

const checkOptions = (served: Served, { uid, resourceVersion }: DeleteOptions, { metadata }: KubeObject): void => {
  // The real server names the kind here, where it names the resource everywhere else.
  const byKind = { group: served.kind.group, plural: served.kind.kind };
  if (uid !== undefined && uid !== metadata.uid)
    throw conflict(byKind, metadata.name, `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`);
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
    throw conflict(byKind, metadata.name, `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`);
};

/** The finalizers of the collector of dependents. */
export const ours = { orphan: "orphan", foreground: "foregroundDeletion" };

/** Finalizers while it is deleted so: at most one of the two of the collector, as the caller wishes. */
const finalizersFor = (finalizers: readonly string[], propagation: Propagation | undefined): readonly string[] => {
  if (propagation === undefined) return finalizers;
  const others = finalizers.filter((name) => name !== ours.orphan && name !== ours.foreground);
  if (propagation === "Background") return others;
  return [...others, propagation === "Orphan" ? ours.orphan : ours.foreground];
};

const protectedNamespaces = ["default", "kube-system", "kube-public"];

/** What kinds add when their deletion is asked for: a phase, a condition, a finalizer. */
const marked = ({ kind }: Served, object: KubeObject, nowMs: number): KubeObject => {
  if (kind.custom) return object;
  if (kind.kind === "Namespace") return { ...object, status: { ...objectAt(object, "status"), phase: "Terminating" } };
  if (kind.kind !== "CustomResourceDefinition") return object;
  const condition = { type: "Terminating", status: "True", reason: "InstanceDeletionPending", message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon" };
  const finalizers = object.metadata.finalizers ?? [];
  return withMetadata(
    { ...object, status: { ...objectAt(object, "status"), conditions: withCondition(conditionsOf(object), condition, nowMs) } },
    { finalizers: finalizers.includes(cleanupFinalizer) ? finalizers : [...finalizers, cleanupFinalizer] });
};

const markedForDeletion = (served: Served, object: KubeObject, { propagation }: DeleteOptions, nowMs: number): KubeObject => {
  const finalizers = finalizersFor(object.metadata.finalizers ?? [], propagation);
  const changes = { finalizers: finalizers.length === 0 ? undefined : finalizers };
  if (isDeleting(object)) return withMetadata(object, changes);
  const { generation } = object.metadata;
  return marked(served, withMetadata(object, {
    ...changes, deletionTimestamp: timestamp(nowMs), deletionGracePeriodSeconds: 0, generation: generation === undefined ? undefined : generation + 1,
  }), nowMs);
};

const isSameMarks = (a: KubeObject, b: KubeObject) =>
  isDeleting(a) === isDeleting(b) && (a.metadata.finalizers ?? []).join() === (b.metadata.finalizers ?? []).join();

interface Deletion {
  /** The object as it is marked; undefined when it goes at once. */
  readonly left?: KubeObject;
  /** What has to be written: nothing for one that was marked so before. */
  readonly edits: readonly Edit[];
}

const deletionOf = (served: Served, live: KubeObject, options: DeleteOptions, nowMs: number): Deletion => {
  const { namespace = "", name } = live.metadata;
  if (!served.kind.custom && served.kind.kind === "Namespace" && protectedNamespaces.includes(name)) throw forbidden(served.kind, name, "this namespace may not be deleted");
  checkOptions(served, options, live);
  const left = markedForDeletion(served, live, options, nowMs);
  const key = keyOf(served, namespace, name);
  if (isReleased(served.kind, left)) return { edits: [{ key }] };
  return isSameMarks(left, live) ? { left: live, edits: [] } : { left, edits: [{ key, object: served.toStored(left) }] };
};

/** Deletes these objects of one kind with a single write. */
export const deleteObjects = (core: Core, served: Served, objects: readonly KubeObject[], options: DeleteOptions): void => {
  const edits = objects.flatMap((object) => deletionOf(served, object, options, core.now()).edits);
  if (edits.length > 0 && !options.dryRun) core.store.write(edits);
};

/** Deletes one object; what is left of it, or undefined when it is gone. */
const deleteObject = (core: Core, served: Served, live: KubeObject, options: DeleteOptions): KubeObject | undefined => {
  const { left, edits } = deletionOf(served, live, options, core.now());
  const [change] = options.dryRun || edits.length === 0 ? [] : core.store.write(edits);
  return change?.after === undefined ? left : served.fromStored(change.after);
};

/** DELETE of an item. */
export const remove = (core: Core, call: Call): Result => {
  const options = deleteOptions(call);
  const live = liveObject(core, call);
  const left = deleteObject(core, call.served, live, options);
  const { kind } = call.served;
  if (left !== undefined) return { is: "object", code: 200, kind, object: left, warnings: [] };
  return { is: "json", code: 200, body: success(kind, live.metadata.name, live.metadata.uid) as unknown as JsonObject, warnings: [] };
};

/** DELETE of a collection, as far as the selectors match. */
export const removeCollection = (core: Core, call: Call): Result => {
  const options = deleteOptions(call);
  const { objects } = matching(core, call);
  deleteObjects(core, call.served, objects, options);
  return { is: "list", kind: call.served.kind, objects, metadata: { resourceVersion: String(core.store.version) } };
};
