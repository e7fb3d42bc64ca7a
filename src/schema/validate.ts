/**
 * Validation of a JSON value by a structural schema, in the words and reasons of Kubernetes, so that kubectl shows
 * the same sentence it shows anywhere. It says everything that is wrong at once, and never throws or changes the value.
 */
import { canonical, child, equal, isList, isObject, own, typeOf } from "./json.ts";
import { hasFormat } from "./formats.ts";
import { compilePattern } from "./pattern.ts";
import type { Json, JsonObject, Problem, Schema } from "./types.ts";

type Check = (schema: Schema, value: Json, path: string) => readonly Problem[];

const fine: readonly Problem[] = [];

/** `Invalid value: "abc": detail`, in the form Kubernetes prints any bad value. */
export const invalidValue = (field: string, value: Json, detail: string): Problem =>
  ({ field, reason: "FieldValueInvalid", message: `Invalid value: ${JSON.stringify(value)}: ${detail}` });

const inBody = (path: string, sentence: string) => `${path} in body ${sentence}`;

const invalidHere = (path: string, value: Json, sentence: string) => invalidValue(path, value, inBody(path, sentence));

const wrongType = (path: string, shown: string, wanted: string): Problem => ({
  field: path, reason: "FieldValueTypeInvalid",
  message: `Invalid value: ${JSON.stringify(shown)}: ${inBody(path, `must be of type ${wanted}: ${JSON.stringify(shown)}`)}`,
});

const tooMany = (path: string, actual: number, most: number): Problem =>
  ({ field: path, reason: "FieldValueTooMany", message: `Too many: ${actual}: must have at most ${most} items` });

const wantedTypes = (schema: Schema): readonly string[] => {
  if (schema["x-kubernetes-int-or-string"] === true) return ["integer", "string"];
  return schema.type === undefined ? [] : [schema.type];
};

const hasType: Check = (schema, value, path) => {
  const wanted = wantedTypes(schema);
  if (wanted.length === 0) return fine;
  const actual = typeOf(value);
  return wanted.includes(actual) || (actual === "integer" && wanted.includes("number"))
    ? fine : [wrongType(path, actual, wanted.join(","))];
};

