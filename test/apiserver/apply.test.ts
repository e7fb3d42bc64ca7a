import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { serverSideApply } from "../../src/apiserver/apply.ts";
import { recordUpdate } from "../../src/apiserver/managed-fields.ts";
import { Refusal } from "../../src/apiserver/problems.ts";
import { gizmo, gizmoOf, ownersIn } from "./gizmo.ts";
import type { Apply } from "../../src/apiserver/apply.ts";
import type { KubeObject } from "../../src/apiserver/kind.ts";
import type { Json, JsonObject } from "../../src/schema/types.ts";

const start = Date.parse("2024-01-01T00:00:00Z");
const hour = 3_600_000;

interface Options { readonly force?: boolean; readonly now?: number; readonly metadata?: JsonObject; readonly subresource?: string }

const applyFields = (live: KubeObject | undefined, manager: string, fields: JsonObject, { force = false, now = start, metadata, subresource }: Options = {}): KubeObject => {
  const apply: Apply = {
    kind: gizmo, applied: gizmoOf(fields, metadata), manager, force, now,
    ...(live === undefined ? {} : { live }), ...(subresource === undefined ? {} : { subresource }),
  };
  return serverSideApply(apply);
};
const applySpec = (live: KubeObject | undefined, manager: string, spec: Json, options?: Options): KubeObject => applyFields(live, manager, { spec }, options);

const refusal = (run: () => unknown): Refusal["status"] => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return error.status;
  }
  throw new Error("it was not refused");
};

test("the first apply owns what it says, by key, by value and as a whole", () => {
  const made = applySpec(undefined, "a", {
    n: 1, users: [{ name: "u", age: 3 }], ports: [{ port: 80 }], tags: ["t"], items: ["i"], box: { x: 1 }, labels: { l: "v" }, deep: { p: { x: 1 } }, any: { m: { k: 1 }, l: [1] },
  }, { metadata: { labels: { app: "x" }, finalizers: ["f/f"] } });
  assert.deepEqual(ownersIn(made), {
    "a Apply": {
      "f:metadata": { "f:finalizers": { "v:\"f/f\"": {} }, "f:labels": { "f:app": {} } },
      "f:spec": {
        "f:any": { "f:l": {}, "f:m": { ".": {}, "f:k": {} } }, "f:box": {}, "f:deep": { "f:p": { "f:x": {} } }, "f:items": {}, "f:labels": { "f:l": {} }, "f:n": {},
        "f:ports": { "k:{\"port\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:port": {} } }, "f:tags": { "v:\"t\"": {} },
        "f:users": { "k:{\"name\":\"u\"}": { ".": {}, "f:age": {}, "f:name": {} } },
      },
    },
  });
  const [entry] = made.metadata.managedFields ?? [];
  assert.deepEqual({ ...entry, fieldsV1: {} }, { manager: "a", operation: "Apply", apiVersion: "example.com/v1", time: "2024-01-01T00:00:00Z", fieldsType: "FieldsV1", fieldsV1: {} });
});

test("a field that another applier set to another value is a conflict, told as Kubernetes tells it", () => {
  const live = applySpec(undefined, "other", { n: 1, s: "x" });
  const status = refusal(() => applySpec(live, "kubectl", { n: 2 }));
  assert.equal(status.code, 409);
  assert.equal(status.reason, "Conflict");
  assert.equal(status.message, "Apply failed with 1 conflict: conflict with \"other\": .spec.n");
  assert.deepEqual(status.details?.causes, [{ reason: "FieldManagerConflict", message: "conflict with \"other\"", field: ".spec.n" }]);
});

test("several conflicts are listed by owner, updates with their version and subresource", () => {
  const made = applySpec(undefined, "one", { users: [{ name: "u", age: 1 }], tags: ["t"] });
  const changed = { ...made, spec: { ...(made.spec as JsonObject), n: 1, s: "x" } };
  const live = recordUpdate({ kind: gizmo, before: made, after: changed, manager: "edit", now: start, subresource: "scale" });
  const status = refusal(() => applySpec(live, "me", { n: 2, s: "y", users: [{ name: "u", age: 2 }] }));
  assert.equal(status.message, "Apply failed with 3 conflicts: conflicts with \"edit\" with subresource \"scale\" using example.com/v1:\n- .spec.n\n- .spec.s\nconflicts with \"one\":\n- .spec.users[name=\"u\"].age");
});

test("force takes the field over", () => {
  const live = applySpec(undefined, "other", { n: 1, s: "x" });
  const taken = applySpec(live, "me", { n: 2 }, { force: true });
  assert.deepEqual(taken.spec, { n: 2, s: "x" });
  assert.deepEqual(ownersIn(taken), { "me Apply": { "f:spec": { "f:n": {} } }, "other Apply": { "f:spec": { "f:s": {} } } });
});

