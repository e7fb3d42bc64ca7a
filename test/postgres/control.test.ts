/** Control files: those that real servers leave behind, and the layouts of versions that are not here. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parseControl, type ControlFacts } from "../../src/postgres/control.ts";
import { promote } from "../../src/postgres/sql.ts";
import { eventually, programsHere, TestServer } from "./server.ts";

const found = await programsHere();
assert.ok(found.length > 0, "control files have to be read that a real server wrote: install the package postgresql");

const controlOf = (server: TestServer): ControlFacts | undefined => parseControl(readFileSync(join(server.data, "global", "pg_control")));

/** The same from the server's own program. */
const toldBy = async (server: TestServer): Promise<Readonly<Record<string, string>>> => Object.fromEntries(
  (await server.program("pg_controldata", ["-D", server.data])).split("\n").map((line) => [line.replace(/:.*/, ""), line.replace(/^[^:]*:\s*/, "")]));

const agrees = async (server: TestServer): Promise<ControlFacts | undefined> => {
  const facts = controlOf(server);
  const told = await toldBy(server);
  assert.deepEqual([facts?.systemIdentifier, facts?.checkpoint, String(facts?.timeline)],
    [told["Database system identifier"], told["Latest checkpoint location"], told["Latest checkpoint's TimeLineID"]]);
  assert.equal(facts?.major, server.traits.major);
  return facts;
};

for (const programs of found) {
  describe(`a control file of PostgreSQL ${programs.traits.version}`, () => {
    let server: TestServer;
    before(async () => {
      server = await TestServer.create(programs, "orders-0");
      await server.initdb();
    });
    after(async () => { await server.remove(); });

    const started = async (): Promise<void> => {
      server.configure({});
      await server.start();
    };
    const promoted = async (): Promise<void> => {
      await started();
      const { startedAt } = await server.look();
      const sql = promote(programs.traits, { epoch: 1, startedAt });
      if (sql === undefined) await server.program("pg_ctl", ["promote", "-D", server.data]);
      else await server.query(sql);
      await eventually(() => server.look(), ({ inRecovery }) => !inRecovery);
    };

    test("made by initdb", async () => {
      const facts = await agrees(server);
      assert.deepEqual([facts?.state, facts?.timeline], ["shutDown", 1]);
    });

    test("of a standby that runs, and that was killed", async () => {
      await started();
      assert.equal((await agrees(server))?.state, "inRecovery");
      await server.crash();
      assert.equal((await agrees(server))?.state, "inRecovery");
    });

    test("of a standby that stopped cleanly", async () => {
      await started();
      await server.stop();
      assert.equal((await agrees(server))?.state, "shutDownInRecovery");
    });

    test("of a primary that runs, and that was killed", async () => {
      await promoted();
      assert.equal((await agrees(server))?.state, "inProduction");
      await server.query("CHECKPOINT");
      await server.crash();
      const facts = await agrees(server);
      assert.deepEqual([facts?.state, facts?.timeline], ["inProduction", 2]);
    });

    test("of a primary that stopped cleanly: its last record begins at its last checkpoint", async () => {
      await promoted();
      const { currentLsn } = await server.look();
      await server.stop();
      const facts = await agrees(server);
      assert.deepEqual([facts?.state, facts?.timeline], ["shutDown", 3]);
      assert.ok((facts?.checkpoint ?? "") >= (currentLsn ?? ""));
    });
  });
}

/** pg_control's first fields; until 10 the position of the checkpoint before the last stood in between. */
function written(version: number, state: number, catalog = 0): Uint8Array {
  const file = Buffer.alloc(8192);
  const copyAt = version >= 1100 ? 40 : 48;
  file.writeBigUInt64LE(7458123456789012345n, 0);
  file.writeUInt32LE(version, 8);
  file.writeUInt32LE(catalog, 12);
  file.writeUInt32LE(state, 16);
  file.writeBigUInt64LE(0x16_B374_D848n, 32);
  if (version < 1100) file.writeBigUInt64LE(0xFFn, 40);
  file.writeBigUInt64LE(0x16_B374_D800n, copyAt);
  file.writeUInt32LE(5, copyAt + 8);
  return file;
}

for (const [release, version, catalog] of [["9.3", 937, 201306121], ["9.4", 942, 201409291], ["9.6", 960, 201608131], ["10", 1002, 201707211], ["11", 1100, 201809051], ["12", 1201, 201909212], ["13", 1300, 202007201], ["17", 1700, 202406281], ["18", 1800, 202506291]] as const) {
  test(`the layout of ${release}`, () => {
    assert.deepEqual(parseControl(written(version, 6, catalog)), { systemIdentifier: "7458123456789012345", major: release, state: "inProduction", timeline: 5, checkpoint: "16/B374D848" });
  });
}

for (const [state, name] of [[0, "other"], [1, "shutDown"], [2, "shutDownInRecovery"], [3, "other"], [4, "other"], [5, "inRecovery"], [6, "inProduction"], [99, "other"]] as const) {
  test(`the state ${state}`, () => { assert.equal(parseControl(written(1300, state))?.state, name); });
}

test("a version that is not known yet has no name", () => assert.equal(parseControl(written(1900, 6, 202701011))?.major, undefined));

test("too few bytes are no control file", () => {
  assert.equal(parseControl(new Uint8Array()), undefined);
  assert.equal(parseControl(written(1300, 6).slice(0, 63)), undefined);
});

test("bytes anywhere in a larger buffer are read from where they begin", () => {
  const padded = new Uint8Array([1, 2, 3, ...written(1300, 1)]);
  assert.equal(parseControl(padded.subarray(3))?.state, "shutDown");
});
