/** Containers, volumes, files and programs on a real Engine. */
import assert from "node:assert/strict";
import test, { after, describe } from "node:test";
import pRetry from "p-retry";
import type { ContainerFacts } from "../../src/ports.ts";
import { sleeper, soon, startRun } from "../e2e/engine.ts";

const run = startRun();
const { engine, docker } = run;
after(run.sweep);

const factsOf = async (name: string): Promise<ContainerFacts> => {
  const facts = await engine.container(name, soon());
  assert.ok(facts !== undefined, `${name} is not there`);
  return facts;
};
const untilState = (name: string, state: ContainerFacts["state"]): Promise<void> => pRetry(async () => {
  assert.equal((await factsOf(name)).state, state);
}, { retries: 100, minTimeout: 50, factor: 1 });
/** Two looks give the very same facts: the second was not an inspection. The container's age, in seconds at first, ends that. */
const untilSame = (look: () => Promise<ContainerFacts | undefined>): Promise<void> => pRetry(async () => {
  assert.equal(await look(), await look());
}, { retries: 20, minTimeout: 10, factor: 1 });
const foreign = { Labels: { "pgrs.test": run.id } };

test("the Engine says what it is and can do", async () => {
  const facts = await engine.facts(soon());
  assert.match(facts.version, /^\d+\.\d+/);
  assert.match(facts.managementSubnet, /^\d+\.\d+\.\d+\.\d+\/\d+$/);
  await engine.ping(soon());
});

test("an image is seen by its name and by its id, or is absent", async () => {
  const byName = await engine.image("pgrs/tools:latest", soon());
  assert.match(byName?.id ?? "", /^sha256:/);
  assert.equal((await engine.image(byName?.id ?? "", soon()))?.id, byName?.id);
  assert.equal(await engine.image("pgrs.invalid/nothing:1", soon()), undefined);
});

