import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "node:http2";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withControlPlane } from "./harness.ts";
import { apply, asTable, configMaps, defineWidgets, definitions, merge, widget, widgets } from "./widgets.ts";
import type { Running, WatchedEvent } from "./harness.ts";

const told = ({ type, object }: WatchedEvent) => `${type} ${object.metadata.name}`;

const configMap = (name: string, labels: Record<string, string> = {}) => ({ metadata: { name, labels }, data: { a: "1" } });

const create = async ({ send }: Pick<Running, "send">, name: string, labels?: Record<string, string>) => {
  const made = await send("POST", configMaps, { body: configMap(name, labels) });
  assert.equal(made.code, 201, made.text);
  return made.body.metadata.resourceVersion;
};

test("a watch without a version starts with what is there, and goes on with changes", () => withControlPlane(async (running) => {
  await create(running, "a");
  await create(running, "b");
  const watching = await running.watch(`${configMaps}?watch=true`);
  await running.send("PATCH", `${configMaps}/a`, { body: { data: { a: "2" } }, contentType: merge });
  await running.send("DELETE", `${configMaps}/b`);
  const events = await watching.until(({ type }) => type === "DELETED");
  assert.deepEqual(events.map(told), ["ADDED a", "ADDED b", "MODIFIED a", "DELETED b"]);
}));

test("a watch from a list's version misses nothing and repeats nothing", () => withControlPlane(async (running) => {
  await create(running, "before");
  const { body: { metadata: { resourceVersion } } } = await running.send("GET", configMaps);
  const last = await create(running, "between");
  const watching = await running.watch(`${configMaps}?watch=true&resourceVersion=${resourceVersion}`);
  await create(running, "after");
  const events = await watching.until(({ object }) => object.metadata.name === "after");
  assert.deepEqual(events.map(told), ["ADDED between", "ADDED after"]);
  assert.equal(events[0]?.object.metadata.resourceVersion, last);
}));

test("history outlives a restart", () => withControlPlane(async (running) => {
  const version = await create(running, "a");
  await create(running, "b");
  await running.restart();
  const watching = await running.watch(`${configMaps}?watch=true&resourceVersion=${version}`);
  assert.deepEqual((await watching.until(() => true)).map(told), ["ADDED b"]);
}));

test("a version that history no longer reaches is 410, in the stream and then the end", () => withControlPlane(async (running) => {
  const version = await create(running, "old");
  for (let index = 0; index < 6; index += 1) await running.send("PATCH", `${configMaps}/old`, { body: { data: { a: String(index) } }, contentType: merge });
  // History is cut now and then, and at each start.
  await running.restart();
  const watching = await running.watch(`${configMaps}?watch=true&resourceVersion=${version}`);
  assert.equal(watching.code, 200);
  const events = await watching.rest();
  assert.equal(events.length, 1);
  assert.equal(events[0]?.type, "ERROR");
  assert.deepEqual([events[0]?.object.code, events[0]?.object.reason], [410, "Expired"]);
  const exact = await running.send("GET", `${configMaps}?resourceVersion=${version}&resourceVersionMatch=Exact`);
  assert.deepEqual([exact.code, exact.body.reason], [410, "Expired"]);
}, { history: { changesMax: 3, ageMs: 3_600_000, charactersMax: 1_000_000_000 } }));

test("through a selector, what starts to match is added and what stops is deleted, as it matched last", () => withControlPlane(async (running) => {
  const watching = await running.watch(`${configMaps}?watch=true&resourceVersion=0&labelSelector=app%3Dx`);
  await create(running, "a");
  await create(running, "b", { app: "x" });
  await running.send("PATCH", `${configMaps}/a`, { body: { metadata: { labels: { app: "x" } } }, contentType: merge });
  const left = await running.send("PATCH", `${configMaps}/b`, { body: { metadata: { labels: { app: "y" } }, data: { a: "changed" } }, contentType: merge });
  await running.send("DELETE", `${configMaps}/a`);
  const events = await watching.until(({ type, object }) => type === "DELETED" && object.metadata.name === "a");
  assert.deepEqual(events.map(told), ["ADDED b", "ADDED a", "DELETED b", "DELETED a"]);
  const gone = events[2]?.object;
  assert.deepEqual([gone?.data, gone?.metadata.labels, gone?.metadata.resourceVersion], [{ a: "1" }, { app: "x" }, left.body.metadata.resourceVersion]);
}));

test("one object by field selector, or by the path of old", () => withControlPlane(async (running) => {
  await create(running, "a");
  await create(running, "b");
  const byField = await running.watch(`${configMaps}?watch=1&fieldSelector=metadata.name%3Db&resourceVersion=0`);
  const byPath = await running.watch("/api/v1/watch/namespaces/default/configmaps/b");
  await running.send("DELETE", `${configMaps}/a`);
  await running.send("DELETE", `${configMaps}/b`);
  for (const watching of [byField, byPath]) assert.deepEqual((await watching.until(({ type }) => type === "DELETED")).map(told), ["ADDED b", "DELETED b"]);
}));

