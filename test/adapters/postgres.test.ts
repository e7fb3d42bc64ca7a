/** The PostgreSQL adapter against real servers in containers: one before pg_promote() and recovery.conf, one after. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import pRetry from "p-retry";
import { postgres } from "../../src/adapters/postgres.ts";
import type { ContainerFacts, Logger, Look, Target } from "../../src/ports.ts";
import { parseControl } from "../../src/postgres/control.ts";
import { lsnDiff } from "../../src/postgres/lsn.ts";
import { verifies } from "../../src/postgres/password.ts";
import { dataDirectoryOf, mountPathOf, traitsOf } from "../../src/postgres/versions.ts";
import { silent, sleeper, soon, startRun } from "../e2e/engine.ts";

const run = startRun();
const { engine, docker } = run;
const detours: string[] = [];
const log: Logger = { ...silent, debug: (message) => { detours.push(message); }, with: () => log };
const servers = postgres({ exec: engine.exec, log });
after(async () => {
  servers.close();
  await run.sweep();
});

const hostOf = (container: ContainerFacts | undefined): string => container?.endpoints.find(({ network }) => network === "bridge")?.address ?? "";

// Only this one failure means "not yet": any other ends the wait, and the test.
const untilUp = (target: Target): Promise<Look> => pRetry(() => servers.look(target, { accounts: [] }, soon()), {
  retries: 300, minTimeout: 100, factor: 1, shouldRetry: ({ error }) => /PostgreSQL is starting/.test(error.message),
});

/** A standby of nobody: it recovers until it is promoted. */
const startServer = async (version: string): Promise<Target> => {
  const traits = traitsOf(version);
  const data = dataDirectoryOf(traits);
  const recovery = traits.recovery === "standby.signal" ? `touch ${data}/standby.signal` : `echo standby_mode=on > ${data}/recovery.conf`;
  const volume = run.name(`pg${version}`);
  await engine.createVolume(volume, run.labels("volume"), soon());
  const script = [
    `if [ ! -e ${data}/PG_VERSION ]; then`,
    "echo one > /tmp/password", `initdb -D ${data} -U postgres --auth-local=peer --auth-host=scram-sha-256 --pwfile=/tmp/password --no-sync >/tmp/initdb.log`,
    `echo 'host all all all scram-sha-256' >> ${data}/pg_hba.conf`, `echo "pgrs.epoch = '5'" >> ${data}/postgresql.conf`, recovery,
    "fi", `exec postgres -D ${data} -c listen_addresses=* -c hot_standby=on -c password_encryption=scram-sha-256 -c fsync=off -c synchronous_standby_names=nobody -c log_statement=all`,
  ].join("\n");
  const id = await engine.createContainer(sleeper(run, `pg${version}`, {
    image: `pgrs/postgres:${version}`, mounts: [{ volume, path: mountPathOf(traits) }], environment: { PGDATA: data }, command: ["bash", "-ec", script],
  }), soon());
  await engine.start(id, soon());
  const target = { member: `pg-${version}`, container: id, host: hostOf(await engine.container(id, soon())), traits, password: "one" };
  await untilUp(target);
  return target;
};

