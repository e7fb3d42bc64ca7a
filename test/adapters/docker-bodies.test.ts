import assert from "node:assert/strict";
import test from "node:test";
import { containerBody, endpointBody, networkBody } from "../../src/adapters/docker-bodies.ts";
import type { ContainerSpec, NetworkSpec } from "../../src/ports.ts";

const container: ContainerSpec = { name: "c", image: "i", hostname: "h", command: ["postgres", "-D", "/d"], environment: {}, labels: {}, mounts: [], network: "bridge", stopTimeoutSeconds: 60 };
const network: NetworkSpec = { name: "n", driver: "bridge", subnet: "10.201.0.0/24", gateway: "10.201.0.254", internal: false, labels: { a: "b" } };
const older = { namesNics: false, loggingDriver: "json-file" };

test("a container on a network of its own has the address there", () => {
  const body = containerBody({ ...container, network: "lan", address: "10.201.0.5" }, older);
  assert.equal(body.HostConfig?.NetworkMode, "lan");
  assert.deepEqual(body.NetworkingConfig, { EndpointsConfig: { lan: { IPAMConfig: { IPv4Address: "10.201.0.5" } } } });
});

test("on such a network without an address, the Engine chooses one", () => {
  assert.equal("NetworkingConfig" in containerBody({ ...container, network: "lan" }, older), false);
});

test("a container without a network has no settings for one", () => {
  const body = containerBody({ ...container, network: "none" }, { ...older, namesNics: true });
  assert.equal("Sysctls" in (body.HostConfig ?? {}), false);
  assert.equal("NetworkingConfig" in body, false);
});

test("limits that are not given are not sent", () => {
  const { HostConfig } = containerBody(container, older);
  for (const name of ["Memory", "NanoCpus", "ShmSize"]) assert.equal(name in (HostConfig ?? {}), false, name);
});

for (const [driver, bounded] of [["json-file", true], ["local", true], ["journald", false], ["", false]] as const) {
  test(`the log of the driver ${driver || "that nobody told"} is ${bounded ? "bounded" : "left to its owner"}`, () => {
    assert.equal("LogConfig" in (containerBody(container, { ...older, loggingDriver: driver }).HostConfig ?? {}), bounded);
  });
}

const drivers: readonly (readonly [Partial<NetworkSpec>, Readonly<Record<string, string>>])[] = [
  [{ driver: "bridge" }, {}],
  [{ driver: "macvlan", parent: "eth0" }, { parent: "eth0", macvlan_mode: "bridge" }],
  [{ driver: "ipvlan", parent: "eth0" }, { parent: "eth0", ipvlan_mode: "l2" }],
];
for (const [more, options] of drivers) {
  test(`a ${more.driver} network is asked for with ${JSON.stringify(options)}`, () => {
    assert.deepEqual(networkBody({ ...network, ...more }), {
      Name: "n", Driver: more.driver, CheckDuplicate: true, Internal: false, Options: options, Labels: { a: "b" },
      IPAM: { Driver: "default", Config: [{ Subnet: "10.201.0.0/24", Gateway: "10.201.0.254" }] },
    });
  });
}

test("a NIC without a wish for a MAC leaves it to the Engine", () => {
  assert.deepEqual(endpointBody({ network: "n", interfaceName: "eth1", mac: "" }, { namesNics: true }), { DriverOpts: { "com.docker.network.endpoint.ifname": "eth1" } });
});
