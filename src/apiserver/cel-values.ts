/**
 * Schemas as types of the Common Expression Language, and JSON as values of those types: whole numbers become ints,
 * times become timestamps, null is absent. Names that the language can't say are escaped as Kubernetes escapes them.
 */
import type { Environment } from "@marcbachmann/cel-js";
import { Duration } from "@marcbachmann/cel-js/evaluator";
import { sameValue, unordered } from "./cel-library.ts";
import { canonical, isList, isObject, own } from "../schema/json.ts";
import type { Json, Schema } from "../schema/types.ts";

/** A schema node's type, and how its values are made. */
export interface CelType {
  readonly name: string;
  readonly valueOf: (value: Json) => unknown;
}

const keywords = new Set([
  "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
  "package", "namespace", "return",
]);

/** The property's name in expressions; undefined when expressions can't reach it. */
export const escapedName = (name: string): string | undefined => {
  if (!/^[a-zA-Z_.\-/][a-zA-Z0-9_.\-/]*$/.test(name)) return undefined;
  if (keywords.has(name)) return `__${name}__`;
  return name.replaceAll("__", "__underscores__").replaceAll(".", "__dot__").replaceAll("-", "__dash__").replaceAll("/", "__slash__");
};

const dyn: CelType = { name: "dyn", valueOf: (value) => dynamicValue(value) };

const dynamicValue = (value: Json): unknown => {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : value;
  if (isList(value)) return value.map(dynamicValue);
  if (isObject(value)) return new Map(Object.entries(value).map(([key, one]) => [key, dynamicValue(one)] as const));
  return value;
};

const durationPattern = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
const unitMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, "µs": 1e-3, "μs": 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

const durationOf = (text: string): Duration => {
  const length = [...text.matchAll(durationPattern)].reduce((sum, [, number = "0", unit = "s"]) => sum + Number(number) * (unitMs[unit] ?? 0), 0);
  return Duration.fromMilliseconds(text.startsWith("-") ? -length : length);
};

/** Text as its format means it. Text that lacks the format stays text, and rules on it fail to evaluate. */
const stringTypes: Readonly<Record<string, CelType>> = {
  "byte": { name: "bytes", valueOf: (value) => (typeof value === "string" ? new Uint8Array(Buffer.from(value, "base64")) : value) },
  "date": { name: "google.protobuf.Timestamp", valueOf: (value) => (typeof value === "string" ? new Date(`${value}T00:00:00Z`) : value) },
  "date-time": { name: "google.protobuf.Timestamp", valueOf: (value) => (typeof value === "string" ? new Date(value) : value) },
  "duration": { name: "google.protobuf.Duration", valueOf: (value) => (typeof value === "string" ? durationOf(value) : value) },
};

const scalarTypes: Readonly<Record<string, CelType>> = {
  string: { name: "string", valueOf: (value) => value },
  boolean: { name: "bool", valueOf: (value) => value },
  integer: { name: "int", valueOf: (value) => (typeof value === "number" ? BigInt(Math.trunc(value)) : value) },
  number: { name: "double", valueOf: (value) => value },
};

const scalarType = (schema: Schema): CelType | undefined =>
  (schema.type === "string" ? own(stringTypes, schema.format ?? "") : undefined) ?? own(scalarTypes, schema.type ?? "");

const identity: Readonly<Record<string, Schema>> = {
  apiVersion: { type: "string" },
  kind: { type: "string" },
  metadata: { type: "object", properties: { name: { type: "string" }, generateName: { type: "string" } } },
};

/** Types of one schema, made as they are asked for and registered in one environment. */
export class CelTypes {
  readonly #environment: Environment;
  readonly #known = new Map<Schema, CelType>();
  #count = 0;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** The node's type; `isResource` for an object that has apiVersion, kind and metadata whatever its schema says. */
  of(schema: Schema, isResource = schema["x-kubernetes-embedded-resource"] === true): CelType {
    const known = this.#known.get(schema);
    if (known !== undefined) return known;
    const made = this.#make(schema, isResource);
    this.#known.set(schema, made);
    return made;
  }

  #make(schema: Schema, isResource: boolean): CelType {
    if (schema["x-kubernetes-int-or-string"] === true) return dyn;
    if (schema.type === "array") return this.#list(schema);
    if (schema.type !== "object") return scalarType(schema) ?? dyn;
    const others = schema.additionalProperties;
    return typeof others === "object" ? this.#map(others) : this.#struct(schema, isResource);
  }

  #list(schema: Schema): CelType {
    const items = this.of(schema.items ?? {});
    const isSet = schema["x-kubernetes-list-type"] === "set";
    const anyOrder = isSet || schema["x-kubernetes-list-type"] === "map";
    // The library compares sets, and sets with lists, without regard to order.
    const isPlainSet = isSet && scalarType(schema.items ?? {}) !== undefined;
    return {
      name: `list<${items.name}>`,
      valueOf: (value) => {
        if (!isList(value)) return value;
        const list = value.map((item) => items.valueOf(item));
        if (isPlainSet) return new Set(list);
        return anyOrder ? Object.assign(list, { [unordered]: true }) : list;
      },
    };
  }

  #map(values: Schema): CelType {
    const type = this.of(values);
    return {
      name: `map<string, ${type.name}>`,
      valueOf: (value) => (isObject(value)
        ? new Map(Object.entries(value).filter(([, one]) => one !== null).map(([key, one]) => [key, type.valueOf(one)] as const)) : value),
    };
  }

  #struct(schema: Schema, isResource: boolean): CelType {
    const properties = { ...schema.properties, ...(isResource ? identity : {}) };
    const fields = Object.entries(properties).flatMap(([name, property]) => {
      const escaped = escapedName(name);
      return escaped === undefined ? [] : [{ name, escaped, type: this.of(property) }];
    });
    // A class for each type: that is how the library tells values of one type from those of another.
    const ctor = class extends Map<string, unknown> {};
    this.#count += 1;
    const name = `object.N${this.#count}`;
    this.#environment.registerType(name, { ctor, fields: Object.fromEntries(fields.map(({ escaped, type }) => [escaped, type.name])) });
    this.#environment.registerOperator(`${name} == ${name}`, sameValue);
    this.#environment.registerOperator(`list<${name}> == list<${name}>`, sameValue);
    return {
      name,
      valueOf: (value) => (isObject(value) ? new ctor(fields.flatMap((field) => {
        const one = own(value, field.name);
        return one === undefined || one === null ? [] : [[field.escaped, field.type.valueOf(one)] as const];
      })) : value),
    };
  }
}

/** The text by which an item of a list map is known: its keys' values, defaults included. */
export const itemKey = (schema: Schema, item: Json): string | undefined => {
  if (!isObject(item)) return undefined;
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  return canonical(keys.map((key) => own(item, key) ?? own(schema.items?.properties, key)?.default ?? null));
};
