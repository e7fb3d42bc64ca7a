// The program is killed with -9 again and again while it makes, grows, shrinks and removes a cluster. Each time the end is the same:
// nothing lost, nothing twice. Control plane and operator are one process here, so both die at once.
import { after, before } from "node:test";
import { answers, condition, hasMembers, hasOneWriter, holds, isGone, isReady, lifeOf, notRestarted, nothingLeft, slotsAre, streams, systemIs } from "./checks.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { manifest, valueIn } from "./manifest.ts";
import { diesAllTheWayTo } from "./mortal.ts";
import { subjectOf, type Subject } from "./subject.ts";

let cluster: Cluster;
let subject: Subject;
let identifier: string;

before(async () => {
  cluster = await startCluster();
  subject = subjectOf(cluster, "mortal");
});
after(() => cluster.stop());

scenario("killed all the way of an apply", () => cluster, async () => {
  await cluster.apply(await manifest(cluster.docker, "mortal", {
    replicas: 2, deletionPolicy: "Delete", postgres: { version: "17" },
    networks: [{ name: "repl", purpose: "Replication", interfaceName: "eth1", subnet: "10.10.15.0/24", addressPool: { start: "10.10.15.1", size: 4 } }],
  }));
  await diesAllTheWayTo(subject, [isReady, hasMembers(2), streams(1), slotsAre("pgrs_1"), hasOneWriter, holds({ containers: 2, volumes: 2, networks: 1 })]);
  identifier = valueIn((await subject.get()).status.systemIdentifier, "system identifier");
  await subject.sql(0, "create table kept as select 1 as id");
});

scenario("killed all the way of a scale-up", () => cluster, async () => {
  const primary = await lifeOf(subject, 0);
  await cluster.kubectl(["scale", "pgrs/mortal", "--replicas=3"]);
  await diesAllTheWayTo(subject, [
    isReady, hasMembers(3), streams(1, 2), slotsAre("pgrs_1", "pgrs_2"), hasOneWriter, systemIs(identifier), notRestarted(0, primary),
    answers(2, "select count(*) from kept", "1"), holds({ containers: 3, volumes: 3, networks: 1 }),
  ]);
});

scenario("killed all the way of a rolling restart", () => cluster, async () => {
  await cluster.kubectl(["patch", "pgrs/mortal", "--type=merge", "-p", `{"spec":{"postgres":{"parameters":{"max_connections":"120"}}}}`]);
  await diesAllTheWayTo(subject, [
    ...[0, 1, 2].map((ordinal) => answers(ordinal, "show max_connections", "120")),
    isReady, hasMembers(3), streams(1, 2), slotsAre("pgrs_1", "pgrs_2"), hasOneWriter, systemIs(identifier), holds({ containers: 3, volumes: 3, networks: 1 }),
  ]);
});

scenario("killed all the way of a sleep and an awakening", () => cluster, async () => {
  await cluster.kubectl(["scale", "pgrs/mortal", "--replicas=0"]);
  await diesAllTheWayTo(subject, [condition("Ready", { status: "False", reason: "Hibernated" }), condition("Reconciling", { status: "False" })]);
  await cluster.kubectl(["scale", "pgrs/mortal", "--replicas=3"]);
  await diesAllTheWayTo(subject, [
    isReady, hasMembers(3), streams(1, 2), slotsAre("pgrs_1", "pgrs_2"), hasOneWriter, systemIs(identifier),
    answers(2, "select count(*) from kept", "1"), holds({ containers: 3, volumes: 3, networks: 1 }),
  ]);
});

scenario("killed all the way of a scale-down", () => cluster, async () => {
  const primary = await lifeOf(subject, 0);
  await cluster.kubectl(["scale", "pgrs/mortal", "--replicas=1"]);
  await diesAllTheWayTo(subject, [isReady, hasMembers(1), streams(), slotsAre(), systemIs(identifier), notRestarted(0, primary), answers(0, "select count(*) from kept", "1"), holds({ containers: 1, volumes: 1, networks: 1 })]);
});

scenario("killed all the way of a deletion", () => cluster, async () => {
  await cluster.kubectl(["delete", "pgrs/mortal", "--wait=false"]);
  await diesAllTheWayTo(subject, [isGone, nothingLeft]);
});