describe("a container", () => {
  test("that runs is inspected once, and anew after each start and each change of its NICs", async () => {
    const id = await engine.createContainer(sleeper(run, "steady", { network: "bridge" }), soon());
    const look = async (): Promise<ContainerFacts | undefined> => (await engine.containersOf({ ...run.owner, uid: "any" }, soon())).find((one) => one.id === id);
    let before: ContainerFacts | undefined = undefined;
    for (let start = 0; start < 3; start += 1) {
      await engine.start(id, soon());
      const facts = await look();
      assert.deepEqual(facts, await factsOf(run.name("steady")));
      assert.notEqual(facts?.startedAt, before?.startedAt);
      await untilSame(look);
      before = facts;
      await engine.kill(id, soon());
      assert.equal((await look())?.state, "exited");
    }
    await engine.start(id, soon());
    assert.equal((await look())?.endpoints.length, 1);
    await docker.getNetwork("bridge").disconnect({ Container: id });
    assert.equal((await look())?.endpoints.length, 0);
  });

  test("is made once with all that it needs, and found by its owner", async () => {
    const volume = run.name("made");
    await engine.createVolume(volume, run.labels("volume"), soon());
    const spec = sleeper(run, "made", {
      mounts: [{ volume, path: "/data" }], environment: { PGDATA: "/data", EMPTY: "" }, memoryBytes: 64 * 1024 * 1024, nanoCpus: 500_000_000, shmBytes: 16 * 1024 * 1024, stopTimeoutSeconds: 7,
    });
    const id = await engine.createContainer(spec, soon());
    assert.equal(await engine.createContainer(spec, soon()), id);
    const { HostConfig, Config } = await docker.getContainer(id).inspect();
    const { RestartPolicy, Memory, NanoCpus, ShmSize, PidsLimit, LogConfig, Sysctls, ...others } = HostConfig;
    const { Init, CapDrop, SecurityOpt } = others as Readonly<Record<string, unknown>>;
    assert.deepEqual({ Init, CapDrop, SecurityOpt, Memory, NanoCpus, ShmSize, name: RestartPolicy?.Name }, {
      Init: true, CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"], Memory: 64 * 1024 * 1024, NanoCpus: 500_000_000, ShmSize: 16 * 1024 * 1024, name: "no",
    });
    assert.ok((PidsLimit ?? 0) > 0);
    assert.equal(Sysctls?.["net.ipv4.conf.all.arp_notify"], "1");
    if (LogConfig?.Type === "json-file") assert.deepEqual(LogConfig.Config, { "max-size": "10m", "max-file": "3" });
    assert.equal(Config.User, "999:999");
    assert.equal((Config as { StopSignal?: string }).StopSignal, "SIGINT");
    assert.equal((Config as { StopTimeout?: number }).StopTimeout, 7);
    assert.deepEqual([Config.Entrypoint, Config.Cmd, Config.Hostname], [["sleep"], ["3600"], "made"]);
    assert.ok(Config.Env.includes("PGDATA=/data") && Config.Env.includes("EMPTY="));
    const found = (await engine.containersOf({ ...run.owner, uid: "another" }, soon())).find((one) => one.id === id);
    assert.deepEqual([found?.name, found?.state, found?.startedAt, found?.labels["pgrs.dev/name"]], [run.name("made"), "created", 0, run.id]);
    assert.deepEqual(await engine.containersOf({ ...run.owner, installation: "another" }, soon()), []);
  });

  test("starts, stops and goes, and each of it twice", async () => {
    const id = await engine.createContainer(sleeper(run, "twice"), soon());
    await engine.start(id, soon());
    await engine.start(id, soon());
    const running = await factsOf(id);
    assert.equal(running.state, "running");
    assert.ok(running.startedAt > 0 && running.finishedAt === 0);
    await engine.stop(id, soon());
    await engine.stop(id, soon());
    const stopped = await factsOf(id);
    assert.equal(stopped.state, "exited");
    assert.ok(stopped.finishedAt >= stopped.startedAt);
    await engine.kill(id, soon());
    await engine.removeContainer(id, soon());
    await engine.removeContainer(id, soon());
    assert.equal(await engine.container(run.name("twice"), soon()), undefined);
  });

  // Nothing else may wait for a server that takes its time; the Engine goes on by itself.
  test("that takes long to stop is left to the Engine, which is asked once", async () => {
    // A shell ends at SIGINT only when it says so; this one does not.
    const id = await engine.createContainer(sleeper(run, "slow", { command: ["sh", "-c", "trap '' INT; sleep 60"], stopTimeoutSeconds: 5 }), soon());
    await engine.start(id, soon());
    const events: string[] = [];
    const stream = await docker.getEvents({ filters: JSON.stringify({ event: ["kill"], container: [id] }), abortSignal: soon() });
    stream.on("data", (chunk: Buffer) => events.push(...chunk.toString().trim().split("\n")));
    const began = Date.now();
    await Promise.all([engine.stop(id, soon()), engine.stop(id, soon())]);
    assert.ok(Date.now() - began < 4_900, `it took ${Date.now() - began} ms`);
    assert.equal((await factsOf(id)).state, "running");
    await engine.stop(id, soon());
    assert.equal((await factsOf(id)).state, "exited");
    await pRetry(() => assert.ok(events.length >= 2), { retries: 100, minTimeout: 50, factor: 1 });
    (stream as unknown as { destroy(): void }).destroy();
    assert.deepEqual(events.map((event) => (JSON.parse(event) as { Actor: { Attributes: { signal: string } } }).Actor.Attributes.signal), ["2", "9"]);
    await engine.start(id, soon());
    await engine.kill(id, soon());
  });

  test("that is gone is stopped and killed, but can't be started", async () => {
    await engine.stop(run.name("gone"), soon());
    await engine.kill(run.name("gone"), soon());
    await assert.rejects(engine.start(run.name("gone"), soon()), { name: "Conflict", message: /the container is gone/ });
  });

  test("has ended when its kill returns", async () => {
    const id = await engine.createContainer(sleeper(run, "killed"), soon());
    await engine.start(id, soon());
    await engine.kill(id, soon());
    const { state, exitCode } = await factsOf(id);
    assert.deepEqual([state, exitCode], ["exited", 137]);
  });

  test("stops and dies also while it is paused", async () => {
    const id = await engine.createContainer(sleeper(run, "paused"), soon());
    await engine.start(id, soon());
    await docker.getContainer(id).pause();
    assert.equal((await factsOf(id)).state, "paused");
    await engine.stop(id, soon());
    await engine.start(id, soon());
    await docker.getContainer(id).pause();
    await engine.kill(id, soon());
    assert.equal((await factsOf(id)).state, "exited");
  });

  test("that runs is not removed", async () => {
    const id = await engine.createContainer(sleeper(run, "runs"), soon());
    await engine.start(id, soon());
    await assert.rejects(engine.removeContainer(id, soon()), { name: "Conflict", message: /still runs/ });
    assert.equal((await factsOf(id)).state, "running");
  });

  test("takes its image's anonymous volumes along, and leaves named ones", async () => {
    const volume = run.name("kept");
    await engine.createVolume(volume, run.labels("volume"), soon());
    const id = await engine.createContainer(sleeper(run, "volumes", { image: "pgrs/postgres:15", mounts: [{ volume, path: "/data" }] }), soon());
    const anonymous = (await docker.getContainer(id).inspect()).Mounts.map(({ Name }) => Name ?? "").filter((name) => name !== volume);
    assert.equal(anonymous.length, 1);
    await engine.removeContainer(id, soon());
    assert.equal(await engine.volume(anonymous[0] ?? "", soon()), undefined);
    assert.notEqual(await engine.volume(volume, soon()), undefined);
  });

  test("whose name another's has is refused, and that one is left alone", async () => {
    const { id } = await docker.createContainer({ name: run.name("foreign"), Image: "pgrs/tools:latest", Cmd: ["true"], ...foreign });
    await assert.rejects(engine.createContainer(sleeper(run, "foreign"), soon()), { name: "Terminal", reason: "NameTaken", message: /not ours/ });
    assert.equal((await factsOf(run.name("foreign"))).id, id);
  });

  test("of an earlier configuration is not taken for the new one", async () => {
    await engine.createContainer(sleeper(run, "config", { labels: run.labels("member", { "pgrs.dev/config": "1" }) }), soon());
    await assert.rejects(engine.createContainer(sleeper(run, "config", { labels: run.labels("member", { "pgrs.dev/config": "2" }) }), soon()), { name: "Conflict", message: /earlier configuration/ });
  });

  test("needs an image that is there", async () => {
    await assert.rejects(engine.createContainer(sleeper(run, "image", { image: "pgrs.invalid/nothing:1" }), soon()), { name: "Terminal", reason: "ImageUnavailable" });
  });

  test("needs its volumes, and makes none by the way", async () => {
    await assert.rejects(engine.createContainer(sleeper(run, "unmade", { mounts: [{ volume: run.name("unmade"), path: "/data" }] }), soon()), { name: "Conflict", message: /volume .* is gone/ });
    assert.equal(await engine.volume(run.name("unmade"), soon()), undefined);
  });

  test("without a network starts too", async () => {
    const id = await engine.createContainer(sleeper(run, "none", { network: "none", command: ["true"] }), soon());
    await engine.start(id, soon());
    await untilState(id, "exited");
  });

  test("leaves its last words", async () => {
    const id = await engine.createContainer(sleeper(run, "words", { command: ["sh", "-c", "echo one; echo two >&2; echo three; exit 3"] }), soon());
    assert.deepEqual(await engine.logs(id, 2, soon()), []);
    await engine.start(id, soon());
    await untilState(id, "exited");
    const all = await engine.logs(id, 50, soon());
    assert.deepEqual([...all].sort(), ["one", "three", "two"]);
    assert.equal((await engine.logs(id, 2, soon())).length, 2);
    assert.equal((await factsOf(id)).exitCode, 3);
    await assert.rejects(engine.logs(run.name("gone"), 2, soon()), { name: "Conflict" });
  });
});

