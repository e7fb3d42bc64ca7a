// Every example as it stands in examples/ becomes what it says. (cluster.yaml has its own story in lifecycle.test.ts.)
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before } from "node:test";
import { promisify } from "node:util";
import { addressOf, answers, condition, hasAddress, hasMembers, hasOneWriter, isGone, isReady, lifeOf, nicAttached, nothingLeft, notRestarted, primaryOf, slotsAre, streams } from "./checks.ts";
import { appLogin, psqlOf } from "./clients.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { throughout } from "./eventually.ts";
import { openLan, type Lan } from "./lan.ts";
import { example } from "./manifest.ts";
import { sleeperNamed } from "./obstacles.ts";
import { execIn, subjectOf, type Subject } from "./subject.ts";

const run = promisify(execFile);
let cluster: Cluster;

before(async () => { cluster = await startCluster(); });
after(() => cluster.stop());

const apply = async (file: string, name: string, edit: (text: string) => string = (text) => text): Promise<Subject> => {
  await cluster.apply(edit(await example(cluster.docker, file)));
  return subjectOf(cluster, name);
};

/** Each example is removed with its data, so that the next has the machine for itself. */
const remove = async (subject: Subject): Promise<void> => {
  await cluster.kubectl(["patch", `pgrs/${subject.name}`, "--type=merge", "-p", `{"spec":{"deletionPolicy":"Delete"}}`]);
  await cluster.kubectl(["delete", `pgrs/${subject.name}`, "--timeout=120s"]);
  await subject.becomes([isGone, nothingLeft]);
};

const replicates = async (subject: Subject, standby: number): Promise<void> => {
  await subject.sql(0, "create table replicated as select 42 as answer");
  await subject.becomes(answers(standby, "select answer from replicated", "42"));
};

scenario("minimal.yaml: the fewest lines that work, with no networks at all", () => cluster, async () => {
  const minimal = await apply("minimal.yaml", "minimal");
  await minimal.becomes([isReady, hasMembers(2), streams(1), slotsAre("pgrs_1"), hasOneWriter, condition("NetworksAttached", { status: "True", reason: "NoneWanted" })]);
  await replicates(minimal, 1);
  const { uri, hosts } = await appLogin(minimal);
  assert.equal(hosts.length, 2);
  assert.equal(await psqlOf(uri, "create table orders (id int); insert into orders values (7); select id from orders"), "7");
  await remove(minimal);
});

scenario("recovery-conf.yaml: PostgreSQL 11, restarted read-only by recovery.conf", () => cluster, async () => {
  const eleven = await apply("recovery-conf.yaml", "eleven");
  await eleven.becomes([isReady, hasMembers(2), streams(1), slotsAre("pgrs_1"), hasOneWriter]);
  assert.match(await eleven.sql(0, "show server_version"), /^11\./);
  await eleven.becomes(nicAttached(1, "eth1", await addressOf(eleven, 1, "repl")));
  assert.match(await execIn(cluster.docker, eleven.container(1), ["cat", "/var/lib/postgresql/data/pgdata/recovery.conf"]), /standby_mode/);
  await replicates(eleven, 1);
  await remove(eleven);
});

scenario("archive.yaml: finished WAL segments reach the volume that all members share", () => cluster, async () => {
  const archive = await apply("archive.yaml", "archive");
  await archive.becomes([isReady, streams(1)]);
  const segment = await archive.sql(0, "create table archived as select 1; select pg_walfile_name(pg_switch_wal())");
  await archive.becomes(async () => (await execIn(cluster.docker, archive.container(1), ["ls", "/archive"])).split("\n").includes(segment)
    ? undefined : `${segment} is not in the archive: ${await archive.sql(0, "select last_failed_wal, last_archived_wal from pg_stat_archiver")}`);
  await remove(archive);
});

const showNames = "show synchronous_standby_names";

