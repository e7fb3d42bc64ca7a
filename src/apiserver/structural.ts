/**
 * What makes a schema structural: every node has a type, nothing contradicts pruning and defaulting, and defaults
 * validate. Pure; the paths are those of the definition, as Kubernetes prints them.
 */
import { child, own } from "../schema/json.ts";
import { compilePattern } from "../schema/pattern.ts";
import { prune } from "../schema/prune.ts";
import { invalidValue, validate } from "../schema/validate.ts";
import { bannedKeywords } from "./read-schema.ts";
import type { Problem, Schema } from "../schema/types.ts";

const required = (field: string, detail: string): Problem => ({ field, reason: "FieldValueRequired", message: `Required value: ${detail}` });
const forbidden = (field: string, detail: string): Problem => ({ field, reason: "FieldValueForbidden", message: `Forbidden: ${detail}` });

/** Where a node stands in its parent, which decides what its lack of a type is called. */
type Place = "at the root" | "for specified object fields" | "for specified array items" | "for additionalProperties";

const types = ["array", "boolean", "integer", "number", "object", "string"];

const typeProblems = (schema: Schema, path: string, place: Place): readonly Problem[] => {
  const { type } = schema;
  if (schema["x-kubernetes-int-or-string"] === true) return [];
  if (type === undefined)
    return place !== "at the root" && schema["x-kubernetes-preserve-unknown-fields"] === true ? [] : [required(`${path}.type`, `must not be empty ${place}`)];
  if (!types.includes(type))
    return [{ field: `${path}.type`, reason: "FieldValueNotSupported", message: `Unsupported value: ${JSON.stringify(type)}: supported values: ${types.map((one) => JSON.stringify(one)).join(", ")}` }];
  return place === "at the root" && type !== "object" ? [invalidValue(`${path}.type`, type, "must be object at the root")] : [];
};

const keywordProblems = (schema: Schema, path: string): readonly Problem[] => {
  const problems: Problem[] = bannedKeywords.filter((word) => Object.hasOwn(schema, word)).map((word) => forbidden(`${path}.${word}`, `${word} is not supported`));
  if (schema.uniqueItems === true) problems.push(forbidden(`${path}.uniqueItems`, "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"));
  if (schema.additionalProperties !== undefined && schema.properties !== undefined)
    problems.push(forbidden(`${path}.additionalProperties`, "additionalProperties and properties are mutual exclusive"));
  if (schema.type === "array" && schema.items === undefined) problems.push(required(`${path}.items`, "must be specified"));
  if (schema.pattern !== undefined && compilePattern(schema.pattern) === undefined)
    problems.push(invalidValue(`${path}.pattern`, schema.pattern, "must be a valid regular expression, but isn't"));
  if (schema["x-kubernetes-embedded-resource"] === true && schema.type !== "object")
    problems.push(invalidValue(`${path}.type`, schema.type ?? "", "must be object if x-kubernetes-embedded-resource is true"));
  if (schema["x-kubernetes-preserve-unknown-fields"] === false)
    problems.push(invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, false, "must be true or undefined"));
  return problems;
};

const keyProblems = (schema: Schema, path: string): readonly Problem[] => {
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  if (keys.length === 0) return [required(`${path}.x-kubernetes-list-map-keys`, "must not be empty if x-kubernetes-list-type is map")];
  return keys.flatMap((key): readonly Problem[] => {
    const known = own(schema.items?.properties, key);
    if (known === undefined) return [invalidValue(`${path}.x-kubernetes-list-map-keys`, keys, "entries must all be names of item properties")];
    if (known.type === "object" || known.type === "array")
      return [invalidValue(`${path}.items.properties[${key}].type`, known.type, "must be a scalar type if parent array's x-kubernetes-list-type is map")];
    return known.default !== undefined || schema.items?.required?.includes(key) === true ? []
      : [required(`${path}.items.properties[${key}].default`, "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property")];
  });
};

const listProblems = (schema: Schema, path: string): readonly Problem[] => {
  const type = schema["x-kubernetes-list-type"];
  if (type === undefined) return [];
  const problems: Problem[] = schema.type === "array" ? [] : [invalidValue(`${path}.type`, schema.type ?? "", "must be array if x-kubernetes-list-type is specified")];
  if (!["atomic", "set", "map"].includes(type))
    problems.push({ field: `${path}.x-kubernetes-list-type`, reason: "FieldValueNotSupported", message: `Unsupported value: ${JSON.stringify(type)}: supported values: "atomic", "set", "map"` });
  if (type === "map") problems.push(...keyProblems(schema, path));
  return problems;
};

const defaultProblems = (schema: Schema, path: string): readonly Problem[] => {
  if (schema.default === undefined) return [];
  const field = `${path}.default`;
  if (prune(schema, schema.default).unknown.length > 0) return [invalidValue(field, schema.default, "must not have unknown fields")];
  return validate(schema, schema.default).map((problem) => ({ ...problem, field: problem.field === "" ? field : child(field, problem.field) }));
};

// Inside a combination only the value may be restricted: its shape is said once, outside.
const shapeKeywords = ["description", "type", "default", "additionalProperties", "nullable", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"];

const insideProblems = (schema: Schema, path: string, intOrString: boolean): readonly Problem[] => [
  ...shapeKeywords.filter((word) => Object.hasOwn(schema, word) && !(word === "type" && intOrString))
    .map((word) => forbidden(`${path}.${word}`, "must be empty to be structural")),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, one]) => insideProblems(one, `${path}.properties[${name}]`, false)),
  ...(schema.items === undefined ? [] : insideProblems(schema.items, `${path}.items`, false)),
];

const combinationProblems = (schema: Schema, path: string): readonly Problem[] => {
  const intOrString = schema["x-kubernetes-int-or-string"] === true;
  const lists = (["allOf", "anyOf", "oneOf"] as const).flatMap((word) =>
    (schema[word] ?? []).flatMap((one, index) => insideProblems(one, `${path}.${word}[${index}]`, intOrString)));
  return schema.not === undefined ? lists : [...lists, ...insideProblems(schema.not, `${path}.not`, intOrString)];
};

const nodeProblems = (schema: Schema, path: string, place: Place): readonly Problem[] => {
  const { properties = {}, items, additionalProperties } = schema;
  return [
    ...typeProblems(schema, path, place), ...keywordProblems(schema, path), ...listProblems(schema, path),
    ...defaultProblems(schema, path), ...combinationProblems(schema, path),
    ...Object.entries(properties).flatMap(([name, one]) => nodeProblems(one, `${path}.properties[${name}]`, "for specified object fields")),
    ...(items === undefined ? [] : nodeProblems(items, `${path}.items`, "for specified array items")),
    ...(typeof additionalProperties === "object" ? nodeProblems(additionalProperties, `${path}.additionalProperties`, "for additionalProperties") : []),
  ];
};

const metadataProblems = (schema: Schema, path: string): readonly Problem[] => {
  const metadata = own(schema.properties, "metadata");
  if (metadata === undefined) return [];
  const words = Object.keys(metadata).every((word) => ["type", "description", "properties", "required"].includes(word));
  const names = Object.keys(metadata.properties ?? {}).every((name) => name === "name" || name === "generateName");
  return words && names ? []
    : [forbidden(`${path}.properties[metadata]`, "must not specify anything other than name and generateName, but metadata is implicitly specified")];
};

/** Why the schema is not structural; empty when it is. */
export const structuralProblems = (schema: Schema, path: string): readonly Problem[] =>
  [...nodeProblems(schema, path, "at the root"), ...metadataProblems(schema, path)];
