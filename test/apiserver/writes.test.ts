/** Creating, changing and deleting objects: what is answered, and in which words. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withControlPlane } from "./harness.ts";
import { apply, configMaps, defineWidgets, definitions, jsonPatch, merge, strategic, widget, widgets } from "./widgets.ts";
import type { Answered, Running, Sent } from "./harness.ts";
import type { JsonObject } from "../../src/schema/types.ts";

interface Row {
  readonly when: string;
  readonly method: string;
  readonly path: string;
  readonly sent?: Sent;
  readonly code: number;
  /** Part of the message, or of what else the text has. */
  readonly says?: string;
  /** The causes as `reason field`. */
  readonly causes?: readonly string[];
  readonly warning?: string;
}

const check = async ({ send }: Pick<Running, "send">, { when, method, path, sent, code, says, causes, warning }: Row): Promise<Answered> => {
  const answered = await send(method, path, sent);
  assert.equal(answered.code, code, `${when}: ${answered.text}`);
  if (code >= 400) assert.equal(answered.body.code, code, when);
  if (says !== undefined) assert.ok((answered.body.message ?? answered.text).includes(says), `${when}: ${answered.text}`);
  if (causes !== undefined) assert.deepEqual(answered.body.details.causes?.map(({ reason, field }) => `${reason} ${field}`), causes, when);
  if (warning !== undefined) assert.equal(answered.headers["warning"], warning, when);
  return answered;
};

const post = (spec: JsonObject, metadata?: JsonObject): Sent => ({ body: widget("db", spec, metadata) });