test("the same value is owned together, and stays until the last owner gives it up", () => {
  const shared = applySpec(applySpec(undefined, "a", { n: 1 }), "b", { n: 1 });
  const left = applySpec(shared, "a", {});
  assert.deepEqual(left.spec, { n: 1 });
  assert.deepEqual(ownersIn(left), { "a Apply": { "f:spec": {} }, "b Apply": { "f:spec": { "f:n": {} } } });
  assert.equal(applySpec(left, "b", {}).spec && Object.hasOwn(applySpec(left, "b", {}).spec as object, "n"), false);
});

test("fields, items and values that a manager leaves out go away", () => {
  const live = applySpec(undefined, "a", { n: 1, users: [{ name: "u", age: 1 }, { name: "v" }], tags: ["s", "t"], labels: { k: "1", l: "2" } });
  const next = applySpec(live, "a", { users: [{ name: "v" }], tags: ["t"], labels: { l: "2" } });
  assert.deepEqual(next.spec, { users: [{ name: "v" }], tags: ["t"], labels: { l: "2" } });
});

test("an item of which another owns only a field goes with the one who put it there", () => {
  const live = applySpec(undefined, "a", { users: [{ name: "u", age: 1 }] });
  const forced = applySpec(live, "b", { users: [{ name: "u", age: 2 }] }, { force: true });
  assert.deepEqual(applySpec(forced, "a", {}).spec, { users: [{ name: "u", age: 2 }] }, "b applied the item as well");
});

test("list items keep their places, and applied ones their order", () => {
  const item = (name: string) => ({ name });
  const live = applySpec(undefined, "a", { users: ["x", "m", "y"].map(item) });
  const next = applySpec(live, "b", { users: ["y", "n", "x"].map(item) });
  assert.deepEqual((next.spec as { users: { name: string }[] }).users.map((one) => one.name), ["m", "y", "n", "x"]);
});

test("an apply that changes nothing gives back the same object, times included", () => {
  const live = applySpec(undefined, "a", { n: 1, tags: ["t"] });
  assert.deepEqual(applySpec(live, "a", { n: 1, tags: ["t"] }, { now: start + hour }), live);
});

test("status is not applied through the main resource, and nothing else through status", () => {
  const live = applyFields(undefined, "a", { spec: { n: 1 }, status: { n: 9 } });
  assert.equal(live.status, undefined);
  const observed = applyFields(live, "a", { spec: { n: 2 }, status: { n: 9 } }, { subresource: "status", metadata: { labels: { l: "v" } } });
  assert.deepEqual([observed.spec, observed.status, observed.metadata.labels], [{ n: 1 }, { n: 9 }, undefined]);
  assert.deepEqual(ownersIn(observed), { "a Apply": { "f:spec": { "f:n": {} } }, "a Apply status": { "f:status": { "f:n": {} } } });
});

test("kubectl takes over what it applied on the client's side, and only that", () => {
  const lastApplied = "kubectl.kubernetes.io/last-applied-configuration";
  const before = gizmoOf({ spec: { n: 1, s: "x" } }, { annotations: { [lastApplied]: JSON.stringify(gizmoOf({ spec: { n: 1 } })) } }) as unknown as KubeObject;
  const live = recordUpdate({ kind: gizmo, after: before, manager: "kubectl-client-side-apply", now: start });
  const taken = applySpec(live, "kubectl", { n: 2 });
  assert.deepEqual(taken.spec, { n: 2, s: "x" });
  assert.equal(taken.metadata.annotations?.[lastApplied], "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Gizmo\",\"metadata\":{\"name\":\"g\",\"namespace\":\"default\"},\"spec\":{\"n\":2}}\n");
  assert.equal(refusal(() => applySpec(live, "kubectl", { s: "y" })).code, 409);
  assert.equal(refusal(() => applySpec(live, "another", { n: 2 })).code, 409);
  const broken = { ...live, metadata: { ...live.metadata, annotations: { [lastApplied]: "{" } } };
  assert.equal(refusal(() => applySpec(broken, "kubectl", { n: 2 })).code, 409);
});

test("managedFields can't be applied", () => {
  const status = refusal(() => applySpec(undefined, "a", {}, { metadata: { managedFields: [{ manager: "x" }] } }));
  assert.deepEqual([status.code, status.message], [400, "metadata.managedFields must be nil"]);
});

