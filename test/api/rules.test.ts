/** Each rule of a spec, broken: the operator's own check and the rule that API servers run say the same. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../src/api/resource.ts";
import { networkRules, specRules } from "../../src/api/rules.ts";
import { spec as specSchema } from "../../src/api/schema.ts";
import { celProblems, compileProblems } from "../../src/apiserver/cel.ts";
import { applyDefaults } from "../../src/schema/defaults.ts";
import type { Json } from "../../src/schema/types.ts";
import { lan, networks, object, repl } from "../builders.ts";

type Plain = Readonly<Record<string, unknown>>;

interface Row {
  readonly breaks: string;
  readonly spec: Plain;
  /** The stored spec, for rules about changes. */
  readonly old?: Plain;
  /** How the rule's sentence begins. */
  readonly says: string;
  readonly field: string;
  /** Who objects: the operator alone (address arithmetic), the API server alone (changes), or both. */
  readonly by?: "operator" | "server";
}

const nic = (change: Plain): Plain => ({ networks: [{ ...lan, ...change }] });
const pooled = (change: Plain): Plain => ({ networks: [{ ...repl, ...change }] });
const without = (network: Plain, name: string): Plain => Object.fromEntries(Object.entries(network).filter(([key]) => key !== name));
const parameters = (given: Plain): Plain => ({ postgres: { version: "17", parameters: given } });
const twice = lan.addresses.map(() => "192.168.11.101");

const rows: readonly Row[] = [
  { breaks: "eth0 for a secondary NIC", spec: nic({ interfaceName: "eth0" }), says: "eth0 is the Engine's own bridge", field: "spec.networks[0].interfaceName" },
  { breaks: "macvlan without parent", spec: nic({ driver: "macvlan" }), says: "driver macvlan and ipvlan need parent", field: "spec.networks[0]" },
  { breaks: "a bridge with parent", spec: nic({ parent: "enp3s0" }), says: "parent is for the drivers macvlan and ipvlan", field: "spec.networks[0]" },
  { breaks: "no subnet", spec: { networks: [without(lan, "subnet")] }, says: "subnet is missing", field: "spec.networks[0]" },
  { breaks: "externalName for a bridge", spec: nic({ externalName: "office" }), says: "externalName is for the driver external", field: "spec.networks[0]" },
  { breaks: "a subnet with bits behind its prefix", spec: nic({ subnet: "192.168.11.5/24" }), says: "subnet has bits set behind its prefix", field: "spec.networks[0].subnet" },
  { breaks: "addresses and addressPool", spec: nic({ addressPool: { start: "192.168.11.101", size: 3 } }), says: "addresses and addressPool exclude each other", field: "spec.networks[0]" },
  { breaks: "no addresses", spec: { networks: [without(lan, "addresses")] }, says: "fixed addresses are missing", field: "spec.networks[0]" },
  { breaks: "an address outside the subnet", spec: nic({ addresses: ["192.168.11.101", "192.168.12.102", "192.168.11.103"] }), says: "an address lies outside the subnet", field: "spec.networks[0].addresses" },
  { breaks: "the broadcast address", spec: nic({ addresses: ["192.168.11.101", "192.168.11.255", "192.168.11.103"] }), says: "an address lies outside the subnet", field: "spec.networks[0].addresses", by: "operator" },
  { breaks: "an address twice", spec: nic({ addresses: twice }), says: "an address is there twice", field: "spec.networks[0].addresses" },
  { breaks: "the gateway's address for a member", spec: nic({ gateway: "192.168.11.102" }), says: "a member has the gateway's address", field: "spec.networks[0].addresses" },
  { breaks: "the gateway's address in a pool", spec: pooled({ gateway: "10.10.0.3" }), says: "a member has the gateway's address", field: "spec.networks[0].addresses", by: "operator" },
  { breaks: "a gateway outside the subnet", spec: nic({ gateway: "192.168.12.1" }), says: "gateway lies outside the subnet", field: "spec.networks[0].gateway" },
  { breaks: "a pool that starts outside the subnet", spec: pooled({ addressPool: { start: "10.11.0.1", size: 8 } }), says: "addressPool leaves the subnet", field: "spec.networks[0].addressPool" },
  { breaks: "a pool that leaves the subnet", spec: pooled({ addressPool: { start: "10.10.0.250", size: 8 } }), says: "addressPool leaves the subnet", field: "spec.networks[0].addressPool", by: "operator" },
  { breaks: "the bridge's own address for a member", spec: nic({ addresses: ["192.168.11.101", "192.168.11.102", "192.168.11.254"] }), says: "a member has the subnet's last usable address", field: "spec.networks[0].addresses", by: "operator" },
  { breaks: "an address of the primary outside the subnet", spec: nic({ primaryAddress: "192.168.12.100" }), says: "primaryAddress lies outside the subnet", field: "spec.networks[0].primaryAddress" },
  { breaks: "a member's address for the primary", spec: nic({ primaryAddress: "192.168.11.102" }), says: "primaryAddress is a member's own address or the gateway's", field: "spec.networks[0].primaryAddress" },
  { breaks: "the gateway's address for the primary", spec: nic({ primaryAddress: "192.168.11.1", gateway: "192.168.11.1" }), says: "primaryAddress is a member's own address or the gateway's", field: "spec.networks[0].primaryAddress" },
  { breaks: "an address of the pool for the primary", spec: pooled({ primaryAddress: "10.10.0.3" }), says: "primaryAddress is a member's own address or the gateway's", field: "spec.networks[0].primaryAddress", by: "operator" },
  { breaks: "the bridge's own address for the primary", spec: nic({ primaryAddress: "192.168.11.254" }), says: "primaryAddress is the subnet's last usable address", field: "spec.networks[0].primaryAddress", by: "operator" },
  { breaks: "as many synchronous standbys as members", spec: { replicas: 2, replication: { mode: "Quorum", minSync: 2 } }, says: "minSync has to be less than replicas", field: "spec.replication" },
  { breaks: "two Replication networks", spec: { networks: [{ ...lan, purpose: "Replication" }, repl] }, says: "at most one network may have the purpose Replication", field: "spec.networks" },
  { breaks: "one interfaceName for two networks", spec: { networks: [lan, { ...repl, interfaceName: "eth1" }] }, says: "two networks have the same interfaceName", field: "spec.networks" },
  { breaks: "fewer addresses than members", spec: { replicas: 4, networks: [lan] }, says: "a network has fewer addresses than replicas", field: "spec.networks" },
  { breaks: "a pool smaller than the members", spec: { replicas: 9, networks: [repl] }, says: "a network's addressPool is smaller than replicas", field: "spec.networks" },
  { breaks: "a parameter that the operator decides", spec: parameters({ primary_conninfo: "host=elsewhere" }), says: "a parameter is one that the operator decides", field: "spec.postgres.parameters" },
  { breaks: "a parameter of the operator's own kind", spec: parameters({ "pgrs.config_hash": "1" }), says: "a parameter is one that the operator decides", field: "spec.postgres.parameters" },
  { breaks: "a parameter that is no name", spec: parameters({ "work mem": "1" }), says: "a parameter's name is no name", field: "spec.postgres.parameters" },
  { breaks: "Quorum before 10", spec: { postgres: { version: "9.6" }, replication: { mode: "Quorum" } }, says: "Quorum needs PostgreSQL 10", field: "spec.replication.mode" },
  { breaks: "another major version", spec: { postgres: { version: "18" } }, old: { postgres: { version: "17" } }, says: "the major version of a running cluster cannot be changed", field: "spec.postgres.version", by: "server" },
  { breaks: "another subnet of the same network", spec: nic({ subnet: "192.168.0.0/16" }), old: nic({}), says: "the subnet of a network in use cannot be changed", field: "spec.networks", by: "server" },
];