const creations: readonly Row[] = [
  { when: "too large and too small", method: "POST", path: widgets, sent: post({ replicas: 12 }), code: 422, says: "spec.replicas in body should be less than or equal to 9", causes: ["FieldValueInvalid spec.replicas"] },
  { when: "below zero", method: "POST", path: widgets, sent: post({ replicas: -1 }), code: 422, causes: ["FieldValueInvalid spec.replicas", "FieldValueInvalid .spec.replicas"] },
  { when: "wrong type: rules wait", method: "POST", path: widgets, sent: post({ replicas: "x", version: "9" }), code: 422,
    causes: ["FieldValueTypeInvalid spec.replicas", "FieldValueNotSupported spec.version", "FieldValueInvalid <nil>"] },
  { when: "a rule objects", method: "POST", path: widgets, sent: post({ replicas: 7 }), code: 422, says: "spec: Invalid value: seven is not allowed", causes: ["FieldValueInvalid spec"] },
  { when: "required", method: "POST", path: widgets, sent: { body: { apiVersion: "example.dev/v1alpha1", kind: "Widget", metadata: { name: "db" } } }, code: 422, causes: ["FieldValueRequired spec", "FieldValueInvalid <nil>"] },
  { when: "a key twice", method: "POST", path: widgets, sent: post({ users: [{ name: "a" }, { name: "a" }] }), code: 422, says: 'Duplicate value: {"name":"a"}', causes: ["FieldValueDuplicate spec.users[1]"] },
  { when: "no kind", method: "POST", path: widgets, sent: { body: { spec: {} } }, code: 400, says: "Object 'Kind' is missing" },
  { when: "no apiVersion", method: "POST", path: widgets, sent: { body: { kind: "Widget", spec: {} } }, code: 400, says: "Object 'apiVersion' is missing" },
  { when: "other kind", method: "POST", path: widgets, sent: { body: { ...widget("db"), kind: "Foo" } }, code: 422, says: "must be Widget" },
  { when: "other version", method: "POST", path: widgets, sent: { body: { ...widget("db"), apiVersion: "example.dev/v2" } }, code: 400, says: "the API version in the data (example.dev/v2) does not match the expected API version (example.dev/v1alpha1)" },
  { when: "other namespace", method: "POST", path: widgets, sent: post({}, { namespace: "x" }), code: 400, says: "the namespace of the provided object does not match the namespace sent on the request" },
  { when: "no such namespace", method: "POST", path: widgets.replace("default", "nowhere"), sent: post({}), code: 404, says: 'namespaces "nowhere" not found' },
  { when: "no name", method: "POST", path: widgets, sent: { body: { ...widget("db"), metadata: {} } }, code: 422, causes: ["FieldValueRequired metadata.name", "FieldValueInvalid <nil>"] },
  { when: "bad name", method: "POST", path: widgets, sent: { body: widget("A_b") }, code: 422, says: "a lowercase RFC 1123 subdomain", causes: ["FieldValueInvalid metadata.name"] },
  { when: "bad labels", method: "POST", path: widgets, sent: post({}, { labels: { "a b": "c d" }, annotations: { "/x": "" } }), code: 422,
    causes: ["FieldValueInvalid metadata.labels", "FieldValueInvalid metadata.labels", "FieldValueInvalid metadata.annotations"] },
  { when: "large annotations", method: "POST", path: widgets, sent: post({}, { annotations: { a: "x".repeat(300_000) } }), code: 422, causes: ["FieldValueTooLong metadata.annotations", "FieldValueInvalid <nil>"] },
  { when: "labels of the wrong type", method: "POST", path: widgets, sent: post({}, { labels: { a: 1 } }), code: 400, says: "cannot be handled as a Widget" },
  { when: "metadata of the wrong type", method: "POST", path: widgets, sent: { body: { ...widget("db"), metadata: "x" } }, code: 400, says: "cannot be handled as a Widget" },
  { when: "owners without uid, two controllers", method: "POST", path: widgets, sent: post({}, { ownerReferences: [{ apiVersion: "v1", kind: "X", name: "y", controller: true }, { apiVersion: "v1", kind: "X", name: "z", uid: "1", controller: true }] }), code: 422,
    causes: ["FieldValueInvalid metadata.ownerReferences.uid", "FieldValueInvalid metadata.ownerReferences"] },
  { when: "both of the collector's finalizers", method: "POST", path: widgets, sent: post({}, { finalizers: ["orphan", "foregroundDeletion"] }), code: 422, causes: ["FieldValueInvalid metadata.finalizers"] },
  { when: "a version on creation", method: "POST", path: widgets, sent: post({}, { resourceVersion: "5" }), code: 400, says: "resourceVersion should not be set on objects to be created" },
  { when: "unknown fields, strict", method: "POST", path: `${widgets}?fieldValidation=Strict`, sent: post({ typo: 1, users: [{ name: "a", b: 1 }] }, { foo: 1 }), code: 400,
    says: 'Widget in version "v1alpha1" cannot be handled as a Widget: strict decoding error: unknown field "metadata.foo", unknown field "spec.typo", unknown field "spec.users[0].b"' },
  { when: "a duplicate, strict", method: "POST", path: `${widgets}?fieldValidation=Strict`, sent: { body: '{"apiVersion":"example.dev/v1alpha1","kind":"Widget","metadata":{"name":"db"},"spec":{"replicas":1,"replicas":2}}' }, code: 400, says: 'duplicate field "spec.replicas"' },
  { when: "unknown fields, by default", method: "POST", path: `${widgets}?dryRun=All`, sent: post({ typo: 1 }), code: 201, warning: '299 - "unknown field \\"spec.typo\\""' },
  { when: "unknown fields, ignored", method: "POST", path: `${widgets}?dryRun=All&fieldValidation=Ignore`, sent: post({ typo: 1 }), code: 201 },
  { when: "a validation that is none", method: "POST", path: `${widgets}?fieldValidation=X`, sent: post({}), code: 422, causes: ["FieldValueNotSupported fieldValidation"] },
  { when: "a dry run that is none", method: "POST", path: `${widgets}?dryRun=X`, sent: post({}), code: 422, causes: ["FieldValueNotSupported dryRun"] },
  { when: "a long manager", method: "POST", path: `${widgets}?fieldManager=${"x".repeat(129)}`, sent: post({}), code: 422, causes: ["FieldValueTooLong fieldManager"] },
  { when: "a manager that cannot be printed", method: "POST", path: `${widgets}?fieldManager=%01`, sent: post({}), code: 422, causes: ["FieldValueInvalid fieldManager"] },
  { when: "to all namespaces", method: "POST", path: "/apis/example.dev/v1alpha1/widgets", sent: post({}), code: 405 },
  { when: "a subresource that is none", method: "PUT", path: `${widgets}/db/foo`, sent: post({}), code: 404 },
  { when: "after all this nothing was stored", method: "GET", path: `${widgets}/db`, code: 404, says: 'widgets.example.dev "db" not found' },
];

