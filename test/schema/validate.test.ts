import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { validate } from "../../src/schema/validate.ts";
import type { Json, Schema } from "../../src/schema/types.ts";
import { anyJson, anySchema } from "./values.ts";

interface Row { readonly when: string; readonly schema: Schema; readonly value: Json; readonly expect: readonly string[] }

const spec = (properties: Readonly<Record<string, Schema>>, more: Partial<Schema> = {}): Schema =>
  ({ type: "object", properties: { spec: { type: "object", properties, ...more } } });

const users: Schema = {
  type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name", "port"],
  items: { type: "object", properties: { name: { type: "string" }, port: { type: "integer", default: 1 } } },
};

const rows: readonly Row[] = [
  { when: "the value is valid", schema: spec({ replicas: { type: "integer", minimum: 0 } }), value: { spec: { replicas: 3 } }, expect: [] },
  { when: "a required field is missing", schema: spec({}, { required: ["replicas"] }), value: { spec: {} },
    expect: ["FieldValueRequired spec.replicas: Required value"] },
  { when: "a string stands for an integer", schema: spec({ replicas: { type: "integer" } }), value: { spec: { replicas: "3" } },
    expect: ['FieldValueTypeInvalid spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"'] },
  { when: "a fraction stands for an integer", schema: spec({ replicas: { type: "integer" } }), value: { spec: { replicas: 1.5 } },
    expect: ['FieldValueTypeInvalid spec.replicas: Invalid value: "number": spec.replicas in body must be of type integer: "number"'] },
  { when: "a whole number stands for a number", schema: spec({ cpus: { type: "number" } }), value: { spec: { cpus: 2 } }, expect: [] },
  { when: "null is not allowed", schema: spec({ name: { type: "string" } }), value: { spec: { name: null } },
    expect: ['FieldValueTypeInvalid spec.name: Invalid value: "null": spec.name in body must be of type string: "null"'] },
  { when: "null is allowed", schema: spec({ name: { type: "string", nullable: true, enum: ["a"] } }), value: { spec: { name: null } }, expect: [] },
  { when: "a number is too large", schema: spec({ replicas: { type: "integer", maximum: 9 } }), value: { spec: { replicas: 12 } },
    expect: ["FieldValueInvalid spec.replicas: Invalid value: 12: spec.replicas in body should be less than or equal to 9"] },
  { when: "a number is at an exclusive bound", schema: spec({ share: { type: "number", exclusiveMinimum: true, minimum: 0, exclusiveMaximum: true, maximum: 0 } }), value: { spec: { share: 0 } },
    expect: ["FieldValueInvalid spec.share: Invalid value: 0: spec.share in body should be less than 0", "FieldValueInvalid spec.share: Invalid value: 0: spec.share in body should be greater than 0"] },
  { when: "a number is too small", schema: spec({ replicas: { type: "integer", minimum: 0 } }), value: { spec: { replicas: -1 } },
    expect: ["FieldValueInvalid spec.replicas: Invalid value: -1: spec.replicas in body should be greater than or equal to 0"] },
  { when: "a number is not a multiple", schema: spec({ size: { type: "integer", multipleOf: 8 } }), value: { spec: { size: 12 } },
    expect: ["FieldValueInvalid spec.size: Invalid value: 12: spec.size in body should be a multiple of 8"] },
  { when: "a value is not one of those allowed", schema: spec({ version: { type: "string", enum: ["16", "17"] } }), value: { spec: { version: "15" } },
    expect: ['FieldValueNotSupported spec.version: Unsupported value: "15": supported values: "16", "17"'] },
  { when: "a string is too long or too short", schema: spec({ a: { type: "string", maxLength: 2 }, b: { type: "string", minLength: 2 } }), value: { spec: { a: "abc", b: "ü" } },
    expect: ["FieldValueTooLong spec.a: Too long: may not be more than 2 bytes", 'FieldValueInvalid spec.b: Invalid value: "ü": spec.b in body should be at least 2 chars long'] },
  { when: "a string does not match", schema: spec({ name: { type: "string", pattern: "^[a-z]+$" } }), value: { spec: { name: "A" } },
    expect: ["FieldValueInvalid spec.name: Invalid value: \"A\": spec.name in body should match '^[a-z]+$'"] },
  { when: "a string lacks its format", schema: spec({ at: { type: "string", format: "date-time" } }), value: { spec: { at: "noon" } },
    expect: ['FieldValueTypeInvalid spec.at: Invalid value: "noon": spec.at in body must be of type date-time: "noon"'] },
  { when: "a list has too many items", schema: spec({ hba: { type: "array", maxItems: 1, items: { type: "string" } } }), value: { spec: { hba: ["a", "b"] } },
    expect: ["FieldValueTooMany spec.hba: Too many: 2: must have at most 1 items"] },
  { when: "a list has too few items", schema: spec({ hba: { type: "array", minItems: 1, items: { type: "string" } } }), value: { spec: { hba: [] } },
    expect: ["FieldValueInvalid spec.hba: Invalid value: 0: spec.hba in body should have at least 1 items"] },
  { when: "an item is wrong", schema: spec({ hba: { type: "array", items: { type: "object", properties: { port: { type: "integer" } } } } }), value: { spec: { hba: [{}, { port: true }] } },
    expect: ['FieldValueTypeInvalid spec.hba[1].port: Invalid value: "boolean": spec.hba[1].port in body must be of type integer: "boolean"'] },
  { when: "a map has too many properties, or a wrong one", schema: spec({ parameters: { type: "object", maxProperties: 1, additionalProperties: { type: "string" } } }), value: { spec: { parameters: { a: "1", b: 2 } } },
    expect: ["FieldValueTooMany spec.parameters: Too many: 2: must have at most 1 items", 'FieldValueTypeInvalid spec.parameters.b: Invalid value: "integer": spec.parameters.b in body must be of type string: "integer"'] },
  { when: "a set has an item twice", schema: spec({ tags: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } } }), value: { spec: { tags: ["a", "b", "a"] } },
    expect: ['FieldValueDuplicate spec.tags[2]: Duplicate value: "a"'] },
  { when: "a list map has a key twice, once by its default", schema: spec({ users }), value: { spec: { users: [{ name: "a", port: 1 }, { name: "a" }, { name: "a", port: 2 }] } },
    expect: ['FieldValueDuplicate spec.users[1]: Duplicate value: {"name":"a","port":1}'] },
  { when: "an integer or a string may stand", schema: spec({ port: { "x-kubernetes-int-or-string": true } }), value: { spec: { port: false } },
    expect: ['FieldValueTypeInvalid spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean"'] },
  { when: "an embedded object has no kind", schema: spec({ template: { type: "object", "x-kubernetes-embedded-resource": true } }), value: { spec: { template: { apiVersion: "v1" } } },
    expect: ["FieldValueRequired spec.template.kind: Required value"] },
  { when: "a required field is one that every object inherits", schema: spec({}, { required: ["constructor"] }), value: { spec: {} },
    expect: ["FieldValueRequired spec.constructor: Required value"] },
  { when: "none of several alternatives holds", schema: spec({ a: { type: "integer", oneOf: [{ minimum: 5 }, { multipleOf: 3 }], anyOf: [{ maximum: 0 }] } }), value: { spec: { a: 1 } },
    expect: [
      'FieldValueInvalid : Invalid value: "": "spec.a" must validate at least one schema (anyOf)',
      "FieldValueInvalid spec.a: Invalid value: 1: spec.a in body should be less than or equal to 0",
      'FieldValueInvalid : Invalid value: "": "spec.a" must validate one and only one schema (oneOf). Found none valid',
      "FieldValueInvalid spec.a: Invalid value: 1: spec.a in body should be greater than or equal to 5",
    ] },
  { when: "two exclusive alternatives hold", schema: spec({ a: { type: "integer", oneOf: [{ minimum: 1 }, { multipleOf: 3 }] } }), value: { spec: { a: 3 } },
    expect: ['FieldValueInvalid : Invalid value: "": "spec.a" must validate one and only one schema (oneOf). Found 2 valid alternatives'] },
  { when: "what must not hold holds", schema: spec({ a: { type: "integer", not: { enum: [3] }, allOf: [{ minimum: 4 }] } }), value: { spec: { a: 3 } },
    expect: ["FieldValueInvalid spec.a: Invalid value: 3: spec.a in body should be greater than or equal to 4", 'FieldValueInvalid : Invalid value: "": "spec.a" must not validate the schema (not)'] },
  { when: "a pattern is written for RE2", schema: spec({ a: { type: "string", pattern: "(?i)^[[:alpha:]]+\\z" } }), value: { spec: { a: "Abc1" } },
    expect: ["FieldValueInvalid spec.a: Invalid value: \"Abc1\": spec.a in body should match '(?i)^[[:alpha:]]+\\z'"] },
];

