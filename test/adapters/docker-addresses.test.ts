/** Addresses that move from one container to another, as a client on the LAN sees it. */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import test, { after, before, describe } from "node:test";
import { promisify } from "node:util";
import pRetry from "p-retry";
import { label } from "../../src/api/names.ts";
import { dockerEngine } from "../../src/adapters/docker.ts";
import type { Interface } from "../../src/ports.ts";
import { silent, sleeper, soon, startRun, testLabel, wallClock } from "../e2e/engine.ts";
import { openLan, type Lan } from "../e2e/lan.ts";
import { fakeEngine, json } from "./fake-engine.ts";

const run = startRun();
const { engine, docker } = run;
const moving = { interfaceName: "eth1", address: "10.201.40.100" };
const network = { name: run.name("01_lan"), driver: "macvlan", subnet: "10.201.40.0/24", gateway: "10.201.40.254", internal: false, labels: run.labels("network") } as const;
let lan: Lan;
const ids: string[] = [];
const [first, second] = [(): string => ids[0] ?? "", (): string => ids[1] ?? ""];

before(async () => {
  lan = await openLan({ id: run.id, address: "10.201.40.50/24" });
  await engine.createNetwork({ ...network, parent: lan.parent }, soon());
  for (const last of [1, 2]) {
    const id = await engine.createContainer(sleeper(run, `member${last}`), soon());
    await engine.attach(id, { network: network.name, address: `10.201.40.${last}`, interfaceName: "eth1", mac: "" }, soon());
    await engine.start(id, soon());
    ids.push(id);
  }
});
after(async () => {
  await run.sweep();
  await lan.close();
});

const execute = promisify(execFile);
const ip = (...args: readonly string[]) => execute("ip", [...args]);
const helpers = async () => docker.listContainers({ all: true, filters: { label: [`${label.component}=helper`, `${label.name}=${run.id}`] } });
const untilNoHelper = (): Promise<void> => pRetry(async () => assert.deepEqual(await helpers(), []), { retries: 100, minTimeout: 50, factor: 1 });
const nicOf = async (id: string, maxAgeMs?: number): Promise<Interface | undefined> => {
  const facts = await engine.container(id, soon());
  assert.ok(facts !== undefined);
  return (await engine.interfaces(facts, maxAgeMs === undefined ? {} : { maxAgeMs }, soon())).find(({ name }) => name === "eth1");
};
const addressesOf = async (id: string, maxAgeMs?: number): Promise<readonly string[]> => (await nicOf(id, maxAgeMs))?.addresses ?? [];

/** A client on the LAN that knocks every 20 ms at a port where nobody listens: a refusal is an answer. */
const knocker = `
const { connect } = require("node:net");
setInterval(() => {
  const at = performance.timeOrigin + performance.now();
  const socket = connect({ host: process.argv[1], port: 9 });
  socket.on("error", ({ code }) => { if (code === "ECONNREFUSED") console.log(at); });
  setTimeout(() => socket.destroy(), 2000);
}, 20);`;
const now = (): number => performance.timeOrigin + performance.now();

/** The times of knocks that were answered, as they come. */
const knocking = (address: string) => {
  const client = spawn("nsenter", [`--net=/run/netns/${lan.namespace}`, process.execPath, "-e", knocker, address], { stdio: ["ignore", "pipe", "inherit"] });
  const answered: number[] = [];
  const lines = createInterface({ input: client.stdout });
  lines.on("line", (line) => answered.push(Number(line)));
  return {
    answered,
    /** The first answered knock that was made after a moment. */
    after: async (moment: number): Promise<number> => {
      for (;;) {
        const found = answered.find((at) => at >= moment);
        if (found !== undefined) return found;
        await once(lines, "line", { signal: soon() });
      }
    },
    stop: async (): Promise<void> => { client.kill(); await once(client, "close"); },
  };
};