const changes: readonly Row[] = [
  { when: "created", method: "POST", path: widgets, sent: post({ replicas: 2, note: null, storage: { class: null }, users: [{ name: "a" }] }, { uid: "x", generation: 7, selfLink: "y", deletionTimestamp: "2020-01-01T00:00:00Z" }), code: 201 },
  { when: "created again", method: "POST", path: widgets, sent: post({}), code: 409, says: 'widgets.example.dev "db" already exists' },
  { when: "posted to its own path", method: "POST", path: `${widgets}/db`, sent: post({}), code: 409 },
  { when: "replaced without a version", method: "PUT", path: `${widgets}/db`, sent: post({}), code: 422, says: "metadata.resourceVersion: Invalid value: 0: must be specified for an update" },
  { when: "replaced from an old version", method: "PUT", path: `${widgets}/db`, sent: post({}, { resourceVersion: "1" }), code: 409,
    says: 'Operation cannot be fulfilled on widgets.example.dev "db": the object has been modified; please apply your changes to the latest version and try again' },
  { when: "replaced under another name", method: "PUT", path: `${widgets}/db`, sent: { body: widget("other", {}, { resourceVersion: "1" }) }, code: 400, says: "the name of the object (other) does not match the name on the URL (db)" },
  { when: "replaced where there is nothing", method: "PUT", path: `${widgets}/none`, sent: { body: widget("none", {}, { resourceVersion: "1" }) }, code: 404 },
  { when: "patched to something invalid", method: "PATCH", path: `${widgets}/db`, sent: { body: { spec: { replicas: 50 } }, contentType: merge }, code: 422 },
  { when: "patched with an unknown field, strict", method: "PATCH", path: `${widgets}/db?fieldValidation=Strict`, sent: { body: { spec: { typo: 1 } }, contentType: merge }, code: 422, says: 'strict decoding error: unknown field "spec.typo"', causes: ["FieldValueInvalid patch"] },
  { when: "patched from an old version", method: "PATCH", path: `${widgets}/db`, sent: { body: { metadata: { resourceVersion: "1" } }, contentType: merge }, code: 409 },
  { when: "patched to another uid", method: "PATCH", path: `${widgets}/db`, sent: { body: { metadata: { uid: "1" } }, contentType: merge }, code: 422, causes: ["FieldValueInvalid metadata.uid"] },
  { when: "patched to another kind", method: "PATCH", path: `${widgets}/db`, sent: { body: { kind: "X" }, contentType: merge }, code: 422 },
  { when: "patched by a list", method: "PATCH", path: `${widgets}/db`, sent: { body: [], contentType: merge }, code: 400, says: "error decoding patch" },
  { when: "patched by half a body", method: "PATCH", path: `${widgets}/db`, sent: { body: "{", contentType: merge }, code: 400, says: "error decoding patch" },
  { when: "patched by force", method: "PATCH", path: `${widgets}/db?force=true`, sent: { body: {}, contentType: merge }, code: 422, causes: ["FieldValueForbidden force"] },
  { when: "patched strategically", method: "PATCH", path: `${widgets}/db`, sent: { body: {}, contentType: strategic }, code: 415,
    says: "accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml" },
  { when: "a test in a patch fails", method: "PATCH", path: `${widgets}/db`, sent: { body: [{ op: "test", path: "/spec/replicas", value: 3 }], contentType: jsonPatch }, code: 422 },
  { when: "a rule about the change objects", method: "PATCH", path: `${widgets}/db`, sent: { body: [{ op: "replace", path: "/spec/replicas", value: 9 }], contentType: jsonPatch }, code: 200 },
  { when: "a rule about the change objects", method: "PATCH", path: `${widgets}/db`, sent: { body: { spec: { replicas: 1 } }, contentType: merge }, code: 422, says: "by two at most" },
  { when: "applied without a manager", method: "PATCH", path: `${widgets}/db`, sent: { body: widget("db"), contentType: apply }, code: 422, causes: ["FieldValueRequired fieldManager"] },
  { when: "applied against another manager", method: "PATCH", path: `${widgets}/db?fieldManager=m`, sent: { body: widget("db", { replicas: 8 }), contentType: apply }, code: 409, causes: ["FieldManagerConflict .spec.replicas"] },
  { when: "applied with a field that is none", method: "PATCH", path: `${widgets}/db?fieldManager=m&force=true`, sent: { body: widget("db", { typo: 8 }), contentType: apply }, code: 400, says: ".spec.typo: field not declared in schema" },
  { when: "applied under another name", method: "PATCH", path: `${widgets}/db?fieldManager=m`, sent: { body: widget("x"), contentType: apply }, code: 400 },
  { when: "applied by force", method: "PATCH", path: `${widgets}/db?fieldManager=m&force=true`, sent: { body: widget("db", { replicas: 8 }), contentType: apply }, code: 200 },
  { when: "applied to the status of nothing", method: "PATCH", path: `${widgets}/none/status?fieldManager=m`, sent: { body: widget("none"), contentType: apply }, code: 404 },
  { when: "deleted by a policy that is none", method: "DELETE", path: `${widgets}/db`, sent: { body: { propagationPolicy: "X" } }, code: 422, causes: ["FieldValueNotSupported propagationPolicy"] },
  { when: "deleted as another object", method: "DELETE", path: `${widgets}/db`, sent: { body: { preconditions: { uid: "x" } } }, code: 409, says: "the UID in the precondition (x) does not match" },
  { when: "deleted as of another version", method: "DELETE", path: `${widgets}/db`, sent: { body: { preconditions: { resourceVersion: "1" } } }, code: 409 },
  { when: "deleted with options of another kind", method: "DELETE", path: `${widgets}/db`, sent: { body: { kind: "Widget" } }, code: 400 },
  { when: "deleted dry", method: "DELETE", path: `${widgets}/db`, sent: { body: { dryRun: ["All"] } }, code: 200 },
  { when: "still there", method: "GET", path: `${widgets}/db`, code: 200 },
  { when: "deleted", method: "DELETE", path: `${widgets}/db`, sent: { body: { propagationPolicy: "Background" } }, code: 200 },
  { when: "deleted again", method: "DELETE", path: `${widgets}/db`, code: 404 },
];

