/**
 * Reads JSON as a schema: what is no keyword is dropped and told, what has the wrong type is told, so that
 * everything after it may trust the types. Whether the schema makes sense is for structural.ts to say.
 */
import { isList, isObject, own } from "../schema/json.ts";
import type { Json, JsonObject } from "../schema/types.ts";

/** Keywords of JSON Schema that definitions may name, only to be told that they are not supported. */
export const bannedKeywords: readonly string[] = ["$ref", "$schema", "id", "definitions", "dependencies", "patternProperties", "additionalItems"];

const words: ReadonlySet<string> = new Set([
  "type", "description", "title", "format", "default", "nullable", "enum", "properties", "required", "additionalProperties", "items",
  "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "minItems", "maxItems",
  "uniqueItems", "minProperties", "maxProperties", "allOf", "anyOf", "oneOf", "not", "example", "externalDocs",
  "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string", "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys", "x-kubernetes-map-type", "x-kubernetes-validations", ...bannedKeywords,
]);

const maps = new Set(["properties", "patternProperties", "definitions"]);
const lists = new Set(["allOf", "anyOf", "oneOf"]);
const single = new Set(["items", "additionalProperties", "not"]);

export interface Checked {
  readonly schema: JsonObject;
  /** Keywords that are none, as paths; they were left out. */
  readonly unknown: readonly string[];
  /** Nodes that are no schemas at all, as paths. */
  readonly malformed: readonly string[];
}

const keywordTypes: Readonly<Record<string, (value: Json) => boolean>> = {
  type: (value) => typeof value === "string", pattern: (value) => typeof value === "string", format: (value) => typeof value === "string",
  required: (value) => isList(value) && value.every((one) => typeof one === "string"), enum: isList,
  "x-kubernetes-list-map-keys": (value) => isList(value) && value.every((one) => typeof one === "string"),
  "x-kubernetes-validations": (value) => isList(value) && value.every((one) => isObject(one) && typeof one["rule"] === "string"),
  ...Object.fromEntries(["minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"]
    .map((word) => [word, (value: Json) => typeof value === "number"] as const)),
  ...Object.fromEntries([...maps].map((word) => [word, isObject] as const)),
  ...Object.fromEntries([...lists].map((word) => [word, isList] as const)),
};

/** The JSON as a schema: what is no keyword is dropped and told, so that everything after may trust the types. */
export const readSchema = (value: Json, path: string): Checked => {
  const unknown: string[] = [];
  const malformed: string[] = [];
  const node = (one: Json, at: string): JsonObject => {
    if (!isObject(one)) { malformed.push(at); return {}; }
    return Object.fromEntries(Object.entries(one).flatMap(([word, inner]): (readonly [string, Json])[] => {
      const here = `${at}.${word}`;
      if (!words.has(word)) { unknown.push(here); return []; }
      if (inner === null && word !== "default" && word !== "example") return [];
      if (own(keywordTypes, word)?.(inner) === false) { malformed.push(here); return []; }
      return [[word, keyword(word, inner, here)]];
    }));
  };
  const keyword = (word: string, inner: Json, here: string): Json => {
    if (maps.has(word) && isObject(inner)) return Object.fromEntries(Object.entries(inner).map(([name, one]) => [name, node(one, `${here}.${name}`)]));
    if (lists.has(word) && isList(inner)) return inner.map((one, index) => node(one, `${here}[${index}]`));
    return single.has(word) && typeof inner !== "boolean" ? node(inner, here) : inner;
  };
  const schema = node(value, path);
  return { schema, unknown, malformed };
};