test("an object that was never tracked belongs to whoever came before", () => {
  const live = gizmoOf({ spec: { n: 1 } }, { uid: "u", resourceVersion: "1", creationTimestamp: "2024-01-01T00:00:00Z" }) as unknown as KubeObject;
  const status = refusal(() => applySpec(live, "me", { n: 2 }));
  assert.deepEqual(status.details?.causes, [{ reason: "FieldManagerConflict", message: "conflict with \"before-first-apply\" using example.com/v1", field: ".spec.n" }]);
  assert.deepEqual(ownersIn(applySpec(live, "me", { s: "x" })), { "before-first-apply Update": { "f:spec": { ".": {}, "f:n": {} } }, "me Apply": { "f:spec": { "f:s": {} } } });
});

test("what nests too deep is refused", () => {
  let value: Json = 1;
  for (let level = 0; level < 2000; level += 1) value = { a: value };
  assert.equal(refusal(() => applySpec(undefined, "a", { any: value })).code, 400);
});

const subset = <T>(values: readonly T[]) => fc.shuffledSubarray([...values]);
const record = (model: Record<string, fc.Arbitrary<Json>>): fc.Arbitrary<JsonObject> => fc.record(model, { requiredKeys: [], noNullPrototype: true }) as fc.Arbitrary<JsonObject>;
const small = fc.nat(2);
const pair = record({ x: small, y: small });
const user = (name: string): fc.Arbitrary<JsonObject> => record({ age: small, opt: pair }).map((rest) => ({ name, ...rest }));
const anySpec: fc.Arbitrary<JsonObject> = record({
  n: small, s: fc.constantFrom("a", "b"),
  users: subset(["a", "b", "c"]).chain((names) => fc.tuple(...names.map(user))),
  tags: subset(["a", "b", "c"]), items: subset(["a", "b"]), box: pair, labels: record({ a: fc.constant("x"), b: fc.constantFrom("x", "y") }), deep: record({ p: pair }),
  any: record({ a: small, m: pair, l: subset([1, 2]) }),
});

test("property: applying twice is applying once", () => {
  fc.assert(fc.property(anySpec, anySpec, (before, spec) => {
    const live = applySpec(undefined, "other", before);
    const once = applySpec(live, "me", spec, { force: true });
    assert.deepEqual(applySpec(once, "me", spec, { force: true, now: start + hour }), once);
  }));
});

test("property: what is applied is there, and owned", () => {
  fc.assert(fc.property(anySpec, anySpec, fc.array(fc.constantFrom("n", "s", "box", "items")), (before, spec, kept) => {
    const live = applySpec(undefined, "other", before);
    const wish = Object.fromEntries(Object.entries(spec).filter(([name]) => (kept as readonly string[]).includes(name)));
    const after = applySpec(live, "me", wish, { force: true }).spec as JsonObject;
    for (const [name, value] of Object.entries(wish)) assert.deepEqual(after[name], value);
  }));
});

test("property: managers of different fields do not depend on who comes first", () => {
  const left = record({ n: small, items: subset(["a", "b"]), deep: record({ p: record({ x: small }) }) });
  const right = record({ s: fc.constant("a"), box: pair, labels: record({ a: fc.constant("x") }) });
  fc.assert(fc.property(left, right, (mine, yours) => {
    const meFirst = applySpec(applySpec(undefined, "me", mine), "you", yours);
    const youFirst = applySpec(applySpec(undefined, "you", yours), "me", mine);
    assert.deepEqual(meFirst.spec, youFirst.spec);
    assert.deepEqual(ownersIn(meFirst), ownersIn(youFirst));
  }));
});

test("property: giving up everything leaves what the others applied", () => {
  fc.assert(fc.property(anySpec, anySpec, (theirs, mine) => {
    const alone = applySpec(undefined, "other", { n: 1, ...theirs });
    const together = applySpec(alone, "me", mine, { force: true });
    const gone = applySpec(together, "me", {});
    const owners = ownersIn(gone);
    assert.deepEqual(Object.keys(owners).filter((owner) => owner.startsWith("me")), owners["me Apply"] === undefined ? [] : ["me Apply"]);
    // Their values that were taken over are lost with the taker; what stayed theirs is untouched.
    const again = applySpec(gone, "other", { n: 1, ...theirs }, { force: true });
    assert.deepEqual(applySpec(again, "other", { n: 1, ...theirs }), again);
  }));
});

test("property: inputs are never changed", () => {
  const frozen = (value: Json): Json => {
    if (typeof value === "object" && value !== null) Object.values(value as object).forEach((one) => frozen(one as Json));
    return Object.freeze(value);
  };
  fc.assert(fc.property(anySpec, anySpec, (before, spec) => {
    const live = applySpec(undefined, "other", before);
    applySpec(frozen(live as unknown as Json) as unknown as KubeObject, "me", frozen(spec), { force: true });
  }));
});