describe("a volume", () => {
  test("is made and removed, and each of it twice", async () => {
    const name = run.name("volume");
    await engine.createVolume(name, run.labels("volume"), soon());
    await engine.createVolume(name, run.labels("volume"), soon());
    assert.deepEqual((await engine.volumesOf(run.owner, soon())).find((one) => one.name === name)?.labels, run.labels("volume"));
    await engine.removeVolume(name, soon());
    await engine.removeVolume(name, soon());
    assert.equal(await engine.volume(name, soon()), undefined);
  });

  test("that an earlier resource left is taken up with the labels that it has", async () => {
    const name = run.name("earlier");
    await engine.createVolume(name, { ...run.labels("volume"), "pgrs.dev/uid": "earlier" }, soon());
    await engine.createVolume(name, run.labels("volume"), soon());
    assert.equal((await engine.volume(name, soon()))?.labels["pgrs.dev/uid"], "earlier");
  });

  test("of another is refused", async () => {
    await docker.createVolume({ Name: run.name("theirs"), ...foreign });
    await assert.rejects(engine.createVolume(run.name("theirs"), run.labels("volume"), soon()), { name: "Terminal", reason: "NameTaken" });
  });

  test("in use stays", async () => {
    const name = run.name("used");
    await engine.createVolume(name, run.labels("volume"), soon());
    await engine.createContainer(sleeper(run, "used", { mounts: [{ volume: name, path: "/data" }] }), soon());
    await assert.rejects(engine.removeVolume(name, soon()), { name: "Conflict", message: /still uses the volume/ });
  });
});

