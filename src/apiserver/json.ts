/** Small questions about JSON values, asked wherever documents are merged or compared. */
import type { Json, JsonObject } from "../schema/types.ts";

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const isList = (value: unknown): value is readonly Json[] => Array.isArray(value);

/** Equal as JSON: the order of keys does not matter, a missing key differs from null. */
export const isSame = (left: unknown, right: unknown): boolean => {
  if (left === right) return true;
  if (isList(left) && isList(right)) return left.length === right.length && left.every((item, at) => isSame(item, right[at]));
  if (!isObject(left) || !isObject(right)) return false;
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length
    && keys.every((key) => Object.hasOwn(right, key) && isSame(left[key], right[key]));
};

/** The text of a value with its keys in order, so that equal values have equal texts. */
export const canonical = (value: Json): string => {
  if (isList(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.keys(value).toSorted().map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`).join(",")}}`;
};

/** The own property of that name: a key like `constructor` in a document is a key, never something inherited. */
export const valueOf = (object: JsonObject, key: string): Json | undefined => (Object.hasOwn(object, key) ? object[key] : undefined);

/** A new object of these entries; undefined values are left out. Safe for any key, `__proto__` included. */
export const objectOf = (entries: Iterable<readonly [string, Json | undefined]>): JsonObject =>
  Object.fromEntries([...entries].filter((entry): entry is [string, Json] => entry[1] !== undefined));
