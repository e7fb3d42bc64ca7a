import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeFields, encodeFields, printedPaths } from "../../src/apiserver/field-set.ts";
import { builtinKinds } from "../../src/apiserver/kinds.ts";
import { recordUpdate } from "../../src/apiserver/managed-fields.ts";
import { gizmo, gizmoOf, ownersIn } from "./gizmo.ts";
import type { KubeObject, ManagedFieldsEntry, ObjectMeta } from "../../src/apiserver/kind.ts";
import type { Json, JsonObject } from "../../src/schema/types.ts";

const start = Date.parse("2024-01-01T00:00:00Z");
const hour = 3_600_000;
const object = (fields: JsonObject, metadata: JsonObject = {}): KubeObject =>
  gizmoOf(fields, { uid: "u", resourceVersion: "1", creationTimestamp: "2024-01-01T00:00:00Z", ...metadata }) as unknown as KubeObject;
const created = (manager: string, spec: Json, metadata?: JsonObject): KubeObject =>
  recordUpdate({ kind: gizmo, after: object({ spec }, metadata), manager, now: start });
const changed = (before: KubeObject, manager: string, fields: Readonly<Record<string, unknown>>, now = start, subresource?: string): KubeObject =>
  recordUpdate({ kind: gizmo, before, after: { ...before, ...fields }, manager, now, ...(subresource === undefined ? {} : { subresource }) });

test("a create owns all it brought, containers included, and none of what the server sets", () => {
  assert.deepEqual(ownersIn(created("a", { n: 1, users: [{ name: "u" }], box: { x: 1 } }, { labels: { l: "v" } })), {
    "a Update": {
      "f:metadata": { "f:labels": { ".": {}, "f:l": {} } },
      "f:spec": { ".": {}, "f:box": {}, "f:n": {}, "f:users": { ".": {}, "k:{\"name\":\"u\"}": { ".": {}, "f:name": {} } } },
    },
  });
});

test("in built-in kinds only the fields of a struct are owned, not the struct", () => {
  const lease = builtinKinds.find((kind) => kind.plural === "leases");
  assert.ok(lease);
  const after = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: object({}).metadata, spec: { holderIdentity: "me" } };
  assert.deepEqual(ownersIn(recordUpdate({ kind: lease, after, manager: "a", now: start })), { "a Update": { "f:spec": { "f:holderIdentity": {} } } });
});

test("an update takes over what it changes, and nobody owns what it removes", () => {
  const live = created("a", { n: 1, s: "x", items: ["i"] });
  const next = changed(live, "b", { spec: { n: 2, s: "x" } }, start + hour);
  assert.deepEqual(ownersIn(next), { "a Update": { "f:spec": { ".": {}, "f:s": {} } }, "b Update": { "f:spec": { "f:n": {} } } });
  assert.deepEqual(next.metadata.managedFields?.map((entry) => entry.time), ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"]);
});

test("a write that changes nothing leaves owners and times", () => {
  const live = created("a", { n: 1 });
  assert.deepEqual(changed(live, "a", { spec: { n: 1 } }, start + hour), live);
  assert.deepEqual(changed(live, "b", { spec: { n: 1 } }, start + hour), live);
});

test("writes through a subresource are an entry of their own", () => {
  const live = created("a", { n: 1 });
  const scaled = changed(live, "a", { spec: { n: 2 } }, start, "scale");
  assert.deepEqual(ownersIn(scaled), { "a Update": { "f:spec": {} }, "a Update scale": { "f:spec": { "f:n": {} } } });
  assert.deepEqual(Object.keys(ownersIn(changed(scaled, "a", { status: { n: 1 } }, start, "status"))), ["a Update", "a Update scale", "a Update status"]);
});

test("a client that leaves managedFields out does not erase them", () => {
  const live = created("a", { n: 1 });
  const metadata = Object.fromEntries(Object.entries(live.metadata).filter(([name]) => name !== "managedFields")) as unknown as ObjectMeta;
  const next = recordUpdate({ kind: gizmo, before: live, after: { ...live, metadata, spec: { n: 1, s: "x" } }, manager: "b", now: start });
  assert.deepEqual(Object.keys(ownersIn(next)), ["a Update", "b Update"]);
});

test("one empty entry forgets all owners, until somebody applies", () => {
  const live = created("a", { n: 1 });
  const reset = changed(live, "a", { metadata: { ...live.metadata, managedFields: [{} as ManagedFieldsEntry] } });
  assert.equal(reset.metadata.managedFields, undefined);
  assert.equal(changed(reset, "b", { spec: { n: 2 } }).metadata.managedFields, undefined);
});

test("managedFields may be written by clients, and nonsense in them is ignored", () => {
  const live = created("a", { n: 1 });
  const [entry] = live.metadata.managedFields ?? [];
  assert.ok(entry);
  const renamed = changed(live, "a", { metadata: { ...live.metadata, managedFields: [{ ...entry, manager: "z" }] } });
  assert.deepEqual(Object.keys(ownersIn(renamed)), ["z Update"]);
  const nonsense = changed(live, "a", { metadata: { ...live.metadata, managedFields: [{ ...entry, fieldsV1: { "x:y": {} } }] } });
  assert.deepEqual(Object.keys(ownersIn(nonsense)), ["a Update"]);
});

test("the oldest of many writers become one entry", () => {
  let live = created("w0", { n: 0, labels: {} });
  for (let at = 1; at <= 14; at += 1) live = changed(live, `w${at}`, { spec: { ...(live.spec as JsonObject), labels: { ...(live.spec as { labels: JsonObject }).labels, [`l${at}`]: "x" } } }, start + at * hour);
  const owners = Object.keys(ownersIn(live));
  assert.equal(owners.length, 10);
  assert.equal(owners.filter((owner) => owner === "ancient-changes Update").length, 1);
  assert.ok(owners.includes("w14 Update"));
});

test("field sets survive being written and read, and print as paths", () => {
  const fields: JsonObject = { "f:spec": { ".": {}, "f:n": {}, "f:ports": { "k:{\"port\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:name": {} } }, "f:tags": { "v:\"t\"": {} } } };
  const set = decodeFields(fields);
  assert.ok(set);
  assert.deepEqual(encodeFields(set), fields);
  assert.deepEqual(printedPaths(set), [".spec", ".spec.n", ".spec.ports[port=80,protocol=\"TCP\"]", ".spec.ports[port=80,protocol=\"TCP\"].name", ".spec.tags[=\"t\"]"]);
});

test("keys are read however they were written", () => {
  const set = decodeFields({ "f:a": { "k:{\"z\":1, \"a\":2}": { ".": {} } } });
  assert.ok(set);
  assert.deepEqual(printedPaths(set), [".a[a=2,z=1]"]);
});

test("what is no field set is not taken for one", () => {
  assert.equal(decodeFields({ "f:a": 1 }), undefined);
  assert.equal(decodeFields({ a: {} }), undefined);
  assert.equal(decodeFields({ "k:{": {} }), undefined);
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    const set = decodeFields(value);
    if (set !== undefined) assert.ok(Array.isArray(printedPaths(set)));
  }));
});