describe("an address", () => {
  test("is put on a NIC and seen there, and so twice", async () => {
    const own = await nicOf(first());
    await engine.addAddress(first(), moving, soon());
    await engine.addAddress(first(), moving, soon());
    assert.deepEqual(await nicOf(first()), { ...own, addresses: ["10.201.40.1", moving.address] });
    await untilNoHelper();
  });

  test("is taken off, and so twice", async () => {
    await engine.removeAddress(first(), moving, soon());
    assert.deepEqual(await addressesOf(first()), ["10.201.40.1"]);
    await engine.removeAddress(first(), moving, soon());
    await engine.removeAddress(first(), { ...moving, interfaceName: "eth7" }, soon());
    await untilNoHelper();
  });

  test("is announced again and again, but not once it was taken off", async () => {
    // What a client has in its table changes only by what it is told: it knocks nowhere.
    const forget = () => ip("-n", lan.namespace, "neighbour", "replace", moving.address, "lladdr", "02:00:00:00:00:01", "dev", "eth0", "nud", "permanent");
    const loosen = () => ip("-n", lan.namespace, "neighbour", "change", moving.address, "lladdr", "02:00:00:00:00:01", "dev", "eth0", "nud", "stale");
    const known = async () => (await ip("-n", lan.namespace, "neighbour", "show", moving.address)).stdout;
    await forget();
    await engine.addAddress(first(), moving, soon());
    await loosen();
    await untilNoHelper();
    assert.match(await known(), new RegExp((await nicOf(first()))?.mac ?? "no MAC"));
    await engine.addAddress(first(), moving, soon());
    await engine.removeAddress(first(), moving, soon());
    await forget();
    await loosen();
    await untilNoHelper();
    assert.match(await known(), /02:00:00:00:00:01/);
  });

  test("that somebody else put there is seen by who asks for a fresh look", async () => {
    await addressesOf(first());
    const { Id } = await docker.getContainer(first()).inspect();
    const stranger = await docker.createContainer({
      Image: "pgrs/tools:latest", Entrypoint: ["ip", "address", "add", "10.201.40.77/32", "dev", "eth1"], User: "0:0", Labels: { [testLabel]: run.id },
      HostConfig: { NetworkMode: `container:${Id}`, CapAdd: ["NET_ADMIN"] },
    });
    await stranger.start();
    await stranger.wait();
    assert.deepEqual(await addressesOf(first()), ["10.201.40.1"]);
    assert.deepEqual(await addressesOf(first(), 60_000), ["10.201.40.1"]);
    assert.deepEqual(await addressesOf(first(), 0), ["10.201.40.1", "10.201.40.77"]);
    await engine.removeAddress(first(), { ...moving, address: "10.201.40.77" }, soon());
    assert.deepEqual(await addressesOf(first()), ["10.201.40.1"]);
  });

  test("answers on the LAN at once, and where it is now after its holder was killed", async (t) => {
    const client = knocking(moving.address);
    t.after(client.stop);
    const asked = now();
    await engine.addAddress(first(), moving, soon());
    const firstAnswer = await client.after(asked);
    // The client has it in its table by now, at the first member's MAC.
    await client.after(firstAnswer + 500);
    const killing = now();
    await engine.kill(first(), soon());
    const killed = now();
    await engine.addAddress(second(), moving, soon());
    const added = now();
    const answer = await client.after(killed);
    t.diagnostic(`answered ${Math.round(firstAnswer - asked)} ms after the first call; kill ${Math.round(killed - killing)} ms, add ${Math.round(added - killed)} ms, answered ${Math.round(answer - killed)} ms after the kill`);
    // Without an announcement the client would knock at the old place until it looks anew, which takes it longer.
    assert.ok(answer - added < 3_000, `answered ${answer - added} ms after it was added`);
    assert.deepEqual(await addressesOf(second()), [moving.address, "10.201.40.2"].sort());
  });

  test("is gone after a restart of its container", async () => {
    await engine.kill(second(), soon());
    await engine.removeAddress(second(), moving, soon());
    await engine.start(second(), soon());
    assert.deepEqual(await addressesOf(second()), ["10.201.40.2"]);
  });
});

describe("what can't have an address", () => {
  const refused = (container: string, failure: object): Promise<void> => assert.rejects(engine.addAddress(container, moving, soon()), failure);

  test("a container that does not run, or is gone", async () => {
    const id = await engine.createContainer(sleeper(run, "still"), soon());
    await refused(id, { name: "Conflict", message: /does not run just now/ });
    await refused(run.name("gone"), { name: "Conflict", message: /is gone/ });
    await engine.removeAddress(id, moving, soon());
    await engine.removeAddress(run.name("gone"), moving, soon());
  });

  test("a container without that NIC", async () => {
    await assert.rejects(engine.addAddress(second(), { ...moving, interfaceName: "eth7" }, soon()), { name: "Conflict", reason: "NameMismatch", message: /has no interface eth7/ });
    await untilNoHelper();
  });

  test("a container that is not ours", async () => {
    const { id } = await docker.createContainer({ Image: "pgrs/tools:latest", Entrypoint: ["sleep", "60"], Labels: { [testLabel]: run.id } });
    await refused(id, { name: "Terminal", message: /not ours/ });
  });
});

