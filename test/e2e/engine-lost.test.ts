// The Docker Engine goes away while the operator works, rests, or deletes: it says so, claims nothing, and goes on by itself.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { answers, condition, hasMembers, hasOneWriter, holds, isGone, isReady, livesOf, notRestarted, nothingLeft, slotsAre, streams } from "./checks.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { eventually } from "./eventually.ts";
import { manifest } from "./manifest.ts";
import { subjectOf, type Subject } from "./subject.ts";

let cluster: Cluster;
let subject: Subject;

before(async () => {
  cluster = await startCluster();
  subject = subjectOf(cluster, "adrift");
});
after(() => cluster.stop());

const unreachable = [
  condition("Ready", { status: "Unknown", reason: "EngineUnreachable", message: /docker info|does not answer/ }),
  condition("Available", { status: "Unknown", reason: "EngineUnreachable" }),
  condition("Stalled", { status: "True", reason: "EngineUnreachable" }),
];
const whole = [isReady, hasMembers(2), streams(1), slotsAre("pgrs_1"), hasOneWriter, holds({ containers: 2, volumes: 2, networks: 1 })];

scenario("the Engine goes away while members are being made; when it is back, they are completed", () => cluster, async () => {
  await cluster.apply(await manifest(cluster.docker, "adrift", {
    replicas: 2, deletionPolicy: "Delete", postgres: { version: "17" },
    networks: [{ name: "repl", purpose: "Replication", interfaceName: "eth1", subnet: "10.10.14.0/24", addressPool: { start: "10.10.14.1", size: 4 } }],
  }));
  await eventually("a member is being made", async () => / startJob /.test(await cluster.program.log()) ? undefined : "no job was started", 60);
  await cluster.engineSocket.cut();
  await subject.becomes(unreachable);
  await cluster.engineSocket.mend();
  await subject.becomes(whole);
});

scenario("the Engine goes away at the goal: the databases serve on, and nobody is restarted", () => cluster, async () => {
  const lives = await livesOf(subject, 0, 1);
  await cluster.engineSocket.cut();
  await subject.becomes(unreachable);
  await subject.sql(0, "create table meanwhile as select 1 as id");
  await subject.becomes(answers(1, "select count(*) from meanwhile", "1"));
  await cluster.engineSocket.mend();
  await subject.becomes([...whole, ...lives.map((life, ordinal) => notRestarted(ordinal, life))]);
});

scenario("a resource applied while the Engine is away waits, says why, and can be deleted again", () => cluster, async () => {
  await cluster.engineSocket.cut();
  await cluster.apply(await manifest(cluster.docker, "early", { replicas: 1, deletionPolicy: "Delete", postgres: { version: "17" } }));
  const early = subjectOf(cluster, "early");
  await early.becomes(unreachable);
  await cluster.engineSocket.mend();
  await early.becomes([isReady, hasMembers(1)]);
  await cluster.kubectl(["delete", "pgrs/early", "--timeout=120s"]);
  await early.becomes([isGone, nothingLeft]);
});

scenario("deleted while the Engine is away, it says what it waits for, and is gone when the Engine is back", () => cluster, async () => {
  await cluster.engineSocket.cut();
  await cluster.kubectl(["delete", "pgrs/adrift", "--wait=false"]);
  await subject.becomes([condition("Ready", { status: "False", reason: "Deleting", message: /does not answer/ }), condition("Stalled", { status: "True", reason: "EngineUnreachable", message: /does not answer/ })]);
  assert.equal((await subject.holdings()).containers.length, 2);
  await cluster.engineSocket.mend();
  await subject.becomes([isGone, nothingLeft]);
});
