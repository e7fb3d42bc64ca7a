// A spec that is edited while the cluster serves: networks come and go, limits change, replication becomes synchronous, and Secrets are lost.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { addressOf, answers, condition, hasMembers, hasOneWriter, holds, isReady, livesOf, nicAttached, notRestarted, slotsAre, streams, systemIs } from "./checks.ts";
import { appLogin, psqlOf } from "./clients.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { clear, manifest, valueIn } from "./manifest.ts";
import { subjectOf, type Check, type Subject } from "./subject.ts";

let cluster: Cluster;
let edited: Subject;
let whole: readonly Check[];

before(async () => {
  cluster = await startCluster();
  edited = subjectOf(cluster, "edited");
  await cluster.apply(await manifest(cluster.docker, "edited", { replicas: 2, deletionPolicy: "Delete", postgres: { version: "17" } }));
  await edited.becomes([isReady, streams(1)]);
  await edited.sql(0, "create table kept as select 1 as id");
  const identifier = valueIn((await edited.get()).status.systemIdentifier, "system identifier");
  whole = [isReady, hasMembers(2), streams(1), slotsAre("pgrs_1"), hasOneWriter, systemIs(identifier), answers(1, "select count(*) from kept", "1")];
});
after(() => cluster.stop());

const patch = (spec: object): Promise<string> => cluster.kubectl(["patch", "pgrs/edited", "--type=merge", "-p", JSON.stringify({ spec })]);

scenario("networks added to a running cluster are attached under their names, and WAL moves over", () => cluster, async () => {
  await patch(JSON.parse(await clear(cluster.docker, JSON.stringify({ networks: [
    { name: "lan", purpose: "Client", interfaceName: "eth1", subnet: "192.168.21.0/24", addressPool: { start: "192.168.21.101", size: 4 } },
    { name: "repl", purpose: "Replication", interfaceName: "eth2", subnet: "10.10.21.0/24", addressPool: { start: "10.10.21.1", size: 4 } },
  ] }))) as object);
  await edited.becomes([...whole, condition("ReplicationPathVerified", { status: "True", reason: "PathVerified" }), holds({ containers: 2, volumes: 2, networks: 2 })]);
  for (const ordinal of [0, 1]) await edited.becomes([nicAttached(ordinal, "eth1", await addressOf(edited, ordinal, "lan")), nicAttached(ordinal, "eth2", await addressOf(edited, ordinal, "repl"))]);
  await edited.becomes(answers(0, "select client_addr from pg_stat_replication", await addressOf(edited, 1, "repl")));
});

scenario("the application's Secret then names the members on the new network", () => cluster, async () => {
  await edited.becomes(async () => {
    const { uri } = await appLogin(edited);
    return await psqlOf(uri, "select pg_is_in_recovery()") === "f" ? undefined : "no writer was found";
  });
});

scenario("a network taken out of the spec is detached and removed", () => cluster, async () => {
  const { networks } = (await edited.get()).spec;
  await patch({ networks: networks.filter(({ name }) => name === "lan") });
  await edited.becomes([...whole, holds({ containers: 2, volumes: 2, networks: 1 })]);
});

scenario("new limits make the containers anew, one after the other, on the same volumes", () => cluster, async () => {
  await patch({ resources: { memory: "512Mi" } });
  await edited.becomes([...whole, ...[0, 1].map((ordinal): Check => async (subject) => {
    const { Memory: memory } = (await subject.inspect(ordinal)).HostConfig;
    return memory === 512 * 1024 * 1024 ? undefined : `the memory limit of ordinal ${String(ordinal)} is ${String(memory)}`;
  })], 180);
});

scenario("replication becomes synchronous and asynchronous again, without a restart", () => cluster, async () => {
  const lives = await livesOf(edited, 0, 1);
  await patch({ replication: { mode: "Priority", minSync: 1 } });
  await edited.becomes([...whole, condition("DurabilityMet", { status: "True", reason: "EnoughSync" }), answers(0, "select sync_state from pg_stat_replication", "sync")]);
  await patch({ replication: { mode: "Async" } });
  await edited.becomes([...whole, condition("DurabilityMet", { status: "True", reason: "AsyncByChoice" }), answers(0, "select sync_state from pg_stat_replication", "async")]);
  await edited.becomes(lives.map((life, ordinal) => notRestarted(ordinal, life)));
});

scenario("Secrets deleted by hand are made again, and their new passwords are the ones that count", () => cluster, async () => {
  const before = await appLogin(edited);
  await cluster.kubectl(["delete", "secret", "edited-superuser", "edited-replication", "edited-app"]);
  await edited.becomes(async () => (await appLogin(edited)).password === before.password ? "the old password is there still" : undefined);
  await edited.becomes(async () => await psqlOf((await appLogin(edited)).uri, "select 1") === "1" ? undefined : "no answer");
  await assert.rejects(psqlOf(before.uri, "select 1"), /password authentication failed/);
  // The standby has to log in anew.
  await edited.becomes(async () => {
    await edited.sql(0, "select pg_terminate_backend(pid) from pg_stat_replication");
    return undefined;
  });
  await edited.becomes(whole);
});
