/** Small readers of text: paths, selectors, media types, names, bodies. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeBody, decodePatch } from "../../src/apiserver/bodies.ts";
import { duplicateFields } from "../../src/apiserver/duplicates.ts";
import { negotiate } from "../../src/apiserver/media.ts";
import { dataKey, dns1035Label, dnsLabel, labelValue, pathSegment, qualifiedName, subdomain } from "../../src/apiserver/names.ts";
import { Refusal } from "../../src/apiserver/problems.ts";
import { route } from "../../src/apiserver/router.ts";
import { fieldSelector, labelSelector } from "../../src/apiserver/selectors.ts";
import { builtinKinds } from "../../src/apiserver/kinds.ts";
import type { KubeObject } from "../../src/apiserver/kind.ts";

const resource = (more: object) => ({ at: "resource", isWatch: false, ...more });
const paths: readonly (readonly [string, object])[] = [
  ["/api", { at: "coreVersions" }], ["/apis/", { at: "groups" }], ["/apis/g.dev", { at: "group", group: "g.dev" }],
  ["/api/v1", { at: "resources", group: "", version: "v1" }], ["/apis/g.dev/v1", { at: "resources", group: "g.dev", version: "v1" }],
  ["/api/v1/namespaces", resource({ group: "", version: "v1", plural: "namespaces" })],
  ["/api/v1/namespaces/x", resource({ group: "", version: "v1", plural: "namespaces", name: "x" })],
  ["/api/v1/namespaces/x/status", resource({ group: "", version: "v1", plural: "namespaces", name: "x", subresource: "status" })],
  ["/api/v1/namespaces/x/configmaps", resource({ group: "", version: "v1", namespace: "x", plural: "configmaps" })],
  ["/api/v1/namespaces/x/configmaps/a", resource({ group: "", version: "v1", namespace: "x", plural: "configmaps", name: "a" })],
  ["/apis/g.dev/v1/namespaces/x/things/a/scale", resource({ group: "g.dev", version: "v1", namespace: "x", plural: "things", name: "a", subresource: "scale" })],
  ["/apis/g.dev/v1/things", resource({ group: "g.dev", version: "v1", plural: "things" })],
  ["/apis/g.dev/v1/namespaces/x/status/a", resource({ group: "g.dev", version: "v1", namespace: "x", plural: "status", name: "a" })],
  ["/api/v1/watch/namespaces/x/configmaps/a", { at: "resource", isWatch: true, group: "", version: "v1", namespace: "x", plural: "configmaps", name: "a" }],
  ["/api/v1/namespaces/x/configmaps/a%3Ab", resource({ group: "", version: "v1", namespace: "x", plural: "configmaps", name: "a:b" })],
  ["/openapi/v3", { at: "openapiIndex" }], ["/openapi/v3/api/v1", { at: "openapi", group: "", version: "v1" }],
  ["/openapi/v3/apis/g.dev/v1", { at: "openapi", group: "g.dev", version: "v1" }], ["/openapi/v2", { at: "openapiV2" }],
  ["/version", { at: "version" }], ["/healthz", { at: "health" }], ["/livez/ping", { at: "health" }], ["/", { at: "root" }],
  ["/api/v1//configmaps", { at: "nowhere" }], ["/api/v1/namespaces/x/configmaps/a%2Fb", { at: "nowhere" }], ["/api/v1/namespaces/../secrets", { at: "nowhere" }],
  ["/api/v1/%", { at: "nowhere" }], ["/api/v1/namespaces/x/configmaps/a/b/c", { at: "nowhere" }], ["/metrics", { at: "nowhere" }],
];
test("paths", () => { for (const [path, expected] of paths) assert.deepEqual(route(path), expected, path); });
test("any path leads somewhere or nowhere", () => { fc.assert(fc.property(fc.string(), (path) => typeof route(`/${path}`).at === "string")); });

const thing: KubeObject = {
  apiVersion: "v1", kind: "Thing", metadata: { name: "a", namespace: "n", uid: "u", resourceVersion: "1", creationTimestamp: "", labels: { app: "db", size: "5", "x.dev/y": "z", in: "w" } }, spec: { version: "17" },
};
const labels: readonly (readonly [string, boolean])[] = [
  ["", true], ["app=db", true], ["app==db", true], ["app!=db", false], ["app=x", false], ["none!=x", true], ["app", true], ["none", false], ["!none", true], ["! app", false],
  ["app in (db,web)", true], ["app in (web)", false], ["app notin (web)", true], ["none notin (web)", true], ["size>4", true], ["size<4", false], ["app>1", false],
  ["app=db,size in (5, 6),!none", true], ["app=db,size=6", false], ["x.dev/y=z", true], ["in in (w)", true], ["app=", false], ["app in(db)", true],
];
test("label selectors", () => { for (const [text, expected] of labels) assert.equal(labelSelector(text)(thing), expected, text); });
for (const text of ["a b", "a===b", "a in b", "=x", "a=b c", "a in (b", "(a)", "a>x", "-a=b", "a=-b", ",,"]) test(`no label selector: ${text}`, () => assert.throws(() => labelSelector(text), Refusal));

const kind = builtinKinds.find(({ plural, group }) => plural === "configmaps" && group === "") ?? assert.fail();
const selectable = { ...kind, custom: true, selectableFields: ["spec.version"] };
const fields: readonly (readonly [string, boolean])[] = [
  ["metadata.name=a", true], ["metadata.name==b", false], ["metadata.name!=b", true], ["metadata.namespace=n,spec.version=17", true], ["spec.version=", false], [" metadata.name=a ", true],
];
test("field selectors", () => { for (const [text, expected] of fields) assert.equal(fieldSelector(selectable, text)(thing), expected, text); });
for (const text of ["spec.other=1", "x", "a>b"]) test(`no field selector: ${text}`, () => assert.throws(() => fieldSelector(selectable, text), Refusal));

const table = "application/json;as=Table;v=v1;g=meta.k8s.io";
const accepts: readonly (readonly [string | undefined, string | undefined])[] = [
  [undefined, "object json"], ["application/json, */*", "object json"], ["application/vnd.kubernetes.protobuf,application/json", "object json"],
  [`${table},application/json`, "table json"], [`application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`, "object json"],
  ["application/yaml", "object yaml"], ["application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "metadata json"], ["application/json;q=0.1,application/yaml", "object yaml"],
  ["text/html", undefined], ["application/json;q=0", undefined], ["application/vnd.kubernetes.protobuf", undefined], ["*/*", "object json"], ["application/json;stream=watch", "object json"],
];
test("accepted forms", () => {
  for (const [accept, expected] of accepts) {
    if (expected === undefined) assert.throws(() => negotiate(accept, ["object", "table", "metadata"]), Refusal, accept);
    else { const { form, encoding } = negotiate(accept, ["object", "table", "metadata"]); assert.equal(`${form} ${encoding}`, expected, accept); }
  }
});