describe("files and programs", () => {
  test("files go in before the first start, with owner, mode and the directories above them", async () => {
    const volume = run.name("files");
    await engine.createVolume(volume, run.labels("volume"), soon());
    const id = await engine.createContainer(sleeper(run, "files", { image: "pgrs/postgres:15", mounts: [{ volume, path: "/var/lib/postgresql/data" }] }), soon());
    const mount = "/var/lib/postgresql/data";
    await engine.putFiles(id, mount, [{ path: "a/b/c.conf", text: "ä = 1\n" }, { path: "open", text: "x", mode: 0o644 }], soon());
    await engine.putFiles(id, `${mount}/a/notes`, [{ path: "good", text: "1" }], soon());
    assert.equal(Buffer.from(await engine.readFile(id, `${mount}/a/b/c.conf`, soon()) ?? []).toString("utf8"), "ä = 1\n");
    await engine.start(id, soon());
    const { output } = await engine.exec(id, ["sh", "-c", `cd ${mount} && stat -c '%n %u:%g %a' a a/b a/b/c.conf a/notes a/notes/good open`], "", soon());
    assert.deepEqual(output.trim().split("\n"), ["a 999:999 700", "a/b 999:999 700", "a/b/c.conf 999:999 600", "a/notes 999:999 700", "a/notes/good 999:999 600", "open 999:999 644"]);
  });

  test("a directory that is there keeps its mode and what it holds, while the container runs", async () => {
    const id = (await factsOf(run.name("files"))).id;
    const mount = "/var/lib/postgresql/data";
    await engine.exec(id, ["sh", "-c", `mkdir -m 750 ${mount}/there && echo kept > ${mount}/there/old`], "", soon());
    await engine.putFiles(id, mount, [{ path: "there/new", text: "2" }], soon());
    const { output } = await engine.exec(id, ["sh", "-c", `cd ${mount}/there && stat -c %a . && cat old new`], "", soon());
    assert.equal(output, "750\nkept\n2");
  });

  test("a file that is not there is absent; a container that is not there is another matter", async () => {
    const id = (await factsOf(run.name("files"))).id;
    assert.equal(await engine.readFile(id, "/nowhere/at/all", soon()), undefined);
    await assert.rejects(engine.readFile(run.name("gone"), "/etc/passwd", soon()), { name: "Conflict", message: /the container is gone/ });
    await assert.rejects(engine.readFile(id, "/etc", soon()), { name: "Terminal", message: /no regular file/ });
    await assert.rejects(engine.putFiles(run.name("gone"), "/tmp", [{ path: "a", text: "" }], soon()), { name: "Conflict" });
    await assert.rejects(engine.putFiles(id, "/nowhere/at/all", [{ path: "a", text: "" }], soon()), { name: "Conflict", message: /the directory is not there/ });
  });

  test("a path that leaves the directory, or a file without bounds, is refused", async () => {
    for (const path of ["../up", "/etc/passwd", "a/../../up", ".", "a/"]) {
      await assert.rejects(engine.putFiles("any", "/tmp", [{ path, text: "" }], soon()), { name: "Terminal", message: /leaves the directory/ });
    }
    await assert.rejects(engine.putFiles("any", "/tmp", [{ path: "big", text: "x".repeat(1024 * 1024 + 1) }], soon()), { name: "Terminal", message: /more than/ });
  });

  test("a program gets its input, and its output and exit code come back", async () => {
    const id = (await factsOf(run.name("files"))).id;
    assert.deepEqual(await engine.exec(id, ["cat"], "hello\n", soon()), { exitCode: 0, output: "hello\n" });
    // Two pipes, read side by side: which line comes first is not told.
    const both = await engine.exec(id, ["sh", "-c", "echo out; echo err >&2; exit 7"], "", soon());
    assert.deepEqual([both.exitCode, both.output.split("\n").sort()], [7, ["", "err", "out"]]);
    assert.match((await engine.exec(id, ["id"], "", soon())).output, /uid=999\(postgres\) gid=999\(postgres\)/);
    const much = "x".repeat(300_000);
    assert.equal((await engine.exec(id, ["cat"], much, soon())).output, much);
  });

  test("a program that ignores its input ends all the same", async () => {
    const id = (await factsOf(run.name("files"))).id;
    assert.equal((await engine.exec(id, ["false"], "x".repeat(500_000), soon())).exitCode, 1);
  });

  test("a program that is not there has the exit code for it", async () => {
    const id = (await factsOf(run.name("files"))).id;
    const { exitCode, output } = await engine.exec(id, ["no-such-program"], "", soon());
    assert.ok(exitCode === 126 || exitCode === 127, String(exitCode));
    assert.match(output, /not found/);
  });

  test("output without bounds is cut off", async () => {
    const id = (await factsOf(run.name("files"))).id;
    await assert.rejects(engine.exec(id, ["cat", "/dev/zero"], "", soon()), { name: "Terminal", message: /more than 1048576 bytes/ });
  });

  test("a program that does not end is given up with its signal", async () => {
    const id = (await factsOf(run.name("files"))).id;
    const control = new AbortController();
    const hanging = engine.exec(id, ["sh", "-c", "touch /tmp/started; sleep 60"], "", control.signal);
    await pRetry(async () => assert.notEqual(await engine.readFile(id, "/tmp/started", soon()), undefined), { retries: 100, minTimeout: 50, factor: 1 });
    control.abort();
    await assert.rejects(hanging, { name: "Transient", message: /given up/ });
  });

  test("no program runs in what does not run", async () => {
    await assert.rejects(engine.exec(run.name("made"), ["true"], "", soon()), { name: "Conflict", message: /does not run just now/ });
    await assert.rejects(engine.exec(run.name("gone"), ["true"], "", soon()), { name: "Conflict", message: /is gone/ });
  });
});
