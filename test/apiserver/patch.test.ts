import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { builtinKinds } from "../../src/apiserver/kinds.ts";
import { jsonPatch, mergePatch, strategicMergePatch } from "../../src/apiserver/patch.ts";
import { Refusal } from "../../src/apiserver/problems.ts";
import type { Json, JsonObject } from "../../src/schema/types.ts";

const codeOf = (run: () => unknown): number => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return error.status.code;
  }
  return 200;
};
const nested = (depth: number): Json => {
  let value: Json = 1;
  for (let level = 0; level < depth; level += 1) value = { a: value };
  return value;
};

test("a JSON patch adds, replaces, removes, moves, copies and tests", () => {
  const live = { spec: { replicas: 1, list: ["a", "b"] } };
  assert.deepEqual(jsonPatch(live, [
    { op: "test", path: "/spec/replicas", value: 1 }, { op: "replace", path: "/spec/replicas", value: 2 },
    { op: "add", path: "/spec/list/-", value: "c" }, { op: "remove", path: "/spec/list/0" },
    { op: "copy", from: "/spec/replicas", path: "/spec/copied" }, { op: "move", from: "/spec/copied", path: "/spec/moved" },
  ]), { spec: { replicas: 2, list: ["b", "c"], moved: 2 } });
  assert.deepEqual(live, { spec: { replicas: 1, list: ["a", "b"] } }, "the input stays as it was");
});

const refusedJson: readonly (readonly [sentence: string, patch: Json, code: number])[] = [
  ["no list", { op: "remove", path: "/a" }, 400],
  ["an unknown operation", [{ op: "swap", path: "/a" }], 422],
  ["an operation without a value", [{ op: "add", path: "/a" }], 422],
  ["a move from nowhere", [{ op: "move", path: "/a" }], 422],
  ["a removal of what is not there", [{ op: "remove", path: "/nope" }], 422],
  ["a replacement of what is not there", [{ op: "replace", path: "/nope", value: 1 }], 422],
  ["an addition below what is not there", [{ op: "add", path: "/nope/a", value: 1 }], 422],
  ["a test that fails", [{ op: "test", path: "/a", value: 2 }], 422],
  ["a pointer to a prototype", [{ op: "add", path: "/__proto__/polluted", value: 1 }], 422],
  ["more operations than the bound", Array.from({ length: 10_001 }, () => ({ op: "test", path: "/a", value: 1 })), 413],
  ["a patch that leaves no object", [{ op: "replace", path: "", value: 3 }], 400],
];
for (const [sentence, patch, code] of refusedJson) {
  test(`refuses a JSON patch: ${sentence}`, () => {
    assert.equal(codeOf(() => jsonPatch({ a: 1 }, patch)), code);
    assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
  });
}

test("the failing operation of a JSON patch is told as a cause", () => {
  try {
    jsonPatch({}, [{ op: "remove", path: "/spec/x" }]);
    assert.fail("it was accepted");
  } catch (error) {
    assert.ok(error instanceof Refusal);
    assert.deepEqual(error.status.details?.causes, [
      { reason: "UnexpectedServerResponse", message: "remove operation does not apply: doc is missing path: /spec/x: missing value" },
    ]);
  }
});

// The examples of RFC 7386, appendix A, that have an object at the top.
const mergeRows: readonly (readonly [live: JsonObject, patch: Json, expect: JsonObject])[] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];
for (const [live, patch, expect] of mergeRows) {
  test(`merges ${JSON.stringify(patch)} into ${JSON.stringify(live)}`, () => { assert.deepEqual(mergePatch(live, patch), expect); });
}

test("a merge patch that is no object, or nests too deep, is refused", () => {
  assert.equal(codeOf(() => mergePatch({}, [1])), 400);
  assert.equal(codeOf(() => mergePatch({}, nested(5000))), 400);
});

const object: fc.Arbitrary<JsonObject> = fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 3 })) as fc.Arbitrary<JsonObject>;

test("a merge patch applied twice is applied once, and keys may have any name", () => {
  fc.assert(fc.property(object, object, (live, patch) => {
    const once = mergePatch(live, patch);
    assert.deepEqual(mergePatch(once, patch), once);
  }));
  const odd = JSON.parse("{\"__proto__\": {\"x\": 1}, \"constructor\": 2}") as JsonObject;
  assert.deepEqual(Object.keys(mergePatch({}, odd)), ["__proto__", "constructor"]);
});

