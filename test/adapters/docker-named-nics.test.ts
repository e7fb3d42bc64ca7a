/** What an Engine that names NICs (28 and newer) is asked for, and what its traps look like. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { fakeEngine, type Answer, type Request } from "./fake-engine.ts";
import { soon } from "../e2e/engine.ts";

const nic = { network: "lan", address: "10.201.9.5", interfaceName: "eth1", mac: "02:00:00:00:00:05" };
const ifname = "com.docker.network.endpoint.ifname";

interface World { names: string; running: boolean; endpoint: object | undefined; connect: (world: World, request: Request) => Answer }

const endpoint = (more: object = {}): object =>
  ({ IPAMConfig: { IPv4Address: nic.address }, IPAddress: nic.address, NetworkID: "net-1", DriverOpts: { [ifname]: "eth1" }, ...more });

const inspected = ({ running, endpoint: one }: World): object => ({
  Id: "c", Name: "/c", Image: "i", Config: { Labels: {} }, State: { Status: running ? "running" : "exited", Running: running },
  NetworkSettings: { Networks: one === undefined ? {} : { lan: one } },
});

/** The Engine's answer to an exec: it takes the connection over, and writes frames. */
const upgraded = (output: string): Answer => (response) => {
  const payload = Buffer.from(output);
  const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, payload.length]);
  const { socket } = response;
  socket?.write("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
  socket?.end(Buffer.concat([header, payload]));
};

/** An Engine with one container and one network. */
const engineOf = async (t: TestContext, given: Partial<World> = {}, api = "1.51") => {
  const world: World = { names: "eth0\nlo\n", running: true, endpoint: undefined, connect: (one) => { one.endpoint = endpoint(); return [200, {}]; }, ...given };
  const fake = await fakeEngine((request) => {
    if (request.path.endsWith("/connect")) return world.connect(world, request);
    if (request.path.endsWith("/disconnect")) { world.endpoint = undefined; return [200, {}]; }
    if (request.path === "/containers/c/json") return [200, inspected(world)];
    if (request.path.startsWith("/networks/lan")) return [200, { Id: "net-1", Name: "lan", Driver: "bridge" }];
    if (/^\/networks(\?|$)/.test(request.path)) return [200, [{ Id: "net-1", Name: "lan" }]];
    if (request.path === "/containers/c/exec") return [201, { Id: "x" }];
    if (request.path === "/exec/x/start") return upgraded(world.names);
    if (request.path === "/exec/x/json") return [200, { Running: false, ExitCode: 0 }];
    if (request.path === "/info") return [200, { LoggingDriver: "journald" }];
    return request.path.startsWith("/containers/create") ? [201, { Id: "c" }] : [404, { message: "what?" }];
  }, { api });
  t.after(fake.stop);
  const changes = (): readonly string[] => fake.requests.filter(({ method }) => method === "POST").map(({ path }) => path).filter((path) => !path.includes("/exec"));
  const bodyOf = (path: string): unknown => fake.requests.find((request) => request.path.startsWith(path))?.body;
  return { engine: fake.engine, changes, bodyOf };
};

test("the NIC's name and MAC are asked for", async (t) => {
  const { engine, bodyOf } = await engineOf(t);
  await engine.attach("c", nic, soon());
  assert.deepEqual(bodyOf("/networks/lan/connect"), { Container: "c", EndpointConfig: { IPAMConfig: { IPv4Address: nic.address }, DriverOpts: { [ifname]: "eth1" }, MacAddress: nic.mac } });
});

test("an Engine before 28 is not asked for what it would silently drop", async (t) => {
  const { engine, bodyOf } = await engineOf(t, {}, "1.47");
  await engine.attach("c", nic, soon());
  assert.deepEqual(bodyOf("/networks/lan/connect"), { Container: "c", EndpointConfig: { IPAMConfig: { IPv4Address: nic.address } } });
});