for (const version of ["11", "15"]) {
  describe(`PostgreSQL ${version}`, () => {
    let target: Target | undefined;
    const there = (more: Partial<Target> = {}): Target => {
      assert.ok(target !== undefined, "the server did not start");
      return { ...target, ...more };
    };
    const look = (more: Partial<Target> = {}, accounts: readonly string[] = []) => servers.look(there(more), { accounts }, soon());

    test("is looked at while it recovers", async () => {
      target = await startServer(version);
      const { inRecovery, passwordAccepted, versionNumber, settings } = await look();
      assert.deepEqual([inRecovery, passwordAccepted, Math.floor(versionNumber / 10_000)], [true, true, Number(version)]);
      assert.equal(settings["synchronous_commit"], "on", "the look reports the server's setting, not its own session's");
    });

    test("refuses changes while it recovers", async () => {
      await assert.rejects(servers.ensureAccount(there(), { name: "app", password: "x", attributes: "LOGIN" }, soon()), { name: "Conflict", message: /read-only/ });
    });

    test("gives a standby's sign of life: an answer without a position", async () => {
      assert.equal(await servers.beat(there(), soon()), undefined);
    });

    test("is not promoted when another boot of it was meant, or a decision that is older than its configuration", async () => {
      const { startedAt, epoch } = await look();
      assert.equal(epoch, 5);
      await assert.rejects(servers.promote(there(), { epoch: 5, startedAt: startedAt - 60_000 }, soon()), { name: "Conflict", message: /not the server that was looked at/ });
      await assert.rejects(servers.promote(there(), { epoch: 4, startedAt }, soon()), { name: "Conflict", message: /a later decision than 4/ });
      assert.equal((await look()).inRecovery, true);
    });

    test("is promoted, and twice", async () => {
      const { startedAt } = await look();
      await servers.promote(there(), { epoch: 6, startedAt }, soon());
      const { inRecovery, timeline, history } = await look();
      assert.deepEqual([inRecovery, timeline], [false, 2]);
      assert.deepEqual(history?.map((one) => one.timeline), [1]);
      await servers.promote(there(), { epoch: 6, startedAt }, soon());
      assert.equal((await look()).timeline, 2);
    });

    test("has a control file that says of it what it says itself", async () => {
      await servers.checkpoint(there(), soon());
      const facts = parseControl(await engine.readFile(there().container, `${dataDirectoryOf(there().traits)}/global/pg_control`, soon()) ?? new Uint8Array());
      const { systemIdentifier, timeline, flushLsn = "" } = await look();
      assert.deepEqual([facts?.state, facts?.major, facts?.systemIdentifier, facts?.timeline], ["inProduction", version, systemIdentifier, timeline]);
      assert.ok(lsnDiff(flushLsn, facts?.checkpoint ?? "0/0") > 0);
    });

    test("gives a primary's sign of life, and writes a checkpoint", async () => {
      assert.match(await servers.beat(there(), soon()) ?? "", /^[0-9A-F]+\/[0-9A-F]+$/);
      await servers.checkpoint(there(), soon());
    });

    // From here on a synchronous standby is named that does not exist: whatever waits for it would never come back.
    test("gets accounts, each twice, with a verifier and never the password", async () => {
      await servers.ensureAccount(there(), { name: "app", password: "first", attributes: "LOGIN" }, soon());
      await servers.ensureAccount(there(), { name: "app", password: "second", attributes: "LOGIN" }, soon());
      await servers.ensureAccount(there(), { name: "replica", password: "third", attributes: "REPLICATION" }, soon());
      const { roles } = await look({}, ["app", "replica", "nobody"]);
      const found = (name: string) => roles?.find((role) => role.name === name);
      assert.equal(roles?.length, 2);
      assert.ok(verifies(found("app")?.verifier ?? "", "app", "second"));
      assert.deepEqual([found("app")?.replication, found("replica")?.replication, found("replica")?.superuser], [false, true, false]);
      const lines = (await engine.logs(there().container, 500, soon())).join("\n");
      assert.ok(!/first|second|third|SCRAM-SHA-256\$/.test(lines), "neither a password nor a verifier may stand in the server's log");
    });

    test("gets a database once, owned as asked", async () => {
      await servers.ensureDatabase(there(), { name: "app", owner: "app" }, soon());
      await servers.ensureDatabase(there(), { name: "app", owner: "app" }, soon());
      assert.ok((await look()).databases.includes("app"));
      await assert.rejects(servers.ensureDatabase(there(), { name: "orphan", owner: "nobody" }, soon()), { name: "Terminal", message: /make the database orphan on pg-\d+: PostgreSQL refused/ });
    });

    test("gets and loses slots, each twice", async () => {
      await servers.createSlot(there(), "pgrs_1", soon());
      await servers.createSlot(there(), "pgrs_1", soon());
      const [slot] = (await look()).slots;
      assert.equal(slot?.name, "pgrs_1");
      await servers.checkpoint(there(), soon());
      const { flushLsn = "" } = await look();
      await servers.advanceSlot(there(), "pgrs_1", flushLsn, soon());
      await servers.advanceSlot(there(), "pgrs_1", "0/1000000", soon());
      await servers.advanceSlot(there(), "pgrs_none", flushLsn, soon());
      assert.equal((await look()).slots[0]?.restartLsn, flushLsn, "a slot moves forward, and never back");
      await servers.dropSlot(there(), "pgrs_1", soon());
      await servers.dropSlot(there(), "pgrs_1", soon());
      assert.deepEqual((await look()).slots, []);
      await servers.reload(there(), soon());
    });

    test("is reached through its own socket when the password is refused, and given the right one", async () => {
      const { passwordAccepted, inRecovery } = await look({ password: "wrong" });
      assert.deepEqual([passwordAccepted, inRecovery], [false, false]);
      await servers.ensureAccount(there({ password: "new" }), { name: "postgres", password: "new", attributes: "SUPERUSER" }, soon());
      assert.equal((await look({ password: "new" })).passwordAccepted, true);
      await servers.ensureAccount(there({ password: "new" }), { name: "postgres", password: "one", attributes: "SUPERUSER" }, soon());
    });

    test("does everything through its own socket too", async () => {
      const inside = there({ host: "" });
      await servers.createSlot(inside, "pgrs_2", soon());
      await servers.ensureAccount(inside, { name: "inside", password: "it's \\ \"odd\" $1 :x", attributes: "LOGIN" }, soon());
      await servers.ensureDatabase(inside, { name: "inside", owner: "inside" }, soon());
      await servers.ensureDatabase(inside, { name: "inside", owner: "inside" }, soon());
      await servers.promote(inside, { epoch: 6, startedAt: (await look()).startedAt }, soon());
      assert.match(await servers.beat(inside, soon()) ?? "", /^[0-9A-F]+\/[0-9A-F]+$/);
      const { roles, databases, slots } = await servers.look(inside, { accounts: ["inside"] }, soon());
      assert.ok(verifies(roles?.[0]?.verifier ?? "", "inside", "it's \\ \"odd\" $1 :x"));
      assert.ok(databases.includes("inside") && slots.some(({ name }) => name === "pgrs_2"));
      await assert.rejects(servers.ensureDatabase(inside, { name: "orphan", owner: "nobody" }, soon()), (error: Error) => error.name === "Terminal" && (error.cause as { code?: string }).code === "42704");
      await servers.dropSlot(inside, "pgrs_2", soon());
    });
  });
}

