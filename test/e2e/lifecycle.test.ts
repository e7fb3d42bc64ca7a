// One resource's whole life with kubectl: applied, at rest, scaled up and down, put to sleep, deleted and applied again.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import {
  addressOf, answers, condition, hasMembers, hasOneWriter, holds, isGone, isReady, livesOf, nicAttached, nothingLeft, notRestarted, slotsAre, streams, systemIs,
} from "./checks.ts";
import { appLogin, psqlOf } from "./clients.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { example, valueIn } from "./manifest.ts";
import { assertSilent } from "./silence.ts";
import { subjectOf, type Subject } from "./subject.ts";

let cluster: Cluster;
let demo: Subject;
let text: string;
let identifier: string;

before(async () => {
  cluster = await startCluster();
  demo = subjectOf(cluster, "demo");
  text = await example(cluster.docker, "cluster.yaml");
});
after(() => cluster.stop());

const scale = (replicas: number): Promise<string> => cluster.kubectl(["scale", "pgrs/demo", `--replicas=${String(replicas)}`]);
const countRows = "select count(*) from hello";

scenario("kubectl apply makes a primary and a standby, and kubectl wait sees them ready", () => cluster, async () => {
  assert.match(await cluster.apply(text), /postgresreplicaset.pgrs.dev\/demo created/);
  await cluster.kubectl(["wait", "pgrs/demo", "--for=condition=Ready", "--timeout=120s"]);
  await demo.becomes([isReady, hasMembers(2), streams(1), slotsAre("pgrs_1"), hasOneWriter, holds({ containers: 2, volumes: 2, networks: 2 })]);
  identifier = valueIn((await demo.get()).status.systemIdentifier, "system identifier");
});

scenario("every NIC has its name and address, and WAL takes the replication network", () => cluster, async () => {
  for (const ordinal of [0, 1]) {
    await demo.becomes([nicAttached(ordinal, "eth1", await addressOf(demo, ordinal, "lan")), nicAttached(ordinal, "eth2", await addressOf(demo, ordinal, "repl"))]);
  }
  assert.equal(await demo.sql(0, "select client_addr from pg_stat_replication"), await addressOf(demo, 1, "repl"));
  await demo.becomes([condition("NetworksAttached", { status: "True", reason: "AllVerified" }), condition("ReplicationPathVerified", { status: "True", reason: "PathVerified" })]);
});

scenario("a table made on the primary is read on the standby, and the standby refuses writes", () => cluster, async () => {
  await demo.sql(0, "create table hello (id serial primary key); insert into hello default values");
  await demo.becomes(answers(1, countRows, "1"));
  await assert.rejects(demo.sql(1, "insert into hello default values"), /read-only transaction/);
});

scenario("a client with the application's Secret alone finds the primary and may write", () => cluster, async () => {
  const { uri } = await appLogin(demo);
  assert.match(uri, /target_session_attrs=read-write/);
  assert.equal(await psqlOf(uri, "create table orders (id int); insert into orders values (7); select id from orders"), "7");
});

scenario("a password changed in the Secret is the one that counts", () => cluster, async () => {
  const { username, hosts, uri } = await appLogin(demo);
  await cluster.kubectl(["patch", "secret", "demo-app", "--type=merge", "-p", `{"stringData":{"password":"changed-by-hand"}}`]);
  const changed = `postgresql://${username}:changed-by-hand@${hosts[0] ?? ""}:5432/app`;
  await demo.becomes(async () => await psqlOf(changed, "select id from orders") === "7" ? undefined : "the row is not there");
  await assert.rejects(psqlOf(uri, "select 1"), /password authentication failed/);
  await demo.becomes(async () => (await appLogin(demo)).uri.includes(":changed-by-hand@") ? undefined : "the Secret's uri has the old password");
  assert.equal(await psqlOf((await appLogin(demo)).uri, "select id from orders"), "7");
});