test("refused creations, then changes of one object", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  for (const row of [...creations, ...changes]) await check(running, row);
}));

test("what the server sets, defaults and prunes", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  const { body } = await check(running, changes[0] ?? assert.fail());
  assert.deepEqual(body.spec, { replicas: 2, storage: { class: null, size: "1Gi" }, users: [{ name: "a" }] });
  assert.deepEqual([body.metadata.generation, body.metadata.deletionTimestamp, body.metadata.selfLink], [1, undefined, undefined]);
  assert.match(body.metadata.uid, /^[0-9a-f-]{36}$/);
}));

test("generation counts what is desired; labels and status do not", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  await running.send("POST", widgets, { body: widget("db", { replicas: 2 }, { finalizers: ["example.dev/x"] }) });
  const patch = async (body: JsonObject, path = `${widgets}/db`) => (await running.send("PATCH", path, { body, contentType: merge })).body.metadata.generation;
  assert.equal(await patch({ metadata: { labels: { a: "b" } } }), 1);
  assert.equal(await patch({ status: { phase: "up" } }, `${widgets}/db/status`), 1);
  assert.equal(await patch({ spec: { replicas: 3 } }), 2);
  assert.equal(await patch({ spec: { replicas: 3 } }), 2);
  assert.equal((await running.send("DELETE", `${widgets}/db`)).body.metadata.generation, 3);
}));

