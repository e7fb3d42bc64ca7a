import assert from "node:assert/strict";
import { test } from "node:test";
import { aggregated, apiGroup, apiGroupList, apiResourceList, apiVersions, orderVersions } from "../../src/apiserver/discovery.ts";
import { builtinKinds } from "../../src/apiserver/kinds.ts";
import type { Kind } from "../../src/apiserver/kind.ts";
import type { JsonObject } from "../../src/schema/types.ts";

const verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
const widget = (version: string): Kind => ({
  group: "example.com", version, kind: "Widget", listKind: "WidgetList", plural: "widgets", singular: "widget", shortNames: ["wd"],
  categories: ["all"], namespaced: true, verbs, status: true, columns: [], custom: true, selectableFields: [],
  scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" },
});
const kinds = [...builtinKinds, widget("v1alpha1"), widget("v1beta1")];
const items = (document: JsonObject) => document.items as readonly { metadata: { name?: string }; versions: readonly { version: string; resources: readonly JsonObject[] }[] }[];

test("versions: GA before beta before alpha, higher first, the rest by name, none twice", () => {
  assert.deepEqual(orderVersions(["foo10", "v1", "v11alpha2", "v2", "v3beta1", "v12alpha1", "v10", "foo1", "v11beta2", "v10beta3", "v1"]),
    ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"]);
});

test("aggregated /api holds the core group alone, /apis all others", () => {
  assert.deepEqual(items(aggregated(kinds, "api")).map((group) => group.metadata.name), [undefined]);
  const groups = items(aggregated(kinds, "apis")).map((group) => group.metadata.name);
  assert.ok(groups.includes("example.com") && groups.includes("apiextensions.k8s.io") && !groups.includes(""));
});

test("an aggregated resource says all that kubectl needs", () => {
  const group = items(aggregated(kinds, "apis")).find((one) => one.metadata.name === "example.com");
  assert.deepEqual(group?.versions.map((one) => one.version), ["v1beta1", "v1alpha1"]);
  assert.deepEqual(group.versions[1]?.resources, [{
    resource: "widgets", responseKind: { group: "example.com", version: "v1alpha1", kind: "Widget" }, scope: "Namespaced", singularResource: "widget",
    verbs, shortNames: ["wd"], categories: ["all"],
    subresources: [
      { subresource: "status", responseKind: { group: "example.com", version: "v1alpha1", kind: "Widget" }, verbs: ["get", "patch", "update"] },
      { subresource: "scale", responseKind: { group: "autoscaling", version: "v1", kind: "Scale" }, verbs: ["get", "patch", "update"] },
    ],
  }]);
});

test("the plain documents name groups, versions and resources", () => {
  assert.deepEqual(apiVersions(), { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] });
  assert.deepEqual(apiGroup(kinds, "example.com"), {
    kind: "APIGroup", apiVersion: "v1", name: "example.com",
    versions: [{ groupVersion: "example.com/v1beta1", version: "v1beta1" }, { groupVersion: "example.com/v1alpha1", version: "v1alpha1" }],
    preferredVersion: { groupVersion: "example.com/v1beta1", version: "v1beta1" },
  });
  assert.ok((apiGroupList(kinds).groups as readonly { name: string }[]).every((group) => group.name !== ""));
  const resources = apiResourceList(kinds, "example.com", "v1alpha1")?.resources as readonly JsonObject[];
  assert.deepEqual(resources.map((one) => one.name), ["widgets", "widgets/status", "widgets/scale"]);
  assert.deepEqual(resources[2], {
    name: "widgets/scale", singularName: "", namespaced: true, group: "autoscaling", version: "v1", kind: "Scale", verbs: ["get", "patch", "update"],
  });
  assert.equal(apiResourceList(kinds, "", "v1")?.groupVersion, "v1");
});

test("tokens of service accounts and the finalizing of namespaces are subresources", () => {
  const core = apiResourceList(kinds, "", "v1")?.resources as readonly JsonObject[];
  const named = core.map((one) => one.name);
  assert.ok(named.includes("serviceaccounts/token") && named.includes("namespaces/finalize") && named.includes("namespaces/status"));
});

test("what is not served has no document", () => {
  assert.equal(apiGroup(kinds, "apps"), undefined);
  assert.equal(apiResourceList(kinds, "example.com", "v9"), undefined);
});

test("every built-in kind is named once, and those with watch also list", () => {
  const names = builtinKinds.map((kind) => `${kind.group}/${kind.version}/${kind.plural}`);
  assert.equal(new Set(names).size, names.length);
  assert.ok(builtinKinds.every((kind) => !kind.verbs.includes("watch") || kind.verbs.includes("list")));
});
