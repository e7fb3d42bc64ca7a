// What clients on the LAN see of the address that follows the primary: PostgreSQL 17 on a macvlan network, asked from another machine's place.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { hasAddress, isReady, primaryOf } from "./checks.ts";
import { appLogin, psqlOf } from "./clients.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { kill } from "./faults.ts";
import { openLan, type Lan } from "./lan.ts";
import { clear, manifestAsIs } from "./manifest.ts";
import { eager, isWhole, quorum } from "./stage.ts";
import { subjectOf, type Check, type Subject } from "./subject.ts";

let cluster: Cluster;
let lan: Lan;
let subject: Subject;
let address: string;
let uri: string;

before(async () => {
  cluster = await startCluster();
  const [prefix = "", segment = ""] = await Promise.all(["192.168.48", "10.10.48"].map(async (near) => (await clear(cluster.docker, `${near}.0`)).replace(/\.0$/, "")));
  lan = await openLan({ id: cluster.id, address: `${prefix}.50/24` });
  address = `${prefix}.100`;
  subject = subjectOf(cluster, "followed");
  await cluster.apply(manifestAsIs("followed", {
    replicas: 3, deletionPolicy: "Delete", postgres: { version: "17" }, replication: quorum, failover: eager,
    networks: [
      { name: "lan", purpose: "Client", interfaceName: "eth1", driver: "macvlan", parent: lan.parent, subnet: `${prefix}.0/24`, addressPool: { start: `${prefix}.101`, size: 8 }, primaryAddress: address },
      { name: "repl", purpose: "Replication", interfaceName: "eth2", subnet: `${segment}.0/24`, addressPool: { start: `${segment}.1`, size: 8 } },
    ],
  }));
  await subject.becomes([isReady, ...isWhole], 180);
  const { username, password } = await appLogin(subject);
  uri = `postgresql://${username}:${password}@${address}:5432/app?connect_timeout=1`;
});
after(async () => {
  await lan.close();
  await cluster.stop();
});

const fromTheLan = (statement: string): Promise<string> => psqlOf(uri, statement, lan.namespace);

/** The address answers on the LAN, by the recorded primary, and no other member has it. */
const addressFollows: Check = async (followed) => {
  const primary = await primaryOf(followed);
  const answered = await fromTheLan("select current_setting('cluster_name'), pg_is_in_recovery()");
  if (answered !== `followed-${String(primary)}|f`) return `${address} is answered by ${answered}`;
  for (const ordinal of [0, 1, 2]) {
    const objection = await hasAddress(ordinal, "eth1", address)(followed);
    if (ordinal !== primary && objection === undefined) return `member ${String(ordinal)} has ${address} too`;
  }
  return undefined;
};

scenario("when the cluster is ready, the primary answers at its own address on the LAN", () => cluster, async () => {
  await subject.becomes(addressFollows);
  await fromTheLan("create table seen (id int); insert into seen values (1)");
});

scenario("when the primary is killed, its address is announced by the new one and answers at once", () => cluster, async () => {
  const old = await primaryOf(subject);
  await kill(cluster.docker, subject.container(old));
  await subject.becomes(async () => await primaryOf(subject) === old ? "nobody else is recorded yet" : undefined);
  // Neither a neighbour's table nor a bridge's that is of yesterday may lead astray: five seconds are less than either is kept.
  await subject.becomes(addressFollows, 5);
  await fromTheLan("insert into seen values (2)");
  await subject.becomes([...isWhole, addressFollows], 180);
});

scenario("when a switchover moves the primary, connections through the address break instead of hanging, and new ones reach the new primary", () => cluster, async () => {
  const to = (await primaryOf(subject) + 1) % 3;
  const hanging = fromTheLan("select pg_sleep(60)").then(() => "it ended", (error: unknown) => String(error));
  await subject.becomes(async () => await fromTheLan("select count(*) from pg_stat_activity where wait_event = 'PgSleep'") === "1" ? undefined : "the session is not there yet");
  await cluster.kubectl(["patch", "pgrs/followed", "--type=merge", "-p", JSON.stringify({ spec: { switchover: { toOrdinal: to, token: "move" } } })]);
  assert.match(await hanging, /terminat|closed|reset/);
  await subject.becomes([...isWhole, addressFollows, async () => await primaryOf(subject) === to ? undefined : "the switchover is not made"], 180);
  assert.equal(await fromTheLan("select count(*) from seen"), "2");
});