const names: readonly (readonly [(text: string) => string | undefined, readonly string[], readonly string[]])[] = [
  [subdomain, ["a", "a.b-c", "1"], ["", "A", "a..b", "-a", "a_b", "a".repeat(254)]], [dnsLabel, ["a", "1a"], ["a.b", "a".repeat(64)]], [dns1035Label, ["a1"], ["1a"]],
  [qualifiedName, ["a", "A_b.c", "x.dev/A"], ["", "/a", "x/", "X.dev/a", "a/b/c", "-a"]], [labelValue, ["", "A-b"], ["-", "a b", "a".repeat(64)]],
  [dataKey, ["a.b_C-1"], ["", "a/b", "a b"]], [pathSegment, ["a:b", "A"], ["..", "a/b", "a%b"]],
];
test("names", () => {
  for (const [rule, good, bad] of names) {
    for (const text of good) assert.equal(rule(text), undefined, text);
    for (const text of bad) assert.ok(rule(text) !== undefined, text);
  }
});

const json = (text: string) => ({ contentType: "application/json", bytes: Buffer.from(text) });
test("bodies in JSON and YAML", () => {
  assert.deepEqual(decodeBody(json('{"a":[1,null]}')).value, { a: [1, null] });
  assert.deepEqual(decodeBody({ contentType: "", bytes: Buffer.from("{}") }).value, {});
  assert.deepEqual(decodeBody({ contentType: "application/yaml; charset=utf-8", bytes: Buffer.from("a: &x [1, yes, 2024-01-01]\nb: *x\n") }).value, { a: [1, "yes", "2024-01-01"], b: [1, "yes", "2024-01-01"] });
  assert.deepEqual(decodePatch({ contentType: "application/apply-patch+yaml", bytes: Buffer.from('{"a":1,"a":2}') }, ["application/apply-patch+yaml"]), { value: { a: 2 }, duplicates: ["a"] });
});
const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 8 }, (_, index) => `${String.fromCharCode(98 + index)}: &${String.fromCharCode(98 + index)} [${Array<string>(10).fill(`*${String.fromCharCode(97 + index)}`).join(",")}]`).join("\n")}`;
const hostile: readonly (readonly [string, string, string, number])[] = [
  ["broken JSON", "application/json", "{", 400], ["nothing", "application/json", "", 400], ["depth", "application/json", "[".repeat(100_000) + "]".repeat(100_000), 400],
  ["no number", "application/json", "1e999", 400], ["not UTF-8", "application/json", "\xff", 400], ["broken YAML", "application/yaml", "a: [", 400], ["two documents", "application/yaml", "a: 1\n---\nb: 2\n", 400],
  ["a YAML bomb", "application/yaml", bomb, 400], ["YAML depth", "application/yaml", `${"[".repeat(5000)}`, 400], ["a YAML number that is none", "application/yaml", "a: .nan", 400],
  ["another type", "text/plain", "{}", 415], ["a patch's type", "application/merge-patch+json", "{}", 415], ["a name every object has", "constructor", "{}", 415],
];
for (const [what, contentType, text, code] of hostile) test(`a body is refused: ${what}`, () => {
  assert.throws(() => decodeBody({ contentType, bytes: Buffer.from(text, "latin1") }), (error) => error instanceof Refusal && error.status.code === code);
});

test("duplicate fields are found wherever they are", () => {
  assert.deepEqual(duplicateFields('{"a":1,"b":{"c":[{"d":1,"d":2},{"d":3}],"c":4},"a":"a,\\"a\\":{"}'), ["b.c[0].d", "b.c", "a"]);
  assert.deepEqual(duplicateFields('{"a":{"x":1},"b":{"x":1},"c":["x","x"],"\\u0061":1}'), ["a"]);
});
test("any value has no duplicates in its own text", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => assert.deepEqual(duplicateFields(JSON.stringify(value)), [])));
});
