// One resource's whole life with kubectl: applied, scaled up and down, put to sleep, deleted and applied again.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { isReady, streams } from "./checks.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { example } from "./manifest.ts";
import { subjectOf, type Subject } from "./subject.ts";

let cluster: Cluster;
let demo: Subject;

before(async () => {
  cluster = await startCluster();
  demo = subjectOf(cluster, "demo");
});
after(() => cluster.stop());

scenario("the example becomes a primary and a standby", () => cluster, async () => {
  await cluster.apply(await example(cluster.docker, "cluster.yaml"));
  await cluster.kubectl(["wait", "pgrs/demo", "--for=condition=Ready", "--timeout=60s"]);
  await demo.becomes([isReady, streams(1)]);
  assert.equal(await demo.sql(0, "select 1"), "1");
});
