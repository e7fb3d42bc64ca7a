// What kubectl says of a spec that cannot be: one sentence for each mistake, with the field's path, and nothing is made.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startCluster, type Cluster } from "./cluster.ts";

let cluster: Cluster;

before(async () => { cluster = await startCluster(); });
after(() => cluster.stop());

const lan = { name: "lan", interfaceName: "eth1", subnet: "192.168.13.0/24", addressPool: { start: "192.168.13.101", size: 8 } };
const resource = (spec: object, name = "refused"): string =>
  JSON.stringify({ apiVersion: "pgrs.dev/v1alpha1", kind: "PostgresReplicaSet", metadata: { name }, spec: { postgres: { version: "17" }, ...spec } });

interface Row { readonly when: string; readonly spec: object; readonly says: readonly RegExp[]; readonly name?: string }

const rows: readonly Row[] = [
  { when: "replicas is too large", spec: { replicas: 17 }, says: [/spec\.replicas: Invalid value: 17/] },
  { when: "replicas is no number", spec: { replicas: "two" }, says: [/spec\.replicas: Invalid value: "string"/] },
  { when: "the version is unknown", spec: { postgres: { version: "8" } }, says: [/spec\.postgres\.version: Unsupported value: "8"/, /"17"/] },
  { when: "postgres is missing", spec: { postgres: undefined }, says: [/spec\.postgres: Required value/] },
  { when: "a field is misspelt", spec: { replica: 3 }, says: [/unknown field "spec\.replica"/] },
  { when: "an address is none", spec: { networks: [{ ...lan, addressPool: undefined, addresses: ["192.168.13.300", "192.168.13.2"] }] }, says: [/spec\.networks\[0\]\.addresses\[0\]/] },
  { when: "an address lies outside the subnet", spec: { networks: [{ ...lan, addressPool: undefined, addresses: ["192.168.14.1", "192.168.13.2"] }] },
    says: [/spec\.networks\[0\]\.addresses/, /outside the subnet/] },
  { when: "an address is there twice", spec: { networks: [{ ...lan, addressPool: undefined, addresses: ["192.168.13.2", "192.168.13.2"] }] }, says: [/spec\.networks\[0\]\.addresses/, /there twice/] },
  { when: "a member has the gateway's address", spec: { networks: [{ ...lan, gateway: "192.168.13.2", addressPool: undefined, addresses: ["192.168.13.2", "192.168.13.3"] }] }, says: [/gateway's address/] },
  { when: "there are fewer addresses than members", spec: { replicas: 3, networks: [{ ...lan, addressPool: undefined, addresses: ["192.168.13.2", "192.168.13.3"] }] }, says: [/spec\.networks/, /fewer addresses than replicas/] },
  { when: "two NICs have one name", spec: { networks: [lan, { ...lan, name: "other", subnet: "192.168.14.0/24", addressPool: { start: "192.168.14.1", size: 4 } }] }, says: [/spec\.networks/, /same interfaceName/] },
  { when: "a NIC is eth0", spec: { networks: [{ ...lan, interfaceName: "eth0" }] }, says: [/spec\.networks\[0\]\.interfaceName/, /eth0 is the Engine's own bridge/] },
  { when: "two networks carry the WAL", spec: { networks: [{ ...lan, purpose: "Replication" }, { ...lan, name: "other", interfaceName: "eth2", purpose: "Replication", subnet: "192.168.14.0/24", addressPool: { start: "192.168.14.1", size: 4 } }] }, says: [/at most one network may have the purpose Replication/] },
  { when: "macvlan has no parent", spec: { networks: [{ ...lan, driver: "macvlan" }] }, says: [/spec\.networks\[0\]/, /need parent/] },
  { when: "more standbys must confirm than there are", spec: { replicas: 2, replication: { mode: "Quorum", minSync: 2 } }, says: [/spec\.replication/, /minSync has to be less than replicas/] },
  { when: "a parameter is the operator's own", spec: { postgres: { version: "17", parameters: { primary_conninfo: "host=elsewhere" } } }, says: [/spec\.postgres\.parameters/, /one that the operator decides/] },
  { when: "the name is too long", spec: {}, name: "a".repeat(41), says: [/longer than 40 characters/] },
  { when: "there are two mistakes, both are told", spec: { replicas: 99, networks: [{ ...lan, interfaceName: "wlan0" }] }, says: [/spec\.replicas/, /spec\.networks\[0\]\.interfaceName/] },
];

for (const { when, spec, says, name } of rows) {
  test(`refused, with a sentence: ${when}`, async () => {
    const { code, err } = await cluster.tryKubectl(["apply", "-f", "-"], resource(spec, name));
    assert.equal(code, 1, err);
    for (const sentence of says) assert.match(err, sentence);
    assert.equal(await cluster.resource(name ?? "refused"), undefined);
  });
}

test("what cannot change on a running cluster is refused, with what to do instead", async () => {
  await cluster.apply(resource({ replicas: 0, networks: [lan] }, "fixed"));
  const patch = (spec: object) => cluster.tryKubectl(["patch", "pgrs/fixed", "--type=merge", "-p", JSON.stringify({ spec })]);
  const version = await patch({ postgres: { version: "18" } });
  assert.equal(version.code, 1);
  assert.match(version.err, /spec\.postgres\.version.*major version of a running cluster cannot be changed here/s);
  const subnet = await patch({ networks: [{ ...lan, subnet: "192.168.14.0/24", addressPool: { start: "192.168.14.1", size: 4 } }] });
  assert.equal(subnet.code, 1);
  assert.match(subnet.err, /spec\.networks.*the subnet of a network in use cannot be changed/s);
  await cluster.kubectl(["delete", "pgrs/fixed", "--timeout=60s"]);
});
