/** The client library of TypeScript programs, unmodified, with the kubeconfig as it was written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CoordinationV1Api, CoreV1Api, CustomObjectsApi, KubeConfig, KubernetesObjectApi, PatchStrategy, V1MicroTime, makeInformer, setHeaderOptions } from "@kubernetes/client-node";
import { eventually, withControlPlane } from "./harness.ts";
import { defineWidgets, widget } from "./widgets.ts";
import type { KubernetesListObject, KubernetesObject } from "@kubernetes/client-node";

interface Widget extends KubernetesObject { spec: { replicas: number }; status?: { phase?: string } }

const where = { group: "example.dev", version: "v1alpha1", namespace: "default", plural: "widgets" };

test("typed, custom and untyped objects, and an informer", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  const config = new KubeConfig();
  config.loadFromFile(running.kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const custom = config.makeApiClient(CustomObjectsApi);
  const untyped = KubernetesObjectApi.makeApiClient(config);
  assert.deepEqual((await core.listNamespace()).items.map(({ metadata }) => metadata?.name), ["default", "kube-public", "kube-system"]);

  const seen: string[] = [];
  const informer = makeInformer<Widget>(config, "/apis/example.dev/v1alpha1/namespaces/default/widgets",
    () => custom.listNamespacedCustomObject(where) as Promise<KubernetesListObject<Widget>>);
  for (const verb of ["add", "update", "delete"] as const) informer.on(verb, ({ metadata, spec, status }) => { seen.push(`${verb} ${metadata?.name} ${spec.replicas} ${status?.phase ?? "-"}`); });
  informer.on("error", () => undefined);
  await informer.start();

  await custom.createNamespacedCustomObject({ ...where, body: widget("a", { replicas: 2 }) });
  await custom.patchNamespacedCustomObject({ ...where, name: "a", body: [{ op: "replace", path: "/spec/replicas", value: 3 }] });
  await custom.patchNamespacedCustomObjectStatus({ ...where, name: "a", body: { status: { phase: "up" } } }, setHeaderOptions("Content-Type", PatchStrategy.MergePatch));
  const read = await untyped.read<Widget>({ apiVersion: "example.dev/v1alpha1", kind: "Widget", metadata: { name: "a", namespace: "default" } });
  assert.deepEqual([read.spec.replicas, read.status], [3, { phase: "up" }]);
  await custom.deleteNamespacedCustomObject({ ...where, name: "a" });
  await eventually(() => Promise.resolve(seen), (events) => events.some((event) => event.startsWith("delete")));
  assert.deepEqual(seen, ["add a 2 -", "update a 3 -", "update a 3 up", "delete a 3 up"]);
  await informer.stop();

  const applied = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "applied", namespace: "default" }, data: { a: "b" } };
  await untyped.patch(applied, undefined, undefined, "tester", true, PatchStrategy.ServerSideApply);
  assert.deepEqual((await core.readNamespacedConfigMap({ name: "applied", namespace: "default" })).data, { a: "b" });
  await core.createNamespacedSecret({ namespace: "default", body: { metadata: { name: "s" }, stringData: { password: "x" } } });
  assert.deepEqual((await core.readNamespacedSecret({ name: "s", namespace: "default" })).data, { password: "eA==" });
  const leases = config.makeApiClient(CoordinationV1Api);
  const lease = await leases.createNamespacedLease({ namespace: "default", body: { metadata: { name: "l" }, spec: { holderIdentity: "me", leaseDurationSeconds: 15, renewTime: new V1MicroTime() } } });
  assert.equal(lease.spec?.holderIdentity, "me");
  await assert.rejects(core.readNamespacedSecret({ name: "none", namespace: "default" }), (error: { code?: number }) => error.code === 404);
}));
