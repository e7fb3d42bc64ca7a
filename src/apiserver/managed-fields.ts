/**
 * Who owns which fields (`metadata.managedFields`): decoding and encoding the list, and what a write other than
 * apply does to it. The words and rules are those of Kubernetes' server-side apply. Nothing here decides whether a
 * write is allowed.
 */
import { compare } from "./field-walk.ts";
import { isStruct, ownershipSchema, schemaBelow } from "./field-shape.ts";
import {
  decodeFields, difference, differenceBelow, encodeFields, fieldSet, fieldsNamed, intersection, isEmptySet, noFields, union, type FieldSet,
} from "./field-set.ts";
import { asJson, groupVersion, timestamp, withMetadata } from "./objects.ts";
import type { Kind, KubeObject, ManagedFieldsEntry } from "./kind.ts";
import type { JsonObject, Schema } from "../schema/types.ts";

export interface Update {
  readonly kind: Kind;
  /** The stored object; absent on create. */
  readonly before?: KubeObject;
  readonly after: KubeObject;
  readonly manager: string;
  /** Milliseconds. */
  readonly now: number;
  readonly subresource?: string;
}

/** One manager's entry, its fields decoded. */
export interface Ownership {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time?: string;
  readonly fields: FieldSet;
}

/** Owned by nobody: the server sets them, or they are what the object is called. */
const unowned = fieldsNamed([
  ["apiVersion"], ["kind"], ["metadata"], ["metadata", "name"], ["metadata", "namespace"], ["metadata", "creationTimestamp"],
  ["metadata", "selfLink"], ["metadata", "uid"], ["metadata", "generation"], ["metadata", "managedFields"], ["metadata", "resourceVersion"],
]);
const statusFields = fieldsNamed([["status"]]);

/** The fields that a write through this path cannot own. */
export const withoutUnowned = (fields: FieldSet, kind: Pick<Kind, "status">, subresource: string): FieldSet => {
  const owned = difference(fields, unowned);
  return kind.status && subresource === "" ? differenceBelow(owned, statusFields) : owned;
};

const maxUpdateManagers = 10;
const ancientManager = "ancient-changes";

/** Whether two entries are of the same manager in the same role. Appliers are the same in every version. */
export const isSameOwner = (left: Omit<Ownership, "fields">, right: Omit<Ownership, "fields">): boolean =>
  left.manager === right.manager && left.operation === right.operation && left.subresource === right.subresource
  && (left.operation === "Apply" || left.apiVersion === right.apiVersion);

const decodeEntry = (entry: ManagedFieldsEntry): Ownership | undefined => {
  const fields = entry.fieldsV1 === undefined ? noFields : decodeFields(entry.fieldsV1);
  if (fields === undefined || (entry.operation !== "Apply" && entry.operation !== "Update")) return undefined;
  return {
    manager: entry.manager, operation: entry.operation, apiVersion: entry.apiVersion, subresource: entry.subresource ?? "", fields,
    ...(entry.time === undefined ? {} : { time: entry.time }),
  };
};

/** The owners of an object; none when the list is absent or one of its entries is not to be understood. */
export const ownersOf = (object: KubeObject | undefined): readonly Ownership[] => {
  const decoded = (object?.metadata.managedFields ?? []).map(decodeEntry);
  return decoded.every((one) => one !== undefined) ? decoded : [];
};

const secondsOf = ({ time }: Ownership): number => (time === undefined ? 0 : Date.parse(time));
const order = (a: Ownership, b: Ownership): number => {
  const textOf = (one: Ownership) => [one.manager, one.apiVersion, one.subresource].join("\0");
  if (a.operation !== b.operation) return a.operation === "Apply" ? -1 : 1;
  return secondsOf(a) - secondsOf(b) || (textOf(a) < textOf(b) ? -1 : 1);
};

const encodeEntry = ({ manager, operation, apiVersion, subresource, time, fields }: Ownership): ManagedFieldsEntry => ({
  manager, operation, apiVersion, ...(time === undefined ? {} : { time }), fieldsType: "FieldsV1", fieldsV1: encodeFields(fields),
  ...(subresource === "" ? {} : { subresource }),
});

