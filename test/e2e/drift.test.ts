// What people and accidents do to containers, NICs and networks behind the operator's back is mended, and never makes a second writer.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import {
  addressOf, answers, condition, hasMembers, hasOneWriter, holds, isReady, lifeOf, livesOf, nicAttached, notRecreated, notRestarted, slotsAre, streams, systemIs,
} from "./checks.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { throughout } from "./eventually.ts";
import { manifest, valueIn } from "./manifest.ts";
import { subjectOf, type Check, type Subject } from "./subject.ts";

let cluster: Cluster;
let drift: Subject;
let identifier: string;
let whole: readonly Check[];

before(async () => {
  cluster = await startCluster();
  drift = subjectOf(cluster, "drift");
  await cluster.apply(await manifest(cluster.docker, "drift", {
    replicas: 2, postgres: { version: "17" },
    networks: [
      { name: "lan", purpose: "Client", interfaceName: "eth1", subnet: "192.168.12.0/24", addressPool: { start: "192.168.12.101", size: 4 } },
      { name: "repl", purpose: "Replication", interfaceName: "eth2", subnet: "10.10.12.0/24", addressPool: { start: "10.10.12.1", size: 4 } },
    ],
  }));
  await drift.becomes([isReady, streams(1)]);
  identifier = valueIn((await drift.get()).status.systemIdentifier, "system identifier");
  await drift.sql(0, "create table kept as select 1 as id");
  const nics = await Promise.all([0, 1].flatMap((ordinal) => [["eth1", "lan"], ["eth2", "repl"]].map(async ([nic = "", network = ""]) => nicAttached(ordinal, nic, await addressOf(drift, ordinal, network)))));
  whole = [isReady, hasMembers(2), streams(1), slotsAre("pgrs_1"), hasOneWriter, systemIs(identifier), answers(1, "select count(*) from kept", "1"), holds({ containers: 2, volumes: 2, networks: 2 }), ...nics];
});
after(() => cluster.stop());

const containerOf = (ordinal: number) => cluster.docker.getContainer(drift.container(ordinal));

scenario("a standby killed with -9 is started again in its container, and the primary goes on", () => cluster, async () => {
  const [primary, standby] = await livesOf(drift, 0, 1);
  await containerOf(1).kill({ signal: "SIGKILL" });
  await drift.becomes([...whole, notRestarted(0, valueIn(primary, "life")), notRecreated(1, valueIn(standby, "life"))]);
});

scenario("a primary killed with -9 is started again and promoted again, with its data", () => cluster, async () => {
  const primary = await lifeOf(drift, 0);
  await containerOf(0).kill({ signal: "SIGKILL" });
  await drift.becomes([...whole, notRecreated(0, primary)]);
});

scenario("a standby's container removed by hand is made again on the same volume", () => cluster, async () => {
  const primary = await lifeOf(drift, 0);
  await containerOf(1).remove({ force: true });
  await drift.becomes([...whole, notRestarted(0, primary)]);
});

scenario("the primary's container removed by hand is made again on the same volume", () => cluster, async () => {
  await containerOf(0).remove({ force: true });
  await drift.becomes([...whole, answers(0, "select count(*) from kept", "1")]);
});

scenario("a stopped primary that a person starts boots read-only, and only the operator makes it write again", () => cluster, async () => {
  await cluster.program.kill();
  await containerOf(0).stop();
  await containerOf(0).start();
  await drift.becomes(answers(0, "select pg_is_in_recovery()", "t"));
  await assert.rejects(drift.sql(0, "insert into kept values (2)"), /read-only transaction/);
  await cluster.start();
  await drift.becomes(whole);
});

scenario("NICs detached by hand are attached again under their names", () => cluster, async () => {
  const networks = (await drift.holdings()).networks;
  const [lan = "", replication = ""] = networks;
  await cluster.docker.getNetwork(lan).disconnect({ Container: drift.container(0), Force: false });
  await cluster.docker.getNetwork(replication).disconnect({ Container: drift.container(1), Force: false });
  await drift.becomes(whole);
});

scenario("a network removed by hand is made again, with everybody on it", () => cluster, async () => {
  const [, replication = ""] = (await drift.holdings()).networks;
  // The operator mends each NIC at once; a person who wants the network gone is quicker sometimes.
  await drift.becomes(async () => {
    await Promise.all([0, 1].map((ordinal) => cluster.docker.getNetwork(replication).disconnect({ Container: drift.container(ordinal), Force: true }).catch(() => undefined)));
    await cluster.docker.getNetwork(replication).remove();
    return undefined;
  });
  await drift.becomes(whole);
});

scenario("a paused standby is named with what to type, and is whole again when it goes on", () => cluster, async () => {
  const primary = await lifeOf(drift, 0);
  await containerOf(1).pause();
  await drift.becomes([condition("Ready", { status: "False" }), async (subject) => {
    const plan = (await subject.get()).status.plan ?? [];
    return plan.some((line) => line.includes(`docker unpause ${drift.container(1)}`)) ? undefined : `the plan is ${plan.join("; ")}`;
  }]);
  await containerOf(1).unpause();
  await drift.becomes([...whole, notRestarted(0, primary)]);
});

scenario("a paused primary is not claimed to be available", () => cluster, async () => {
  await containerOf(0).pause();
  await drift.becomes(async (subject) => {
    const { status: { conditions = [] } } = await subject.get();
    const claims = conditions.filter(({ type, status }) => ["Ready", "Available"].includes(type) && status === "True");
    return claims.length === 0 ? undefined : `${claims.map(({ type }) => type).join()} is True while the primary is paused`;
  });
  await containerOf(0).unpause();
  await drift.becomes(whole);
});

scenario("with reconcilePolicy Paused nothing is mended, and with Apply everything", () => cluster, async () => {
  await cluster.kubectl(["patch", "pgrs/drift", "--type=merge", "-p", `{"spec":{"reconcilePolicy":"Paused"}}`]);
  await drift.becomes(condition("Reconciling", { status: "False", reason: "Paused" }));
  await containerOf(1).kill({ signal: "SIGKILL" });
  await drift.becomes(condition("Ready", { status: "False" }));
  await throughout("the standby stays as it is", async () => (await drift.inspect(1)).State.Running ? "it was started" : undefined, 4);
  await cluster.kubectl(["patch", "pgrs/drift", "--type=merge", "-p", `{"spec":{"reconcilePolicy":"Apply"}}`]);
  await drift.becomes(whole);
});
