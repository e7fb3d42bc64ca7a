/** What `kubectl apply -k manifests` would send: rendered by kubectl itself, and held against what the program needs. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { load, loadAll } from "js-yaml";
import { crdYaml } from "../../src/crd-yaml.ts";
import { configOf } from "../../src/config.ts";

const manifestsFolder = join(import.meta.dirname, "..", "..", "manifests");

interface Manifest { readonly kind: string; readonly metadata: { readonly name: string; readonly namespace?: string } }
interface Rule { readonly apiGroups: readonly string[]; readonly resources: readonly string[]; readonly verbs: readonly string[]; readonly resourceNames?: readonly string[] }
interface Role extends Manifest { readonly rules: readonly Rule[] }
interface Container {
  readonly image: string; readonly args: readonly string[];
  readonly securityContext: object; readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}
interface Deployment extends Manifest {
  readonly spec: {
    readonly replicas: number; readonly strategy: object;
    readonly template: { readonly spec: {
      readonly serviceAccountName: string; readonly hostNetwork: boolean; readonly nodeSelector: object; readonly securityContext: object;
      readonly containers: readonly Container[]; readonly volumes: readonly object[];
    } };
  };
}

const rendered = ((): readonly Manifest[] => {
  const { status, stdout, stderr } = spawnSync("kubectl", ["kustomize", manifestsFolder], { encoding: "utf8", timeout: 60_000 });
  assert.equal(status, 0, stderr);
  return loadAll(stdout) as Manifest[];
})();

const only = <T extends Manifest>(kind: string, name: string): T => {
  const found = rendered.filter((one) => one.kind === kind && one.metadata.name === name);
  assert.equal(found.length, 1, `${kind} ${name}`);
  return found[0] as T;
};

test("all is there, and in the operator's own namespace where it has one", () => {
  assert.deepEqual(rendered.map(({ kind, metadata }) => `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name}`).sort(), [
    "ClusterRole pgrs-edit", "ClusterRole pgrs-operator", "ClusterRole pgrs-view", "ClusterRoleBinding pgrs-operator",
    "CustomResourceDefinition postgresreplicasets.pgrs.dev", "Deployment pgrs-system/pgrs-operator", "Namespace pgrs-system",
    "ServiceAccount pgrs-system/pgrs-operator",
  ]);
});

test("the definition is the one of this program", () => {
  assert.deepEqual(only("CustomResourceDefinition", "postgresreplicasets.pgrs.dev"), load(crdYaml()));
});

test("the operator's role has no wildcard, lists no Secrets, deletes nothing, and writes no definition", () => {
  const { rules } = only<Role>("ClusterRole", "pgrs-operator");
  for (const { apiGroups, resources, verbs } of rules) {
    assert.ok(![...apiGroups, ...resources, ...verbs].includes("*"));
    assert.ok(!verbs.some((verb) => verb.startsWith("delete") || ["escalate", "bind", "impersonate"].includes(verb)), resources.join());
  }
  const verbsOn = (resource: string): readonly string[] => rules.filter(({ resources }) => resources.includes(resource)).flatMap(({ verbs }) => verbs);
  assert.deepEqual(verbsOn("secrets"), ["get", "create", "patch"]);
  assert.deepEqual(verbsOn("customresourcedefinitions"), ["get"]);
  assert.deepEqual(rules.find(({ resources }) => resources.includes("namespaces"))?.resourceNames, ["kube-system"]);
});

test("the operator runs once, as a plain user without capabilities, on a file system that it can't write", () => {
  const { spec } = only<Deployment>("Deployment", "pgrs-operator");
  const pod = spec.template.spec;
  assert.equal(spec.replicas, 1);
  assert.deepEqual(spec.strategy, { type: "Recreate" });
  assert.deepEqual(pod.securityContext, {
    runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, supplementalGroups: [999], seccompProfile: { type: "RuntimeDefault" },
  });
  assert.deepEqual(pod.containers[0]?.securityContext, { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } });
});

test("its Pod has the account, the node's Engine and network, and a command line that the program knows", () => {
  const { serviceAccountName, hostNetwork, nodeSelector, volumes, containers } = only<Deployment>("Deployment", "pgrs-operator").spec.template.spec;
  assert.equal(serviceAccountName, "pgrs-operator");
  assert.equal(hostNetwork, true);
  assert.deepEqual(nodeSelector, { "pgrs.dev/engine": "true" });
  assert.deepEqual(volumes, [{ name: "engine", hostPath: { path: "/var/run/docker.sock", type: "Socket" } }]);
  assert.equal(containers.length, 1);
  const [operator] = containers;
  const config = configOf(operator?.args ?? [], {});
  assert.equal(config.command, "operator");
  assert.deepEqual(operator?.volumeMounts, [{ name: "engine", mountPath: config.docker }]);
});
