/** Networks and NICs on a real Engine: each refusal of the Engine's, each answer that means "already so", each trap. */
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import type { ContainerFacts, NetworkSpec, Nic } from "../../src/ports.ts";
import { onHost, sleeper, soon, startRun, testLabel } from "../e2e/engine.ts";

const run = startRun();
const { engine, docker } = run;
const parent = `${run.id.slice(0, 9)}p`;
const subnets = { lan: "10.201.1", other: "10.201.2", taken: "10.201.3" } as const;

const spec = (part: string, prefix: string, more: Partial<NetworkSpec> = {}): NetworkSpec =>
  ({ name: run.name(part), driver: "bridge", subnet: `${prefix}.0/24`, gateway: `${prefix}.254`, internal: false, labels: run.labels("network"), ...more });
const lan = spec("01_lan", subnets.lan);
const nic = (last: number, more: Partial<Nic> = {}): Nic => ({ network: lan.name, address: `${subnets.lan}.${last}`, interfaceName: "eth1", mac: "", ...more });
const endpointOf = (facts: ContainerFacts | undefined, network = lan.name) => facts?.endpoints.find((one) => one.network === network);
const addressIn = async (name: string, network = lan.name): Promise<string | undefined> => endpointOf(await engine.container(name, soon()), network)?.address;

const made = async (part: string, started: boolean): Promise<string> => {
  const id = await engine.createContainer(sleeper(run, part), soon());
  if (started) await engine.start(id, soon());
  return id;
};

before(async () => {
  await engine.createNetwork(lan, soon());
  await onHost(run, ["ip", "link", "add", parent, "type", "veth"]);
  await onHost(run, ["ip", "link", "set", parent, "up"]);
});
after(async () => {
  await onHost(run, ["ip", "link", "del", parent]);
  await run.sweep();
});

describe("a network", () => {
  test("is made and removed, and each of it twice", async () => {
    const network = spec("02_twice", subnets.other, { internal: true });
    await engine.createNetwork(network, soon());
    await engine.createNetwork(network, soon());
    const facts = await engine.network(network.name, soon());
    assert.deepEqual({ ...facts, id: "" }, { name: network.name, id: "", driver: "bridge", subnet: network.subnet, gateway: network.gateway, internal: true, labels: network.labels, attached: [] });
    assert.equal((await docker.getNetwork(network.name).inspect()).Internal, true);
    assert.ok((await engine.networksOf(run.owner, soon())).some(({ name }) => name === network.name));
    await engine.removeNetwork(network.name, soon());
    await engine.removeNetwork(network.name, soon());
    assert.equal(await engine.network(network.name, soon()), undefined);
  });

  test("is known by its name, not by the beginning of its id", async () => {
    const { id = "" } = await engine.network(lan.name, soon()) ?? {};
    assert.equal(await engine.network(id.slice(0, 12), soon()), undefined);
  });

  test("with somebody on it stays", async () => {
    const id = await made("stays", true);
    await engine.attach(id, nic(9), soon());
    await assert.rejects(engine.removeNetwork(lan.name, soon()), { name: "Conflict", message: /still attached/ });
    assert.deepEqual((await engine.network(lan.name, soon()))?.attached, [{ container: run.name("stays"), address: `${subnets.lan}.9` }]);
  });

  test("of another with that name is refused", async () => {
    await docker.createNetwork({ Name: run.name("06_theirs"), Labels: { [testLabel]: run.id }, IPAM: { Config: [{ Subnet: `${subnets.taken}.0/24` }] } });
    await assert.rejects(engine.createNetwork(spec("06_theirs", "10.201.6"), soon()), { name: "Terminal", reason: "NameTaken" });
  });

  const refused: readonly (readonly [string, NetworkSpec, string, RegExp])[] = [
    ["that overlaps", spec("07_x", subnets.lan), "SubnetOverlap", /choose another subnet/],
    ["that overlaps as macvlan", spec("07_x", subnets.lan, { driver: "macvlan", parent }), "SubnetOverlap", /choose another subnet/],
    ["whose parent is missing", spec("07_x", "10.201.7", { driver: "macvlan", parent: "nope0" }), "ParentMissing", /parent interface nope0 does not exist/],
    ["whose parent's parent is missing", spec("07_x", "10.201.7", { driver: "macvlan", parent: "nope0.7" }), "ParentMissing", /parent interface nope0 does not exist/],
    ["whose subnet is none", spec("07_x", "10.201.7", { subnet: "10.201.7.0/33" }), "SpecInvalid", /belong together/],
    ["whose gateway is outside", spec("07_x", "10.201.7", { gateway: "10.201.8.1" }), "SpecInvalid", /belong together/],
  ];
  for (const [when, network, reason, says] of refused) {
    test(`${when} is refused with a reason`, async () => {
      await assert.rejects(engine.createNetwork(network, soon()), (error) => {
        assert.ok(error instanceof Error && says.test(error.message), String(error));
        assert.equal((error as { reason?: string }).reason, reason);
        return true;
      });
      assert.equal(await engine.network(network.name, soon()), undefined);
    });
  }
});

