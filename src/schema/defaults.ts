/**
 * Defaulting as CustomResourceDefinitions do it: a missing property gets its default if its parent is there, and a
 * null that may not be null becomes the default, or goes away when there is none. It never changes what was given.
 */
import { isList, isObject, own } from "./json.ts";
import type { Json, JsonObject, Schema } from "./types.ts";

const isWrongNull = (value: Json, schema: Schema) => value === null && schema.nullable !== true;

const defaultProperty = (schema: Schema, value: Json): Json | undefined => {
  if (!isWrongNull(value, schema)) return applyDefaults(schema, value);
  return schema.default === undefined ? undefined : applyDefaults(schema, schema.default);
};

const defaultObject = (schema: Schema, value: JsonObject): JsonObject => {
  const given = Object.entries(value).flatMap(([key, inner]) => {
    const others = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
    const known = own(schema.properties, key) ?? others;
    const changed = known === undefined ? inner : defaultProperty(known, inner);
    return changed === undefined ? [] : [[key, changed] as const];
  });
  const missing = Object.entries(schema.properties ?? {}).flatMap(([key, known]) =>
    Object.hasOwn(value, key) || known.default === undefined ? [] : [[key, applyDefaults(known, known.default)] as const]);
  return Object.fromEntries([...given, ...missing]);
};

/** The value with the schema's defaults filled in; the same value again changes nothing more. */
export const applyDefaults = (schema: Schema, value: Json): Json => {
  if (isList(value)) {
    const { items } = schema;
    if (items === undefined) return value;
    // A null in a list has no name to drop: without a default it stays, for validation to refuse.
    return value.map((item) => defaultProperty(items, item) ?? item);
  }
  return isObject(value) ? defaultObject(schema, value) : value;
};