describe("a server in trouble", () => {
  let target: Target | undefined;
  const there = (): Target => {
    assert.ok(target !== undefined, "the server did not start");
    return target;
  };

  test("answers after a restart over a connection kept from before", async () => {
    target = { ...await startServer("17") };
    const before = await servers.look(there(), { accounts: [] }, soon());
    await engine.stop(there().container, soon());
    await engine.start(there().container, soon());
    target = { ...there(), host: hostOf(await engine.container(there().container, soon())) };
    const now = await untilUp(there());
    assert.notEqual(now.startedAt, before.startedAt);
  });

  test("that can't be reached over the network is reached through its own socket", async () => {
    detours.length = 0;
    // Nobody has this address on the default bridge.
    const elsewhere = { ...there(), host: there().host.replace(/\.\d+\.\d+$/, ".255.250") };
    const { passwordAccepted } = await servers.look(elsewhere, { accounts: [] }, soon());
    assert.equal(passwordAccepted, true, "a network that does not carry says nothing about the password");
    assert.equal(detours.length, 1);
    await servers.look(elsewhere, { accounts: [] }, soon());
    assert.equal(detours.length, 1, "the next look goes the other way at once");
  });

  test("gives its second sign of life through its own socket, when the network swallowed the first question", async () => {
    // An address of its own, so that what earlier tests learned of others does not help.
    const elsewhere = { ...there(), host: there().host.replace(/\.\d+\.\d+$/, ".255.251") };
    await assert.rejects(servers.beat(elsewhere, AbortSignal.timeout(300)), { name: "Transient" });
    await servers.beat(elsewhere, soon());
  });

  test("that stands still is given up with the signal, and answers when it goes on", async () => {
    await servers.look(there(), { accounts: [] }, soon());
    await docker.getContainer(there().container).pause();
    const control = new AbortController();
    const looking = servers.look(there(), { accounts: [] }, control.signal);
    control.abort();
    await assert.rejects(looking, { name: "Transient", message: /given up/ });
    await docker.getContainer(there().container).unpause();
    assert.equal((await servers.look(there(), { accounts: [] }, soon())).passwordAccepted, true);
  });

  test("is not asked at all when the signal has fired", async () => {
    await assert.rejects(servers.look(there(), { accounts: [] }, AbortSignal.abort()), { name: "Transient" });
  });

  test("refuses a password that can't be one before it is asked", async () => {
    await assert.rejects(servers.ensureAccount(there(), { name: "app", password: "", attributes: "LOGIN" }, soon()), { name: "Terminal", message: /can't be used/ });
  });

  test("whose answer can't be understood is looked at again", async () => {
    const odd = postgres({ exec: async () => ({ exitCode: 0, output: "{\"half\": 1}" }), log: silent });
    await assert.rejects(odd.look({ ...there(), host: "" }, { accounts: [] }, soon()), { name: "Transient", message: /can't be understood/ });
    odd.close();
  });

  test("that is stopped is not running, whatever is asked", async () => {
    await engine.stop(there().container, soon());
    await assert.rejects(servers.look({ ...there(), host: "" }, { accounts: [] }, soon()), { name: "Conflict", message: /does not run just now/ });
  });
});
