import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinKinds } from "../../src/apiserver/kinds.ts";
import { columnsOf, tableOf } from "../../src/apiserver/table.ts";
import type { Column, Kind, KubeObject } from "../../src/apiserver/kind.ts";

const now = Date.parse("2024-01-01T00:02:03Z");
const created = "2024-01-01T00:00:00Z";

const custom = (columns: readonly Column[]): Kind => ({
  group: "example.com", version: "v1", kind: "Widget", listKind: "WidgetList", plural: "widgets", singular: "widget",
  shortNames: [], categories: [], namespaced: true, verbs: [], status: true, columns, custom: true, selectableFields: [],
});
const builtin = (group: string, plural: string): Kind => {
  const found = builtinKinds.find((kind) => kind.group === group && kind.plural === plural);
  assert.ok(found);
  return found;
};
const object = (fields: Readonly<Record<string, unknown>>, name = "x"): KubeObject => ({
  apiVersion: "v1", kind: "K", metadata: { name, uid: "u", resourceVersion: "1", creationTimestamp: created }, ...fields,
});
const cells = (kind: Kind, one: KubeObject): unknown => (tableOf(kind, [one], { now }).rows as readonly { cells: unknown }[])[0]?.cells;
const names = (kind: Kind): readonly string[] => columnsOf(kind).map((column) => column.name);

test("a kind without columns shows Name and Age", () => {
  assert.deepEqual(names(custom([])), ["Name", "Age"]);
  assert.deepEqual(cells(custom([]), object({})), ["x", "2m3s"]);
});

test("columns of a custom kind follow the name, each by its type", () => {
  const column = (name: string, type: Column["type"], jsonPath: string): Column => ({ name, type, jsonPath });
  const kind = custom([
    column("N", "integer", ".spec.n"), column("R", "number", ".spec.r"), column("F", "boolean", ".spec.f"), column("S", "string", ".spec.s"),
    column("O", "string", ".spec.o"), column("D", "date", ".spec.d"), column("I", "string", ".spec.n"), column("W", "integer", ".spec.s"),
  ]);
  assert.deepEqual(cells(kind, object({ spec: { n: 3, r: 1.5, f: false, s: "t", o: { a: 1 }, d: created } })),
    ["x", 3, 1.5, false, "t", "{\"a\":1}", "2m3s", "3", null]);
});

test("what is missing or null is a null cell", () => {
  const kind = custom([{ name: "N", type: "integer", jsonPath: ".spec.n" }, { name: "S", type: "string", jsonPath: ".spec.s" }]);
  assert.deepEqual(cells(kind, object({ spec: { n: null } })), ["x", null, null]);
});

test("rows carry metadata, the whole object, or nothing", () => {
  const kind = custom([]);
  const one = object({ spec: {} });
  const carried = (includeObject: "Metadata" | "Object" | "None") =>
    (tableOf(kind, [one], { now, includeObject }).rows as readonly { object: unknown }[])[0]?.object;
  assert.deepEqual(carried("Metadata"), { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: one.metadata });
  assert.equal(carried("Object"), one);
  assert.equal(carried("None"), null);
});

test("the list's metadata is the table's, and later events of a watch have no columns", () => {
  const table = tableOf(custom([]), [], { now, metadata: { resourceVersion: "7" }, columnDefinitions: false });
  assert.deepEqual(table, { kind: "Table", apiVersion: "meta.k8s.io/v1", metadata: { resourceVersion: "7" }, columnDefinitions: null, rows: [] });
});

const rows: readonly { readonly of: string; readonly group?: string; readonly fields: Readonly<Record<string, unknown>>; readonly expect: readonly unknown[] }[] = [
  { of: "namespaces", fields: { status: { phase: "Active" } }, expect: ["x", "Active", "2m3s"] },
  { of: "configmaps", fields: { data: { a: "1" }, binaryData: { b: "AA==" } }, expect: ["x", 2, "2m3s"] },
  { of: "configmaps", fields: {}, expect: ["x", 0, "2m3s"] },
  { of: "secrets", fields: { type: "Opaque", data: { a: "" } }, expect: ["x", "Opaque", 1, "2m3s"] },
  { of: "serviceaccounts", fields: {}, expect: ["x", 0, "2m3s"] },
  {
    of: "services", fields: { spec: { type: "NodePort", clusterIP: "10.0.0.1", selector: { b: "2", a: "1" }, ports: [{ port: 80, nodePort: 30080, protocol: "TCP" }, { port: 53, protocol: "UDP" }] } },
    expect: ["x", "NodePort", "10.0.0.1", "<none>", "80:30080/TCP,53/UDP", "2m3s", "a=1,b=2"],
  },
  { of: "services", fields: { spec: { type: "LoadBalancer" } }, expect: ["x", "LoadBalancer", "<none>", "<pending>", "<none>", "2m3s", "<none>"] },
  { of: "services", fields: { spec: { type: "ExternalName", externalName: "a.b" } }, expect: ["x", "ExternalName", "<none>", "a.b", "<none>", "2m3s", "<none>"] },
  {
    of: "services", fields: { spec: { type: "LoadBalancer", externalIPs: ["1.2.3.4"] }, status: { loadBalancer: { ingress: [{ ip: "5.6.7.8" }, { hostname: "h" }] } } },
    expect: ["x", "LoadBalancer", "<none>", "5.6.7.8,h,1.2.3.4", "<none>", "2m3s", "<none>"],
  },
  {
    of: "events",
    fields: { type: "Normal", reason: "R", message: "M\n", involvedObject: { kind: "ConfigMap", name: "cm" }, source: { component: "c", host: "h" }, count: 3, firstTimestamp: created, lastTimestamp: "2024-01-01T00:02:00Z" },
    expect: ["3s", "Normal", "R", "configmap/cm", "", "c, h", "M", "2m3s", 3, "x"],
  },
  {
    of: "events", group: "events.k8s.io",
    fields: { apiVersion: "events.k8s.io/v1", type: "Warning", reason: "R", note: "M", regarding: { kind: "ConfigMap" }, reportingController: "a/b", eventTime: "2024-01-01T00:02:00.000000Z", series: { count: 4, lastObservedTime: "2024-01-01T00:02:02.000000Z" } },
    expect: ["1s", "Warning", "R", "configmap", "", "a/b", "M", "3s", 4, "x"],
  },
  { of: "events", fields: {}, expect: ["<unknown>", "", "", "", "", "", "", "<unknown>", 1, "x"] },
  { of: "leases", group: "coordination.k8s.io", fields: { spec: { holderIdentity: "h" } }, expect: ["x", "h", "2m3s"] },
  { of: "customresourcedefinitions", group: "apiextensions.k8s.io", fields: {}, expect: ["x", created] },
  {
    of: "rolebindings", group: "rbac.authorization.k8s.io",
    fields: { roleRef: { kind: "Role", name: "r" }, subjects: [{ kind: "User", name: "u" }, { kind: "ServiceAccount", name: "s", namespace: "n" }, { kind: "Group", name: "g" }] },
    expect: ["x", "Role/r", "2m3s", "u", "g", "n/s"],
  },
];
for (const { of, group = "", fields, expect } of rows) {
  test(`${of} print as ${expect.join(" ")}`, () => { assert.deepEqual(cells(builtin(group, of), object(fields)), expect); });
}
