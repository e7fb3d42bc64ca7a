/** The jobs by which a former primary comes back, run as they are against real servers. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { desire, type Desired } from "../../src/plan/desired.ts";
import { endOfWalIn, recopyJob, rewindJob } from "../../src/plan/jobs.ts";
import { pgpass } from "../../src/postgres/conninfo.ts";
import { parseControl } from "../../src/postgres/control.ts";
import { lsnDiff } from "../../src/postgres/lsn.ts";
import { md5Verifier, scramVerifier } from "../../src/postgres/password.ts";
import { allowRewind, checkpoint, createSlot, ensureRole, promote } from "../../src/postgres/sql.ts";
import { parse } from "../../src/api/resource.ts";
import { object, owner } from "../builders.ts";
import { eventually, programsHere, TestServer, type Programs, type Wanted } from "./server.ts";

const found = (await programsHere()).filter(({ traits, directory }) => traits.rewindsWithoutSuperuser && existsSync(join(directory, "pg_rewind")));
assert.ok(found.length > 0, "the jobs have to be tried on real servers of 11 or newer: install the package postgresql");

const password = "repl's";
const login = { username: "replicator", password };

const verifierOf = ({ traits }: Programs): string => traits.passwordEncryption === "md5" ? md5Verifier(login.username, password) : scramVerifier(password, Buffer.from("0123456789abcdef"));

/** The resource as it would want the data of a test's server. */
const wantOf = (server: TestServer): Desired => ({
  ...desire(parse(object({ spec: { postgres: { version: server.traits.version } } })), owner), mount: server.directory, dataDirectory: server.data,
});

for (const programs of found) {
  describe(`a former primary of PostgreSQL ${programs.traits.version}`, () => {
    const { traits } = programs;
    let first: TestServer;
    let second: TestServer;

    const upstreamTo = (server: TestServer, slot: string): Wanted["upstream"] => ({ host: "127.0.0.1", port: server.port, user: login.username, slot, passfile: join(first.directory, "shared-passfile") });
    const promoteNow = async (server: TestServer): Promise<void> => {
      const { startedAt } = await server.look();
      const sql = promote(traits, { epoch: 1, startedAt });
      if (sql === undefined) await server.program("pg_ctl", ["promote", "-D", server.data]);
      else await server.query(sql);
      await eventually(() => server.look(), ({ inRecovery }) => !inRecovery);
    };
    /** Runs a job in the first member's directory, as its container would. */
    const run = (job: ReturnType<typeof rewindJob>): Promise<number> => {
      for (const { path, text } of job.files) first.write(join(job.directory, path), text);
      const connection = (job.container.environment["CONNECTION"] ?? "").replace("port=5432", `port=${second.port}`);
      return first.exitCodeOf(job.container.command, { ...job.container.environment, CONNECTION: connection });
    };
    const inputOf = () => ({ want: wantOf(first), ordinal: 0, image: { id: "image", name: "image" }, attempt: 1, because: "a test", at: 0 });
    const from = { host: "127.0.0.1" };
    const controlOf = (server: TestServer) => parseControl(readFileSync(join(server.data, "global", "pg_control")));
    const streams = async (): Promise<void> => {
      first.configure({ upstream: upstreamTo(second, "pgrs_0") });
      await first.start();
      await eventually(() => second.look(), ({ senders }) => senders.some(({ applicationName, state }) => applicationName === "demo-0" && state === "streaming"));
    };

    before(async () => {
      first = await TestServer.create(programs, "demo-0");
      await first.initdb();
      first.write(join(first.directory, "shared-passfile"), pgpass([{ host: "*", port: "*", database: "*", user: login.username, password }]));
      first.configure({});
      await first.start();
      await promoteNow(first);
      await first.query(ensureRole({ name: login.username, verifier: verifierOf(programs), attributes: ["LOGIN", "REPLICATION"] }));
      for (const sql of allowRewind(traits, login.username)) await first.query(sql);
      await first.query(checkpoint);
      await first.stop();
      second = await first.copy("demo-1");
      first.configure({});
      await first.start();
      await promoteNow(first);
      await first.query(createSlot(traits, "pgrs_1") ?? "");
      second.configure({ upstream: upstreamTo(first, "pgrs_1") });
      await second.start();
      await first.query("CREATE TABLE kept AS SELECT 1 AS number");
      await eventually(() => second.query("SELECT number FROM kept"), (rows) => rows.length === 1);
      // From here on they write apart: what the first one adds is lost.
      await second.stop();
      await first.query("CREATE TABLE lost AS SELECT generate_series(1, 1000) AS number");
      await first.crash();
      second.configure({});
      await second.start();
      await promoteNow(second);
      await second.query(createSlot(traits, "pgrs_0") ?? "");
      await second.query("CREATE TABLE gained AS SELECT 2 AS number");
      await second.query(checkpoint);
    });
    after(async () => { await Promise.all([first.remove(), second.remove()]); });

    test("looks like one that crashed as a primary", () => assert.equal(controlOf(first)?.state, "inProduction"));

    test("is rewound by the replication role, and tells where its WAL ended", async () => {
      const { timeline, history } = await second.look();
      first.log = "";
      assert.equal(await run(rewindJob(inputOf(), { ...from, timeline }, login)), 0, first.log);
      assert.equal(existsSync(join(first.directory, "rewinding")), false);
      assert.equal(existsSync(join(first.data, "backup_label")), true, "it is known as a copy that was never started");
      const end = endOfWalIn(first.log.split("\n"));
      assert.ok(lsnDiff(end ?? "0/0", history?.at(-1)?.end ?? "0/0") > 0, "what lies behind the branch was lost");
    });

    test("streams again after its rewind, with what was kept and gained, and without what was lost", async () => {
      await streams();
      const tables = await eventually(() => first.query("SELECT relname FROM pg_class WHERE relname IN ('kept', 'lost', 'gained') ORDER BY 1"), (rows) => rows.length === 2);
      assert.deepEqual(tables.map(({ relname }) => relname), ["gained", "kept"]);
    });

    test("is not rewound where its timeline has the number of the primary's", async () => {
      await first.stop();
      const { timeline } = controlOf(first) ?? {};
      first.log = "";
      const ending = await run(rewindJob(inputOf(), { ...from, timeline }, login));
      assert.equal(ending, 78);
      assert.match(first.log, /began it elsewhere/);
      assert.equal(existsSync(join(first.directory, "rewinding")), true, "what was begun is known to be half-done");
    });

    test("is copied anew beside its data, which stays, and streams", async () => {
      first.log = "";
      assert.equal(await run(recopyJob(inputOf(), from, login)), 0, first.log);
      assert.equal(existsSync(join(first.directory, "pgdata.old", "PG_VERSION")), true);
      assert.equal(existsSync(join(first.directory, "rewinding")), false);
      assert.equal(existsSync(join(first.data, "backup_label")), true);
      await streams();
      assert.equal((await first.look()).keepsOld, true);
    });

    test("keeps its data when a copy fails", async () => {
      await first.stop();
      await second.stop();
      assert.notEqual(await run(recopyJob(inputOf(), from, login)), 0);
      assert.equal(existsSync(join(first.data, "PG_VERSION")), true);
      assert.equal(existsSync(join(first.directory, "pgdata.new")), false, "half a copy would keep a full disk full");
    });
  });
}
