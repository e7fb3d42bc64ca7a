/** Which CustomResourceDefinitions are refused, and what becomes of those that are not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withControlPlane } from "./harness.ts";
import { definitions, jsonPatch, merge, widget, widgetDefinition, widgets } from "./widgets.ts";
import type { Json, JsonObject } from "../../src/schema/types.ts";

/** The usual definition with one thing set, or taken away, at a path of names and indices. */
const spoiled = (path: string, value?: Json): JsonObject => {
  const definition = structuredClone(widgetDefinition()) as Record<string, unknown>;
  const steps = path.split("/");
  const last = steps.pop() ?? "";
  const target = steps.reduce<Record<string, unknown>>((at, step) => at[step] as Record<string, unknown>, definition);
  if (value === undefined) delete target[last];
  else target[last] = value;
  return definition as JsonObject;
};

const schema = "spec/versions/0/schema/openAPIV3Schema";
const property = `${schema}/properties/spec/properties/bad`;
const at = "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[bad]";

interface Row { readonly when: string; readonly path: string; readonly value?: Json; readonly causes: readonly string[]; readonly says?: string }

const rows: readonly Row[] = [
  { when: "a property without a type", path: property, value: { description: "x" }, causes: [`FieldValueRequired ${at}.type`], says: "must not be empty for specified object fields" },
  { when: "items without a type", path: property, value: { type: "array", items: {} }, causes: [`FieldValueRequired ${at}.items.type`] },
  { when: "values without a type", path: property, value: { type: "object", additionalProperties: {} }, causes: [`FieldValueRequired ${at}.additionalProperties.type`] },
  { when: "an array without items", path: property, value: { type: "array" }, causes: [`FieldValueRequired ${at}.items`] },
  { when: "a type that is none", path: property, value: { type: "str" }, causes: [`FieldValueNotSupported ${at}.type`] },
  { when: "a root that is no object", path: `${schema}/type`, value: "array", causes: ["FieldValueInvalid spec.versions[0].schema.openAPIV3Schema.type", "FieldValueRequired spec.versions[0].schema.openAPIV3Schema.items"] },
  { when: "a default that does not validate", path: property, value: { type: "integer", default: "x" }, causes: [`FieldValueTypeInvalid ${at}.default`] },
  { when: "a default with an unknown field", path: property, value: { type: "object", properties: {}, default: { x: 1 } }, causes: [`FieldValueInvalid ${at}.default`], says: "must not have unknown fields" },
  { when: "a rule that does not compile", path: property, value: { type: "string", "x-kubernetes-validations": [{ rule: "self.foo ==" }] }, causes: [`FieldValueInvalid ${at}.x-kubernetes-validations[0].rule`] },
  { when: "a pattern that does not compile", path: property, value: { type: "string", pattern: "(" }, causes: [`FieldValueInvalid ${at}.pattern`] },
  { when: "list keys that are none", path: property, value: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["x"], items: { type: "object", properties: {} } }, causes: [`FieldValueInvalid ${at}.x-kubernetes-list-map-keys`] },
  { when: "list keys that may be missing", path: property, value: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["x"], items: { type: "object", properties: { x: { type: "string" } } } }, causes: [`FieldValueRequired ${at}.items.properties[x].default`] },
  { when: "list keys that are lists", path: property, value: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["x"], items: { type: "object", required: ["x"], properties: { x: { type: "object" } } } }, causes: [`FieldValueInvalid ${at}.items.properties[x].type`] },
  { when: "a map without keys", path: property, value: { type: "array", "x-kubernetes-list-type": "map", items: { type: "object" } }, causes: [`FieldValueRequired ${at}.x-kubernetes-list-map-keys`] },
  { when: "a list type that is none", path: property, value: { type: "array", "x-kubernetes-list-type": "mapp", items: { type: "string" } }, causes: [`FieldValueNotSupported ${at}.x-kubernetes-list-type`] },
  { when: "a list type of no list", path: property, value: { type: "string", "x-kubernetes-list-type": "set" }, causes: [`FieldValueInvalid ${at}.type`] },
  { when: "unique items", path: property, value: { type: "array", uniqueItems: true, items: { type: "string" } }, causes: [`FieldValueForbidden ${at}.uniqueItems`] },
  { when: "properties and others", path: property, value: { type: "object", additionalProperties: { type: "string" }, properties: {} }, causes: [`FieldValueForbidden ${at}.additionalProperties`] },
  { when: "a reference", path: property, value: { type: "object", $ref: "x" }, causes: [`FieldValueForbidden ${at}.$ref`] },
  { when: "a type inside a combination", path: property, value: { type: "integer", anyOf: [{ type: "integer" }], not: { default: 1 } }, causes: [`FieldValueForbidden ${at}.anyOf[0].type`, `FieldValueForbidden ${at}.not.default`] },
  { when: "no object embedded", path: property, value: { type: "string", "x-kubernetes-embedded-resource": true }, causes: [`FieldValueInvalid ${at}.type`] },
  { when: "unknown fields not preserved", path: property, value: { type: "object", "x-kubernetes-preserve-unknown-fields": false }, causes: [`FieldValueInvalid ${at}.x-kubernetes-preserve-unknown-fields`] },
  { when: "metadata restricted", path: `${schema}/properties/metadata`, value: { type: "object", properties: { labels: { type: "object" } } }, causes: ["FieldValueForbidden spec.versions[0].schema.openAPIV3Schema.properties[metadata]"] },
  { when: "no schema", path: "spec/versions/0/schema", causes: ["FieldValueRequired spec.versions[0].schema.openAPIV3Schema"] },
  { when: "another name", path: "metadata/name", value: "foo.example.dev", causes: ["FieldValueInvalid metadata.name"], says: 'must be spec.names.plural+"."+spec.group' },
  { when: "a group without a dot", path: "spec/group", value: "example", causes: ["FieldValueInvalid metadata.name", "FieldValueInvalid spec.group"] },
  { when: "a scope that is none", path: "spec/scope", value: "X", causes: ["FieldValueNotSupported spec.scope"] },
  { when: "no storage version", path: "spec/versions/0/storage", value: false, causes: ["FieldValueInvalid spec.versions"] },
  { when: "no version", path: "spec/versions", value: [], causes: ["FieldValueInvalid spec.versions"] },
  { when: "a version's name", path: "spec/versions/0/name", value: "V1", causes: ["FieldValueInvalid spec.versions[0].name"] },
  { when: "a kind's name", path: "spec/names/kind", value: "Wid_get", causes: ["FieldValueInvalid spec.names.singular", "FieldValueInvalid spec.names.kind", "FieldValueInvalid spec.names.listKind"] },
  { when: "no kind", path: "spec/names/kind", causes: ["FieldValueRequired spec.names.singular", "FieldValueRequired spec.names.kind", "FieldValueRequired spec.names.listKind"] },
  { when: "a list's kind", path: "spec/names/listKind", value: "Widget", causes: ["FieldValueInvalid spec.names.listKind"] },
  { when: "a column", path: "spec/versions/0/additionalPrinterColumns", value: [{ name: "x", type: "foo", jsonPath: "spec" }], causes: ["FieldValueInvalid spec.versions[0].additionalPrinterColumns[0].type", "FieldValueInvalid spec.versions[0].additionalPrinterColumns[0].jsonPath"] },
  { when: "scale paths", path: "spec/versions/0/subresources/scale", value: { specReplicasPath: ".x", statusReplicasPath: ".x", labelSelectorPath: ".x" },
    causes: ["FieldValueInvalid spec.versions[0].subresources.scale.specReplicasPath", "FieldValueInvalid spec.versions[0].subresources.scale.statusReplicasPath", "FieldValueInvalid spec.versions[0].subresources.scale.labelSelectorPath"] },
  { when: "unknown fields preserved everywhere", path: "spec/preserveUnknownFields", value: true, causes: ["FieldValueInvalid spec.preserveUnknownFields"] },
  { when: "a conversion by somebody else", path: "spec/conversion", value: { strategy: "Webhook" }, causes: ["FieldValueNotSupported spec.conversion.strategy"] },
];