test("initial events end with a bookmark that says so", () => withControlPlane(async (running) => {
  await create(running, "a");
  const watching = await running.watch(`${configMaps}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`);
  const events = await watching.until(({ type }) => type === "BOOKMARK");
  assert.deepEqual(events.map(({ type }) => type), ["ADDED", "BOOKMARK"]);
  const { object } = events[1] ?? assert.fail();
  assert.deepEqual([object.kind, object.apiVersion, object.metadata.annotations], ["ConfigMap", "v1", { "k8s.io/initial-events-end": "true" }]);
  assert.equal(object.metadata.resourceVersion, (await running.send("GET", configMaps)).body.metadata.resourceVersion);
}));

test("without initial events a watch begins with the next change", () => withControlPlane(async (running) => {
  await create(running, "a");
  const watching = await running.watch(`${configMaps}?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`);
  await create(running, "b");
  assert.deepEqual((await watching.until(() => true)).map(told), ["ADDED b"]);
}));

test("a timeout ends a watch cleanly, after a last bookmark", () => withControlPlane(async (running) => {
  await create(running, "a");
  const watching = await running.watch(`${configMaps}?watch=true&resourceVersion=0&timeoutSeconds=1&allowWatchBookmarks=true`);
  assert.deepEqual((await watching.rest()).map(({ type }) => type), ["ADDED", "BOOKMARK"]);
}));

test("events as tables: the columns come once", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  await running.send("POST", widgets, { body: widget("a") });
  const watching = await running.watch(`${widgets}?watch=true&resourceVersion=0`, asTable);
  await running.send("POST", widgets, { body: widget("b", { replicas: 3 }) });
  const [first, second] = await watching.until(({ object }) => object.rows[0]?.object.metadata.name === "b");
  assert.deepEqual(first?.object.columnDefinitions?.map(({ name }) => name), ["Name", "Desired", "Phase"]);
  assert.deepEqual([second?.object.columnDefinitions, second?.object.rows[0]?.cells], [null, ["b", 3, null]]);
}));

test("watches end when their kind does, and not because its definition was touched", () => withControlPlane(async (running) => {
  await defineWidgets(running);
  await running.send("POST", widgets, { body: widget("a") });
  const watching = await running.watch(`${widgets}?watch=true&resourceVersion=0`);
  await running.send("PATCH", `${definitions}/widgets.example.dev`, { body: { metadata: { labels: { a: "b" } } }, contentType: merge });
  await running.send("PATCH", `${widgets}/a`, { body: { spec: { note: "x" } }, contentType: merge });
  await running.send("DELETE", `${definitions}/widgets.example.dev`);
  assert.deepEqual((await watching.rest()).map(told), ["ADDED a", "MODIFIED a", "DELETED a"]);
}));

test("a write that changes nothing makes no event", () => withControlPlane(async (running) => {
  const watching = await running.watch(`${configMaps}?watch=true&resourceVersion=0`);
  const apply1 = await running.send("PATCH", `${configMaps}/a?fieldManager=m`, { body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { a: "1" } }, contentType: apply });
  assert.equal(apply1.code, 201, apply1.text);
  const apply2 = await running.send("PATCH", `${configMaps}/a?fieldManager=m`, { body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { a: "1" } }, contentType: apply });
  const put = await running.send("PUT", `${configMaps}/a`, { body: apply1.text });
  const patch = await running.send("PATCH", `${configMaps}/a`, { body: { data: { a: "1" } }, contentType: merge });
  for (const { code, body } of [apply2, put, patch]) assert.deepEqual([code, body], [200, apply1.body]);
  await create(running, "b");
  assert.deepEqual((await watching.until(({ object }) => object.metadata.name === "b")).map(told), ["ADDED a", "ADDED b"]);
}));

test("a watch whose client reads nothing is cut off, and the server goes on", () => withControlPlane(async (running) => {
  const authority = (JSON.parse(readFileSync(join(running.directory, "identity.json"), "utf8")) as { authority: string }).authority;
  const token = readFileSync(join(running.directory, "admin-token"), "utf8");
  const session = connect(running.url, { ca: authority });
  const stream = session.request({ ":path": `${configMaps}?watch=true&resourceVersion=0`, authorization: `Bearer ${token}` });
  const closed = new Promise<void>((resolve) => { stream.once("close", resolve); });
  stream.on("error", () => undefined);
  stream.pause();
  const big = { metadata: { name: "big" }, data: { a: "x".repeat(900_000) } };
  await running.send("POST", configMaps, { body: big });
  for (let index = 0; index < 30; index += 1) await running.send("PUT", `${configMaps}/big`, { body: { ...big, data: { a: `${index}${big.data.a}` } } });
  stream.resume();
  await closed;
  session.destroy();
  assert.ok(running.logged.some((line) => line.startsWith("cut off a watch whose client does not read")), running.logged.join("\n"));
  assert.equal((await running.send("GET", `${configMaps}/big`)).code, 200);
}));

test("parameters that make no sense are refused before anything is sent", () => withControlPlane(async ({ send }) => {
  const rows: readonly (readonly [string, number])[] = [
    ["watch=true&sendInitialEvents=true", 422], ["sendInitialEvents=true&resourceVersionMatch=NotOlderThan", 422], ["watch=true&resourceVersionMatch=NotOlderThan", 422],
    ["watch=true&resourceVersion=x", 400], ["watch=true&timeoutSeconds=x", 400], ["watch=true&labelSelector=a%20b", 400], ["watch=true&fieldSelector=spec.x%3D1", 400],
  ];
  for (const [query, code] of rows) assert.equal((await send("GET", `${configMaps}?${query}`)).code, code, query);
}));