describe("a helper", () => {
  test("has two capabilities, no way to others, nothing to write on, and its owner's labels", async () => {
    await engine.addAddress(second(), moving, soon());
    const [{ Id = "" } = {}] = await helpers();
    const { HostConfig, Config } = await docker.getContainer(Id).inspect();
    const { CapDrop, CapAdd, SecurityOpt, ReadonlyRootfs, AutoRemove, Privileged } = HostConfig as unknown as Readonly<Record<string, unknown>>;
    assert.deepEqual({ CapDrop, CapAdd, SecurityOpt, ReadonlyRootfs, AutoRemove, Privileged },
      { CapDrop: ["ALL"], CapAdd: ["NET_ADMIN", "NET_RAW"], SecurityOpt: ["no-new-privileges"], ReadonlyRootfs: true, AutoRemove: true, Privileged: false });
    assert.equal(Config.Labels[label.uid], run.owner.uid);
    assert.ok(!(await engine.containersOf(run.owner, soon())).some(({ id }) => id === Id));
    await untilNoHelper();
  });

  test("that was left behind is not told of, and removed", async () => {
    const { [testLabel]: _, ...labels } = run.labels("helper");
    await docker.createContainer({ Image: "pgrs/tools:latest", Entrypoint: ["true"], Labels: labels, HostConfig: { NetworkMode: `container:${second()}` } });
    const names = (await engine.containersOf(run.owner, soon())).map(({ labels: own }) => own[label.component]);
    assert.ok(names.length > 0 && !names.includes("helper"));
    await untilNoHelper();
  });

  test("wakes nobody", async () => {
    const told: string[] = [];
    const control = new AbortController();
    const connected = Promise.withResolvers<void>();
    const following = engine.events({ onChange: ({ name }, event) => { if (name === run.id) told.push(event); }, onConnected: connected.resolve }, control.signal);
    await connected.promise;
    await engine.addAddress(second(), moving, soon());
    await untilNoHelper();
    // The events come in their order.
    await engine.createVolume(run.name("last"), run.labels("volume"), soon());
    await pRetry(() => assert.ok(told.includes("volume create")), { retries: 100, minTimeout: 50, factor: 1 });
    control.abort();
    await following;
    assert.deepEqual(told, ["volume create"]);
  });
});

describe("without the helper's image", () => {
  const info = { Id: "c", Name: "/c", Config: { Labels: run.labels("member") }, State: { Running: true }, NetworkSettings: {} };
  const emptyEngine = () => fakeEngine(({ path }) => path === "/containers/c/json" ? [200, info] : (response) => json(response, 404, { message: "No such image: pgrs/tools:latest" }));

  test("a failure says what to type", async (t) => {
    const { engine: empty, stop } = await emptyEngine();
    t.after(stop);
    await assert.rejects(empty.addAddress("c", moving, soon()), { name: "Terminal", reason: "ImageUnavailable", message: /pgrs\/tools:latest is not there; type `pgrs image build tools`/ });
  });

  test("it is built once, and a build that failed is told", async (t) => {
    const { socketPath, stop } = await emptyEngine();
    t.after(stop);
    const build = Promise.withResolvers<void>();
    let builds = 0;
    const building = dockerEngine({ socketPath, log: silent, clock: wallClock, buildTools: () => { builds += 1; return build.promise; } });
    t.after(() => building.close());
    for (let time = 0; time < 2; time += 1) {
      await assert.rejects(building.addAddress("c", moving, soon()), { name: "Transient", reason: "ImageUnavailable", message: /is being built/ });
    }
    build.reject(new Error("no mirror"));
    await assert.rejects(build.promise);
    await new Promise((resolve) => { setImmediate(resolve); });
    await assert.rejects(building.removeAddress("c", moving, soon()), { name: "Terminal", message: /could not be built \(no mirror\); type/ });
    assert.equal(builds, 1);
  });
});
