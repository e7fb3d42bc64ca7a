/** Every call ends with its signal, whatever the Engine does or does not do. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import test from "node:test";
import util from "node:util";
import type { DockerEngine } from "../../src/adapters/docker.ts";
import { dockerEngine } from "../../src/adapters/docker.ts";
import { isUnreachable } from "../../src/adapters/docker-errors.ts";
import { Terminal, Transient } from "../../src/errors.ts";
import type { ContainerFacts, ContainerSpec } from "../../src/ports.ts";
import { silent, wallClock } from "../e2e/engine.ts";
import { fakeEngine, json, type Script } from "./fake-engine.ts";

const owner = { installation: "i", namespace: "n", name: "o", uid: "u" };
const nic = { network: "lan", address: "10.201.9.1", interfaceName: "eth1", mac: "" };
const spec: ContainerSpec = { name: "c", image: "i", hostname: "c", command: ["true"], environment: {}, labels: {}, mounts: [], network: "none", stopTimeoutSeconds: 5 };
const facts: ContainerFacts = { id: "c", name: "c", labels: {}, state: "running", exitCode: 0, error: "", startedAt: 1, finishedAt: 0, imageId: "i", endpoints: [] };

const calls: Readonly<Record<string, (engine: DockerEngine, signal: AbortSignal) => Promise<unknown>>> = {
  facts: (engine, signal) => engine.facts(signal),
  image: (engine, signal) => engine.image("postgres:17", signal),
  containersOf: (engine, signal) => engine.containersOf(owner, signal),
  volumesOf: (engine, signal) => engine.volumesOf(owner, signal),
  networksOf: (engine, signal) => engine.networksOf(owner, signal),
  container: (engine, signal) => engine.container("c", signal),
  volume: (engine, signal) => engine.volume("v", signal),
  network: (engine, signal) => engine.network("lan", signal),
  createNetwork: (engine, signal) => engine.createNetwork({ name: "lan", driver: "bridge", subnet: "10.201.9.0/24", gateway: "10.201.9.254", internal: false, labels: {} }, signal),
  removeNetwork: (engine, signal) => engine.removeNetwork("lan", signal),
  createVolume: (engine, signal) => engine.createVolume("v", {}, signal),
  removeVolume: (engine, signal) => engine.removeVolume("v", signal),
  createContainer: (engine, signal) => engine.createContainer(spec, signal),
  removeContainer: (engine, signal) => engine.removeContainer("c", signal),
  start: (engine, signal) => engine.start("c", signal),
  stop: (engine, signal) => engine.stop("c", signal),
  kill: (engine, signal) => engine.kill("c", signal),
  attach: (engine, signal) => engine.attach("c", nic, signal),
  detach: (engine, signal) => engine.detach("c", "lan", signal),
  addAddress: (engine, signal) => engine.addAddress("c", { interfaceName: "eth1", address: "10.201.9.9" }, signal),
  removeAddress: (engine, signal) => engine.removeAddress("c", { interfaceName: "eth1", address: "10.201.9.9" }, signal),
  putFiles: (engine, signal) => engine.putFiles("c", "/data", [{ path: "a/b", text: "x" }], signal),
  readFile: (engine, signal) => engine.readFile("c", "/data/a", signal),
  exec: (engine, signal) => engine.exec("c", ["true"], "", signal),
  interfaces: (engine, signal) => engine.interfaces(facts, {}, signal),
  logs: (engine, signal) => engine.logs("c", 3, signal),
  ping: (engine, signal) => engine.ping(signal),
};

for (const [name, call] of Object.entries(calls)) {
  test(`${name} ends with its signal when the Engine never answers`, async (t) => {
    const control = new AbortController();
    const { engine, stop } = await fakeEngine(() => { control.abort(); return "hang"; });
    t.after(stop);
    await assert.rejects(call(engine, control.signal), (error) => error instanceof Transient && /given up/.test(error.message));
  });

  test(`${name} tells what to look at when there is no Engine`, async () => {
    const engine = dockerEngine({ socketPath: "/nowhere/docker.sock", log: silent, clock: wallClock });
    await assert.rejects(call(engine, new AbortController().signal), (error) => isUnreachable(error) && /the Docker socket is not there; is the Engine running\?/.test(String(error)));
  });
}

test("a call under way ends when its signal fires, also within an answer", async (t) => {
  const control = new AbortController();
  const { engine, stop } = await fakeEngine(() => (response) => {
    response.writeHead(200, { "Content-Type": "application/json" });
    response.write('{"Id":', () => control.abort());
  });
  t.after(stop);
  await assert.rejects(engine.container("c", control.signal), { name: "Transient", message: /given up/ });
});

test("a signal's own time-out says that the Engine is silent", async (t) => {
  const { engine, stop } = await fakeEngine(() => "hang");
  t.after(stop);
  await assert.rejects(engine.container("c", AbortSignal.timeout(50)), (error) => isUnreachable(error) && /did not answer in the time given/.test(String(error)));
});

test("an aborted signal starts nothing", async (t) => {
  const { engine, asked, stop } = await fakeEngine(() => [204, undefined]);
  t.after(stop);
  await engine.ping(new AbortController().signal).catch(() => undefined);
  const before = asked.length;
  await assert.rejects(engine.start("c", AbortSignal.abort()), Transient);
  assert.deepEqual(asked.slice(before).filter((one) => one.includes("start")), []);
});

test("a look whose connection breaks is tried once more; a change is not", async (t) => {
  const { engine, asked, stop } = await fakeEngine(() => "break");
  t.after(stop);
  const count = (part: string): number => asked.filter((one) => one.includes(part)).length;
  await assert.rejects(engine.container("looked-at", new AbortController().signal), /broke the connection off/);
  assert.equal(count("/containers/looked-at/json"), 2);
  await assert.rejects(engine.start("started", new AbortController().signal), /broke the connection off/);
  assert.equal(count("/containers/started/start"), 1);
});

test("a look goes through when only the first connection broke", async (t) => {
  let asks = 0;
  const { engine, stop } = await fakeEngine(() => (++asks === 1 ? "break" : [404, { message: "No such container: c" }]));
  t.after(stop);
  assert.equal(await engine.container("c", new AbortController().signal), undefined);
});

test("many silent calls do not keep a later one from its answer", async (t) => {
  const script: Script = ({ path }) => (path.includes("/stop") ? "hang" : path === "/containers/c/json" ? [200, { Id: "c", Name: "/c", Config: {}, State: {}, NetworkSettings: {} }] : [404, { message: "No such container: d" }]);
  const { engine, stop } = await fakeEngine(script);
  t.after(stop);
  const control = new AbortController();
  const stopping = Array.from({ length: 60 }, () => engine.stop("c", control.signal).catch((error: unknown) => error));
  assert.equal(await engine.container("d", new AbortController().signal), undefined);
  control.abort();
  for (const failure of await Promise.all(stopping)) assert.ok(failure instanceof Transient);
});

const info = { Id: "c", Name: "/c", Config: { StopTimeout: 60 }, State: { Running: true }, NetworkSettings: {} };

test("a stop that fails while somebody waits is told, one that fails later is logged", async (t) => {
  const waiting: ServerResponse[] = [];
  const { socketPath, stop } = await fakeEngine(({ path }) => (path.includes("/stop") ? (response) => void waiting.push(response) : [200, info]));
  t.after(stop);
  const logged = Promise.withResolvers<unknown>();
  const engine = dockerEngine({ socketPath, log: { ...silent, info: (message, fields) => logged.resolve([message, fields]) }, clock: wallClock });
  t.after(() => engine.close());
  const refuse = (): void => json(waiting.shift() ?? assert.fail("no stop was asked for"), 500, { message: "cannot stop" });
  const asked = engine.stop("c", new AbortController().signal);
  while (waiting.length === 0) await new Promise((resolve) => { setImmediate(resolve); });
  refuse();
  await assert.rejects(asked, { name: "Transient", message: /answered 500/ });
  await engine.stop("c", new AbortController().signal);
  refuse();
  assert.deepEqual(await logged.promise, ["a stop failed that nobody waits for any more", { container: "c", because: "stop container c: the Engine answered 500: cannot stop" }]);
});

// docker-modem prints every request for a debug log that nobody reads. With an agent that keeps sockets in it, that
// took a third of a second of computing for each request.
test("a request costs no picture of all kept connections", async (t) => {
  const { engine, stop } = await fakeEngine(() => [404, { message: "No such container: c" }]);
  t.after(stop);
  const look = () => engine.container("c", new AbortController().signal);
  await Promise.all(Array.from({ length: 20 }, look));
  const printed = t.mock.method(util, "inspect").mock;
  await Promise.all(Array.from({ length: 20 }, look));
  assert.ok(printed.calls.length > 0, "docker-modem prints no requests any more: the agents need not be terse");
  for (const { result } of printed.calls) assert.ok((result ?? "").length < 2000, String(result).slice(0, 500));
});

test("the newest API that both know is spoken", async (t) => {
  for (const [api, spoken] of [["1.41", "/v1.41/"], ["1.48", "/v1.48/"], ["1.99", "/v1.51/"]] as const) {
    const { engine, asked, stop } = await fakeEngine(() => [404, { message: "No such container: c" }], { api });
    t.after(stop);
    await engine.container("c", new AbortController().signal);
    assert.ok(asked.some((one) => one.includes(`${spoken}containers/c/json`)), asked.join("\n"));
  }
});

test("after a loss the Engine is asked again what it is", async (t) => {
  let lost = false;
  const { engine, asked, stop } = await fakeEngine(() => (lost ? "break" : [404, { message: "No such container: c" }]));
  t.after(stop);
  const look = () => engine.container("c", new AbortController().signal);
  await look();
  await look();
  const versions = (): number => asked.filter((one) => one.endsWith("/version")).length;
  assert.equal(versions(), 1);
  lost = true;
  await assert.rejects(look());
  lost = false;
  const before = versions();
  await look();
  assert.equal(versions(), before + 1);
});

test("an Engine without its default bridge says what to change", async (t) => {
  const { engine, stop } = await fakeEngine(() => [404, { message: "network bridge not found" }]);
  t.after(stop);
  await assert.rejects(engine.facts(new AbortController().signal), (error) => error instanceof Terminal && error.reason === "NetworkMissing" && /daemon\.json/.test(error.message));
});

test("a refusal that is no JSON is still told", async (t) => {
  const { engine, stop } = await fakeEngine(() => (response) => { response.writeHead(502); response.end("bad gateway"); });
  t.after(stop);
  await assert.rejects(engine.start("c", new AbortController().signal), { name: "Transient", message: /answered 502/ });
});
