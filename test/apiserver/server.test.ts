import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startControlPlane } from "../../src/apiserver/server.ts";
import { openJournal } from "../../src/apiserver/journal.ts";
import { openStore } from "../../src/apiserver/store.ts";
import { withControlPlane } from "./harness.ts";

const log = { info: () => undefined, debug: () => undefined };
const now = () => Date.now();

const inDirectory = async (use: (directory: string) => Promise<void>) => {
  const directory = mkdtempSync(join(tmpdir(), "control-plane-"));
  try { await use(directory); } finally { rmSync(directory, { recursive: true, force: true }); }
};

/** The stopped control plane's database, changed by hand. */
const changed = (directory: string, statements: string): void => {
  const database = new DatabaseSync(join(directory, "control-plane.db"));
  database.exec(statements);
  database.close();
};

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

test("kubectl works at once with what the start wrote, and nobody else can read it", () => withControlPlane(async ({ kubectl, directory, kubeconfig }) => {
  const version = await kubectl(["version"]);
  assert.equal(version.code, 0, version.stderr);
  assert.match(version.stdout, /Server Version: v1\.\d+/);
  const namespaces = await kubectl(["get", "namespaces", "-o", "name"]);
  assert.deepEqual(namespaces.stdout.trim().split("\n"), ["namespace/default", "namespace/kube-public", "namespace/kube-system"]);
  assert.equal(modeOf(directory), "700");
  for (const file of [kubeconfig, join(directory, "identity.json"), join(directory, "admin-token"), join(directory, "control-plane.db")]) assert.equal(modeOf(file), "600", file);
}));

test("the same authority, objects and versions are there after a restart", () => withControlPlane(async ({ kubectl, send, restart, kubeconfig }) => {
  const before = readFileSync(kubeconfig, "utf8");
  const created = await send("POST", "/api/v1/namespaces/default/configmaps", { body: { metadata: { name: "kept" }, data: { a: "1" } } });
  assert.equal(created.code, 201);
  await restart();
  assert.equal(readFileSync(kubeconfig, "utf8"), before);
  const kept = await send("GET", "/api/v1/namespaces/default/configmaps/kept");
  assert.deepEqual(kept.body, created.body);
  assert.equal((await kubectl(["get", "cm", "kept"])).code, 0);
  const list = await send("GET", "/api/v1/namespaces/default/configmaps");
  assert.ok(Number(list.body.metadata.resourceVersion) >= Number(created.body.metadata.resourceVersion));
}));

test("a busy port is refused in one sentence, and leaves the directory free", () => inDirectory(async (directory) => {
  const taken = createServer();
  await new Promise<void>((resolve) => { taken.listen(0, "127.0.0.1", resolve); });
  const { port } = taken.address() as { port: number };
  await assert.rejects(startControlPlane({ directory, port, log, now }), { message: `port ${port} on 127.0.0.1 is in use by another program: choose another port` });
  await new Promise((resolve) => { taken.close(resolve); });
  const plane = await startControlPlane({ directory, port, log, now });
  await plane.stop();
}));

test("an address that this machine lacks is refused in one sentence", () => inDirectory(async (directory) => {
  await assert.rejects(startControlPlane({ directory, port: 0, host: "192.0.2.1", log, now }), /^Error: this machine has no address 192\.0\.2\.1 to listen on$/);
}));

test("a directory serves one control plane at a time", () => withControlPlane(async ({ directory }) => {
  await assert.rejects(startControlPlane({ directory, port: 0, log, now }), /control-plane\.db is in use: another control plane runs on this directory/);
}));

