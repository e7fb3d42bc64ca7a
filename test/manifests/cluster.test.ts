/**
 * The manifests on a real kube-apiserver with RBAC: what the operator's own account may and may not do, and that the
 * operator with just these rights brings a cluster up and takes it down again. Needs KUBEBUILDER_ASSETS and an Engine.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AuthorizationV1Api, KubeConfig } from "@kubernetes/client-node";
import Docker from "dockerode";
import { label } from "../../src/api/names.ts";
import { run } from "../../src/images/run.ts";
import { assetsFor, startReal, type RealServer } from "../conformance/real.ts";
import { eventually } from "../e2e/eventually.ts";
import { sweepLabel } from "../e2e/leftovers.ts";
import { programOf, type Program } from "../e2e/program.ts";

const skip = assetsFor("kube-apiserver") === undefined ? "KUBEBUILDER_ASSETS HAS NO kube-apiserver: NOT RUN AGAINST A REAL API SERVER" : false;
const manifests = join(import.meta.dirname, "..", "..", "manifests");

interface Stage {
  readonly server: RealServer;
  /** As an administrator. */
  readonly kubectl: (...args: readonly string[]) => Promise<string>;
  readonly operatorKubeconfig: string;
  readonly installation: string;
}
let stage: Stage | undefined;
let program: Program | undefined;
const docker = new Docker();

const staged = (): Stage => {
  assert.ok(stage, "the server did not start");
  return stage;
};

before(async () => {
  if (skip !== false) return;
  const server = await startReal("kube-apiserver");
  const kubectl: Stage["kubectl"] = (...args) => run({ program: "kubectl", args: ["--kubeconfig", server.kubeconfig, ...args], timeoutSeconds: 200 });
  stage = { server, kubectl, operatorKubeconfig: "", installation: "" };
  // This server's OpenAPI is older than what kubectl validates by.
  await kubectl("apply", "--validate=false", "-k", manifests);
  await kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd/postgresreplicasets.pgrs.dev");
  const token = (await kubectl("-n", "pgrs-system", "create", "token", "pgrs-operator")).trim();
  const installation = await kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}");
  stage = { server, kubectl, operatorKubeconfig: await kubeconfigFor(server, token), installation };
});

after(async () => {
  await program?.kill();
  if (stage === undefined) return;
  if (stage.installation !== "") await sweepLabel(docker, `${label.installation}=${stage.installation}`);
  await stage.server.stop();
});

/** The administrator's kubeconfig with another bearer. */
async function kubeconfigFor({ directory, kubeconfig, token: own }: RealServer, token: string): Promise<string> {
  const path = join(directory, "operator.kubeconfig");
  await writeFile(path, (await readFile(kubeconfig, "utf8")).replace(own, token), { mode: 0o600 });
  return path;
}

interface Asking { readonly verb: string; readonly group?: string; readonly resource: string; readonly subresource?: string; readonly name?: string; readonly namespace?: string }

const pgrs = { group: "pgrs.dev", resource: "postgresreplicasets", namespace: "default" };
const secrets = { resource: "secrets", namespace: "default" };
const events = { resource: "events", namespace: "default" };
const crds = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };
const each = (verbs: readonly string[], what: Omit<Asking, "verb">): readonly Asking[] => verbs.map((verb) => ({ verb, ...what }));

const may: readonly Asking[] = [
  ...each(["get", "list", "watch", "patch"], pgrs), ...each(["list", "watch"], { group: "pgrs.dev", resource: "postgresreplicasets" }),
  { verb: "update", ...pgrs, subresource: "status" },
  ...each(["get", "create", "patch"], secrets), ...each(["get", "create", "patch"], events),
  { verb: "get", resource: "namespaces", name: "kube-system" },
  { verb: "get", ...crds, name: "postgresreplicasets.pgrs.dev" },
];
const mayNot: readonly Asking[] = [
  ...each(["create", "delete", "deletecollection", "update"], pgrs), ...each(["patch"], { ...pgrs, subresource: "scale" }),
  ...each(["list", "watch", "delete", "update"], secrets), ...each(["list", "delete"], events),
  ...each(["get", "delete", "patch"], { resource: "namespaces", name: "default" }), { verb: "list", resource: "namespaces" },
  ...each(["create", "list"], crds), ...each(["update", "patch", "delete"], { ...crds, name: "postgresreplicasets.pgrs.dev" }),
  { verb: "get", ...crds, name: "others.example.com" },
  { verb: "create", resource: "pods", namespace: "pgrs-system" }, { verb: "create", resource: "pods", subresource: "exec", namespace: "default" },
  { verb: "get", resource: "nodes" }, { verb: "impersonate", resource: "users" }, { verb: "create", resource: "serviceaccounts", subresource: "token", namespace: "pgrs-system" },
  ...each(["create", "bind", "escalate"], { group: "rbac.authorization.k8s.io", resource: "clusterroles" }),
];

