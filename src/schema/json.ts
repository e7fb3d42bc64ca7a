/** Small questions about JSON values. Only own properties count: a body may name `constructor` or `__proto__`. */
import type { Json, JsonObject } from "./types.ts";

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

// The compiler's Array.isArray does not narrow readonly arrays.
export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/** The property itself, never one inherited from a prototype. */
export const own = <T>(object: { readonly [key: string]: T } | undefined, key: string): T | undefined =>
  object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;

/** The JSON type as error messages name it; a whole number counts as an integer however it was written. */
export const typeOf = (value: Json): string => {
  if (value === null) return "null";
  if (isList(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
};

/** Text that is equal for equal values, whatever the order of their properties. */
export const canonical = (value: Json): string => {
  if (isList(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(own(value, key) ?? null)}`).join(",")}}`;
};

/** Deep equality; the order of an object's properties does not matter, that of a list does. */
export const equal = (a: Json | undefined, b: Json | undefined): boolean => {
  if (a === b) return true;
  if (isList(a)) return isList(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]));
  if (!isObject(a) || !isObject(b) || isList(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]));
};

/** The object with its properties mapped; safe for every name a body can hold. */
export const mapObject = (object: JsonObject, change: (value: Json, key: string) => Json | undefined): JsonObject =>
  Object.fromEntries(Object.entries(object).flatMap(([key, value]) => {
    const changed = change(value, key);
    return changed === undefined ? [] : [[key, changed] as const];
  }));

/** `spec` + `replicas` -> `spec.replicas`; the root has an empty path. */
export const child = (path: string, name: string): string => path === "" ? name : `${path}.${name}`;
