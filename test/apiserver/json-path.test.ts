import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findByPath, parseJsonPath } from "../../src/apiserver/json-path.ts";

const object = {
  spec: { replicas: 0, users: [{ name: "a", age: 3 }, { name: "b" }], "odd.name/x": 1, nothing: null },
  status: { conditions: [{ type: "Ready", status: "True" }, { type: "Stalled", status: "False" }] },
};

const rows: readonly (readonly [path: string, found: readonly unknown[]])[] = [
  [".spec.replicas", [0]],
  ["{.spec.replicas}", [0]],
  [".spec.nothing", [null]],
  [".spec.absent", []],
  [".spec.replicas.deeper", []],
  [".spec.users[0].name", ["a"]],
  [".spec.users[-1].name", ["b"]],
  [".spec.users[9].name", []],
  [".spec.users[*].name", ["a", "b"]],
  [".spec['odd.name/x']", [1]],
  [".spec.odd\\.name/x", [1]],
  [".status.conditions[?(@.type==\"Ready\")].status", ["True"]],
  [".status.conditions[?(@.type=='Ready')].status", ["True"]],
  [".status.conditions[?(@.type!=\"Ready\")].status", ["False"]],
  [".spec.users[?(@.age>2)].name", ["a"]],
  [".spec.users[?(@.age)].name", ["a"]],
  [".spec.constructor", []],
  ["", [object]],
  ["spec", []],
  [".spec.users[", []],
];
for (const [path, found] of rows) test(`finds ${path}`, () => { assert.deepEqual(findByPath(object, path), found); });

test("a path that is not understood is known as such", () => {
  assert.equal(parseJsonPath(".a[?(@.b ~ 3)]"), undefined);
  assert.deepEqual(parseJsonPath(".a"), [{ step: "child", name: "a" }]);
});

test("no path and no value make it throw", () => {
  fc.assert(fc.property(fc.jsonValue(), fc.string(), (value, path) => Array.isArray(findByPath(value, path))));
});