test("definitions that are refused, each for its own reason", () => withControlPlane(async ({ send }) => {
  for (const { when, path, value, causes, says } of rows) {
    const { code, body, text } = await send("POST", definitions, { body: spoiled(path, value) });
    assert.deepEqual([code, body.details.causes?.map(({ reason, field }) => `${reason} ${field}`)], [422, causes], `${when}: ${text}`);
    if (says !== undefined) assert.ok(text.includes(JSON.stringify(says).slice(1, -1)), `${when}: ${text}`);
  }
  const twice = structuredClone(widgetDefinition()) as unknown as { spec: { versions: unknown[] } };
  twice.spec.versions.push(twice.spec.versions[0]);
  assert.match((await send("POST", definitions, { body: twice as never })).text, /must have exactly one version marked as storage version.*Duplicate value/);
  assert.deepEqual((await send("GET", definitions)).body.items, []);
}));

test("what is no schema is a body that cannot be read; what is no keyword is an unknown field", () => withControlPlane(async ({ send }) => {
  const malformed: readonly Json[] = [3, { type: "object", properties: 3 }, { type: 3 }, { type: "string", pattern: 1 }, { type: "array", items: [] }, { type: "string", enum: "x" }, { type: "string", "x-kubernetes-validations": [1] }];
  for (const value of malformed) {
    const { code, text } = await send("POST", definitions, { body: spoiled(property, value) });
    assert.equal(code, 400, text);
  }
  const strict = await send("POST", `${definitions}?fieldValidation=Strict`, { body: spoiled(`${property}`, { type: "integer", foo: 1 }) });
  assert.deepEqual([strict.code, strict.body.message.includes('unknown field "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties.bad.foo"')], [400, true]);
}));

