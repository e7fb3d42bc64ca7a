/** Defaulting and pruning: tables of what they do, and what holds for any schema and value. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { applyDefaults } from "../../src/schema/defaults.ts";
import { equal } from "../../src/schema/json.ts";
import { prune } from "../../src/schema/prune.ts";
import type { Json, Schema } from "../../src/schema/types.ts";
import { anyJson, anySchema } from "./values.ts";

const storage: Schema = { type: "object", properties: { size: { type: "string", default: "1Gi" }, class: { type: "string", nullable: true, default: "fast" } } };
const schema: Schema = { type: "object", properties: {
  replicas: { type: "integer", default: 1 },
  storage: { ...storage, default: {} },
  backup: storage,
  note: { type: "string" },
  users: { type: "array", items: { type: "object", properties: { age: { type: "integer", default: 7 } } } },
  ports: { type: "array", items: { type: "integer", default: 5432 } },
  parameters: { type: "object", additionalProperties: { type: "string", default: "on" } },
  anything: { type: "object", "x-kubernetes-preserve-unknown-fields": true, properties: { known: { type: "object", properties: {} } } },
  free: { type: "object", additionalProperties: true },
  template: { type: "object", "x-kubernetes-embedded-resource": true, properties: { spec: { type: "object" } } },
} };

const defaulted: readonly (readonly [string, Json, Json])[] = [
  ["what is missing is filled in, nested where the parent has a default", {}, { replicas: 1, storage: { size: "1Gi", class: "fast" } }],
  ["what is given stays", { replicas: 0, storage: { size: "2Gi", class: null } }, { replicas: 0, storage: { size: "2Gi", class: null } }],
  ["a parent that is there is filled, one that is not stays away", { storage: {}, backup: {}, replicas: 1 },
    { storage: { size: "1Gi", class: "fast" }, backup: { size: "1Gi", class: "fast" }, replicas: 1 }],
  ["null becomes the default, or goes", { replicas: null, note: null, storage: { size: null, class: null } }, { storage: { size: "1Gi", class: null }, replicas: 1 }],
  ["items and values of maps too", { replicas: 1, storage: { size: "", class: "" }, users: [{}], ports: [null, 1], parameters: { a: null, b: "off" } },
    { replicas: 1, storage: { size: "", class: "" }, users: [{ age: 7 }], ports: [5432, 1], parameters: { a: "on", b: "off" } }],
  ["a null item without a default stays for validation to refuse", { replicas: 1, storage: { size: "", class: "" }, users: [null] }, { replicas: 1, storage: { size: "", class: "" }, users: [null] }],
  ["what is no object is not touched", 3, 3],
];
for (const [when, value, expected] of defaulted) test(when, () => assert.deepEqual(applyDefaults(schema, value), expected));

test("pruning drops and reports what the schema does not name", () => {
  const value = {
    typo: 1, replicas: 2, users: [{ age: 1 }, { age: 2, name: "x" }], constructor: 1, parameters: { any: "x" }, free: { a: { b: 1 } },
    anything: { x: 1, known: { y: 2 } }, template: { apiVersion: "v1", kind: "X", metadata: { name: "y" }, more: 1, spec: {} },
  };
  const { value: kept, unknown } = prune(schema, value, { path: "spec" });
  assert.deepEqual(unknown, ["spec.typo", "spec.users[1].name", "spec.constructor", "spec.anything.known.y", "spec.template.more"]);
  assert.deepEqual(kept, {
    replicas: 2, users: [{ age: 1 }, { age: 2 }], parameters: { any: "x" }, free: { a: { b: 1 } },
    anything: { x: 1, known: {} }, template: { apiVersion: "v1", kind: "X", metadata: { name: "y" }, spec: {} },
  });
});

test("a resource keeps its type and all of its metadata", () => {
  const root: Schema = { type: "object", properties: { metadata: { type: "object", properties: { name: { type: "string", maxLength: 20 } } }, spec: { type: "object" } } };
  const value = { apiVersion: "v1", kind: "X", metadata: { name: "a", labels: { b: "c" } }, spec: { d: 1 }, e: 2 };
  assert.deepEqual(prune(root, value, { isRoot: true }), { value: { apiVersion: "v1", kind: "X", metadata: { name: "a", labels: { b: "c" } }, spec: {} }, unknown: ["spec.d", "e"] });
});

test("a body cannot reach a prototype", () => {
  const value = JSON.parse('{"__proto__": {"polluted": true}, "free": {"__proto__": {"x": 1}}}') as Json;
  const kept = prune(schema, applyDefaults(schema, value)).value;
  assert.equal(JSON.stringify(kept), '{"free":{"__proto__":{"x":1}},"replicas":1,"storage":{"size":"1Gi","class":"fast"}}');
  assert.equal(({} as { polluted?: boolean }).polluted, undefined);
});

test("any schema and value: defaulting twice is defaulting once, and changes no input", () => {
  fc.assert(fc.property(anySchema, anyJson, (any, value) => {
    const before = JSON.stringify(value);
    const once = applyDefaults(any, value);
    assert.ok(equal(applyDefaults(any, once), once));
    assert.equal(JSON.stringify(value), before);
  }));
});

test("any schema and value: what was pruned has nothing unknown", () => {
  fc.assert(fc.property(anySchema, anyJson, (any, value) => {
    const once = prune(any, value);
    assert.deepEqual(prune(any, once.value), { value: once.value, unknown: [] });
  }));
});