scenario("at the goal nothing is written: not to Docker, not to PostgreSQL, not to the API", () => cluster, () => assertSilent(demo));

scenario("kubectl get shows the columns", () => cluster, async () => {
  const [header = "", row = ""] = (await cluster.kubectl(["get", "pgrs"])).split("\n");
  assert.deepEqual(header.trim().split(/\s+/), ["NAME", "DESIRED", "READY", "PRIMARY", "SYNC", "LAG", "PG", "STATUS", "AGE"]);
  assert.match(row, /^demo\s+2\s+2\s+0\s.*\s17\s+AllMembersReady\s/);
});

scenario("scaled to 3, a standby is added, and nobody else is restarted", () => cluster, async () => {
  const lives = await livesOf(demo, 0, 1);
  await scale(3);
  await demo.becomes([isReady, hasMembers(3), streams(1, 2), slotsAre("pgrs_1", "pgrs_2"), answers(2, countRows, "1")]);
  await demo.becomes(lives.map((life, ordinal) => notRestarted(ordinal, life)));
});

scenario("scaled to 1, the standbys go, and their slots with them", () => cluster, async () => {
  const [life] = await livesOf(demo, 0);
  await scale(1);
  await demo.becomes([isReady, hasMembers(1), streams(), slotsAre(), notRestarted(0, valueIn(life, "life"))]);
  assert.deepEqual((await demo.holdings()).containers, [demo.container(0)]);
});

scenario("scaled to 3 again, the standbys are back with all data", () => cluster, async () => {
  await demo.sql(0, "insert into hello default values");
  await scale(3);
  await demo.becomes([isReady, hasMembers(3), streams(1, 2), slotsAre("pgrs_1", "pgrs_2"), answers(1, countRows, "2"), answers(2, countRows, "2"), hasOneWriter]);
});

scenario("scaled to 0, all members stop and keep their data; scaled up again, it is there", () => cluster, async () => {
  await scale(0);
  await demo.becomes([condition("Ready", { status: "False", reason: "Hibernated" }), condition("Reconciling", { status: "False" })]);
  const containers = await cluster.docker.listContainers({ filters: { name: ["e2e_demo"] } });
  assert.deepEqual(containers.map(({ Names }) => Names), []);
  assert.equal((await demo.holdings()).volumes.length, 3);
  await scale(2);
  await demo.becomes([isReady, hasMembers(2), streams(1), slotsAre("pgrs_1"), answers(0, countRows, "2"), answers(1, countRows, "2"), systemIs(identifier), hasOneWriter]);
});

scenario("deleted with Retain, containers and networks go and the data stays; applied again, it is taken up with new passwords", () => cluster, async () => {
  const before = await appLogin(demo);
  await cluster.kubectl(["delete", "pgrs/demo", "--timeout=120s"]);
  await demo.becomes([isGone, holds({ containers: 0, volumes: 2, networks: 0 })]);
  await cluster.apply(text);
  await demo.becomes([isReady, hasMembers(2), systemIs(identifier), answers(1, countRows, "2"), hasOneWriter, holds({ containers: 2, volumes: 2, networks: 2 })]);
  const login = await appLogin(demo);
  assert.notEqual(login.password, before.password);
  assert.equal(await psqlOf(login.uri, "select id from orders"), "7");
  await assert.rejects(psqlOf(before.uri, "select 1"), /password authentication failed/);
});

scenario("deleted with Delete, nothing is left", () => cluster, async () => {
  await cluster.kubectl(["patch", "pgrs/demo", "--type=merge", "-p", `{"spec":{"deletionPolicy":"Delete"}}`]);
  await cluster.kubectl(["delete", "pgrs/demo", "--timeout=120s"]);
  await demo.becomes([isGone, nothingLeft]);
  await demo.becomes(async () => (await cluster.kubectl(["get", "secrets", "-o", "name"])).includes("demo-") ? "its Secrets are there still" : undefined);
});