test("damaged files are named, and not replaced", () => inDirectory(async (directory) => {
  await (await startControlPlane({ directory, port: 0, log, now })).stop();
  const identity = join(directory, "identity.json");
  const database = join(directory, "control-plane.db");
  const good = { identity: readFileSync(identity), database: readFileSync(database) };
  const rows: readonly (readonly [string, string | Buffer, RegExp])[] = [
    [identity, "{", /identity\.json is damaged/],
    [identity, '{"authority": "x"}', /identity\.json is damaged \(authorityKey is missing\)/],
    [database, "this is no database at all, and longer than a header of one hundred bytes, so that SQLite reads it as one", /control-plane\.db is damaged/],
    [database, Buffer.concat([good.database.subarray(0, 5000), Buffer.alloc(8000, 7)]), /control-plane\.db is damaged/],
  ];
  for (const [path, content, expected] of rows) {
    writeFileSync(identity, good.identity);
    writeFileSync(database, good.database);
    writeFileSync(path, content);
    await assert.rejects(startControlPlane({ directory, port: 0, log, now }), expected);
    assert.deepEqual(readFileSync(path), Buffer.from(content));
  }
}));

test("a database of another program, or of a later version, is refused", () => inDirectory(async (directory) => {
  const path = join(directory, "control-plane.db");
  const foreign = new DatabaseSync(path);
  foreign.exec("CREATE TABLE theirs (a); PRAGMA user_version = 3");
  foreign.close();
  await assert.rejects(startControlPlane({ directory, port: 0, log, now }), /is a database of another program/);
  rmSync(path);
  await (await startControlPlane({ directory, port: 0, log, now })).stop();
  changed(directory, "PRAGMA user_version = 99");
  await assert.rejects(startControlPlane({ directory, port: 0, log, now }), /was written by a newer version of this program \(format 99, this one reads 2\)/);
}));

test("a database of an older build is brought up to date, with all that is in it", () => inDirectory(async (directory) => {
  const start = async (): Promise<string> => {
    const plane = await startControlPlane({ directory, port: 0, log, now });
    await plane.stop();
    const store = openStore(openJournal(join(directory, "control-plane.db")), { now, onListenerError: () => undefined });
    try { return JSON.stringify([store.version, store.since(0, "namespaces"), store.list("namespaces")]); } finally { store.close(); }
  };
  const before = await start();
  changed(directory, "ALTER TABLE history DROP COLUMN size; PRAGMA user_version = 1");
  assert.equal(await start(), before);
}));

test("a database that this build cannot read is named, with what to do, and stays as it is", () => inDirectory(async (directory) => {
  await (await startControlPlane({ directory, port: 0, log, now })).stop();
  changed(directory, "ALTER TABLE history DROP COLUMN size");
  const before = readFileSync(join(directory, "control-plane.db"));
  await assert.rejects(startControlPlane({ directory, port: 0, log, now }), new RegExp(`${directory}/control-plane\\.db was written by another build of this program, and this one cannot read it .*: use that build, or move the file away to start empty`));
  assert.deepEqual(readFileSync(join(directory, "control-plane.db")), before);
}));

test("certificates that are about to end are renewed by the same authority", () => inDirectory(async (directory) => {
  const read = () => JSON.parse(readFileSync(join(directory, "identity.json"), "utf8")) as Record<string, string>;
  const at = (days: number) => () => Date.now() + days * 24 * 3600 * 1000;
  const startAndStop = async (days: number) => { await (await startControlPlane({ directory, port: 0, log, now: at(days) })).stop(); return read(); };
  const first = await startAndStop(0);
  assert.deepEqual(await startAndStop(300), first);
  const renewed = await startAndStop(340);
  assert.equal(renewed["authority"], first["authority"]);
  assert.notEqual(renewed["server"], first["server"]);
  assert.notEqual(renewed["admin"], first["admin"]);
  const anew = await startAndStop(3640);
  assert.notEqual(anew["authority"], first["authority"]);
}));

test("stopping ends watches cleanly", () => withControlPlane(async ({ watch, restart }) => {
  const watching = await watch("/api/v1/namespaces?watch=true&resourceVersion=0");
  await watching.until(({ object }) => object.metadata.name === "kube-system");
  const rest = watching.rest();
  await restart();
  assert.deepEqual(await rest, []);
}));
