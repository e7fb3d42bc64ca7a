import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinKinds } from "../../src/apiserver/kinds.ts";
import { openapiDocument, openapiIndex } from "../../src/apiserver/openapi.ts";
import type { Kind } from "../../src/apiserver/kind.ts";
import type { Json, JsonObject } from "../../src/schema/types.ts";

const widget: Kind = {
  group: "things.example.com", version: "v1", kind: "Widget", listKind: "WidgetList", plural: "widgets", singular: "widget", shortNames: [], categories: [],
  namespaced: true, verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"], status: true, columns: [], custom: true,
  selectableFields: [], scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" },
  schema: { type: "object", description: "A widget.", properties: { spec: { type: "object", properties: { replicas: { type: "integer", description: "How many." } } } } },
};
const kinds = [...builtinKinds, widget];

const documentOf = (group: string, version: string): JsonObject => {
  const document = openapiDocument(kinds, group, version);
  assert.ok(document);
  return document;
};
const pathsOf = (document: JsonObject) => document.paths as Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
const schemasOf = (document: JsonObject) => (document.components as { schemas: Readonly<Record<string, JsonObject>> }).schemas;

test("the index has one entry for each group and version, at an address that changes with its document", () => {
  const paths = openapiIndex(kinds).paths as Readonly<Record<string, { serverRelativeURL: string }>>;
  assert.ok(paths["api/v1"] && paths["apis/things.example.com/v1"] && paths["apis/apiextensions.k8s.io/v1"]);
  const address = paths["apis/things.example.com/v1"].serverRelativeURL;
  assert.match(address, /^\/openapi\/v3\/apis\/things\.example\.com\/v1\?hash=[0-9A-F]{64}$/);
  assert.deepEqual(openapiIndex(kinds), openapiIndex(kinds));
  const changed = openapiIndex([...builtinKinds, { ...widget, schema: { type: "object" } }]).paths as typeof paths;
  assert.notEqual(changed["apis/things.example.com/v1"]?.serverRelativeURL, address);
  assert.equal(changed["api/v1"]?.serverRelativeURL, paths["api/v1"].serverRelativeURL);
});

test("kubectl finds fieldValidation and dryRun among the parameters of patch and post of every kind that is written", () => {
  for (const kind of kinds.filter((one) => one.verbs.includes("patch"))) {
    const operations = Object.values(pathsOf(documentOf(kind.group, kind.version))).flatMap((path) => ["patch", "post"].flatMap((method): readonly JsonObject[] => (path[method] === undefined ? [] : [path[method]])))
      .filter((operation) => (operation["x-kubernetes-group-version-kind"] as JsonObject | undefined)?.kind === kind.kind);
    assert.ok(operations.some((one) => one["x-kubernetes-action"] === "patch") && operations.some((one) => one["x-kubernetes-action"] === "post"), kind.kind);
    for (const operation of operations) {
      const names = (operation.parameters as readonly { name: string }[]).map((one) => one.name);
      assert.ok(names.includes("fieldValidation") && names.includes("dryRun"), kind.kind);
    }
  }
});

test("a kind has paths for its collections, objects and subresources", () => {
  const root = "/apis/things.example.com/v1";
  assert.deepEqual(Object.keys(pathsOf(documentOf("things.example.com", "v1"))), [
    `${root}/widgets`, `${root}/namespaces/{namespace}/widgets`, `${root}/namespaces/{namespace}/widgets/{name}`,
    `${root}/namespaces/{namespace}/widgets/{name}/status`, `${root}/namespaces/{namespace}/widgets/{name}/scale`,
  ]);
  const cluster = Object.keys(pathsOf(documentOf("apiextensions.k8s.io", "v1")));
  assert.deepEqual(cluster.slice(0, 2), ["/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}"]);
});

test("a review can only be posted", () => {
  const path = pathsOf(documentOf("authorization.k8s.io", "v1"))["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"];
  assert.deepEqual(Object.keys(path ?? {}).toSorted(), ["parameters", "post"]);
});

test("strategic merge patches are for built-in kinds alone", () => {
  const types = (group: string, version: string, path: string) => {
    const body = pathsOf(documentOf(group, version))[path]?.["patch"]?.requestBody as { content: JsonObject } | undefined;
    return Object.keys(body?.content ?? {});
  };
  assert.equal(types("things.example.com", "v1", "/apis/things.example.com/v1/namespaces/{namespace}/widgets/{name}").includes("application/strategic-merge-patch+json"), false);
  assert.ok(types("", "v1", "/api/v1/namespaces/{namespace}/configmaps/{name}").includes("application/strategic-merge-patch+json"));
});

test("the schema of a kind is what its definition says, with its type and metadata", () => {
  const schema = schemasOf(documentOf("things.example.com", "v1"))["com.example.things.v1.Widget"];
  assert.deepEqual(schema?.["x-kubernetes-group-version-kind"], [{ group: "things.example.com", kind: "Widget", version: "v1" }]);
  const properties = schema["properties"] as Readonly<Record<string, JsonObject>>;
  assert.deepEqual(Object.keys(properties).toSorted(), ["apiVersion", "kind", "metadata", "spec"]);
  assert.deepEqual(properties["spec"], { type: "object", properties: { replicas: { type: "integer", description: "How many." } } });
});

const references = (value: Json): readonly string[] => {
  if (typeof value !== "object" || value === null) return [];
  const own = "$ref" in value && typeof value.$ref === "string" ? [value.$ref] : [];
  return [...own, ...Object.values(value as JsonObject).flatMap(references)];
};

test("every reference of every document leads somewhere", () => {
  for (const { group, version } of kinds) {
    const document = documentOf(group, version);
    const names = Object.keys(schemasOf(document)).map((name) => `#/components/schemas/${name}`);
    assert.deepEqual(references(document).filter((one) => !names.includes(one)), []);
  }
});

test("what is not served has no document", () => {
  assert.equal(openapiDocument(kinds, "apps", "v1"), undefined);
});