test("the server fills in names and accepts them, and serves the kind at once", () => withControlPlane(async ({ send }) => {
  const { code, body } = await send("POST", definitions, { body: widgetDefinition() });
  assert.equal(code, 201);
  const { names, conversion } = body.spec as { names: JsonObject; conversion: JsonObject };
  assert.deepEqual([names["singular"], names["listKind"], conversion], ["widget", "WidgetList", { strategy: "None" }]);
  assert.deepEqual([body.status["storedVersions"], (body.status["acceptedNames"] as JsonObject)["plural"], body.metadata.generation], [["v1alpha1"], "widgets", 1]);
  assert.deepEqual((body.status["conditions"] as unknown as { type: string; status: string }[]).map(({ type, status }) => `${type}=${status}`), ["NamesAccepted=True", "Established=True"]);
  assert.equal((await send("GET", widgets)).body.kind, "WidgetList");
}));

test("what cannot change does not, and what can takes effect at once", () => withControlPlane(async ({ send }) => {
  await send("POST", definitions, { body: widgetDefinition() });
  await send("POST", widgets, { body: widget("db") });
  const path = `${definitions}/widgets.example.dev`;
  const refused: readonly (readonly [Json, string])[] = [
    [[{ op: "replace", path: "/spec/scope", value: "Cluster" }], "spec.scope"], [[{ op: "replace", path: "/spec/names/kind", value: "Gadget" }], "spec.names.kind"],
    [[{ op: "replace", path: "/spec/versions/0/name", value: "v1" }], "status.storedVersions[0]"],
  ];
  for (const [body, field] of refused) {
    const answered = await send("PATCH", path, { body, contentType: jsonPatch });
    assert.equal(answered.code, 422, answered.text);
    assert.ok(answered.body.details.causes?.some((cause) => cause.field === field), answered.text);
  }
  const changed = await send("PATCH", path, { contentType: jsonPatch, body: [{ op: "add", path: "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/color", value: { type: "string", default: "red" } }] });
  assert.deepEqual([changed.code, changed.body.metadata.generation], [200, 2]);
  assert.equal((await send("GET", `${widgets}/db`)).body.spec["color"], "red");
  assert.equal((await send("PATCH", `${widgets}/db`, { body: { spec: { color: "blue" } }, contentType: merge })).body.spec["color"], "blue");
}));
