/** Events on a real Engine, and what the Engine's own troubles do to them. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, afterEach, test } from "node:test";
import type { DockerEngine } from "../../src/adapters/docker.ts";
import { orAborted } from "../../src/adapters/waiting.ts";
import { onHost, sleeper, soon, startRun } from "../e2e/engine.ts";
import { fakeEngine, json } from "./fake-engine.ts";

const run = startRun();
const { engine, docker } = run;
after(run.sweep);

const stops: (() => Promise<void>)[] = [];
afterEach(async () => { for (const stop of stops.splice(0)) await stop(); });

/** Follows an Engine's events, and lets a test wait for one. */
const following = (of: DockerEngine) => {
  const control = new AbortController();
  const seen: string[] = [];
  let wake = Promise.withResolvers<void>();
  const tell = (what: string): void => { seen.push(what); wake.resolve(); wake = Promise.withResolvers(); };
  const ended = of.events({ onChange: ({ installation, namespace, name }, event) => tell(`${installation}/${namespace}/${name} ${event}`), onConnected: () => tell("connected") }, control.signal);
  const until = async (what: string, times = 1): Promise<void> => {
    const limit = soon();
    while (seen.filter((one) => one === what).length < times) {
      await orAborted(wake.promise, limit).catch(() => assert.fail(`never told: ${what}; told: ${seen.join(", ")}`));
    }
  };
  const stop = async (): Promise<void> => { control.abort(); await ended; };
  stops.push(stop);
  return { seen, until, stop };
};

const mine = (event: string): string => `${run.owner.installation}/test/${run.id} ${event}`;

test("what happens to things of ours is told, each by its owner", async () => {
  const { seen, until } = following(engine);
  await until("connected");
  const volume = run.name("volume");
  await engine.createVolume(volume, run.labels("volume"), soon());
  await until(mine("volume create"));
  const network = { name: run.name("01_lan"), driver: "bridge", subnet: "10.201.20.0/24", gateway: "10.201.20.254", internal: false, labels: run.labels("network") } as const;
  await engine.createNetwork(network, soon());
  await until(mine("network create"));
  const id = await engine.createContainer(sleeper(run, "told"), soon());
  await until(mine("container create"));
  await engine.start(id, soon());
  await until(mine("container start"));
  await docker.getContainer(id).pause();
  await until(mine("container pause"));
  await docker.getContainer(id).unpause();
  await until(mine("container unpause"));
  await engine.attach(id, { network: network.name, address: "10.201.20.5", interfaceName: "eth1", mac: "" }, soon());
  await until(mine("network connect"));
  await engine.detach(id, network.name, soon());
  await until(mine("network disconnect"));
  await engine.kill(id, soon());
  await until(mine("container die"));
  await engine.removeContainer(id, soon());
  await until(mine("container destroy"));
  await engine.removeNetwork(network.name, soon());
  await until(mine("network destroy"));
  await engine.removeVolume(volume, soon());
  await until(mine("volume destroy"));
  assert.deepEqual(seen.filter((one) => one !== "connected" && !one.startsWith(mine("")) && one.includes(run.id)), []);
  assert.equal(seen.filter((one) => one === "connected").length, 1);
});

test("a network's end is told also when only an earlier program knew whose it was", async () => {
  const network = { name: run.name("02_before"), driver: "bridge", subnet: "10.201.21.0/24", gateway: "10.201.21.254", internal: false, labels: run.labels("network") } as const;
  await engine.createNetwork(network, soon());
  await engine.createVolume(run.name("before"), run.labels("volume"), soon());
  const { until } = following(engine);
  await until("connected");
  await engine.removeNetwork(network.name, soon());
  await until(mine("network destroy"));
  await engine.removeVolume(run.name("before"), soon());
  await until(mine("volume destroy"));
});

test("an exec wakes nobody, nor does what is not ours", async () => {
  const id = await engine.createContainer(sleeper(run, "quiet"), soon());
  await engine.start(id, soon());
  const { seen, until } = following(engine);
  await until("connected");
  await engine.exec(id, ["true"], "", soon());
  await onHost(run, ["true"]);
  // The events come in their order: what was told before this one is all that there was.
  await engine.kill(id, soon());
  await until(mine("container die"));
  assert.deepEqual(seen.filter((one) => one.includes(run.id) && one !== mine("network disconnect")), [mine("container die")]);
});