const sentence = ({ verb, resource, subresource, name }: Asking): string =>
  `${verb} ${resource}${subresource === undefined ? "" : `/${subresource}`}${name === undefined ? "" : ` ${name}`}`;

const verdicts = async (asked: readonly Asking[]): Promise<readonly (readonly [sentence: string, allowed: boolean])[]> => {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(staged().operatorKubeconfig);
  const api = kubeConfig.makeApiClient(AuthorizationV1Api);
  return Promise.all(asked.map(async (asking) => {
    const { status } = await api.createSelfSubjectAccessReview({ body: { spec: { resourceAttributes: asking } } });
    assert.ok(status, "the review has no answer");
    return [sentence(asking), status.allowed] as const;
  }));
};

test("the operator's account may do what the operator does", { skip }, async () => {
  assert.deepEqual((await verdicts(may)).filter(([, allowed]) => !allowed), []);
});

test("and nothing else", { skip }, async () => {
  assert.deepEqual((await verdicts(mayNot)).filter(([, allowed]) => allowed), []);
});

const cluster = (name: string): string => `
apiVersion: pgrs.dev/v1alpha1
kind: PostgresReplicaSet
metadata: { name: ${name}, namespace: default }
spec:
  replicas: 2
  deletionPolicy: Delete
  postgres: { version: "17" }
  networks:
    - { name: repl, purpose: Replication, interfaceName: eth1, subnet: 10.202.250.0/28, addressPool: { start: 10.202.250.1, size: 4 } }
`;

test("with these rights the operator brings a cluster to Ready and takes it down again", { skip, timeout: 400_000 }, async () => {
  const { server, kubectl, operatorKubeconfig, installation } = staged();
  program = programOf({ args: ["operator", "--kubeconfig", operatorKubeconfig], home: server.directory, onStart: () => undefined });
  program.start();
  const file = join(server.directory, "cluster.yaml");
  await writeFile(file, cluster("rights"));
  await kubectl("apply", "--validate=false", "-f", file);
  const [trouble] = await Promise.all([program.trouble(), kubectl("wait", "--for=condition=Ready", "--timeout=180s", "pgrs/rights")]);
  assert.equal(trouble, undefined);

  assert.equal(await kubectl("get", "pgrs", "rights", "-o", "jsonpath={.status.readyReplicas} {.metadata.finalizers}"), '2 ["pgrs.dev/finalizer"]');
  const made = (await kubectl("get", "secrets", "-o", "name")).trim().split("\n").filter((name) => name.startsWith("secret/rights-"));
  assert.deepEqual(made, ["secret/rights-app", "secret/rights-replication", "secret/rights-superuser"]);
  assert.match(await kubectl("get", "events", "-o", "jsonpath={.items[*].reason}"), /PrimaryRecorded/);

  await kubectl("delete", "pgrs", "rights", "--timeout=120s");
  const filters = { label: [`${label.installation}=${installation}`] };
  await eventually("nothing is left on the Engine", async () => {
    const [containers, networks, { Volumes: volumes }] = await Promise.all([docker.listContainers({ all: true, filters }), docker.listNetworks({ filters }), docker.listVolumes({ filters })]);
    const left = containers.length + networks.length + volumes.length;
    return left === 0 ? undefined : `${String(left)} things are left`;
  }, 30);

  assert.equal(await program.stop(), 0);
  assert.doesNotMatch(await readFile(program.logPath, "utf8"), /forbidden/i);
});
