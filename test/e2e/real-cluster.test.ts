// The same operator against a real kube-apiserver with etcd, where KUBEBUILDER_ASSETS names them: a cluster is made, grows, is mended
// after a death on each side, and goes. (What its own account may do there is tried in test/manifests.)
import { after, before } from "node:test";
import { assetsFor, startReal, type RealServer } from "../conformance/real.ts";
import { answers, hasMembers, hasOneWriter, holds, isGone, isReady, lifeOf, notRecreated, notRestarted, nothingLeft, slotsAre, streams } from "./checks.ts";
import { apiServerOf, startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { manifest, valueIn } from "./manifest.ts";
import { subjectOf, type Subject } from "./subject.ts";

const skip = assetsFor("kube-apiserver") === undefined ? "KUBEBUILDER_ASSETS NAMES NO kube-apiserver: NOT RUN AGAINST A REAL API SERVER" : false;
let server: RealServer | undefined;
let cluster: Cluster | undefined;

const running = (): Cluster => valueIn(cluster, "cluster");
const subject = (): Subject => subjectOf(running(), "real");

before(async () => {
  if (skip !== false) return;
  server = await startReal("kube-apiserver");
  cluster = await startCluster(apiServerOf(server.kubeconfig));
});
after(async () => {
  await cluster?.stop();
  await server?.stop();
});

scenario("on a real API server an apply becomes a primary and a standby", running, async () => {
  await running().apply(await manifest(running().docker, "real", {
    replicas: 2, deletionPolicy: "Delete", postgres: { version: "17" },
    networks: [{ name: "repl", purpose: "Replication", interfaceName: "eth1", subnet: "10.10.19.0/24", addressPool: { start: "10.10.19.1", size: 4 } }],
  }));
  await running().kubectl(["wait", "pgrs/real", "--for=condition=Ready", "--timeout=120s"]);
  await subject().becomes([isReady, hasMembers(2), streams(1), slotsAre("pgrs_1"), hasOneWriter, holds({ containers: 2, volumes: 2, networks: 1 })]);
  await subject().sql(0, "create table kept as select 1 as id");
}, skip);

scenario("it is scaled by kubectl, through the operator's death", running, async () => {
  const primary = await lifeOf(subject(), 0);
  await running().program.kill();
  await running().kubectl(["scale", "pgrs/real", "--replicas=3"]);
  await running().start();
  await subject().becomes([isReady, hasMembers(3), streams(1, 2), slotsAre("pgrs_1", "pgrs_2"), answers(2, "select count(*) from kept", "1"), notRestarted(0, primary)]);
}, skip);

scenario("it is mended after the primary's death", running, async () => {
  const primary = await lifeOf(subject(), 0);
  await running().docker.getContainer(subject().container(0)).kill({ signal: "SIGKILL" });
  await subject().becomes([isReady, hasMembers(3), streams(1, 2), hasOneWriter, notRecreated(0, primary), answers(0, "select count(*) from kept", "1")]);
}, skip);

scenario("it is deleted, and nothing is left", running, async () => {
  await running().kubectl(["delete", "pgrs/real", "--timeout=120s"]);
  await subject().becomes([isGone, nothingLeft]);
}, skip);