for (const row of rows) test(row.when, () => {
  assert.deepEqual(validate(row.schema, row.value).map(({ field, reason, message }) => `${reason} ${field}: ${message}`), row.expect);
});

const formats: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["date-time", ["2024-02-29T10:00:00Z", "2024-01-01T00:00:00.123+02:00"], ["2023-02-29T10:00:00Z", "2024-01-01", ""]],
  ["date", ["2024-02-29"], ["2024-13-01", "24-01-01"]],
  ["duration", ["1h30m", "5s", "0"], ["5", "one hour"]],
  ["ipv4", ["10.0.0.1"], ["10.0.0.256", "::1"]],
  ["ipv6", ["::1"], ["10.0.0.1"]],
  ["cidr", ["10.0.0.0/8", "fd00::/64"], ["10.0.0.0/33", "10.0.0.0"]],
  ["mac", ["02:42:ac:11:00:02"], ["02:42:ac:11:00", "0242ac110002"]],
  ["hostname", ["db-0.example"], ["-db", "a..b"]],
  ["email", ["a@b"], ["a"]],
  ["uri", ["https://example.org/x", "/path"], ["no uri"]],
  ["uuid", ["0b0c1e6e-9a7e-4d59-9d52-1b2f3c4d5e6f"], ["0b0c1e6e"]],
  ["byte", ["aGk=", ""], ["aGk"]],
  ["something-of-ours", ["whatever"], []],
];
for (const [format, good, bad] of formats) test(`format ${format}`, () => {
  for (const text of good) assert.deepEqual(validate({ type: "string", format }, text), [], text);
  for (const text of bad) assert.equal(validate({ type: "string", format }, text).length, 1, text);
});

test("any schema and any value: an answer, never an exception", () => {
  fc.assert(fc.property(anySchema, anyJson, (schema, value) => Array.isArray(validate(schema, value))));
});