const kind = { mergeKeys: { "spec.ports": "port", "metadata.finalizers": "", "metadata.ownerReferences": "uid" } };
const strategicRows: readonly { readonly when: string; readonly live: JsonObject; readonly patch: Json; readonly expect: JsonObject }[] = [
  { when: "maps merge and null removes", live: { data: { a: "1", b: "2" } }, patch: { data: { a: null, c: "3" } }, expect: { data: { b: "2", c: "3" } } },
  {
    when: "a list with a key merges by it", live: { spec: { ports: [{ port: 1, name: "a" }, { port: 2 }] } },
    patch: { spec: { ports: [{ port: 2, name: "b" }, { port: 3 }] } }, expect: { spec: { ports: [{ port: 1, name: "a" }, { port: 2, name: "b" }, { port: 3 }] } },
  },
  {
    when: "$patch delete removes an item", live: { spec: { ports: [{ port: 1 }, { port: 2 }] } },
    patch: { spec: { ports: [{ port: 1, $patch: "delete" }] } }, expect: { spec: { ports: [{ port: 2 }] } },
  },
  {
    when: "$patch replace in a list replaces it", live: { spec: { ports: [{ port: 1 }, { port: 2 }] } },
    patch: { spec: { ports: [{ port: 3 }, { $patch: "replace" }] } }, expect: { spec: { ports: [{ port: 3 }] } },
  },
  { when: "$patch replace in a map replaces it", live: { data: { a: "1" } }, patch: { data: { b: "2", $patch: "replace" } }, expect: { data: { b: "2" } } },
  { when: "$patch delete in a map removes it", live: { data: { a: "1" }, x: 1 }, patch: { data: { $patch: "delete" } }, expect: { x: 1 } },
  { when: "$retainKeys keeps only what it names", live: { strategy: { type: "a", old: 1 } }, patch: { strategy: { $retainKeys: ["type"], type: "b" } }, expect: { strategy: { type: "b" } } },
  {
    when: "$setElementOrder orders, and what only the server has stays in place",
    live: { spec: { ports: [{ port: 9 }, { port: 1 }, { port: 2 }] } },
    patch: { spec: { "$setElementOrder/ports": [{ port: 2 }, { port: 1 }, { port: 3 }], ports: [{ port: 3 }] } },
    expect: { spec: { ports: [{ port: 9 }, { port: 2 }, { port: 1 }, { port: 3 }] } },
  },
  { when: "a list of plain values is a union", live: { metadata: { finalizers: ["a"] } }, patch: { metadata: { finalizers: ["b", "a"] } }, expect: { metadata: { finalizers: ["b", "a"] } } },
  {
    when: "$deleteFromPrimitiveList removes values", live: { metadata: { finalizers: ["a", "b"] } },
    patch: { metadata: { "$deleteFromPrimitiveList/finalizers": ["a"] } }, expect: { metadata: { finalizers: ["b"] } },
  },
  { when: "a list without a key is replaced", live: { subjects: [{ name: "a" }] }, patch: { subjects: [{ name: "b" }] }, expect: { subjects: [{ name: "b" }] } },
  { when: "directives do not stay in what is new", live: {}, patch: { data: { a: null, b: "1", $patch: "merge" } }, expect: { data: { b: "1" } } },
  { when: "null removes a keyed list", live: { spec: { ports: [{ port: 1 }] } }, patch: { spec: { ports: null } }, expect: { spec: {} } },
];
for (const { when, live, patch, expect } of strategicRows) {
  test(`strategic merge: ${when}`, () => { assert.deepEqual(strategicMergePatch(kind, live, patch), expect); });
}

const refusedStrategic: readonly (readonly [sentence: string, patch: Json])[] = [
  ["no object", [1]],
  ["an item without its key", { spec: { ports: [{ name: "a" }] } }],
  ["an unknown directive", { data: { $patch: "explode" } }],
  ["a directive that is no list", { spec: { "$setElementOrder/ports": 3, ports: [{ port: 1 }] } }],
  ["retained keys that lack a patched one", { data: { $retainKeys: ["a"], b: "1" } }],
  ["too deep", nested(5000)],
];
for (const [sentence, patch] of refusedStrategic) {
  test(`refuses a strategic merge patch: ${sentence}`, () => {
    assert.equal(codeOf(() => strategicMergePatch(kind, { data: { x: "1" }, spec: { ports: [] }, a: {} }, patch)), 400);
  });
}

test("the built-in kinds merge finalizers and owners", () => {
  assert.ok(builtinKinds.every((one) => one.mergeKeys?.["metadata.finalizers"] === "" && one.mergeKeys["metadata.ownerReferences"] === "uid"));
});