scenario("synchronous.yaml: without any standby a commit waits, and only standbys that stream are counted on", () => cluster, async () => {
  const sync = await apply("synchronous.yaml", "sync");
  await sync.becomes([isReady, hasMembers(3), streams(1, 2), condition("DurabilityMet", { status: "True", reason: "EnoughSync" }), answers(0, showNames, 'ANY 1 ("sync-1", "sync-2")')]);
  const primary = await lifeOf(sync, 0);
  await sync.sql(0, "create table waits (id int)");

  // Nobody starts the standbys again while the operator is away; what it set before stands.
  await cluster.program.kill();
  await cluster.docker.getContainer(sync.container(1)).kill({ signal: "SIGKILL" });
  await cluster.docker.getContainer(sync.container(2)).remove({ force: true });
  const squatter = await sleeperNamed(cluster, sync.container(2));
  const commit = sync.sql(0, "set application_name = 'waiter'; insert into waits values (1)").then(() => "committed" as const, (error: unknown) => error);
  await sync.becomes(answers(0, "select wait_event from pg_stat_activity where application_name = 'waiter'", "SyncRep"));
  await throughout("the commit waits", async () => await sync.sql(0, "select count(*) from waits") === "0" ? undefined : "it was acknowledged alone", 3);

  // One standby can't come back: the names say only who streams.
  await cluster.start();
  assert.equal(await commit, "committed");
  await sync.becomes([streams(1), answers(1, "select count(*) from waits", "1"), answers(0, showNames, 'ANY 1 ("sync-1")'), condition("DurabilityMet", { status: "True", reason: "EnoughSync" })]);
  await squatter.remove({ force: true });
  await sync.becomes([isReady, streams(1, 2), answers(2, "select count(*) from waits", "1"), answers(0, showNames, 'ANY 1 ("sync-1", "sync-2")'), notRestarted(0, primary)]);
  await remove(sync);
});

scenario("failover.yaml: a standby takes over from a killed primary with every row, and clients find it at the address that follows the primary", () => cluster, async () => {
  const trio = await apply("failover.yaml", "trio");
  await trio.becomes([isReady, hasMembers(3), streams(1, 2), condition("FailoverPossible", { status: "True", reason: "CandidateReady" })]);
  const followed = (await addressOf(trio, 0, "lan")).replace(/\.\d+$/, ".100");
  const { username, password } = await appLogin(trio);
  const ask = (statement: string): Promise<string> => psqlOf(`postgresql://${username}:${password}@${followed}:5432/app?connect_timeout=2`, statement);
  assert.equal(await ask("create table orders (id int); insert into orders values (7); select current_setting('cluster_name')"), "trio-0");
  await cluster.docker.getContainer(trio.container(0)).kill({ signal: "SIGKILL" });
  await trio.becomes([async () => await primaryOf(trio) === 0 ? "nobody else is recorded yet" : undefined, isReady, hasMembers(3), hasOneWriter]);
  assert.equal(await ask("select id from orders"), "7");
  await trio.becomes(hasAddress(await primaryOf(trio), "eth1", followed));
  await remove(trio);
});

scenario("lan-macvlan.yaml: a client elsewhere on the LAN reaches each member at its fixed address", () => cluster, async () => {
  const text = await example(cluster.docker, "lan-macvlan.yaml");
  const prefix = /subnet: (192\.168\.\d+)\.0/.exec(text)?.[1] ?? "";
  const lan: Lan = await openLan({ id: cluster.id, address: `${prefix}.50/24` });
  try {
    await cluster.apply(text.replace("parent: enp3s0", `parent: ${lan.parent}`));
    const subject = subjectOf(cluster, "lan");
    await subject.becomes([isReady, streams(1), nicAttached(0, "eth1", `${prefix}.101`), nicAttached(1, "eth1", `${prefix}.102`)]);
    const { username, password, hosts } = await appLogin(subject);
    assert.deepEqual(hosts, [`${prefix}.101`, `${prefix}.102`]);
    const uri = (host: string): string => `postgresql://${username}:${password}@${host}:5432/app`;
    assert.equal(await psqlOf(uri(`${prefix}.101`), "create table seen (id int); insert into seen values (1); select pg_is_in_recovery(), inet_server_addr()", lan.namespace), `f|${prefix}.101`);
    await subject.becomes(async () => await psqlOf(uri(`${prefix}.102`), "select count(*) from seen", lan.namespace) === "1" ? undefined : "the row is not on the standby");
    const { stdout } = await run("nsenter", [`--net=/run/netns/${lan.namespace}`, "ip", "neigh", "show", `${prefix}.101`]);
    assert.match(stdout, /lladdr/, "the member answers on the LAN itself");
    await remove(subject);
  } finally {
    await lan.close();
  }
});