const settled: readonly (readonly [string, Partial<World>])[] = [
  ["a running container with the address in use", { endpoint: endpoint() }],
  ["a stopped container with the address recorded", { running: false, endpoint: endpoint({ IPAddress: "" }) }],
];
for (const [when, world] of settled) {
  test(`${when} is attached already`, async (t) => {
    const { engine, changes } = await engineOf(t, world);
    await engine.attach("c", nic, soon());
    assert.deepEqual(changes(), []);
  });
}

const stale: readonly (readonly [string, Partial<World>])[] = [
  ["a record without an address", { endpoint: endpoint({ IPAddress: "" }) }],
  ["another address", { endpoint: endpoint({ IPAddress: "10.201.9.6" }) }],
  ["an address that was not asked for by hand", { endpoint: endpoint({ IPAMConfig: null }) }],
  ["another name", { endpoint: endpoint({ DriverOpts: { [ifname]: "eth7" } }) }],
  ["no name", { endpoint: endpoint({ DriverOpts: null }) }],
  ["a network of an earlier id", { running: false, endpoint: endpoint({ NetworkID: "net-0" }) }],
  ["a stopped container's other address", { running: false, endpoint: endpoint({ IPAMConfig: { IPv4Address: "10.201.9.6" } }) }],
];
for (const [when, world] of stale) {
  test(`${when}: detached first, then attached`, async (t) => {
    const { engine, changes } = await engineOf(t, world);
    await engine.attach("c", nic, soon());
    assert.deepEqual(changes(), ["/networks/lan/disconnect", "/networks/lan/connect"]);
  });
}

test("a failed attach leaves no endpoint that looks connected", async (t) => {
  const { engine, changes } = await engineOf(t, {
    running: false,
    connect: (world) => {
      world.endpoint = endpoint();
      return [500, { message: "failed to add interface vethX to sandbox: error renaming interface \"vethX\" to \"eth1\": file exists" }];
    },
  });
  await assert.rejects(engine.attach("c", nic, soon()), { name: "Conflict", reason: "NameMismatch" });
  assert.deepEqual(changes(), ["/networks/lan/connect", "/networks/lan/disconnect"]);
  assert.deepEqual((await engine.container("c", soon()))?.endpoints, []);
});

test("a name that is taken in a running container is never asked for: the Engine would record a NIC that is not there", async (t) => {
  const { engine, changes } = await engineOf(t, { names: "eth0\neth1\nlo\n" });
  await assert.rejects(engine.attach("c", nic, soon()), { name: "Conflict", reason: "NameMismatch", message: /has an interface eth1 already/ });
  assert.ok(!changes().includes("/networks/lan/connect"));
});

test("a 200 that changed nothing is no success", async (t) => {
  const { engine } = await engineOf(t, { running: false, endpoint: endpoint({ IPAMConfig: null }), connect: (world) => { world.endpoint = endpoint({ IPAMConfig: null }); return [200, {}]; } });
  await assert.rejects(engine.attach("c", nic, soon()), { name: "Transient", reason: "DriftRepairing", message: /the address 10\.201\.9\.5 is not in use/ });
});

test("connected in between by another is looked at, not believed", async (t) => {
  const { engine } = await engineOf(t, { connect: (world) => { world.endpoint = endpoint(); return [403, { message: "endpoint with name c already exists in network lan" }]; } });
  await engine.attach("c", nic, soon());
});

test("the management NIC is eth0, and a driver of the log that its owner chose stays", async (t) => {
  const { engine, bodyOf } = await engineOf(t);
  await engine.createContainer({ name: "c", image: "i", hostname: "c", command: ["postgres", "-D", "/data"], environment: { PGDATA: "/data" }, labels: {}, mounts: [], network: "bridge", stopTimeoutSeconds: 60 }, soon());
  const body = bodyOf("/containers/create") as { NetworkingConfig: unknown; HostConfig: Record<string, unknown> };
  assert.deepEqual(body.NetworkingConfig, { EndpointsConfig: { bridge: { DriverOpts: { [ifname]: "eth0" } } } });
  assert.equal("LogConfig" in body.HostConfig, false);
});
