/**
 * Pruning: what a structural schema does not name is dropped, and reported so that strict clients can be told.
 * It never looks at whether the rest is valid.
 */
import { child, isList, isObject, own } from "./json.ts";
import type { Json, Schema } from "./types.ts";

export interface Pruned {
  readonly value: Json;
  /** Paths of what was dropped, as `spec.users[0].age`. */
  readonly unknown: readonly string[];
}

const ofResources = new Set(["apiVersion", "kind", "metadata"]);

// `own` because a property may be called like something every object inherits.
const schemaOf = (schema: Schema, key: string): Schema | "keep" | "drop" => {
  const known = own(schema.properties, key);
  if (known !== undefined) return known;
  if (schema["x-kubernetes-embedded-resource"] === true && ofResources.has(key)) return "keep";
  const others = schema.additionalProperties;
  if (typeof others === "object") return others;
  return others === true || schema["x-kubernetes-preserve-unknown-fields"] === true ? "keep" : "drop";
};

const pruneAt = (schema: Schema, value: Json, path: string, unknown: string[]): Json => {
  if (isList(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((item, index) => pruneAt(items, item, `${path}[${index}]`, unknown));
  }
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => {
    const at = child(path, key);
    const known = schemaOf(schema, key);
    if (known === "keep") return [[key, inner] as const];
    if (known !== "drop") return [[key, pruneAt(known, inner, at, unknown)] as const];
    unknown.push(at);
    return [];
  }));
};

/** The value without what the schema does not know. With `isRoot`, apiVersion, kind and metadata stay untouched. */
export const prune = (schema: Schema, value: Json, { isRoot = false, path = "" } = {}): Pruned => {
  const unknown: string[] = [];
  const rooted: Schema = isRoot ? { ...schema, "x-kubernetes-embedded-resource": true, properties: withoutResourceFields(schema) } : schema;
  return { value: pruneAt(rooted, value, path, unknown), unknown };
};

// A schema may restrict metadata.name, which must not prune the rest of metadata.
const withoutResourceFields = (schema: Schema): Readonly<Record<string, Schema>> =>
  Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([key]) => !ofResources.has(key)));
