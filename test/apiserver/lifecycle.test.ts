/** What the control plane does by itself: emptying what is deleted, collecting belongings, forgetting events. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, withControlPlane } from "./harness.ts";
import { configMaps, defineWidgets, definitions, merge, widget, widgets } from "./widgets.ts";
import type { Running } from "./harness.ts";

type Sender = Pick<Running, "send">;

const isGone = ({ send }: Sender, path: string) => eventually(async () => (await send("GET", path)).code, (code) => code === 404);

const make = async ({ send }: Sender, path: string, body: object) => {
  const made = await send("POST", path, { body: body as never });
  assert.equal(made.code, 201, made.text);
  return made.body;
};

interface Owner { readonly apiVersion?: string; readonly kind?: string; readonly metadata: { readonly name: string; readonly uid: string } }

const owned = (name: string, owners: readonly Owner[], more: object = {}) => ({
  metadata: {
    name, ownerReferences: owners.map(({ apiVersion = "v1", kind = "ConfigMap", metadata }) => ({ apiVersion, kind, name: metadata.name, uid: metadata.uid, blockOwnerDeletion: true })), ...more,
  },
});

test("deleting an owner deletes what it owned, and what that owned", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  const owner = await make(running, widgets, widget("owner"));
  const child = await make(running, configMaps, owned("child", [owner]));
  await make(running, configMaps, owned("grandchild", [child]));
  await make(running, configMaps, { metadata: { name: "stranger" } });
  await running.send("DELETE", `${widgets}/owner`);
  await isGone(running, `${configMaps}/child`);
  await isGone(running, `${configMaps}/grandchild`);
  assert.equal((await running.send("GET", `${configMaps}/stranger`)).code, 200);
}));

test("an object with another owner left stays, without the owner that is gone", () => withControlPlane(async (running) => {
  const one = await make(running, configMaps, { metadata: { name: "one" } });
  const two = await make(running, configMaps, { metadata: { name: "two" } });
  await make(running, configMaps, owned("child", [one, two]));
  await running.send("DELETE", `${configMaps}/one`);
  const child = await eventually(async () => (await running.send("GET", `${configMaps}/child`)).body, ({ metadata }) => metadata.ownerReferences?.length === 1);
  assert.equal(child.metadata.ownerReferences?.[0]?.name, "two");
}));

test("an owner that never was does not keep an object, one of an unknown kind does", () => withControlPlane(async (running) => {
  const ghost = { metadata: { name: "ghost", uid: "00000000-0000-0000-0000-000000000000" } };
  await make(running, configMaps, owned("unknown-kind", [{ ...ghost, apiVersion: "nowhere.dev/v1", kind: "Nothing" }]));
  await make(running, configMaps, owned("orphan", [ghost]));
  await isGone(running, `${configMaps}/orphan`);
  assert.equal((await running.send("GET", `${configMaps}/unknown-kind`)).code, 200);
}));

test("an owner's name taken by another object does not count as the owner", () => withControlPlane(async (running) => {
  const first = await make(running, configMaps, { metadata: { name: "owner" } });
  await running.send("DELETE", `${configMaps}/owner`);
  await make(running, configMaps, { metadata: { name: "owner" } });
  await make(running, configMaps, owned("child", [first]));
  await isGone(running, `${configMaps}/child`);
}));

test("foreground: the owner stays until its dependents are gone", () => withControlPlane(async (running) => {
  const owner = await make(running, configMaps, { metadata: { name: "owner" } });
  await make(running, configMaps, owned("child", [owner], { finalizers: ["example.dev/hold"] }));
  const deleted = await running.send("DELETE", `${configMaps}/owner`, { body: { propagationPolicy: "Foreground" } });
  assert.deepEqual(deleted.body.metadata.finalizers, ["foregroundDeletion"]);
  await eventually(async () => (await running.send("GET", `${configMaps}/child`)).body, ({ metadata }) => metadata.deletionTimestamp !== undefined);
  assert.equal((await running.send("GET", `${configMaps}/owner`)).code, 200);
  await running.send("PATCH", `${configMaps}/child`, { body: { metadata: { finalizers: null } }, contentType: merge });
  await isGone(running, `${configMaps}/child`);
  await isGone(running, `${configMaps}/owner`);
}));

test("orphan: dependents stay and forget the owner", () => withControlPlane(async (running) => {
  const owner = await make(running, configMaps, { metadata: { name: "owner" } });
  await make(running, configMaps, owned("child", [owner]));
  await running.send("DELETE", `${configMaps}/owner?propagationPolicy=Orphan`);
  await isGone(running, `${configMaps}/owner`);
  const child = await running.send("GET", `${configMaps}/child`);
  assert.deepEqual([child.code, child.body.metadata.ownerReferences], [200, undefined]);
}));

test("what was left undone is done after a restart", () => withControlPlane(async (running) => {
  const owner = await make(running, configMaps, { metadata: { name: "owner" } });
  await make(running, configMaps, owned("child", [owner], { finalizers: ["example.dev/hold"] }));
  await running.send("DELETE", `${configMaps}/owner?propagationPolicy=Foreground`);
  await running.restart();
  await running.send("PATCH", `${configMaps}/child`, { body: { metadata: { finalizers: null } }, contentType: merge });
  await isGone(running, `${configMaps}/owner`);
}));

test("a namespace takes everything in it along, and says what holds it up", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  await make(running, "/api/v1/namespaces", { metadata: { name: "x" } });
  await make(running, "/api/v1/namespaces/x/configmaps", { metadata: { name: "a" } });
  await make(running, "/apis/example.dev/v1alpha1/namespaces/x/widgets", widget("held", {}, { finalizers: ["example.dev/hold"] }));
  const deleted = await running.send("DELETE", "/api/v1/namespaces/x");
  assert.deepEqual([deleted.code, deleted.body.kind, deleted.body.status["phase"]], [200, "Namespace", "Terminating"]);
  const refused = await running.send("POST", "/api/v1/namespaces/x/configmaps", { body: { metadata: { name: "b" } } });
  assert.deepEqual([refused.code, refused.body.details.causes?.[0]?.reason], [403, "NamespaceTerminating"]);
  const held = await eventually(async () => (await running.send("GET", "/api/v1/namespaces/x")).text, (text) => text.includes("NamespaceFinalizersRemaining"));
  assert.match(held, /widgets\.example\.dev has 1 resource instances/);
  assert.match(held, /example\.dev\/hold in 1 resource instances/);
  await running.send("PATCH", "/apis/example.dev/v1alpha1/namespaces/x/widgets/held", { body: { metadata: { finalizers: null } }, contentType: merge });
  await isGone(running, "/api/v1/namespaces/x");
  assert.equal((await running.send("GET", "/api/v1/namespaces/x/configmaps")).body.items.length, 0);
}));

test("the first namespaces cannot be deleted", () => withControlPlane(async ({ send }) => {
  for (const name of ["default", "kube-system", "kube-public"]) {
    const { code, body } = await send("DELETE", `/api/v1/namespaces/${name}`);
    assert.deepEqual([code, body.message], [403, `namespaces "${name}" is forbidden: this namespace may not be deleted`]);
  }
}));

test("a definition goes after its objects, whose finalizers hold it up", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  await make(running, widgets, widget("free"));
  await make(running, widgets, widget("held", {}, { finalizers: ["example.dev/hold"] }));
  const deleted = await running.send("DELETE", `${definitions}/widgets.example.dev`);
  assert.deepEqual(deleted.body.metadata.finalizers, ["customresourcecleanup.apiextensions.k8s.io"]);
  await isGone(running, `${widgets}/free`);
  const refused = await running.send("POST", widgets, { body: widget("new") });
  assert.deepEqual([refused.code, refused.body.message], [405, "create not allowed while custom resource definition is terminating"]);
  assert.equal((await running.send("GET", `${definitions}/widgets.example.dev`)).code, 200);
  await running.send("PATCH", `${widgets}/held`, { body: { metadata: { finalizers: null } }, contentType: merge });
  await isGone(running, `${definitions}/widgets.example.dev`);
  const after = await running.send("GET", widgets);
  assert.deepEqual([after.code, after.text], [404, "404 page not found\n"]);
}));

test("names that become free go to a definition that was waiting for them", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  const rival = { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: { name: "gadgets.example.dev" }, spec: {
    group: "example.dev", scope: "Namespaced", names: { plural: "gadgets", kind: "Widget" },
    versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: { type: "object" } } }],
  } };
  const made = await make(running, definitions, rival);
  const conditions = (body: { readonly status: unknown }) => (body.status as { conditions: { type: string; status: string; reason: string }[] }).conditions.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
  assert.deepEqual(conditions(made), ["NamesAccepted False ListKindConflict", "Established False NotAccepted"]);
  assert.equal((await running.send("GET", "/apis/example.dev/v1/gadgets")).code, 404);
  await running.send("DELETE", `${definitions}/widgets.example.dev`);
  const now = await eventually(async () => (await running.send("GET", `${definitions}/gadgets.example.dev`)).body, (body) => conditions(body)[0] === "NamesAccepted True NoConflicts");
  assert.equal(conditions(now)[1], "Established True InitialNamesAccepted");
  assert.equal((await running.send("GET", "/apis/example.dev/v1/gadgets")).code, 200);
}));