/** Writers by update are many and short-lived; the oldest beyond the bound become one entry. */
const capped = (owners: readonly Ownership[]): readonly Ownership[] => {
  const updates = owners.filter((one) => one.operation === "Update").toSorted(order);
  if (updates.length <= maxUpdateManagers) return owners;
  const ancient = updates.slice(0, updates.length - maxUpdateManagers + 1);
  const buckets = new Map<string, Ownership>();
  for (const one of ancient) {
    const bucket = buckets.get(one.apiVersion);
    buckets.set(one.apiVersion, { ...one, manager: ancientManager, subresource: "", fields: union(bucket?.fields ?? noFields, one.fields) });
  }
  return [...owners.filter((one) => !ancient.includes(one)), ...buckets.values()];
};

/** The object with these owners written into its metadata. */
export const withOwners = (object: KubeObject, owners: readonly Ownership[]): KubeObject => {
  const entries = capped(owners.filter((one) => !isEmptySet(one.fields))).toSorted(order).map(encodeEntry);
  return withMetadata(withoutEmptyParts(object), { managedFields: entries.length === 0 ? undefined : entries });
};

/** A list of one empty entry is how clients say: forget all owners. */
const isReset = (object: KubeObject): boolean => {
  const [first, ...others] = object.metadata.managedFields ?? [];
  return first !== undefined && others.length === 0 && Object.keys(first).length === 0;
};

const startingOwners = ({ before, after, subresource }: Update): readonly Ownership[] => {
  if (subresource !== undefined) return ownersOf(before);
  if (isReset(after)) return [];
  const sent = ownersOf(after);
  // Clients that know nothing of managed fields leave them out; that must not erase them.
  return sent.length === 0 ? ownersOf(before) : sent;
};

const isEmptyPart = (value: unknown): boolean => typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Parts of metadata that are the same empty and absent. */
const withoutEmptyParts = (object: KubeObject): KubeObject => {
  const { labels, annotations, finalizers, ownerReferences } = object.metadata;
  const empty = Object.entries({ labels, annotations, finalizers, ownerReferences }).filter(([, value]) => isEmptyPart(value));
  return withMetadata(object, Object.fromEntries(empty.map(([name]) => [name, undefined])));
};

/** The value that fields are compared on: without the list of owners itself. */
export const comparable = (object: KubeObject): JsonObject => asJson(withMetadata(withoutEmptyParts(object), { managedFields: undefined }));

/** In built-in kinds a struct is always there, however empty: writing it is writing its fields. */
const withoutStructs = (fields: FieldSet, schema: Schema | undefined): FieldSet =>
  fieldSet(fields.member, [...fields.children].map(([element, child]) => {
    const node = schemaBelow(schema, element);
    const below = withoutStructs(child, node);
    return [element, element.startsWith("f:") && isStruct(node) ? fieldSet(false, below.children) : below] as const;
  }));

/**
 * The object with the managedFields that a write other than apply leaves: the writer owns what it added and
 * changed, nobody owns what it removed. A write that changes nothing leaves owners and times as they were.
 */
export const recordUpdate = (update: Update): KubeObject => {
  const { kind, before, after, manager, now, subresource = "" } = update;
  const owners = startingOwners(update);
  // An object whose owners were forgotten stays so until somebody applies it.
  if (before !== undefined && owners.length === 0) return withOwners(after, []);
  const schema = ownershipSchema(kind);
  const change = compare(schema, before === undefined ? {} : comparable(before), comparable(after));
  const touched = union(change.added, change.changed);
  const writer = { manager, operation: "Update" as const, apiVersion: groupVersion(kind), subresource };
  const gained = withoutUnowned(kind.custom ? touched : withoutStructs(touched, schema), kind, subresource);
  const previous = owners.find((one) => isSameOwner(one, writer));
  const others = owners.filter((one) => one !== previous)
    .map((one) => ({ ...one, fields: difference(difference(one.fields, intersection(one.fields, touched)), change.removed) }));
  const fields = union(difference(previous?.fields ?? noFields, change.removed), gained);
  const time = isEmptySet(gained) ? previous?.time : timestamp(now);
  const own: Ownership = { ...writer, ...(time === undefined ? {} : { time }), fields };
  return withOwners(after, [...others, own]);
};
