/** Names, hashes and numbers that are computed, never remembered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatAddress, isUsable, lastUsable, overlap, parseAddress, parseSubnet } from "../../src/api/addresses.ts";
import { containerName, hashOf, isOurs, jobName, labelsOf, macOf, networkName, ordinalOfSlot, slotName } from "../../src/api/names.ts";
import { bytesOf, nanoCpusOf } from "../../src/api/quantity.ts";
import { owner } from "../builders.ts";

const dnsLabel = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?$/);
const key = fc.record({ namespace: dnsLabel, name: dnsLabel });

test("two members never share a container, and no job has a member's name", () => {
  fc.assert(fc.property(key, fc.nat(20), key, fc.nat(20), (one, first, other, second) => {
    const isSame = one.namespace === other.namespace && one.name === other.name && first === second;
    assert.equal(containerName(one, first) === containerName(other, second), isSame);
    assert.notEqual(jobName(one, first), containerName(other, second));
  }));
});

test("networks sort behind the bridge and in the order of their interfaces", () => {
  const names = ["eth1", "eth2", "eth10"].map((interfaceName) => networkName(owner, { name: "x", interfaceName }));
  assert.deepEqual([...names, "bridge"].sort(), ["bridge", ...names]);
});

test("what an earlier resource of the same name left is ours; another installation's is not", () => {
  const labels = labelsOf(owner, "volume");
  assert.ok(isOurs({ ...owner }, labelsOf({ ...owner, uid: "earlier" }, "volume")));
  assert.ok(!isOurs({ ...owner, installation: "another" }, labels));
  assert.ok(!isOurs({ ...owner, namespace: "another" }, labels));
  assert.ok(!isOurs({ ...owner, name: "another" }, labels));
  assert.ok(!isOurs(owner, {}));
});

test("a hash is blind to the order of keys, and to nothing else", () => {
  assert.equal(hashOf({ a: 1, b: { c: [1, 2], d: 3 } }), hashOf({ b: { d: 3, c: [1, 2] }, a: 1 }));
  assert.notEqual(hashOf({ a: [1, 2] }), hashOf({ a: [2, 1] }));
});

test("MACs are locally administered, and of one NIC only", () => {
  const macs = [0, 1, 2].flatMap((ordinal) => ["lan", "repl"].map((network) => macOf(owner, ordinal, network)));
  assert.equal(new Set(macs).size, 6);
  assert.ok(macs.every((mac) => /^02(:[0-9a-f]{2}){5}$/.test(mac)));
});

test("slots tell whose they are", () => {
  assert.equal(ordinalOfSlot(slotName(12)), 12);
  assert.equal(ordinalOfSlot("backup_tool"), undefined);
});

test("addresses are numbers inside and the same text outside", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (number) => assert.equal(parseAddress(formatAddress(number)), number)));
  for (const text of ["1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d", ""]) assert.equal(parseAddress(text), undefined);
});

test("subnets know their ends", () => {
  const subnet = parseSubnet("192.168.11.0/24");
  assert.ok(subnet !== undefined);
  assert.equal(lastUsable(subnet), "192.168.11.254");
  assert.ok(!isUsable(subnet, subnet.first) && !isUsable(subnet, subnet.last) && isUsable(subnet, subnet.first + 1));
  for (const text of ["192.168.11.1/24", "192.168.11.0/33", "192.168.11.0", "x/24"]) assert.equal(parseSubnet(text), undefined);
  const wide = parseSubnet("192.168.0.0/16");
  const other = parseSubnet("10.0.0.0/8");
  assert.ok(wide !== undefined && other !== undefined && overlap(subnet, wide) && !overlap(subnet, other));
});

for (const [quantity, bytes] of [["1Gi", 2 ** 30], ["256Mi", 2 ** 28], ["1.5G", 1.5e9], ["1024", 1024], ["1k", 1000]] as const) {
  test(`${quantity} is ${bytes} bytes`, () => assert.equal(bytesOf(quantity), bytes));
}
for (const [quantity, cpus] of [["2", 2e9], ["500m", 5e8], ["0.25", 2.5e8]] as const) {
  test(`${quantity} CPUs are ${cpus} billionths`, () => assert.equal(nanoCpusOf(quantity), cpus));
}
