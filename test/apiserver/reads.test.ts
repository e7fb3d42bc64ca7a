import assert from "node:assert/strict";
import { test } from "node:test";
import { withControlPlane } from "./harness.ts";
import { asTable, configMaps, defineWidgets, definitions, jsonPatch, merge, widget, widgetDefinition, widgets } from "./widgets.ts";
import type { Answered, Running } from "./harness.ts";

const names = ({ body }: Answered) => body.items.map(({ metadata }) => metadata.name).join(" ");

const create = async ({ send }: Pick<Running, "send">, ...all: readonly string[]) => {
  for (const name of all) assert.equal((await send("POST", configMaps, { body: { metadata: { name, labels: { name } } } })).code, 201);
};

test("pages show one moment, whatever happens in between", () => withControlPlane(async (running) => {
  const { send } = running;
  await create(running, "a", "b", "c", "d");
  const first = await send("GET", `${configMaps}?limit=2`);
  assert.deepEqual([names(first), first.body.metadata.remainingItemCount], ["a b", 2]);
  await send("DELETE", `${configMaps}/c`);
  await send("PATCH", `${configMaps}/d`, { body: { data: { changed: "yes" } }, contentType: merge });
  await create(running, "e");
  const second = await send("GET", `${configMaps}?limit=1&continue=${first.body.metadata.continue}`);
  assert.deepEqual([names(second), second.body.metadata.resourceVersion], ["c", first.body.metadata.resourceVersion]);
  const third = await send("GET", `${configMaps}?continue=${second.body.metadata.continue}`);
  assert.deepEqual([names(third), third.body.items[0]?.data, third.body.metadata.continue], ["d", undefined, undefined]);
  assert.equal(names(await send("GET", configMaps)), "a b d e");
}));

test("a page whose moment is forgotten is 410, with a token to go on without it", () => withControlPlane(async (running) => {
  const { send } = running;
  await create(running, "a", "b", "c");
  const { body } = await send("GET", `${configMaps}?limit=1`);
  await create(running, "d", "e", "f", "g");
  await running.restart();
  const late = await send("GET", `${configMaps}?limit=1&continue=${body.metadata.continue}`);
  assert.deepEqual([late.code, late.body.reason], [410, "Expired"]);
  assert.equal(names(await send("GET", `${configMaps}?continue=${late.body.metadata.continue}`)), "b c d e f g");
}, { history: { changesMax: 2, ageMs: 3_600_000, charactersMax: 1e9 } }));

test("with a selector, pages count only what matches and tell no remainder", () => withControlPlane(async (running) => {
  await create(running, "a", "b", "c");
  const page = await running.send("GET", `${configMaps}?limit=1&labelSelector=${encodeURIComponent("name in (b,c)")}`);
  assert.deepEqual([names(page), page.body.metadata.remainingItemCount, typeof page.body.metadata.continue], ["b", undefined, "string"]);
}));

test("a list is as new as asked, or exactly as old", () => withControlPlane(async (running) => {
  const { send } = running;
  await create(running, "a");
  const { body: { metadata: { resourceVersion } } } = await send("GET", configMaps);
  await create(running, "b");
  const at = (query: string) => send("GET", `${configMaps}?resourceVersion=${resourceVersion}${query}`);
  assert.equal(names(await at("")), "a b");
  assert.equal(names(await at("&resourceVersionMatch=NotOlderThan")), "a b");
  assert.equal(names(await at("&resourceVersionMatch=Exact")), "a");
  assert.equal(names(await at("&limit=5")), "a");
  assert.equal(names(await send("GET", `${configMaps}?resourceVersion=0`)), "a b");
}));

test("a version of the future is waited for, and then 504", () => withControlPlane(async (running) => {
  const { send } = running;
  await create(running, "a");
  const { body: { metadata: { resourceVersion } } } = await send("GET", configMaps);
  const soon = send("GET", `${configMaps}?resourceVersion=${Number(resourceVersion) + 1}`);
  await create(running, "b");
  assert.equal(names(await soon), "a b");
  const never = await send("GET", `${configMaps}/a?resourceVersion=1000000`);
  assert.deepEqual([never.code, never.body.reason, never.body.details.causes?.[0]?.reason, never.headers["retry-after"]], [504, "Timeout", "ResourceVersionTooLarge", "1"]);
}));

test("questions that make no sense", () => withControlPlane(async ({ send }) => {
  const rows: readonly (readonly [string, number])[] = [
    ["resourceVersionMatch=Exact", 422], ["resourceVersion=1&resourceVersionMatch=X", 422], ["resourceVersion=0&resourceVersionMatch=Exact", 422], ["resourceVersion=x", 400],
    ["resourceVersion=1&continue=x", 400], ["continue=x", 400], ["continue=e30", 400], ["limit=x", 400], ["labelSelector=a%20b", 400], ["fieldSelector=data.a%3D1", 400], ["includeObject=X", 400],
  ];
  for (const [query, code] of rows) assert.equal((await send("GET", `${configMaps}?${query}`)).code, code, query);
  assert.equal((await send("GET", configMaps, { headers: { Accept: "text/html" } })).code, 406);
  assert.equal((await send("GET", "/apis?timeout=x")).code, 400);
}));

