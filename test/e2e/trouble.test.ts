// What the world can have against a good spec. Each trouble is a condition that says what to do, others go on beside it,
// and when the cause is gone the cluster becomes whole without a nudge.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { answers, condition, hasMembers, hasOneWriter, isReady, lifeOf, notRestarted, streams, type Life } from "./checks.ts";
import { psqlOf } from "./clients.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { openLan, parentOf } from "./lan.ts";
import { clear, manifest, manifestAsIs } from "./manifest.ts";
import { occupyAddress, foreignDataIn, openSmallDisk, ownVolume, sleeperNamed } from "./obstacles.ts";
import { subjectOf, type Check, type Subject } from "./subject.ts";

let cluster: Cluster;
before(async () => { cluster = await startCluster(); });
after(() => cluster.stop());

const apply = async (name: string, spec: object, write = manifest): Promise<Subject> => {
  await cluster.apply(await write(cluster.docker, name, { replicas: 1, deletionPolicy: "Delete", postgres: { version: "17" }, ...spec }));
  return subjectOf(cluster, name);
};
/** For what clashes on purpose: its addresses are not moved away from those in use. */
const applyAsIs = (name: string, spec: object): Promise<Subject> => apply(name, spec, async (_, ...rest) => manifestAsIs(...rest));
/** The first three numbers of a free subnet. */
const prefixNear = async (prefix: string): Promise<string> => (await clear(cluster.docker, `${prefix}.0`)).replace(/\.0$/, "");
const remove = (...subjects: readonly Subject[]): Promise<string> => cluster.kubectl(["delete", "pgrs", ...subjects.map(({ name }) => name), "--timeout=120s"]);

scenario("an image that can't be had, a parent that is not there and a subnet that is taken hold up no other resource", () => cluster, async () => {
  const image = `pgrs-${cluster.id}/postgres`;
  const parent = parentOf(cluster.id);
  const prefix = await prefixNear("10.10.17");
  const other = await cluster.docker.createNetwork({ Name: `${cluster.id}_other`, Labels: { ...cluster.testLabels }, IPAM: { Config: [{ Subnet: `${prefix}.0/24` }] } });
  const nic = { name: "lan", purpose: "Client", interfaceName: "eth1" };
  const unavailable = await apply("unavailable", { postgres: { version: "17", image: `${image}:17` } });
  const parentless = await apply("parentless", { networks: [{ ...nic, driver: "macvlan", parent, subnet: "192.168.16.0/24", addresses: ["192.168.16.101"] }] });
  const overlapping = await applyAsIs("overlapping", { networks: [{ ...nic, subnet: `${prefix}.0/24`, addresses: [`${prefix}.101`] }] });
  const healthy = await apply("healthy", {});
  await healthy.becomes([isReady, hasMembers(1)]);

  await unavailable.becomes([
    condition("Ready", { status: "False", reason: "ImageUnavailable", message: /docker load/ }), condition("Stalled", { status: "True", reason: "ImageUnavailable" }),
  ]);
  await parentless.becomes([condition("NetworksAttached", { status: "False", reason: "ParentMissing", message: new RegExp(parent) }), condition("Stalled", { status: "True", reason: "ParentMissing" })]);
  await overlapping.becomes([condition("NetworksAttached", { status: "False", reason: "SubnetOverlap" }), condition("Stalled", { status: "True", reason: "SubnetOverlap" })]);

  await cluster.docker.getImage("pgrs/postgres:17").tag({ repo: image, tag: "17" });
  const lan = await openLan({ id: cluster.id, address: "192.168.16.50/24" });
  try {
    await other.remove();
    for (const subject of [unavailable, parentless, overlapping]) await subject.becomes([isReady, hasMembers(1)], 180);
    await remove(unavailable, parentless, overlapping, healthy);
  } finally {
    await lan.close();
    await cluster.docker.getImage(`${image}:17`).remove();
  }
});

scenario("an address in use by another container is named with its holder", () => cluster, async () => {
  const network = await occupyAddress(cluster, { network: `${cluster.id}_segment`, prefix: await prefixNear("10.10.18"), host: "12" });
  const subject = await applyAsIs("conflicted", { replicas: 2, networks: [{ name: "segment", purpose: "Replication", interfaceName: "eth1", driver: "external", externalName: network.name, addresses: [`${network.prefix}.11`, network.address] }] });
  await subject.becomes([condition("NetworksAttached", { status: "False", reason: "AddressConflict", message: new RegExp(`${network.address.replaceAll(".", "\\.")} .*in use by the container ${network.name}_holder`) }), condition("Available", { status: "True" })]);
  await network.release();
  await subject.becomes([isReady, hasMembers(2), streams(1)]);
  await remove(subject);
  assert.equal((await cluster.docker.getNetwork(network.name).inspect() as { Name: string }).Name, network.name, "an external network is never removed");
});

