/**
 * Server-side apply: a manager says which fields it wants and how, and owns them from then on. Fields that others
 * own with another value are a conflict unless forced; fields that the manager gives up, and nobody else owns, go
 * away. Pure: the live object and the wish in, the object with its managedFields out.
 */
import { canonical, equal, isObject, mapObject } from "../schema/json.ts";
import { compare, fieldsOf, overlay, withoutGivenUp } from "./field-walk.ts";
import { difference, intersection, isEmptySet, noFields, printedPaths, union, unionAll, type FieldSet } from "./field-set.ts";
import { ownershipSchema } from "./field-shape.ts";
import { comparable, isSameOwner, ownersOf, recordUpdate, withOwners, withoutUnowned, type Ownership } from "./managed-fields.ts";
import { asObject, groupVersion, timestamp, withMetadata } from "./objects.ts";
import { applyConflict, badRequest } from "./problems.ts";
import type { Kind, KubeObject } from "./kind.ts";
import type { Json, JsonObject, Schema } from "../schema/types.ts";

export interface Apply {
  readonly kind: Kind;
  /** The stored object; absent when apply creates it. */
  readonly live?: KubeObject;
  /** What the manager wants: only the fields it cares about. */
  readonly applied: JsonObject;
  readonly manager: string;
  /** Take over fields that other managers own. */
  readonly force: boolean;
  /** Milliseconds. */
  readonly now: number;
  /** "status" or another subresource through which it is applied. */
  readonly subresource?: string;
}

/** Whoever made an object that was never tracked. */
const earlierManager = "before-first-apply";

/** What is applied through this path: the main resource does not write status, status writes nothing else. */
const wishOf = ({ kind, applied, subresource = "" }: Apply): JsonObject => {
  const { metadata } = applied;
  if (isObject(metadata) && Array.isArray(metadata.managedFields) && metadata.managedFields.length > 0) {
    throw badRequest("metadata.managedFields must be nil");
  }
  const kept = subresource === "status" ? ["apiVersion", "kind", "metadata", "status"] : undefined;
  const fields = mapObject(applied, (value, key) => {
    if (key === "status" && kind.status && subresource === "") return undefined;
    return kept === undefined || kept.includes(key) ? value : undefined;
  });
  if (!isObject(metadata)) return fields;
  const identity = ["name", "namespace", "generateName"];
  const allowed = (key: string) => key !== "managedFields" && (subresource !== "status" || identity.includes(key));
  return { ...fields, metadata: mapObject(metadata, (value, key) => (allowed(key) ? value : undefined)) };
};

/** The owners before the apply. An object that nobody is known to own belongs to whoever made it. */
const startingOwners = ({ kind, live, now }: Apply): readonly Ownership[] => {
  if (live === undefined) return [];
  const owners = ownersOf(live);
  return owners.length > 0 ? owners : ownersOf(recordUpdate({ kind, after: live, manager: earlierManager, now }));
};

const printedOwner = ({ manager, operation, subresource, apiVersion }: Ownership): string => {
  const through = subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`;
  return `${JSON.stringify(manager)}${through}${operation === "Update" ? ` using ${apiVersion}` : ""}`;
};

const conflictOf = (conflicts: readonly Ownership[]) => {
  const found = conflicts.map((one) => ({ owner: printedOwner(one), paths: printedPaths(one.fields) }))
    .toSorted((a, b) => (a.owner < b.owner ? -1 : 1));
  const causes = found.flatMap(({ owner, paths }) =>
    paths.map((field) => ({ reason: "FieldManagerConflict", message: `conflict with ${owner}`, field })));
  const [only] = causes;
  if (causes.length === 1 && only !== undefined) return applyConflict(`Apply failed with 1 conflict: ${only.message}: ${only.field}`, causes);
  const lines = found.flatMap(({ owner, paths }) => [`conflicts with ${owner}:`, ...paths.map((path) => `- ${path}`)]);
  return applyConflict(`Apply failed with ${causes.length} conflicts: ${lines.join("\n")}`, causes);
};

/** kubectl's client-side apply keeps what it applied last in this annotation. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";
const kubectl = "kubectl";

const parsedObject = (text: string): JsonObject | undefined => {
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

/**
 * What kubectl applied on the client's side: when it goes on to apply on the server's side, these fields are no
 * conflict, since they were its own.
 */
const appliedBefore = ({ live, manager }: Apply, schema: Schema): FieldSet => {
  const text = manager === kubectl ? live?.metadata.annotations?.[lastApplied] : undefined;
  const object = text === undefined ? undefined : parsedObject(text);
  return object === undefined ? noFields : fieldsOf(schema, object);
};

/** kubectl's annotation follows what kubectl applies here, so that going back to client-side apply works. */
const withAnnotation = (after: KubeObject, { live, manager, applied }: Apply): KubeObject => {
  if (manager !== kubectl || live?.metadata.annotations?.[lastApplied] === undefined) return after;
  const metadata = isObject(applied.metadata) ? applied.metadata : {};
  const annotations = isObject(metadata.annotations) ? mapObject(metadata.annotations, (value, key) => (key === lastApplied ? undefined : value)) : {};
  const kept = mapObject(metadata, (value, key) => (key === "annotations" ? undefined : value));
  const configuration = { ...applied, metadata: { ...kept, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) } };
  return withMetadata(after, { annotations: { ...after.metadata.annotations, [lastApplied]: `${canonical(configuration)}\n` } });
};

/** The object after the apply, with its managedFields. An apply that changes nothing gives the live object back. */
export const serverSideApply = (apply: Apply): KubeObject => {
  const { kind, live, manager, force, now, subresource = "" } = apply;
  const schema = ownershipSchema(kind);
  const wish = wishOf(apply);
  const applier = { manager, operation: "Apply" as const, apiVersion: groupVersion(kind), subresource };
  const owners = startingOwners(apply);
  const last = owners.find((one) => isSameOwner(one, applier));
  const others = owners.filter((one) => one !== last);
  const fields = fieldsOf(schema, wish);
  const wished = withoutUnowned(fields, kind, subresource);
  const before: Json = live === undefined ? {} : comparable(live);
  const laidOver = overlay(schema, before, wish);
  // The name is owned by nobody, but it is wished for: it keeps metadata from being given up.
  const owned = unionAll([fields, ...others.map((one) => one.fields)]);
  const after = last === undefined ? laidOver : withoutGivenUp(schema, laidOver, { last: last.fields, owned });
  const change = compare(schema, before, after);
  const touched = union(change.added, change.changed);
  const conflicts = others.map((one) => ({ ...one, fields: intersection(one.fields, touched) })).filter((one) => !isEmptySet(one.fields));
  const disputed = difference(unionAll(conflicts.map((one) => one.fields)), appliedBefore(apply, schema));
  if (!force && !isEmptySet(disputed)) throw conflictOf(conflicts);
  const remaining = others.map((one) => ({ ...one, fields: difference(difference(one.fields, touched), change.removed) }));
  const isUnchanged = live !== undefined && equal(before, after);
  const time = isUnchanged && last?.time !== undefined ? last.time : timestamp(now);
  const own: Ownership = { ...applier, time, fields: isEmptySet(wished) ? noFields : wished };
  return withOwners(withAnnotation(asObject(after as JsonObject), apply), [...remaining, own]);
};