test("the main path leaves status alone, and the status path everything else", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  const made = await running.send("POST", widgets, { body: { ...widget("db", { replicas: 2 }), status: { phase: "sent" } } });
  assert.equal(made.body.status, undefined);
  const status = await running.send("PUT", `${widgets}/db/status`, { body: { ...widget("db", { replicas: 9 }, { resourceVersion: made.body.metadata.resourceVersion, labels: { a: "b" } }), status: { phase: "up" } } });
  assert.deepEqual([status.body.status, status.body.spec["replicas"], status.body.metadata.labels], [{ phase: "up" }, 2, undefined]);
  const main = await running.send("PATCH", `${widgets}/db`, { body: { spec: { replicas: 3 }, status: { phase: "down" } }, contentType: merge });
  assert.deepEqual([main.body.status, main.body.spec["replicas"]], [{ phase: "up" }, 3]);
  assert.equal((await running.send("PATCH", `${widgets}/db/status`, { body: { status: { replicas: "x" } }, contentType: merge })).code, 422);
}));

test("the scale of an object, by its own rules", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  const { body: made } = await running.send("POST", widgets, { body: widget("db", { replicas: 2 }) });
  await running.send("PATCH", `${widgets}/db/status`, { body: { status: { replicas: 1, selector: "a=b" } }, contentType: merge });
  const scale = await running.send("GET", `${widgets}/db/scale`);
  assert.deepEqual([scale.body.kind, scale.body.apiVersion, scale.body.spec, scale.body.status, scale.body.metadata.uid], ["Scale", "autoscaling/v1", { replicas: 2 }, { replicas: 1, selector: "a=b" }, made.metadata.uid]);
  const put = await running.send("PUT", `${widgets}/db/scale`, { body: { ...scale.body, spec: { replicas: 4 } } as never });
  assert.deepEqual([put.code, put.body.spec], [200, { replicas: 4 }]);
  const rows: readonly Row[] = [
    { when: "too many", method: "PATCH", path: `${widgets}/db/scale`, sent: { body: { spec: { replicas: 14 } }, contentType: merge }, code: 422, causes: ["FieldValueInvalid spec.replicas"] },
    { when: "below zero", method: "PATCH", path: `${widgets}/db/scale`, sent: { body: { spec: { replicas: -1 } }, contentType: merge }, code: 422 },
    { when: "no number", method: "PATCH", path: `${widgets}/db/scale`, sent: { body: { spec: { replicas: "x" } }, contentType: merge }, code: 400 },
    { when: "an old version", method: "PUT", path: `${widgets}/db/scale`, sent: { body: { ...scale.body, spec: { replicas: 5 } } as never }, code: 409 },
    { when: "no scale", method: "PUT", path: `${widgets}/db/scale`, sent: { body: widget("db") }, code: 400 },
    { when: "a list of operations", method: "PATCH", path: `${widgets}/db/scale`, sent: { body: [{ op: "replace", path: "/spec/replicas", value: 5 }], contentType: jsonPatch }, code: 200 },
    { when: "of a kind without", method: "GET", path: `${configMaps}/x/scale`, code: 404 },
    { when: "dry", method: "PATCH", path: `${widgets}/db/scale?dryRun=All`, sent: { body: { spec: { replicas: 6 } }, contentType: merge }, code: 200 },
  ];
  for (const row of rows) await check(running, row);
  assert.equal((await running.send("GET", `${widgets}/db`)).body.spec["replicas"], 5);
}));