describe("a NIC", () => {
  test("attached before the start has its address from the start on", async () => {
    const id = await made("cold", false);
    await engine.attach(id, nic(11), soon());
    await engine.attach(id, nic(11), soon());
    assert.deepEqual(endpointOf(await engine.container(id, soon())), { network: lan.name, address: "", wanted: `${subnets.lan}.11`, mac: "" });
    await engine.start(id, soon());
    assert.equal(await addressIn(id), `${subnets.lan}.11`);
  });

  test("attached while the container runs works at once, and once more", async () => {
    const id = await made("hot", true);
    await engine.attach(id, nic(12), soon());
    const before = endpointOf(await engine.container(id, soon()));
    await engine.attach(id, nic(12), soon());
    assert.deepEqual(endpointOf(await engine.container(id, soon())), before);
    assert.equal(before?.address, `${subnets.lan}.12`);
  });

  test("is detached, and twice, and from nobody", async () => {
    const id = await made("detached", true);
    await engine.attach(id, nic(13), soon());
    await engine.detach(id, lan.name, soon());
    await engine.detach(id, lan.name, soon());
    assert.equal(endpointOf(await engine.container(id, soon())), undefined);
    await engine.detach(run.name("nobody"), lan.name, soon());
    await engine.detach(id, run.name("99_none"), soon());
  });

  test("changes its address on a stopped container, where the Engine alone would change nothing", async () => {
    const id = await made("moved", false);
    await engine.attach(id, nic(14), soon());
    await engine.attach(id, nic(15), soon());
    await engine.start(id, soon());
    assert.equal(await addressIn(id), `${subnets.lan}.15`);
    await engine.attach(id, nic(16), soon());
    assert.equal(await addressIn(id), `${subnets.lan}.16`);
  });

  test("whose address another has is refused, hot and at the start, and mended with a free one", async () => {
    const holder = await made("holder", true);
    await engine.attach(holder, nic(20), soon());
    const hot = await made("second", true);
    const conflict = { name: "Terminal", reason: "AddressConflict" };
    await assert.rejects(engine.attach(hot, nic(20), soon()), conflict);
    assert.equal(endpointOf(await engine.container(hot, soon()))?.address ?? "", "", "a failed attach must not look attached");
    await engine.attach(hot, nic(21), soon());
    assert.equal(await addressIn(hot), `${subnets.lan}.21`);

    const cold = await made("third", false);
    await engine.attach(cold, nic(20), soon());
    await assert.rejects(engine.start(cold, soon()), conflict);
    const facts = await engine.container(cold, soon());
    assert.equal(facts?.state, "created");
    assert.match(facts.error, /Address already in use$/);
    await engine.attach(cold, nic(22), soon());
    await engine.start(cold, soon());
    assert.equal(await addressIn(cold), `${subnets.lan}.22`);
  });

  const refused: readonly (readonly [string, string, string])[] = [
    ["the gateway's", `${subnets.lan}.254`, "AddressConflict"],
    ["outside the subnet", "10.202.0.1", "SpecInvalid"],
  ];
  for (const [when, address, reason] of refused) {
    test(`with an address that is ${when} is refused`, async () => {
      const id = await made(`refused_${reason}`, true);
      await assert.rejects(engine.attach(id, nic(0, { address }), soon()), { name: "Terminal", reason });
    });
  }

  test("with an address on the default bridge is refused", async () => {
    const id = await made("bridged", true);
    await engine.detach(id, "bridge", soon());
    await assert.rejects(engine.attach(id, nic(0, { network: "bridge", address: "172.17.200.200" }), soon()), { name: "Terminal", reason: "SpecInvalid" });
  });

  test("is not attached under a name that another has, where names are asked for", async () => {
    const { namesNics } = await engine.facts(soon());
    const id = await made("named_twice", true);
    const second = nic(32, { network: run.name("08_second"), address: "10.201.8.32" });
    await engine.createNetwork(spec("08_second", "10.201.8"), soon());
    await engine.attach(id, nic(31), soon());
    if (!namesNics) return engine.attach(id, second, soon());
    await assert.rejects(engine.attach(id, second, soon()), { name: "Conflict", reason: "NameMismatch" });
    assert.equal(endpointOf(await engine.container(id, soon()), second.network), undefined);
    await engine.attach(id, { ...second, interfaceName: "eth2" }, soon());
    return assert.equal(await addressIn(id, second.network), second.address);
  });

  test("needs a network and a container that are there", async () => {
    const id = await made("lonely", false);
    await assert.rejects(engine.attach(id, nic(30, { network: run.name("99_none") }), soon()), { name: "Conflict", reason: "NetworkMissing" });
    await assert.rejects(engine.attach(run.name("nobody"), nic(30), soon()), { name: "Conflict", message: /the container is gone/ });
  });

  test("on a network that was made anew is seen to be gone, and attached again", async () => {
    const network = spec("05_anew", "10.201.5");
    const there = nic(0, { network: network.name, address: "10.201.5.9" });
    await engine.createNetwork(network, soon());
    const id = await made("anew", true);
    await engine.attach(id, there, soon());
    await engine.stop(id, soon());
    await engine.removeNetwork(network.name, soon());
    await engine.createNetwork(network, soon());
    await assert.rejects(engine.start(id, soon()), { name: "Conflict", reason: "NetworkMissing" });
    assert.equal(endpointOf(await engine.container(id, soon()), network.name), undefined);
    assert.equal(endpointOf((await engine.containersOf(run.owner, soon())).find((one) => one.id === id), network.name), undefined);
    await engine.attach(id, there, soon());
    await engine.start(id, soon());
    assert.equal(await addressIn(id, network.name), "10.201.5.9");
  });

  test("that a job joins by its only network has the address asked for", async () => {
    const id = await engine.createContainer(sleeper(run, "job", { network: lan.name, address: `${subnets.lan}.40`, labels: run.labels("job") }), soon());
    await engine.start(id, soon());
    assert.equal(await addressIn(id), `${subnets.lan}.40`);
  });
});