test("forms: tables, metadata alone, YAML", () => withControlPlane(async (running) => {
  const { send } = running;
  await defineWidgets(running);
  await send("POST", widgets, { body: widget("db", { replicas: 2 }) });
  const table = await send("GET", widgets, { headers: asTable });
  assert.deepEqual([table.body.kind, table.body.columnDefinitions?.map(({ name }) => name), table.body.rows[0]?.cells], ["Table", ["Name", "Desired", "Phase"], ["db", 2, null]]);
  assert.deepEqual([table.body.rows[0]?.object.kind, typeof table.body.metadata.resourceVersion], ["PartialObjectMetadata", "string"]);
  assert.equal((await send("GET", `${widgets}/db?includeObject=Object`, { headers: asTable })).body.rows[0]?.object.spec["replicas"], 2);
  assert.equal((await send("GET", `${widgets}?includeObject=None`, { headers: asTable })).body.rows[0]?.object, null);
  const partial = await send("GET", widgets, { headers: { Accept: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io" } });
  assert.deepEqual([partial.body.kind, partial.body.items[0]?.kind, partial.body.items[0]?.spec], ["PartialObjectMetadataList", "PartialObjectMetadata", undefined]);
  assert.equal((await send("GET", `${widgets}/db`, { headers: { Accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io" } })).body.kind, "PartialObjectMetadata");
  const yaml = await send("GET", `${widgets}/db`, { headers: { Accept: "application/yaml" } });
  assert.match(yaml.text, /^apiVersion: example\.dev\/v1alpha1$/m);
  assert.equal(yaml.headers["content-type"], "application/yaml");
  assert.equal(names(await send("GET", `${widgets}?fieldSelector=spec.version%3D`)), "db");
}));

test("a large answer is compressed for who takes it", () => withControlPlane(async ({ send }) => {
  await send("POST", configMaps, { body: { metadata: { name: "large" }, data: { a: "x".repeat(200_000) } } });
  const { headers, text } = await send("GET", configMaps, { headers: { "Accept-Encoding": "gzip" } });
  assert.equal(headers["content-encoding"], "gzip");
  assert.ok(text.length < 20_000);
}));

test("two versions show one object, with the defaults of each, old objects included", () => withControlPlane(async (running) => {
  const { send } = running;
  await defineWidgets(running);
  await send("POST", widgets, { body: widget("old", { replicas: 2 }) });
  const versions = (widgetDefinition().spec as { versions: { schema: { openAPIV3Schema: object } }[] }).versions;
  const second = structuredClone(versions[0]) as unknown as Record<string, unknown>;
  const added = await send("PATCH", `${definitions}/widgets.example.dev`, { contentType: jsonPatch, body: [
    { op: "add", path: "/spec/versions/-", value: { ...second, name: "v1", storage: false, deprecated: true } as never },
    { op: "add", path: "/spec/versions/1/schema/openAPIV3Schema/properties/spec/properties/color", value: { type: "string", default: "red" } },
  ] });
  assert.equal(added.code, 200, added.text);
  const newer = widgets.replace("v1alpha1", "v1");
  const shown = await send("GET", `${newer}/old`);
  assert.deepEqual([shown.body.apiVersion, shown.body.spec["color"], shown.headers["warning"]], ["example.dev/v1", "red", '299 - "example.dev/v1 Widget is deprecated"']);
  assert.deepEqual((await send("GET", `${widgets}/old`)).body.spec["color"], undefined);
  const group = await send("GET", "/apis/example.dev");
  assert.deepEqual((group.body as unknown as { preferredVersion: { version: string } }).preferredVersion.version, "v1");
  const watching = await running.watch(`${newer}?watch=true`);
  assert.equal((await watching.until(() => true))[0]?.object.apiVersion, "example.dev/v1");
}));

test("discovery and OpenAPI follow the definitions, and can be kept by clients", () => withControlPlane(async (running) => {
  const { send } = running;
  const aggregated = { Accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json" };
  const before = await send("GET", "/apis", { headers: aggregated });
  assert.equal(before.headers["content-type"], "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
  const unchanged = await send("GET", "/apis", { headers: { ...aggregated, "If-None-Match": before.headers["etag"] ?? "" } });
  assert.deepEqual([unchanged.code, unchanged.text], [304, ""]);
  await defineWidgets(running);
  const after = await send("GET", "/apis", { headers: { ...aggregated, "If-None-Match": before.headers["etag"] ?? "" } });
  assert.deepEqual([after.code, after.text.includes("widgets")], [200, true]);
  assert.equal((await send("GET", "/apis")).body.kind, "APIGroupList");
  assert.equal((await send("GET", "/apis", { headers: { Accept: "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json" } })).body.kind, "APIGroupList");
  for (const [path, kind] of [["/api", "APIVersions"], ["/api/v1", "APIResourceList"], ["/apis/example.dev", "APIGroup"], ["/apis/example.dev/v1alpha1", "APIResourceList"]] as const) assert.equal((await send("GET", path)).body.kind, kind);
  const index = await send("GET", "/openapi/v3");
  const { serverRelativeURL } = (index.body as unknown as { paths: Record<string, { serverRelativeURL: string }> }).paths["apis/example.dev/v1alpha1"] ?? assert.fail();
  const document = await send("GET", serverRelativeURL);
  assert.deepEqual([document.code, document.headers["cache-control"]], [200, "public, immutable, max-age=31536000"]);
  for (const path of ["/apis/none.dev", "/apis/none.dev/v1", "/openapi/v3/apis/none.dev/v1", "/nowhere", "/apis/none.dev/v1/things"]) assert.deepEqual([(await send("GET", path)).code, (await send("GET", path)).text], [404, "404 page not found\n"], path);
  assert.equal((await send("GET", "/api/v1/things")).body.reason, "NotFound");
}));