test("a foreign container on a network of ours is told to the network's owner", async () => {
  const network = { name: run.name("03_guest"), driver: "bridge", subnet: "10.201.22.0/24", gateway: "10.201.22.254", internal: false, labels: run.labels("network") } as const;
  await engine.createNetwork(network, soon());
  const guest = await docker.createContainer({ Image: "pgrs/tools:latest", Entrypoint: ["sleep", "60"], Labels: { "pgrs.test": run.id }, HostConfig: { NetworkMode: network.name } });
  const { until } = following(engine);
  await until("connected");
  await guest.start();
  await until(mine("network connect"));
});

const listed = (path: string): [number, unknown] | undefined =>
  path.startsWith("/containers/json") || path.startsWith("/networks?") ? [200, []] : path.startsWith("/volumes?") ? [200, { Volumes: null }] : undefined;
const line = (Type: string, Action: string, ID: string, Attributes: object = {}): string => `${JSON.stringify({ Type, Action, Actor: { ID, Attributes } })}\n`;
const labels = { "pgrs.dev/installation": "i", "pgrs.dev/namespace": "n", "pgrs.dev/name": "o" };

test("a broken stream is opened again, and everything looked at", async (t) => {
  const streams: ServerResponse[] = [];
  const { engine: fake, stop } = await fakeEngine(({ path }) => listed(path) ?? ((response) => {
    streams.push(response);
    response.writeHead(200);
    response.write(line("container", "die", "c", labels));
  }));
  t.after(stop);
  const { until } = following(fake);
  for (const times of [1, 2, 3]) {
    await until("connected", times);
    await until("i/n/o container die", times);
    streams.at(-1)?.destroy();
  }
});

test("a stream that ends before it was read is opened again", async (t) => {
  let streams = 0;
  const { engine: fake, stop } = await fakeEngine(({ path }) => listed(path) ?? ((response) => {
    streams += 1;
    response.writeHead(200);
    if (streams === 1) response.end(); else response.write(line("container", "die", "c", labels));
  }));
  t.after(stop);
  const { until } = following(fake);
  await until("i/n/o container die");
});

test("an Engine that is down is waited for", async (t) => {
  let down = true;
  const { engine: fake, stop } = await fakeEngine(({ path }) => (down ? "break" : listed(path) ?? ((response) => { response.writeHead(200); response.flushHeaders(); })));
  t.after(stop);
  const { seen, until } = following(fake);
  await assert.rejects(fake.ping(soon()));
  assert.deepEqual(seen, []);
  down = false;
  await until("connected");
});

test("an event that can't be placed has everything looked at", async (t) => {
  const { engine: fake, stop } = await fakeEngine(({ path }) => listed(path)
    ?? (path.startsWith("/events") ? (response) => { response.writeHead(200); response.write(line("network", "connect", "n1", { container: "c1" })); }
      : (response) => json(response, 500, { message: "no idea" })));
  t.after(stop);
  const { until } = following(fake);
  await until("connected", 2);
});

test("a line that is no event ends the connection, not the program", async (t) => {
  let streams = 0;
  const { engine: fake, stop } = await fakeEngine(({ path }) => listed(path) ?? ((response) => {
    streams += 1;
    response.writeHead(200);
    response.write(streams === 1 ? "<html>\n" : line("container", "die", "c", labels));
  }));
  t.after(stop);
  const { until } = following(fake);
  await until("i/n/o container die");
});

test("following ends with its signal, connected or not", async (t) => {
  const { engine: fake, stop } = await fakeEngine(() => "hang");
  t.after(stop);
  await following(fake).stop();
  const real = following(engine);
  await real.until("connected");
  await real.stop();
  const before = real.seen.length;
  await engine.createVolume(run.name("after"), run.labels("volume"), soon());
  assert.equal(real.seen.length, before);
});
