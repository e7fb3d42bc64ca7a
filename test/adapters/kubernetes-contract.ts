/**
 * What the operator relies on in any API server, asked of a running one through the adapter. It leaves the definition
 * behind, and nothing else.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { kubernetes } from "../../src/adapters/kubernetes.ts";
import { accepted, asBody, connect } from "../../src/adapters/kubernetes-connection.ts";
import type { Body, Call, Connection } from "../../src/adapters/kubernetes-connection.ts";
import { parse } from "../../src/api/resource.ts";
import type { Resource } from "../../src/api/resource.ts";
import { runController } from "../../src/controller/controller.ts";
import { createQueue } from "../../src/controller/queue.ts";
import { watchResources } from "../../src/controller/watch.ts";
import { Conflict } from "../../src/errors.ts";
import { failure, never } from "./kubernetes-fake.ts";

/** Our kind with any spec: what it allows is not the adapter's business. */
const crd = {
  apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: { name: "postgresreplicasets.pgrs.dev" },
  spec: {
    group: "pgrs.dev", scope: "Namespaced", names: { plural: "postgresreplicasets", singular: "postgresreplicaset", kind: "PostgresReplicaSet", listKind: "PostgresReplicaSetList" },
    versions: [{
      name: "v1alpha1", served: true, storage: true, subresources: { status: {} },
      schema: { openAPIV3Schema: { type: "object", properties: { spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true }, status: { type: "object", "x-kubernetes-preserve-unknown-fields": true } } } },
    }],
  },
};

const collection = "/apis/pgrs.dev/v1alpha1/namespaces/default/postgresreplicasets";
const definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/postgresreplicasets.pgrs.dev";

export interface Server {
  readonly connection: Connection;
  readonly api: ReturnType<typeof kubernetes>;
}

export const server = (kubeConfig: KubeConfig): Server => ({
  connection: connect({ kubeConfig, timeoutMs: 15_000 }),
  api: kubernetes({ kubeConfig, clock: { now: () => Date.now() } }),
});

const send = async ({ connection }: Server, call: Call): Promise<Body> => accepted(call, await connection.ask(call, never));
const versionOf = (object: Body): unknown => asBody(object.metadata).resourceVersion;

const create = async (at: Server, name: string): Promise<Resource> => {
  const body = { apiVersion: "pgrs.dev/v1alpha1", kind: "PostgresReplicaSet", metadata: { namespace: "default", name }, spec: { replicas: 1, postgres: { version: "17" } } };
  return parse(await send(at, { method: "POST", path: collection, body })).resource;
};

/** A definition that was just accepted may take a moment until it is served. */
const isServed = async ({ api }: Server): Promise<void> => {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await api.list(never).then(() => true, () => false)) return;
    await sleep(100);
  }
  assert.fail("the definition is not served");
};

export const definitionIsWrittenOnce = async (at: Server): Promise<void> => {
  await at.api.ensureCrd(crd, never);
  const first = versionOf(await send(at, { method: "GET", path: definition }));
  await at.api.ensureCrd(crd, never);
  assert.equal(versionOf(await send(at, { method: "GET", path: definition })), first);
  await isServed(at);
};

export const installationIsStable = async ({ api }: Server): Promise<void> => {
  const id = await api.installationId(never);
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.equal(await api.installationId(never), id);
};

export const writesRestOnVersions = async (at: Server): Promise<void> => {
  const name = `c-${randomUUID()}`;
  assert.equal(await at.api.get({ namespace: "default", name }, never), undefined);
  const made = await create(at, name);
  const saved = await at.api.saveStatus(made, { readyReplicas: 1 }, never);
  assert.notEqual(saved.resourceVersion, made.metadata.resourceVersion);
  assert.equal(saved.generation, made.metadata.generation, "a status is no change of the spec");
  assert.ok(await failure(at.api.saveStatus(made, { readyReplicas: 2 }, never)) instanceof Conflict);
  assert.ok(await failure(at.api.setFinalizers(made, ["pgrs.dev/finalizer"], never)) instanceof Conflict);
  const same = await at.api.saveStatus({ ...made, metadata: saved }, { readyReplicas: 1 }, never);
  assert.equal(same.resourceVersion, saved.resourceVersion, "a status that says nothing new is no write");
  const held = await at.api.setFinalizers({ ...made, metadata: saved }, ["pgrs.dev/finalizer"], never);
  assert.deepEqual(held.finalizers, ["pgrs.dev/finalizer"]);
  await remove(at, name);
  const going = parse(await at.api.get({ namespace: "default", name }, never)).resource;
  assert.ok(going.metadata.deletionTimestamp);
  assert.equal(going.status.readyReplicas, 1);
  await at.api.setFinalizers(going, [], never);
  assert.equal(await at.api.get({ namespace: "default", name }, never), undefined);
  assert.ok(await failure(at.api.saveStatus(going, {}, never)) instanceof Conflict);
  assert.ok(await failure(at.api.setFinalizers(going, [], never)) instanceof Conflict);
};

