/**
 * How a value divides into fields that managers can own: by its schema, maps into entries and keyed lists into
 * items; what is atomic, or has no schema to say otherwise, is one field.
 */
import { canonical, isList, isObject, own } from "../schema/json.ts";
import { metadataSchema } from "./metadata-schema.ts";
import type { Kind } from "./kind.ts";
import type { Json, Schema } from "../schema/types.ts";

export interface Part {
  /** As FieldsV1 writes it: `f:spec`, `k:{"name":"a"}`, `v:"x"`. */
  readonly element: string;
  readonly value: Json;
}

export type Shape =
  /** Owned as one. */
  | { readonly divides: "not" }
  /** Entries by name. */
  | { readonly divides: "map"; readonly schema: Schema | undefined }
  /** Items by key, or by value. */
  | { readonly divides: "list"; readonly schema: Schema };

const one: Shape = { divides: "not" };

/** The schema of a kind's whole object, metadata included. */
export const ownershipSchema = (kind: Pick<Kind, "schema">): Schema => ({
  ...kind.schema,
  type: "object",
  properties: {
    ...kind.schema?.properties,
    apiVersion: { type: "string" }, kind: { type: "string" }, metadata: metadataSchema,
  },
  ...(kind.schema === undefined ? { "x-kubernetes-preserve-unknown-fields": true } : {}),
});

const isAtomic = (schema: Schema): boolean => schema["x-kubernetes-map-type"] === "atomic";
const isAssociative = (schema: Schema): boolean =>
  schema["x-kubernetes-list-type"] === "map" || schema["x-kubernetes-list-type"] === "set";

/** How this value divides. Null and what does not fit the schema is one field. */
export const shapeOf = (schema: Schema | undefined, value: Json): Shape => {
  if (isObject(value)) {
    if (schema === undefined) return { divides: "map", schema };
    const isMap = schema.type === "object" || (schema.type === undefined && schema["x-kubernetes-int-or-string"] !== true);
    return isMap && !isAtomic(schema) ? { divides: "map", schema } : one;
  }
  if (isList(value) && schema?.type === "array" && isAssociative(schema)) return { divides: "list", schema };
  return one;
};

/** Whether the schema names the entry, rather than allowing any. */
export const isNamedField = (schema: Schema | undefined, name: string): boolean => own(schema?.properties, name) !== undefined;

const entrySchema = (schema: Schema | undefined, name: string): Schema | undefined => {
  const named = own(schema?.properties, name);
  if (named !== undefined) return named;
  const others = schema?.additionalProperties;
  return typeof others === "object" ? others : undefined;
};

/** The schema of a part of a value of that shape. */
export const partSchema = (shape: Shape, element: string): Schema | undefined => {
  if (shape.divides === "map") return entrySchema(shape.schema, element.slice(2));
  return shape.divides === "list" ? shape.schema.items : undefined;
};

/** Whether the value is a struct: named fields that are owned one by one. */
export const isStruct = (schema: Schema | undefined): boolean => schema?.properties !== undefined && !isAtomic(schema);

/** The schema below a path element, whatever is there. */
export const schemaBelow = (schema: Schema | undefined, element: string): Schema | undefined =>
  (element.startsWith("f:") ? entrySchema(schema, element.slice(2)) : schema?.items);

const itemElement = (schema: Schema, item: Json): string => {
  if (schema["x-kubernetes-list-type"] === "set") return `v:${canonical(item)}`;
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const fields = isObject(item) ? item : {};
  const entries = keys.map((key) => [key, own(fields, key) ?? own(schema.items?.properties, key)?.default ?? null] as const);
  return `k:${canonical(Object.fromEntries(entries))}`;
};

/** The parts of a value of that shape, in its order. */
export const partsOf = (shape: Shape, value: Json | undefined): readonly Part[] => {
  if (shape.divides === "map") {
    return isObject(value) ? Object.entries(value).map(([name, entry]) => ({ element: `f:${name}`, value: entry })) : [];
  }
  if (shape.divides === "list") return isList(value) ? value.map((item) => ({ element: itemElement(shape.schema, item), value: item })) : [];
  return [];
};

/** The shape that two values share: absent, null and empty values take the form of the other. Undefined: they differ. */
export const sharedShape = (schema: Schema | undefined, left: Json | undefined, right: Json | undefined): Shape | undefined => {
  const leftShape = left === undefined || left === null ? undefined : shapeOf(schema, left);
  const rightShape = right === undefined || right === null ? undefined : shapeOf(schema, right);
  const shape = leftShape ?? rightShape ?? one;
  if (leftShape !== undefined && rightShape !== undefined && leftShape.divides !== rightShape.divides) return undefined;
  // Two empty containers are one field: this keeps apart an empty map and none.
  const isEmpty = partsOf(shape, left).length === 0 && partsOf(shape, right).length === 0;
  return isEmpty ? one : shape;
};