test("finalizers hold a deleted object until the last is removed", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  await running.send("POST", widgets, { body: widget("db", {}, { finalizers: ["example.dev/x"] }) });
  const deleted = await running.send("DELETE", `${widgets}/db`);
  assert.deepEqual([deleted.code, deleted.body.kind, deleted.body.metadata.deletionGracePeriodSeconds], [200, "Widget", 0]);
  assert.deepEqual((await running.send("DELETE", `${widgets}/db`)).body, deleted.body);
  await check(running, { when: "a new finalizer", method: "PATCH", path: `${widgets}/db`, sent: { body: { metadata: { finalizers: ["example.dev/x", "example.dev/y"] } }, contentType: merge }, code: 422, says: "no new finalizers can be added if the object is being deleted", causes: ["FieldValueForbidden metadata.finalizers"] });
  await check(running, { when: "a change", method: "PATCH", path: `${widgets}/db`, sent: { body: { spec: { replicas: 2 } }, contentType: merge }, code: 200 });
  const last = await running.send("PATCH", `${widgets}/db`, { body: { metadata: { finalizers: null } }, contentType: merge });
  assert.deepEqual([last.code, last.body.kind, last.body.metadata.finalizers], [200, "Widget", undefined]);
  assert.equal((await running.send("GET", `${widgets}/db`)).code, 404);
}));

test("a collection is deleted as far as the selector matches", () => withControlPlane(async ({ send }) => {
  for (const [name, app] of [["a", "x"], ["b", "y"], ["c", "x"]] as const) await send("POST", configMaps, { body: { metadata: { name, labels: { app } } } });
  const deleted = await send("DELETE", `${configMaps}?labelSelector=app%3Dx`);
  assert.deepEqual([deleted.code, deleted.body.kind, deleted.body.items.map(({ metadata }) => metadata.name)], [200, "ConfigMapList", ["a", "c"]]);
  assert.deepEqual((await send("GET", configMaps)).body.items.map(({ metadata }) => metadata.name), ["b"]);
}));

test("what is wrong already does not stop a change of something else", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  await running.send("POST", widgets, { body: widget("db", { replicas: 9, note: "long ago" }) });
  const stricter = await running.send("PATCH", `${definitions}/widgets.example.dev`, { contentType: jsonPatch, body: [
    { op: "replace", path: "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/replicas/maximum", value: 5 },
    { op: "add", path: "/spec/versions/0/schema/openAPIV3Schema/properties/spec/required", value: ["version"] },
  ] });
  assert.equal(stricter.code, 200, stricter.text);
  const rows: readonly Row[] = [
    { when: "labels", method: "PATCH", path: `${widgets}/db`, sent: { body: { metadata: { labels: { a: "b" } } }, contentType: merge }, code: 200 },
    { when: "another value that is wrong", method: "PATCH", path: `${widgets}/db`, sent: { body: { spec: { version: "16", replicas: 8 } }, contentType: merge }, code: 422, causes: ["FieldValueInvalid spec.replicas"] },
    { when: "what lacks something is touched", method: "PATCH", path: `${widgets}/db`, sent: { body: { spec: { note: "x" } }, contentType: merge }, code: 422, causes: ["FieldValueRequired spec.version", "FieldValueInvalid <nil>"] },
    { when: "repaired", method: "PATCH", path: `${widgets}/db`, sent: { body: { spec: { version: "16" } }, contentType: merge }, code: 200 },
  ];
  for (const row of rows) await check(running, row);
}));

