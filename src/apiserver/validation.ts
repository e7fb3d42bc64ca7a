/**
 * Whether an object may be stored: schema, then rules, then what its kind asks. On a change, what was wrong before and
 * did not change is let through, so that a stricter schema does not lock anybody out of repairing the rest.
 */
import { equal, isList, isObject, own } from "../schema/json.ts";
import { invalidValue, validate } from "../schema/validate.ts";
import { builtinProblems } from "./builtin-rules.ts";
import { celProblems } from "./cel.ts";
import { findByPath } from "./json-path.ts";
import { metadataProblems } from "./metadata.ts";
import { asJson } from "./objects.ts";
import type { Kind, KubeObject } from "./kind.ts";
import type { Json, JsonObject, Problem, Schema } from "../schema/types.ts";

const blocking: ReadonlySet<Problem["reason"]> = new Set(["FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"]);

const rulesSkipped = invalidValue("", null, "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation");

const ruleBearing = new WeakMap<Schema, boolean>();

const findRules = (schema: Schema): boolean =>
  (schema["x-kubernetes-validations"] ?? []).length > 0
  || Object.values(schema.properties ?? {}).some(hasRules)
  || (schema.items !== undefined && hasRules(schema.items))
  || (typeof schema.additionalProperties === "object" && hasRules(schema.additionalProperties));

const hasRules = (schema: Schema): boolean => {
  const known = ruleBearing.get(schema) ?? findRules(schema);
  ruleBearing.set(schema, known);
  return known;
};

/** `spec.users[0].age` -> the value there. A map's key may itself have dots, so longer names are tried as well. */
const valueAt = (value: Json | undefined, path: string): Json | undefined => {
  if (path === "" || value === undefined) return value;
  const index = /^\[(\d+)\]\.?(.*)$/s.exec(path);
  if (index !== null) return isList(value) ? valueAt(value[Number(index[1])], index[2] ?? "") : undefined;
  if (!isObject(value)) return undefined;
  for (let end = nameEnd(path, 0); end !== -1; end = end === path.length ? -1 : nameEnd(path, end + 1)) {
    const inner = own(value, path.slice(0, end));
    if (inner !== undefined) return valueAt(inner, path.slice(end).replace(/^\./, ""));
  }
  return undefined;
};

const nameEnd = (path: string, from: number): number => {
  const end = path.slice(from).search(/[.[]/);
  return end === -1 ? path.length : from + end;
};

const parentOf = (path: string) => path.replace(/(\.[^.[\]]+|\[\d+\]|^[^.[\]]+)$/, "");

/** The problems that this change made or touched. */
const touched = (problems: readonly Problem[], before: JsonObject, after: JsonObject): readonly Problem[] => problems.filter(({ field, reason }) => {
  if (field === "") return true;
  // Nothing stands at a missing field: what has to be unchanged is what it is missing from.
  const path = reason === "FieldValueRequired" ? parentOf(field) : field;
  const was = valueAt(before, path);
  return was === undefined || !equal(was, valueAt(after, path));
});

// The number that kubectl scale works on has a rule of its own, whatever the schema says about it.
const scaleProblems = ({ scale }: Kind, object: KubeObject): readonly Problem[] => {
  const paths = scale === undefined ? [] : [scale.specReplicasPath, scale.statusReplicasPath];
  return paths.flatMap((path) => {
    const [value] = findByPath(object, path);
    return typeof value === "number" && value < 0 ? [invalidValue(path, value, "should be a non-negative integer")] : [];
  });
};

const schemaProblems = (schema: Schema, after: JsonObject, before?: KubeObject): readonly Problem[] => {
  const found = validate(schema, after);
  return before === undefined ? found : touched(found, asJson(before), after);
};

/** The rules are asked last, and only when nothing is wrong that they might stumble over. */
const withRules = (schema: Schema, problems: readonly Problem[], object: KubeObject, before?: KubeObject): readonly Problem[] => {
  if (!hasRules(schema)) return problems;
  if (problems.some(({ reason }) => blocking.has(reason))) return [...problems, rulesSkipped];
  return [...problems, ...celProblems({ schema, value: asJson(object), ...(before === undefined ? {} : { old: asJson(before) }) })];
};

/** Everything that keeps the object from being stored. */
export const objectProblems = (kind: Kind, object: KubeObject, before?: KubeObject): readonly Problem[] => {
  const { schema } = kind;
  const ofMetadata = metadataProblems(kind, object, before);
  if (kind.custom && schema !== undefined)
    return withRules(schema, [...ofMetadata, ...schemaProblems(schema, asJson(object), before), ...scaleProblems(kind, object)], object, before);
  const ofSchema = schema === undefined ? [] : validate(schema, asJson(object));
  // A built-in kind's own rules trust its schema.
  return [...ofMetadata, ...(ofSchema.length > 0 ? ofSchema : builtinProblems(kind, object, before))];
};

