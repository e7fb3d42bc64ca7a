/** The texts of this folder against real servers: what is written is taken, and what is asked is answered. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { conninfo, pgpass } from "../../src/postgres/conninfo.ts";
import { hbaProblems } from "../../src/postgres/hba.ts";
import { md5 } from "../../src/postgres/digest.ts";
import { lsnDiff } from "../../src/postgres/lsn.ts";
import { md5Verifier, scramVerifier, verifies } from "../../src/postgres/password.ts";
import { settlingArguments, standbySensitive } from "../../src/postgres/settings.ts";
import { advanceSlot, allowRewind, beat, checkpoint, createSlot, dropSlot, ensureDatabase, ensureRole, identifier, literal, promote, promoteProgram, reload } from "../../src/postgres/sql.ts";
import { synchronousStandbyNames } from "../../src/postgres/standby-names.ts";
import { bad, good, strict } from "./hba-lines.ts";
import { eventually, programsHere, superuserPassword, TestServer, type Programs, type Wanted } from "./server.ts";

const found = await programsHere();
if (found.length === 0) console.log("NO SERVER PROGRAMS HERE: install postgresql, or name directories in POSTGRES_BIN_DIRECTORIES");
assert.ok(found.length > 0, "the texts have to be tried on a real server: install the package postgresql");

const replicatorPassword = "repl'i\\cator: x";
const salt = Buffer.from("0123456789abcdef");

async function promoteNow(server: TestServer): Promise<void> {
  const { startedAt } = await server.look();
  const sql = promote(server.traits, { epoch: 1, startedAt });
  if (sql === undefined) await server.program("pg_ctl", ["promote", "-D", server.data]);
  else assert.deepEqual(await server.query(sql), [{ promoted: true }]);
  await eventually(() => server.look(), ({ inRecovery }) => !inRecovery);
}

const verifierOf = ({ traits }: Programs, user: string, password: string): string =>
  traits.passwordEncryption === "md5" ? md5Verifier(user, password) : scramVerifier(password, salt);

for (const programs of found) {
  describe(`PostgreSQL ${programs.traits.version}`, () => {
    const { traits } = programs;
    let primary: TestServer;
    let standby: TestServer;

    const upstream = (): Wanted["upstream"] => ({
      host: "127.0.0.1", port: primary.port, user: "replicator", slot: "orders_1", passfile: standby.passfile,
    });
    const applied = async (server: TestServer, wanted: Wanted): Promise<void> => {
      const { hash } = server.configure(wanted);
      await server.query(reload);
      await eventually(() => server.look(), ({ configHash }) => configHash === hash);
    };

    before(async () => {
      primary = await TestServer.create(programs, "orders-0");
      await primary.initdb();
      standby = await primary.copy("orders-1");
      standby.write(standby.passfile, pgpass([{ host: "*", port: "*", database: "*", user: "replicator", password: replicatorPassword }]));
    });
    after(async () => {
      await Promise.all([primary.remove(), standby.remove()]);
    });

    test("a first start is read-only, and tells what it is", async () => {
      const { files, hash, parametersHash } = primary.configure({});
      await primary.start();
      const seen = await primary.look();
      assert.equal(seen.inRecovery, true);
      assert.equal(seen.timeline, 1);
      assert.match(seen.systemIdentifier ?? "", /^\d{19}$/);
      assert.equal(Math.floor(seen.versionNumber / 100) * 100, traits.number);
      assert.equal(seen.configHash, hash);
      assert.equal(seen.parametersHash, parametersHash);
      assert.equal(seen.recoveryHash, files["recovery.conf"] === undefined ? undefined : md5(files["recovery.conf"]));
      assert.deepEqual(seen.fileProblems, []);
      assert.deepEqual(seen.pendingRestart, []);
      assert.deepEqual(seen.alteredSettings, []);
      assert.equal(seen.roles, undefined);
      assert.equal(seen.receiver, undefined);
      assert.equal(seen.replayPaused, false);
      await eventually(() => primary.look(), ({ replaying }) => replaying === false);
      assert.equal(seen.flushLsn, undefined);
      assert.deepEqual(seen.databases, ["postgres"]);
      assert.equal(seen.settings["max_wal_senders"], "20");
      assert.equal(seen.refused, undefined);
      assert.ok(seen.startedAt <= seen.answeredAt);
    });

    test("in recovery it gives a sign of life without a position", async () => {
      const [row] = await primary.query(beat(traits));
      assert.deepEqual(Object.values(row ?? {}), [null]);
    });

    test("another boot than the one that was looked at is not promoted, nor one that a later decision has configured", async () => {
      const { startedAt, epoch } = await primary.look();
      assert.equal(epoch, 1);
      primary.configure({ epoch: 7 });
      await primary.query(reload);
      await eventually(() => primary.look(), (seen) => seen.epoch === 7);
      for (const boot of [{ epoch: 7, startedAt: startedAt - 1 }, { epoch: 7, startedAt: startedAt + 1 }, { epoch: 6, startedAt }]) {
        const sql = promote(traits, boot);
        if (sql !== undefined) assert.deepEqual(await primary.query(sql), [{ promoted: null }]);
      }
      for (const boot of [{ epoch: 7, startedAt: startedAt - 60_000 }, { epoch: 7, startedAt: startedAt + 60_000 }, { epoch: 6, startedAt }]) {
        assert.equal(await primary.exitCodeOf(promoteProgram(primary.data, boot)), 3);
      }
      assert.equal((await primary.look()).inRecovery, true);
      await applied(primary, {});
    });

    test("promoted, it is on the next timeline and gone from recovery", async () => {
      await promoteNow(primary);
      const seen = await primary.look();
      assert.equal(seen.timeline, 2);
      assert.equal(seen.recoveryHash, undefined);
      assert.equal(existsSync(join(primary.data, traits.recovery)), false);
      assert.ok(lsnDiff(seen.currentLsn ?? "", seen.flushLsn ?? "") >= 0);
      assert.deepEqual(seen.history?.map(({ timeline }) => timeline), [1]);
      assert.ok(lsnDiff(seen.currentLsn ?? "", seen.history[0]?.end ?? "") >= 0);
    });

    test("promoted, it gives a sign of life with its position", async () => {
      const [row] = await primary.query(beat(traits));
      const [position] = Object.values(row ?? {});
      assert.match(String(position), /^[0-9A-F]+\/[0-9A-F]+$/);
    });

    test("the program for versions before 12 promotes as well", async () => {
      const other = await TestServer.create(programs, "other");
      try {
        await other.initdb();
        other.configure({ epoch: 3 });
        await other.start();
        const { startedAt } = await other.look();
        assert.equal(await other.exitCodeOf(promoteProgram(other.data, { epoch: 3, startedAt })), 0);
        await eventually(() => other.look(), ({ inRecovery }) => !inRecovery);
      } finally {
        await other.remove();
      }
    });

    test("roles, databases and slots are made once, however often asked", async () => {
      const role = { name: "replicator", verifier: verifierOf(programs, "replicator", replicatorPassword), attributes: ["LOGIN", "REPLICATION"] } as const;
      const owner = { name: 'o"wner\'s \\', verifier: verifierOf(programs, 'o"wner\'s \\', "pw"), attributes: ["LOGIN"] } as const;
      for (const sql of [ensureRole(role), ensureRole(role), ensureRole(owner), ensureDatabase({ name: 'a"pp', owner: owner.name })]) await primary.query(sql);
      await assert.rejects(primary.query(ensureDatabase({ name: 'a"pp', owner: owner.name })), { code: "42P04" });
      for (const sql of [createSlot(traits, "orders_1"), createSlot(traits, "orders_1")]) await primary.query(sql ?? "");
      const seen = await primary.look(["replicator", owner.name, "nobody"]);
      assert.deepEqual(seen.roles?.map(({ name, canLogin, replication, superuser }) => ({ name, canLogin, replication, superuser })), [
        { name: owner.name, canLogin: true, replication: false, superuser: false },
        { name: "replicator", canLogin: true, replication: true, superuser: false },
      ]);
      assert.ok(verifies(seen.roles?.[1]?.verifier ?? "", "replicator", replicatorPassword));
      assert.deepEqual(seen.databases, ['a"pp', "postgres"]);
      assert.deepEqual(seen.slots.map(({ name, active }) => ({ name, active })), [{ name: "orders_1", active: false }]);
      assert.ok((seen.slots[0]?.retainedBytes ?? -1) >= 0);
      const client = await primary.connect({ user: owner.name, password: "pw", database: 'a"pp' });
      assert.deepEqual((await client.query<{ user: string }>('SELECT current_user AS "user"')).rows, [{ user: owner.name }]);
    });

    test("the verifier that the server itself makes is recognised", async () => {
      await primary.query(`CREATE ROLE made LOGIN PASSWORD ${literal("s3cret")}`);
      const seen = await primary.look(["made"]);
      assert.ok(verifies(seen.roles?.[0]?.verifier ?? "", "made", "s3cret"));
      assert.equal(verifies(seen.roles?.[0]?.verifier ?? "", "made", "s3cret "), false);
    });

    test("a standby streams by its slot, and both sides tell it", async () => {
      await primary.stop();
      await standby.remove();
      standby = await primary.copy("orders-1");
      standby.write(standby.passfile, pgpass([{ host: "127.0.0.1", port: primary.port, database: "replication", user: "replicator", password: replicatorPassword }]));
      primary.configure({});
      await primary.start();
      await promoteNow(primary);
      standby.configure({ upstream: upstream() });
      await standby.start();
      const seen = await eventually(() => primary.look(), ({ senders }) => senders[0]?.state === "streaming" && senders[0].replayLsn !== undefined);
      assert.equal(seen.senders[0]?.applicationName, "orders-1");
      assert.equal(seen.senders[0].clientAddress, "127.0.0.1");
      assert.equal(seen.senders[0].syncState, "async");
      assert.equal(seen.senders[0].replyAgeMs === undefined, !traits.replyTime);
      const here = await eventually(() => standby.look(), ({ receiver, timeline }) => receiver?.status === "streaming" && timeline === seen.timeline);
      assert.equal(seen.timeline, 3);
      assert.equal(here.systemIdentifier, seen.systemIdentifier);
      assert.equal(here.receiver?.senderHost, "127.0.0.1");
      assert.equal(here.receiver?.senderPort, primary.port);
      assert.equal(here.receiver?.slotName, "orders_1");
      assert.equal(here.roles, undefined);
      assert.equal((await primary.look()).slots[0]?.active, true);
    });

    test("synchronous names are taken from a reload, and the standby is counted", async () => {
      const mode = traits.syncNames === "quorum" ? "Quorum" : "Priority";
      await applied(primary, { synchronousStandbyNames: synchronousStandbyNames({ mode, names: ["orders-1", 'or"ders-2'], count: 1, traits }) });
      const seen = await eventually(() => primary.look(), ({ senders }) => senders[0]?.syncState !== "async");
      assert.equal(seen.senders[0]?.syncState, mode === "Quorum" ? "quorum" : "sync");
      await primary.query("CREATE TABLE seen_by_both AS SELECT 1 AS number");
      await eventually(() => standby.query("SELECT number FROM seen_by_both"), (rows) => rows.length === 1);
      await primary.query(checkpoint);
    });

    test("a slot that nobody uses is moved forward, never back, and one that is in use not at all", { skip: traits.advancesSlots ? false : "before 11 no function moves a slot" }, async () => {
      for (const name of ["kept_1", "kept_2"]) await standby.query(createSlot(traits, name) ?? "");
      const { slots, replayedLsn = "" } = await standby.look();
      const from = slots.find(({ name }) => name === "kept_1")?.restartLsn ?? "";
      await primary.query("CREATE TABLE written_for_slots AS SELECT generate_series(1, 1000) AS number");
      await primary.query(checkpoint);
      const later = await eventually(() => standby.look(), (seen) => lsnDiff(seen.replayedLsn ?? "0/0", replayedLsn) > 0);
      const to = later.replayedLsn ?? "";
      const positions = async (): Promise<readonly (string | undefined)[]> => {
        const seen = await standby.look();
        return ["kept_1", "kept_2"].map((slot) => seen.slots.find(({ name }) => name === slot)?.restartLsn);
      };
      await standby.query(advanceSlot(traits, "kept_1", to) ?? "");
      assert.deepEqual(await positions(), [to, from]);
      await standby.query(advanceSlot(traits, "kept_1", from) ?? "");
      await standby.query(advanceSlot(traits, "nobody's", to) ?? "");
      assert.deepEqual(await positions(), [to, from]);
      await primary.query(advanceSlot(traits, "orders_1", to) ?? "");
      for (const name of ["kept_1", "kept_2"]) await standby.query(dropSlot(name));
    });

    test("the replication role may read what a rewind reads, and no other role may", { skip: traits.rewindsWithoutSuperuser ? false : "before 11 a rewind takes a superuser" }, async () => {
      for (const sql of [...allowRewind(traits, "replicator"), ...allowRewind(traits, "replicator")]) await primary.query(sql);
      const reads = ["SELECT pg_ls_dir('.', true, false)", "SELECT pg_stat_file('PG_VERSION', true)", "SELECT pg_read_binary_file('PG_VERSION')", "SELECT pg_read_binary_file('PG_VERSION', 0, 1, true)"];
      const allowed = await primary.connect({ user: "replicator", password: replicatorPassword });
      for (const sql of reads) await allowed.query(sql);
      const other = await primary.connect({ user: 'o"wner\'s \\', password: "pw" });
      for (const sql of reads) await assert.rejects(other.query(sql), { code: "42501" });
    });

    test("what a reload can't take is told apart from what waits for a restart", async () => {
      await applied(primary, { parameters: { work_mem: "lots", max_connections: "90" }, hba: ["host all all 10.0.0.0/33 md5"] });
      const seen = await eventually(() => primary.look(), ({ pendingRestart }) => pendingRestart.length > 0);
      assert.deepEqual(seen.pendingRestart, ["max_connections"]);
      assert.deepEqual(seen.fileProblems.filter(({ file }) => file === "postgresql.conf").map(({ name }) => name), ["work_mem"]);
      assert.equal(seen.fileProblems.some(({ file }) => file === "pg_hba.conf"), traits.hbaView);
      assert.equal(seen.settings["max_connections"], "100");
      await applied(primary, {});
      assert.deepEqual((await primary.look()).fileProblems, []);
    });

    test("the server judges lines of pg_hba.conf as we do", { skip: traits.hbaView ? false : "before 10 no view shows what a server makes of the file" }, async () => {
      // What a build leaves out (GSSAPI, LDAP) is no matter of reading; a line for TLS is told to match nothing without it.
      const told = [...good.filter((line) => !/gss|ldap|^hostssl/.test(line)), ...bad.filter(([line, , version]) => version === undefined && !strict.has(line)).map(([line]) => line)];
      const path = join(primary.data, "pg_hba.conf");
      const kept = readFileSync(path, "utf8");
      primary.write(path, told.join("\n"));
      const { fileProblems } = await primary.look();
      primary.write(path, kept);
      const refused = new Set(fileProblems.map(({ line }) => line));
      assert.deepEqual(told.filter((_, at) => refused.has(at + 1)), told.filter((line) => hbaProblems([line]).length > 0));
    });

    test("ALTER SYSTEM is seen, where it is possible", async () => {
      if (traits.allowAlterSystem) {
        await assert.rejects(primary.query("ALTER SYSTEM SET work_mem = '5MB'"), /ALTER SYSTEM is not allowed/);
        return;
      }
      await primary.query("ALTER SYSTEM SET work_mem = '5MB'");
      await primary.query(reload);
      await eventually(() => primary.look(), ({ alteredSettings }) => alteredSettings.includes("work_mem"));
      await applied(primary, { parameters: { work_mem: "6MB" } }); // writes postgresql.auto.conf as well
      assert.deepEqual((await primary.look()).alteredSettings, []);
      assert.deepEqual(await primary.query("SHOW work_mem"), [{ work_mem: "6MB" }]);
    });

    test("files of the data directory are read, valid text or not", async () => {
      primary.write(join(primary.data, "pgrs", "refused"), "größer\n");
      primary.write(join(primary.data, "pgrs", "good"), Buffer.from([0x61, 0xff]));
      const seen = await primary.look();
      assert.equal(seen.refused, "größer\n");
      assert.equal(seen.good, "a\ufffd");
    });

    test("literals, names and settings come back as they went in", async () => {
      for (const text of ["", "it's", "back\\slash", "\\'", "E'x'", "$$", "line\nbreak\ttab", "größe", '"']) {
        assert.deepEqual(await primary.query(`SELECT ${literal(text)}::text AS ${identifier(`n${text}`.replaceAll("\0", ""))}`), [{ [`n${text}`]: text }]);
      }
      const search = "it's \\ a\n\tsetting größe";
      await applied(primary, { parameters: { "my.setting": search } });
      assert.deepEqual(await primary.query("SELECT current_setting('my.setting') AS value"), [{ value: search }]);
    });

    test("a slot is dropped when its standby is gone, and not before", async () => {
      await applied(primary, {});
      await assert.rejects(primary.query(dropSlot("orders_1")), /is active/);
      await standby.stop();
      await eventually(() => primary.look(), ({ slots }) => slots[0]?.active === false);
      for (const sql of [dropSlot("orders_1"), dropSlot("orders_1")]) await primary.query(sql);
      assert.deepEqual((await primary.look()).slots, []);
    });

    test("settings lower than initdb's survive the first start, when the data was settled with them", async () => {
      const parameters = { max_connections: "50", max_worker_processes: "4", max_wal_senders: "5", max_locks_per_transaction: "32" };
      const fresh = await TestServer.create(programs, "fresh");
      try {
        await fresh.initdb();
        await fresh.single("", settlingArguments(traits, parameters));
        fresh.configure({ parameters });
        await fresh.start();
        const seen = await fresh.look();
        assert.equal(seen.inRecovery, true);
        for (const name of standbySensitive) assert.equal(seen.settings[name], { ...parameters, max_prepared_transactions: "0" }[name], name);
      } finally {
        await fresh.remove();
      }
    });

    test("its libpq takes our connection strings", async (context) => {
      if (!existsSync(join(programs.directory, "psql"))) return context.diagnostic("this build has no psql; the walreceiver above has read one");
      const target = conninfo({ host: "127.0.0.1", port: primary.port, user: "postgres", password: superuserPassword, applicationName: "it's \\ me", connectTimeoutSeconds: 5, extra: { dbname: "postgres" } });
      assert.equal(await primary.program("psql", ["-Atc", "SELECT current_setting('application_name')", target]), "it's \\ me\n");
    });

    test("a configuration is complete: the file says what the server shows", async () => {
      const text = readFileSync(join(primary.data, "postgresql.conf"), "utf8");
      for (const [, name = "", value = ""] of text.matchAll(/^(\w+) = '(.*)'$/gm)) {
        if (["data_directory", "port", "listen_addresses", "unix_socket_directories"].includes(name)) continue;
        const [row] = await primary.query(`SELECT current_setting('${name}') AS value`);
        assert.equal(row?.["value"], name === "archive_command" ? "(disabled)" : value, name);
      }
    });
  });
}