const isInEnum: Check = (schema, value, path) => {
  if (schema.enum === undefined || schema.enum.some((allowed) => equal(allowed, value))) return fine;
  // The API machinery quotes every allowed value, numbers too.
  const allowed = schema.enum.map((one) => JSON.stringify(typeof one === "string" ? one : JSON.stringify(one)));
  return [{ field: path, reason: "FieldValueNotSupported", message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${allowed.join(", ")}` }];
};

// Only the first of these is told: a text of the wrong length rarely matches either.
const textFits = (schema: Schema, value: string, path: string): readonly Problem[] => {
  const { maxLength, minLength, pattern } = schema;
  const length = maxLength === undefined && minLength === undefined ? 0 : [...value].length;
  if (maxLength !== undefined && length > maxLength) return [{ field: path, reason: "FieldValueTooLong", message: `Too long: may not be more than ${maxLength} bytes` }];
  if (minLength !== undefined && length < minLength) return [invalidHere(path, value, `should be at least ${minLength} chars long`)];
  return pattern !== undefined && compilePattern(pattern)?.test(value) === false ? [invalidHere(path, value, `should match '${pattern}'`)] : fine;
};

const stringFits = (schema: Schema, value: string, path: string): readonly Problem[] => {
  const hasForm = schema.format === undefined || hasFormat(schema.format, value);
  return [...textFits(schema, value, path), ...(hasForm ? fine : [wrongType(path, value, schema.format ?? "")])];
};

// Dividing finds multiples of 0.1 that a remainder misses.
const isMultiple = (value: number, factor: number) => Number.isInteger(value / factor);

const numberFits = (schema: Schema, value: number, path: string): readonly Problem[] => {
  const problems: Problem[] = [];
  const { minimum, maximum, multipleOf } = schema;
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum))
    problems.push(invalidHere(path, value, `should be less than ${schema.exclusiveMaximum === true ? "" : "or equal to "}${maximum}`));
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum))
    problems.push(invalidHere(path, value, `should be greater than ${schema.exclusiveMinimum === true ? "" : "or equal to "}${minimum}`));
  if (multipleOf !== undefined && !isMultiple(value, multipleOf)) problems.push(invalidHere(path, value, `should be a multiple of ${multipleOf}`));
  if (schema.format === "int32" && (value < -(2 ** 31) || value >= 2 ** 31)) problems.push(wrongType(path, typeOf(value), "int32"));
  return problems;
};

const keyOf = (item: JsonObject, keys: readonly string[], items: Schema | undefined): JsonObject => Object.fromEntries(keys.flatMap((key) => {
  // A key that is left out counts with its default.
  const value = own(item, key) ?? own(items?.properties, key)?.default;
  return value === undefined ? [] : [[key, value] as const];
}));

const duplicates = (schema: Schema, value: readonly Json[], path: string): readonly Problem[] => {
  const type = schema["x-kubernetes-list-type"];
  if (type !== "set" && type !== "map") return fine;
  const seen = new Set<string>();
  return value.flatMap((item, index): readonly Problem[] => {
    const identity = type === "set" ? item : isObject(item) ? keyOf(item, schema["x-kubernetes-list-map-keys"] ?? [], schema.items) : undefined;
    if (identity === undefined) return fine;
    const text = canonical(identity);
    if (!seen.has(text)) { seen.add(text); return fine; }
    return [{ field: `${path}[${index}]`, reason: "FieldValueDuplicate", message: `Duplicate value: ${JSON.stringify(identity)}` }];
  });
};

const listFits = (schema: Schema, value: readonly Json[], path: string): readonly Problem[] => {
  const problems: Problem[] = [];
  const { items, minItems, maxItems } = schema;
  if (maxItems !== undefined && value.length > maxItems) problems.push(tooMany(path, value.length, maxItems));
  if (minItems !== undefined && value.length < minItems) problems.push(invalidHere(path, value.length, `should have at least ${minItems} items`));
  if (schema.uniqueItems === true && new Set(value.map(canonical)).size < value.length) problems.push(invalidHere(path, null, "shouldn't contain duplicates"));
  const inner = items === undefined ? fine : value.flatMap((item, index) => validate(items, item, `${path}[${index}]`));
  return [...problems, ...inner, ...duplicates(schema, value, path)];
};

const objectFits = (schema: Schema, value: JsonObject, path: string): readonly Problem[] => {
  const problems: Problem[] = [];
  const names = Object.keys(value);
  const { minProperties, maxProperties } = schema;
  if (maxProperties !== undefined && names.length > maxProperties) problems.push(tooMany(path, names.length, maxProperties));
  if (minProperties !== undefined && names.length < minProperties) problems.push(invalidHere(path, names.length, `should have at least ${minProperties} properties`));
  const embedded = schema["x-kubernetes-embedded-resource"] === true ? ["apiVersion", "kind"] : [];
  for (const name of [...schema.required ?? [], ...embedded])
    if (!Object.hasOwn(value, name)) problems.push({ field: child(path, name), reason: "FieldValueRequired", message: "Required value" });
  const others = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
  const inner = Object.entries(value).flatMap(([name, one]) => {
    const known = own(schema.properties, name) ?? others;
    return known === undefined ? fine : validate(known, one, child(path, name));
  });
  return [...problems, ...inner];
};

const contentFits: Check = (schema, value, path) => {
  if (typeof value === "string") return stringFits(schema, value, path);
  if (typeof value === "number") return numberFits(schema, value, path);
  if (isList(value)) return listFits(schema, value, path);
  return isObject(value) ? objectFits(schema, value, path) : fine;
};

// The validator behind Kubernetes reports these at the root, with the path inside the sentence.
const combination = (path: string, sentence: string): Problem => invalidValue("", "", `${JSON.stringify(path)} ${sentence}`);

const nearest = (failures: readonly (readonly Problem[])[]): readonly Problem[] =>
  failures.reduce((best, one) => one.length < best.length ? one : best, failures[0] ?? fine);

const combinesWell: Check = (schema, value, path) => {
  const of = (schemas: readonly Schema[]) => schemas.map((one) => validate(one, value, path));
  const problems: Problem[] = of(schema.allOf ?? []).flat();
  const any = of(schema.anyOf ?? []);
  if (any.length > 0 && any.every((one) => one.length > 0)) problems.push(combination(path, "must validate at least one schema (anyOf)"), ...nearest(any));
  const one = of(schema.oneOf ?? []);
  const valid = one.filter((each) => each.length === 0).length;
  if (one.length > 0 && valid !== 1) {
    const found = valid === 0 ? "Found none valid" : `Found ${valid} valid alternatives`;
    problems.push(combination(path, `must validate one and only one schema (oneOf). ${found}`), ...(valid === 0 ? nearest(one) : fine));
  }
  if (schema.not !== undefined && validate(schema.not, value, path).length === 0) problems.push(combination(path, "must not validate the schema (not)"));
  return problems;
};

/** Everything that is wrong with the value; empty when it is valid. `path` is where it stands in its object. */
export const validate = (schema: Schema, value: Json, path = ""): readonly Problem[] => {
  if (value === null && schema.nullable === true) return fine;
  const ofType = hasType(schema, value, path);
  if (ofType.length > 0) return [...ofType, ...isInEnum(schema, value, path)];
  return [...isInEnum(schema, value, path), ...contentFits(schema, value, path), ...combinesWell(schema, value, path)];
};