scenario("a Secret that the spec names and that is not there is asked for by name", () => cluster, async () => {
  const subject = await apply("secretive", { credentials: { appSecretRef: { name: "chosen" } } });
  await subject.becomes([condition("Ready", { status: "False", reason: "CredentialsMissing", message: /Secret chosen/ }), condition("Stalled", { status: "True", reason: "CredentialsMissing" })]);
  await cluster.kubectl(["create", "secret", "generic", "chosen", "--from-literal=username=app", "--from-literal=password=chosen-by-hand"]);
  await subject.becomes([isReady, hasMembers(1)]);
  const { NetworkSettings } = await subject.inspect(0);
  assert.equal(await psqlOf(`postgresql://app:chosen-by-hand@${NetworkSettings.Networks["bridge"]?.IPAddress ?? ""}:5432/app`, "select current_user"), "app");
  await remove(subject);
});

// The following obstacles lie in the way of a second member, one after the other, while the first one serves on.
let growing: Subject;
let primary: Life;
const patch = (spec: object): Promise<string> => cluster.kubectl(["patch", "pgrs/growing", "--type=merge", "-p", JSON.stringify({ spec })]);
/** A volume of ours that no member wants would be swept at once: it is laid out while the operator only looks. */
const pausedWhile = async (prepare: () => Promise<void>): Promise<void> => {
  await patch({ reconcilePolicy: "Paused" });
  await growing.becomes(condition("Reconciling", { status: "False", reason: "Paused" }));
  await prepare();
};
const scale = (replicas: number): Promise<string> => patch({ replicas, reconcilePolicy: "Apply" });
const servesOn: Check = async (subject) => await condition("Available", { status: "True" })(subject) ?? notRestarted(0, primary)(subject);
const isWhole: readonly Check[] = [isReady, hasMembers(2), streams(1), hasOneWriter];

/** Grows to two members against an obstacle, sees the trouble told, takes the obstacle away, and sees the cluster whole. */
async function growsAgainst(told: Check, takeAway: () => Promise<void>): Promise<void> {
  await scale(2);
  await growing.becomes([told, servesOn]);
  await takeAway();
  await growing.becomes([...isWhole, servesOn]);
  await scale(1);
  await growing.becomes([isReady, hasMembers(1), streams()]);
  await growing.becomes(async () => (await growing.holdings()).volumes.includes(growing.volume(1)) ? "the second member's volume is there still" : undefined);
}

scenario("a container of a member's name that is not ours is left alone, and named", () => cluster, async () => {
  growing = await apply("growing", {});
  await growing.becomes([isReady, hasMembers(1)]);
  primary = await lifeOf(growing, 0);
  const sleeper = await sleeperNamed(cluster, growing.container(1));
  await growsAgainst(condition("Ready", { status: "False", reason: "NameTaken", message: /container named e2e_growing_1 is there and is not ours/ }), async () => {
    assert.equal((await sleeper.inspect()).State.Running, true);
    await sleeper.remove({ force: true });
  });
});

scenario("a volume of a member's name that is not ours is left alone, and named", () => cluster, async () => {
  await cluster.docker.createVolume({ Name: growing.volume(1), Labels: { ...cluster.testLabels } });
  await growsAgainst(condition("Ready", { status: "False", reason: "NameTaken", message: /volume named e2e_growing_1 is there and is not ours/ }), async () => {
    await cluster.docker.getVolume(growing.volume(1)).remove();
  });
});

scenario("a volume with another cluster's data is neither used nor emptied", () => cluster, async () => {
  let identifier = "none";
  await pausedWhile(async () => {
    await ownVolume(growing, 1);
    identifier = await foreignDataIn(growing, 1);
  });
  await growsAgainst(condition("SingleSystem", { status: "False", reason: "ForeignData", message: new RegExp(`${identifier}.*reconcilePolicy Paused`) }), async () => {
    await pausedWhile(async () => {
      await cluster.docker.getContainer(growing.container(1)).remove({ force: true });
      await cluster.docker.getVolume(growing.volume(1)).remove();
    });
    await scale(2);
  });
});

scenario("a disk that fills up during the base backup is told, and the copy is complete when there is room", () => cluster, async () => {
  const disk = await openSmallDisk(cluster, "24m");
  try {
    await pausedWhile(() => ownVolume(growing, 1, disk.path));
    await scale(2);
    await growing.becomes([condition("Ready", { status: "False", reason: "DiskFull", message: /[Nn]o space left/ }), condition("Stalled", { status: "True", reason: "DiskFull" }), servesOn]);
    await disk.grow("400m");
    await growing.becomes([...isWhole, servesOn], 180);
    await growing.sql(0, "create table fits as select 1 as id");
    await growing.becomes(answers(1, "select count(*) from fits", "1"));
    await remove(growing);
  } finally {
    await disk.close();
  }
});