const builtins: readonly Row[] = [
  { when: "text becomes bytes", method: "POST", path: "/api/v1/namespaces/default/secrets", sent: { body: { metadata: { name: "s" }, stringData: { a: "b" }, immutable: true } }, code: 201, says: '"data":{"a":"Yg=="}' },
  { when: "an immutable secret", method: "PATCH", path: "/api/v1/namespaces/default/secrets/s", sent: { body: { data: { a: "eA==" } }, contentType: merge }, code: 422, causes: ["FieldValueForbidden data"] },
  { when: "immutable for good", method: "PATCH", path: "/api/v1/namespaces/default/secrets/s", sent: { body: { immutable: false } , contentType: merge }, code: 422, causes: ["FieldValueForbidden immutable"] },
  { when: "another type", method: "PATCH", path: "/api/v1/namespaces/default/secrets/s", sent: { body: { type: "x" }, contentType: merge }, code: 422, causes: ["FieldValueInvalid type"] },
  { when: "no base64", method: "POST", path: "/api/v1/namespaces/default/secrets", sent: { body: { metadata: { name: "t" }, data: { a: "?" } } }, code: 400 },
  { when: "a bad key", method: "POST", path: configMaps, sent: { body: { metadata: { name: "c" }, data: { "a b": "" } } }, code: 422, causes: ["FieldValueInvalid data[a b]"] },
  { when: "a key twice", method: "POST", path: configMaps, sent: { body: { metadata: { name: "c" }, data: { a: "" }, binaryData: { a: "" } } }, code: 422, causes: ["FieldValueInvalid data[a]"] },
  { when: "too much data", method: "POST", path: configMaps, sent: { body: { metadata: { name: "c" }, data: { a: "x".repeat(1_100_000) } } }, code: 422, causes: ["FieldValueTooLong <nil>"] },
  { when: "no text", method: "POST", path: configMaps, sent: { body: { metadata: { name: "c" }, data: { a: 1 } } }, code: 400 },
  { when: "a tls secret without its keys", method: "POST", path: "/api/v1/namespaces/default/secrets", sent: { body: { metadata: { name: "t" }, type: "kubernetes.io/tls" } }, code: 422, causes: ["FieldValueRequired data[tls.crt]", "FieldValueRequired data[tls.key]"] },
  { when: "a lease that is too short", method: "POST", path: "/apis/coordination.k8s.io/v1/namespaces/default/leases", sent: { body: { metadata: { name: "l" }, spec: { leaseDurationSeconds: 0, leaseTransitions: -1 } } }, code: 422,
    causes: ["FieldValueInvalid spec.leaseDurationSeconds", "FieldValueInvalid spec.leaseTransitions"] },
  { when: "a namespace's name", method: "POST", path: "/api/v1/namespaces", sent: { body: { metadata: { name: "a.b" } } }, code: 422 },
  { when: "an event about another namespace", method: "POST", path: "/api/v1/namespaces/default/events", sent: { body: { metadata: { name: "e" }, involvedObject: { namespace: "x" } } }, code: 422, causes: ["FieldValueInvalid involvedObject.namespace"] },
  { when: "a binding", method: "POST", path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", sent: { body: { metadata: { name: "system:b" }, roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "r" } } }, code: 201 },
  { when: "its role stays", method: "PATCH", path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:b", sent: { body: { roleRef: { name: "x" } }, contentType: merge }, code: 422, causes: ["FieldValueInvalid roleRef"] },
  { when: "unconditional replacement", method: "PUT", path: "/api/v1/namespaces/kube-public", sent: { body: { metadata: { name: "kube-public", labels: { a: "b" } } } }, code: 200 },
];
test("built-in kinds have rules of their own", () => withControlPlane(async (running) => { for (const row of builtins) await check(running, row); }));

test("a generated name is the prefix and five characters", () => withControlPlane(async ({ send }) => {
  const { code, body } = await send("POST", configMaps, { body: { metadata: { generateName: "x-" } } });
  assert.equal(code, 201);
  assert.match(body.metadata.name, /^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
}));

test("one event has two faces", () => withControlPlane(async ({ send }) => {
  const made = await send("POST", "/apis/events.k8s.io/v1/namespaces/default/events", { body: {
    apiVersion: "events.k8s.io/v1", kind: "Event", metadata: { name: "e" }, eventTime: "2026-01-01T00:00:00.000000Z", action: "Do", reason: "Done", type: "Normal", note: "well", reportingController: "c", reportingInstance: "i", regarding: { kind: "X", name: "x", namespace: "default" },
  } });
  assert.equal(made.code, 201, made.text);
  const core = await send("GET", "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name%3Dx");
  assert.deepEqual([core.body.items[0]?.apiVersion, core.body.items[0]?.["message"], core.body.items[0]?.["reportingComponent"]], ["v1", "well", "c"]);
  assert.equal((await send("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e")).body["note"], "well");
}));