const whole = (spec: Plain): Json => applyDefaults(specSchema, { postgres: { version: "17" }, ...spec });

const byOperator = (spec: Plain) => parse(object({ spec })).problems.map(({ field, message }) => ({ field, message }));
const byServer = (spec: Plain, old: Plain | undefined) =>
  celProblems({ schema: specSchema, value: whole(spec), ...(old === undefined ? {} : { old: whole(old) }), path: "spec" }).map(({ field, message }) => ({ field, message: message.replace(/^Invalid value: (?:"[^"]*": )?/, "") }));

for (const { breaks, spec, old, says, field, by } of rows) {
  test(`${breaks} is refused`, () => {
    const operator = byOperator(spec).filter(({ message }) => message.startsWith(says));
    const server = byServer(spec, old).filter(({ message }) => message.startsWith(says));
    if (by !== "server") assert.deepEqual(operator.map((one) => one.field), [field], "the operator objects, there");
    if (by !== "operator") assert.deepEqual(server.map((one) => one.field), [field], "the API server objects, there");
    if (by === undefined) assert.deepEqual(server, operator, "in the same words");
  });
}

test("every rule is broken by a row", () => {
  const broken = (message: string): boolean => rows.some(({ says }) => message.startsWith(says));
  assert.deepEqual([...networkRules, ...specRules].map(({ message }) => message).filter((message) => !broken(message)), []);
});

test("the rules compile", () => assert.deepEqual(compileProblems(specSchema), []));

const sound: readonly (readonly [string, Plain])[] = [
  ["the fewest lines", {}], ["a bridge and a segment", { replicas: 3, networks }], ["replicas 0 with synchronous standbys", { replicas: 0, replication: { mode: "Quorum", minSync: 1 } }],
  ["an external network without subnet or addresses", { networks: [{ name: "office", interfaceName: "eth1", driver: "external" }] }],
  ["macvlan with parent and gateway", nic({ driver: "macvlan", parent: "enp3s0", gateway: "192.168.11.1" })], ["the last address of a macvlan", nic({ driver: "macvlan", parent: "enp3s0", addresses: ["192.168.11.254", "192.168.11.102", "192.168.11.103"] })],
  ["an extension's setting", parameters({ "pg_stat_statements.max": "5000" })], ["settings whose names begin like the operator's", parameters({ port_range: "1", archive_timeout: "60" })],
];
for (const [what, spec] of sound) {
  test(`${what} is taken by both`, () => {
    assert.deepEqual(byOperator(spec), []);
    assert.deepEqual(byServer(spec, undefined), []);
    assert.deepEqual(byServer(spec, spec), [], "an update that changes nothing, too");
  });
}

test("a spec of the wrong types is reported, and nothing is made from it", () => {
  const { resource, problems } = parse(object({ spec: { replicas: "three", deletionPolicy: "Delete", postgres: { version: 17 } } }));
  assert.ok(problems.some(({ field }) => field === "spec.replicas"));
  assert.ok(problems.some(({ field }) => field === "spec.postgres.version"));
  assert.equal(resource.spec.deletionPolicy, "Delete", "what a deletion has to know is kept");
});

test("what is no PostgresReplicaSet at all is refused", () => {
  assert.throws(() => parse({ kind: "Pod", metadata: {} }), TypeError);
  assert.throws(() => parse({ kind: "PostgresReplicaSet" }), TypeError);
});