describe("the member's own namespace", () => {
  test("shows every NIC by name, MAC and address, macvlan and internal bridge alike", async () => {
    const outside = spec("01_outside", "10.201.11", { driver: "macvlan", parent });
    const inside = spec("02_inside", "10.201.12", { internal: true });
    await engine.createNetwork(outside, soon());
    await engine.createNetwork(inside, soon());
    const id = await made("named", false);
    // Engines before 28 go by the networks' names, so attaching in another order changes nothing.
    await engine.attach(id, { network: inside.name, address: "10.201.12.5", interfaceName: "eth2", mac: "02:00:0a:c9:0c:05" }, soon());
    await engine.attach(id, { network: outside.name, address: "10.201.11.5", interfaceName: "eth1", mac: "02:00:0a:c9:0b:05" }, soon());
    await engine.start(id, soon());
    const facts = await engine.container(id, soon());
    assert.ok(facts !== undefined);
    const interfaces = await engine.interfaces(facts, {}, soon());
    const mac = (network: string): string | undefined => endpointOf(facts, network)?.mac;
    assert.deepEqual(interfaces, [
      { name: "eth0", mac: mac("bridge"), addresses: [endpointOf(facts, "bridge")?.address] },
      { name: "eth1", mac: mac(outside.name), addresses: ["10.201.11.5"] },
      { name: "eth2", mac: mac(inside.name), addresses: ["10.201.12.5"] },
    ]);
  });

  test("is read anew after a change, and not without one", async () => {
    const id = (await engine.container(run.name("named"), soon()))?.id ?? "";
    const execs: string[] = [];
    const stream = await docker.getEvents({ filters: JSON.stringify({ event: ["exec_create"], container: [id] }), abortSignal: soon() });
    stream.on("data", (chunk: Buffer) => execs.push(chunk.toString()));
    const look = async () => {
      const facts = await engine.container(id, soon());
      assert.ok(facts !== undefined);
      return engine.interfaces(facts, {}, soon());
    };
    const before = await look();
    assert.deepEqual(await look(), before);
    await engine.detach(id, run.name("02_inside"), soon());
    assert.deepEqual((await look()).map(({ name }) => name), ["eth0", "eth1"]);
    await look();
    // The events come in their order: once this one is here, no exec before it is still on its way.
    await engine.exec(id, ["true"], "", soon());
    while (!execs.some((one) => one.includes("exec_create: true"))) await new Promise((resolve) => { stream.once("data", resolve); });
    (stream as unknown as { destroy(): void }).destroy();
    assert.equal(execs.filter((one) => one.includes("fib_trie")).length, 1);
  });

  test("of a container that does not run can't be read", async () => {
    const id = await made("still", false);
    const facts = await engine.container(id, soon());
    assert.ok(facts !== undefined);
    await assert.rejects(engine.interfaces(facts, {}, soon()), { name: "Conflict", message: /does not run/ });
  });
});

test("a second macvlan network on one parent is refused by Engines before 28", async () => {
  const { namesNics } = await engine.facts(soon());
  const attempt = engine.createNetwork(spec("09_second", "10.201.13", { driver: "macvlan", parent }), soon());
  if (namesNics) await attempt;
  else await assert.rejects(attempt, { name: "Terminal", reason: "DriverUnsupported", message: new RegExp(`parent interface ${parent} already carries another network`) });
});
