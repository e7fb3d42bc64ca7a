/** The question per version, and the reading of the answer. That servers answer it is tried in server.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { lookSql, parseLook } from "../../src/postgres/look.ts";
import { supportedVersions, traitsOf } from "../../src/postgres/versions.ts";

// Each row: a word that only versions from the first on, and before the last, may be asked with.
const words: readonly { word: RegExp; since?: number; until?: number }[] = [
  { word: /pg_current_wal_lsn\(\)|pg_last_wal_replay_lsn|sent_lsn/, since: 10 },
  { word: /xlog|sent_location/, until: 10 },
  { word: /pg_current_(xlog|wal)_flush/, since: 9.6 },
  { word: /pg_control_system|pg_control_recovery|pg_stat_wal_receiver|'pgrs.config_hash', true/, since: 9.6 },
  { word: /pg_replication_slots|pg_stat_archiver/, since: 9.4 },
  { word: /pg_file_settings/, since: 9.5 },
  { word: /'pgrs\/good', 0, 65536, true/, since: 9.5 },
  { word: /pg_ls_dir\('pgrs'\)/, until: 9.5 },
  { word: /pg_hba_file_rules/, since: 10 },
  { word: /, sender_host AS/, since: 11 },
  { word: /substring\(conninfo/, since: 9.6, until: 11 },
  { word: /reply_time\)/, since: 12 },
  { word: /\.history'/, since: 9.6 },
  { word: /'pgrs\.epoch', true/, since: 9.6 },
  { word: /'pgrs\/old'/ },
  { word: /recovery\.conf/, until: 12 },
  { word: /flushed_lsn/, since: 13 },
  { word: /, wal_status FROM/, since: 13 },
];
for (const { word, since = 0, until = Infinity } of words) {
  test(`${word.source} is asked from ${since || "the first version"} until ${until}`, () => {
    for (const version of supportedVersions) {
      assert.equal(word.test(lookSql(traitsOf(version))), Number(version) >= since && Number(version) < until, version);
    }
  });
}

test("it is one statement, with its parentheses and quotes closed", () => {
  for (const version of supportedVersions) {
    const sql = lookSql(traitsOf(version), { roles: ["replicator"] });
    assert.equal(sql.includes(";"), false, version);
    assert.equal(sql.split("'").length % 2, 1, version);
    const bare = sql.replaceAll(/'[^']*'/g, "''");
    assert.equal(bare.split("(").length, bare.split(")").length, version);
    assert.equal(bare.split(/\bCASE\b/).length, bare.split(/\bEND\b/).length, version);
  }
});

test("verifiers are asked for on a primary only, by quoted names", () => {
  assert.match(lookSql(traitsOf("17"), { roles: ["o'app", "b"] }), /CASE WHEN NOT standby THEN \(.*rolname IN \('o''app', 'b'\)/);
  assert.doesNotMatch(lookSql(traitsOf("17")), /pg_authid/);
});

const least = { in_recovery: true, version_number: 90300, started_at: 1, answered_at: 2, loaded_at: 1 };

test("an answer of the oldest version holds what it can tell, and nothing else", () => {
  const seen = parseLook({ ...least, settings: [{ name: "archive_mode", setting: "off", pending_restart: false, altered: false }] });
  assert.deepEqual(JSON.parse(JSON.stringify(seen)), {
    inRecovery: true, versionNumber: 90300, startedAt: 1, answeredAt: 2, loadedAt: 1, keepsOld: false, pendingRestart: [], alteredSettings: [], fileProblems: [],
    settings: { archive_mode: "off" }, senders: [], slots: [], databases: [],
  });
});

const full = {
  ...least, in_recovery: false, system_identifier: "7458", timeline: 3, flush_lsn: "0/2", current_lsn: "0/3", received_lsn: null, replay_paused: null,
  config_hash: "c", parameters_hash: "p", recovery_hash: "m", refused: "c3a4", good: "61ff",
  epoch: "7", history: Buffer.from("1\t0/1500000\tno recovery target specified\n\n2\t0/2A000F8\tno recovery target specified\n").toString("hex"), keeps_old: "",
  settings: [
    { name: "max_connections", setting: "100", pending_restart: true, altered: false },
    { name: "work_mem", setting: "4096", pending_restart: false, altered: true },
    { name: "data_checksums", setting: null, pending_restart: false, altered: false },
  ],
  file_errors: [{ line: 3, name: "max_connections", error: "setting could not be applied" }, { line: 4, name: "work_mem", error: "bad" }, { line: 9, name: null, error: "syntax error" }],
  hba_errors: [{ line: 2, error: "invalid" }],
  senders: [{ application_name: "orders-1", client_address: "10.10.0.2", state: "streaming", sync_state: "quorum", sent: "0/3", written: "0/3", flushed: "0/2", replayed: "0/1", reply_age_ms: 12 },
    { application_name: "pg_basebackup", client_address: null, state: "backup", sync_state: "async", sent: null, written: null, flushed: null, replayed: null, reply_age_ms: null }],
  receiver: [{ status: "streaming", sender_host: "10.10.0.1", sender_port: 5432, slot_name: "s", received: "0/3", timeline: 3, message_age_ms: 7 }],
  slots: [{ name: "orders_1", active: true, restart_lsn: "0/1", retained_bytes: 2, wal_status: "reserved" }],
  roles_asked: true, roles: [{ name: "app", verifier: null, can_login: true, superuser: false, replication: false }],
  databases: [{ name: "app" }, { name: "postgres" }],
  archiver: [{ archived_count: 5, last_archived_wal: "w", last_archived_at: 9, failed_count: 0, last_failed_wal: null, last_failed_at: null }],
};

test("a full answer is read", () => {
  const seen = parseLook(full);
  assert.equal(seen.systemIdentifier, "7458");
  assert.equal(seen.timeline, 3);
  assert.equal(seen.receivedLsn, undefined);
  assert.deepEqual([seen.configHash, seen.parametersHash, seen.recoveryHash, seen.refused, seen.good], ["c", "p", "m", "ä", "a\ufffd"]);
  assert.deepEqual([seen.epoch, seen.keepsOld, seen.history], [7, true, [{ timeline: 1, end: "0/1500000" }, { timeline: 2, end: "0/2A000F8" }]]);
  assert.deepEqual(seen.pendingRestart, ["max_connections"]);
  assert.deepEqual(seen.alteredSettings, ["work_mem"]);
  assert.deepEqual(seen.settings, { max_connections: "100", work_mem: "4096", data_checksums: "" });
  assert.deepEqual(seen.fileProblems, [
    { file: "postgresql.conf", line: 4, name: "work_mem", error: "bad" },
    { file: "postgresql.conf", line: 9, name: undefined, error: "syntax error" },
    { file: "pg_hba.conf", line: 2, error: "invalid" },
  ]);
  assert.deepEqual(seen.senders[0], { applicationName: "orders-1", clientAddress: "10.10.0.2", state: "streaming", syncState: "quorum", sentLsn: "0/3", writeLsn: "0/3", flushLsn: "0/2", replayLsn: "0/1", replyAgeMs: 12 });
  assert.equal(seen.senders[1]?.clientAddress, undefined);
  assert.deepEqual(seen.receiver, { status: "streaming", senderHost: "10.10.0.1", senderPort: 5432, slotName: "s", receivedLsn: "0/3", receivedTimeline: 3, messageAgeMs: 7 });
  assert.deepEqual(seen.slots, [{ name: "orders_1", active: true, restartLsn: "0/1", retainedBytes: 2, walStatus: "reserved" }]);
  assert.deepEqual(seen.roles, [{ name: "app", verifier: undefined, canLogin: true, superuser: false, replication: false }]);
  assert.deepEqual(seen.databases, ["app", "postgres"]);
  assert.deepEqual(seen.archiver, { archivedCount: 5, lastArchivedWal: "w", lastArchivedAt: 9, failedCount: 0, lastFailedWal: undefined, lastFailedAt: undefined });
});

test("a standby says whether it has yet to replay what its disk holds, and older versions cannot tell", () => {
  assert.equal(parseLook({ ...least, replaying: true }).replaying, true);
  assert.equal(parseLook({ ...least, replaying: null }).replaying, undefined);
  assert.match(lookSql(traitsOf("9.6")), /NULL::boolean AS replaying/);
});

test("no roles found is an empty list on a primary, and unknown on a standby", () => {
  assert.deepEqual(parseLook({ ...least, roles_asked: true, roles: null }).roles, []);
  assert.equal(parseLook({ ...least, roles_asked: false, roles: null }).roles, undefined);
});

const wrong: readonly (readonly [string, unknown, RegExp])[] = [
  ["nothing", undefined, /look, but nothing/], ["null", null, /look/], ["text", "{}", /look/], ["a list", [], /look/], ["an empty object", {}, /in_recovery/],
  ["a text for a flag", { ...least, in_recovery: "t" }, /truth value in_recovery, but "t"/], ["no version", { ...least, version_number: null }, /version_number/],
  ["a number for a text", { ...least, config_hash: 5 }, /text config_hash, but 5/], ["a text for a number", { ...least, timeline: "3" }, /number timeline/],
  ["an object for a list", { ...least, slots: {} }, /list slots/], ["a list of texts", { ...least, slots: ["x"] }, /list slots/], ["a sender without its name", { ...least, senders: [{}] }, /application_name/],
  ["no time of the last loading", { ...least, loaded_at: null }, /loaded_at/], ["a number for a file", { ...least, history: 5 }, /text history/],
  ["a slot without its state", { ...least, slots: [{ name: "x" }] }, /active/], ["a receiver without status", { ...least, receiver: [{}] }, /status/],
];
for (const [what, json, message] of wrong) {
  test(`${what} is no answer`, () => { assert.throws(() => parseLook(json), { name: "TypeError", message }); });
}

test("a complaint is bounded and any JSON is either read or refused", () => {
  assert.throws(() => parseLook({ ...least, config_hash: ["x".repeat(10_000)] }), (error: Error) => error.message.length <= 300);
  fc.assert(fc.property(fc.jsonValue(), (json) => {
    try { parseLook(json); } catch (error) { return error instanceof TypeError; }
    return true;
  }));
});
