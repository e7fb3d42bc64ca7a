/** Upkeep that takes an hour, and failures that are hard to bring about: on the functions themselves. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { failureOf } from "../../src/apiserver/exchange.ts";
import { readIfThere, writePrivately } from "../../src/apiserver/files.ts";
import { openJournal } from "../../src/apiserver/journal.ts";
import { forgetEvents } from "../../src/apiserver/lifecycle.ts";
import { badRequest } from "../../src/apiserver/problems.ts";
import { createRegistry } from "../../src/apiserver/registry.ts";
import { startControlPlane } from "../../src/apiserver/server.ts";
import { openStore } from "../../src/apiserver/store.ts";
import { withControlPlane } from "./harness.ts";
import { configMaps, merge } from "./widgets.ts";
import type { Core } from "../../src/apiserver/core.ts";
import type { JsonObject } from "../../src/schema/types.ts";

const inDirectory = async (use: (directory: string) => Promise<void> | void): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), "upkeep-"));
  try { await use(directory); } finally { rmSync(directory, { recursive: true, force: true }); }
};

const withCore = (use: (core: Core, logged: string[]) => void): Promise<void> => inDirectory((directory) => {
  const logged: string[] = [];
  const log = { info: (message: string) => { logged.push(message); }, debug: () => undefined };
  const now = () => Date.parse("2026-01-01T12:00:00Z");
  const store = openStore(openJournal(join(directory, "test.db")), { now, onListenerError: () => undefined });
  try { use({ store, registry: createRegistry(), now, log, newUid: () => "u", random: () => 0, mintToken: () => "" }, logged); } finally { store.close(); }
});

test("events are forgotten an hour after they were last seen", () => withCore((core) => {
  const event = (name: string, created: string, more: JsonObject = {}) => ({
    key: { resource: "events", namespace: "n", name },
    object: { apiVersion: "v1", kind: "Event", metadata: { name, namespace: "n", uid: name, resourceVersion: "", creationTimestamp: created }, ...more },
  });
  core.store.write([
    event("old", "2026-01-01T10:59:59Z"), event("young", "2026-01-01T11:00:00Z"), event("repeated", "2026-01-01T09:00:00Z", { lastTimestamp: "2026-01-01T11:30:00Z" }),
    event("series", "2026-01-01T09:00:00Z", { series: { lastObservedTime: "2026-01-01T11:30:00.123456Z" } }), event("nonsense", "2026-01-01T09:00:00Z", { lastTimestamp: "noon", eventTime: null }),
  ]);
  forgetEvents(core);
  assert.deepEqual(core.store.list("events").map(({ metadata }) => metadata.name), ["repeated", "series", "young"]);
}));

test("failures become answers: refusals as they are, a full disk as 503, all else as 500 without its details", () => withCore((core, logged) => {
  const answered = (error: unknown) => {
    const { code, headers, text } = failureOf(error, core, "GET /x");
    return { code, retry: headers["Retry-After"], message: (JSON.parse(text) as { message: string }).message };
  };
  assert.deepEqual(answered(badRequest("no")), { code: 400, retry: undefined, message: "no" });
  assert.deepEqual(logged, []);
  assert.deepEqual(answered(new Error("database or disk is full")), { code: 503, retry: "1", message: "the object cannot be stored: database or disk is full" });
  assert.deepEqual(answered(new TypeError("secret of ours")), { code: 500, retry: undefined, message: "Internal error occurred" });
  assert.deepEqual(logged, ["request failed", "request failed"]);
}));

test("files are replaced as a whole, for the owner alone", () => inDirectory((directory) => {
  const path = join(directory, "file");
  assert.equal(readIfThere(path), undefined);
  writeFileSync(path, "old", { mode: 0o644 });
  writePrivately(path, "new");
  assert.deepEqual([readFileSync(path, "utf8"), statSync(path).mode & 0o777, readdirSync(directory)], ["new", 0o600, ["file"]]);
  assert.throws(() => readIfThere(directory), /EISDIR/);
}));

test("a kubeconfig that cannot be written stops the start, and nothing stays open", () => inDirectory(async (directory) => {
  const options = { directory, port: 0, log: { info: () => undefined, debug: () => undefined }, now: () => Date.now() };
  const blocked = join(directory, "missing", "kubeconfig");
  await assert.rejects(startControlPlane({ ...options, kubeconfigPath: blocked }), /^Error: cannot write .*missing\/kubeconfig: ENOENT/);
  const plane = await startControlPlane(options);
  await Promise.all([plane.stop(), plane.stop()]);
}));

test("a directory that was open to others is closed to them", () => inDirectory(async (directory) => {
  chmodSync(directory, 0o755);
  const plane = await startControlPlane({ directory, port: 0, log: { info: () => undefined, debug: () => undefined }, now: () => Date.now() });
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  await plane.stop();
}));

test("a namespace keeps its finalizer, whoever replaces it, until the finalize path takes it away", () => withControlPlane(async ({ send }) => {
  await send("POST", "/api/v1/namespaces", { body: { metadata: { name: "x", finalizers: ["example.dev/x"] }, spec: { finalizers: [] } } });
  const put = await send("PUT", "/api/v1/namespaces/x", { body: { metadata: { name: "x", finalizers: ["example.dev/x"] }, spec: { finalizers: [] }, status: { phase: "Gone" } } });
  assert.deepEqual([put.body.spec, put.body.status], [{ finalizers: ["kubernetes"] }, { phase: "Active" }]);
  const finalized = await send("PUT", "/api/v1/namespaces/x/finalize", { body: { metadata: { name: "x" }, spec: { finalizers: [] } } });
  assert.deepEqual([finalized.code, finalized.body.spec, finalized.body.metadata.finalizers], [200, { finalizers: [] }, ["example.dev/x"]]);
  assert.equal((await send("PUT", `${configMaps}/a/finalize`, { body: {} })).code, 404);
}));

test("many objects are deleted by one write", () => withControlPlane(async ({ send, watch }) => {
  for (let index = 0; index < 30; index += 1) await send("POST", configMaps, { body: { metadata: { name: `a-${index}`, ...(index % 3 === 0 ? { finalizers: ["example.dev/x"] } : {}) } } });
  const watching = await watch(`${configMaps}?watch=true`);
  await send("DELETE", configMaps);
  assert.equal((await send("GET", configMaps)).body.items.length, 10);
  await send("DELETE", configMaps);
  await send("PATCH", `${configMaps}/a-0`, { body: { metadata: { finalizers: null } }, contentType: merge });
  const events = await watching.until(({ type, object }) => type === "DELETED" && object.metadata.name === "a-0");
  assert.deepEqual([events.filter(({ type }) => type === "DELETED").length, events.filter(({ type }) => type === "MODIFIED").length], [21, 10]);
}));