const remove = async ({ connection }: Server, name: string): Promise<void> => {
  const call: Call = { method: "DELETE", path: `${collection}/${name}` };
  accepted(call, await connection.ask(call, never));
};

export const eventsCount = async (at: Server): Promise<void> => {
  const made = await create(at, `c-${randomUUID()}`);
  const note = { type: "Normal", reason: "Created", message: "created it" } as const;
  for (let times = 0; times < 3; times += 1) await at.api.note(made, note, never);
  await at.api.note(made, { ...note, type: "Warning" }, never);
  const query = { fieldSelector: `involvedObject.uid=${made.metadata.uid}` };
  const { items } = await send(at, { method: "GET", path: "/api/v1/namespaces/default/events", query });
  assert.ok(Array.isArray(items));
  assert.deepEqual(items.map(asBody).map(({ type, count }) => [type, count]).toSorted(), [["Normal", 3], ["Warning", 1]]);
  await remove(at, made.metadata.name);
};

export const secretsAreMadeOnce = async (at: Server): Promise<void> => {
  const made = await create(at, `c-${randomUUID()}`);
  const key = { namespace: "default", name: `${made.metadata.name}-app` };
  assert.equal(await at.api.secret(key, never), undefined);
  assert.ok(await failure(at.api.updateSecret(key, { uri: "x" }, never)) instanceof Conflict);
  await at.api.createSecret(made, key.name, { password: "pass ä", uri: "x" }, never);
  assert.ok(await failure(at.api.createSecret(made, key.name, { password: "other" }, never)) instanceof Conflict);
  await at.api.updateSecret(key, { uri: "y" }, never);
  assert.deepEqual(await at.api.secret(key, never), { password: "pass ä", uri: "y" });
  await remove(at, made.metadata.name);
  const call: Call = { method: "DELETE", path: `/api/v1/namespaces/default/secrets/${key.name}` };
  await at.connection.ask(call, never); // the collector may have been faster
};

/** The loop against the server: each change of a spec gives a round, writing the status gives none. */
export const loopFollows = async (at: Server): Promise<void> => {
  const name = `c-${randomUUID()}`;
  const key = `default/${name}`;
  const stop = new AbortController();
  const clock = { now: () => performance.now(), sleep: async (ms: number, signal: AbortSignal) => { await sleep(ms, undefined, { signal }); } };
  const log = { info: () => undefined, debug: () => undefined };
  const queue = createQueue({ clock, lengthMax: 1000, onFull: assert.fail });
  const synced = Promise.withResolvers<void>();
  const watching = watchResources({
    list: at.api.list, watch: at.api.watch, onChange: queue.add, onSynced: synced.resolve,
    idleTimeoutMs: 60_000, resyncMs: 600_000, clock, random: Math.random, log, signal: stop.signal,
  });
  const rounds: string[] = [];
  let heard = Promise.withResolvers<void>();
  const reconcile = async (asked: string): Promise<{ then: "rest" }> => {
    if (asked !== key) return { then: "rest" };
    const object = await at.api.get({ namespace: "default", name }, never);
    rounds.push(object === undefined ? "gone" : `replicas ${parse(object).resource.spec.replicas}`);
    if (object !== undefined) await at.api.saveStatus(parse(object).resource, { readyReplicas: rounds.length }, never);
    heard.resolve();
    return { then: "rest" };
  };
  const running = runController({ queue, reconcile, concurrency: 2, roundTimeoutMs: 30_000, resyncMs: 600_000, stopGraceMs: 1000, clock, random: Math.random, log, signal: stop.signal });
  await synced.promise;
  const step = async (change: () => Promise<unknown>): Promise<void> => {
    heard = Promise.withResolvers();
    await change();
    await heard.promise;
  };
  await step(() => create(at, name));
  await step(() => send(at, { method: "PATCH", path: `${collection}/${name}`, body: { spec: { replicas: 2 } } }));
  await step(() => remove(at, name));
  stop.abort();
  await Promise.all([watching.stopped, running]);
  assert.deepEqual(rounds, ["replicas 1", "replicas 2", "gone"]);
  assert.equal(watching.get(key), undefined);
};
