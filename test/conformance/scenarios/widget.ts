/** The kind that most scenarios use: something of everything that definitions can say. */
import type { Json, JsonObject } from "../../../src/schema/types.ts";

export const group = "conformance.example.com";
export const version = `${group}/v1`;
export const root = `/apis/${version}/namespaces/default/widgets`;
export const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

const text = { type: "string" };
const whole = { type: "integer" };

export const widgetSchema: JsonObject = {
  type: "object", description: "A widget.", required: ["spec"],
  properties: {
    spec: {
      type: "object", description: "What is wanted.",
      "x-kubernetes-validations": [
        { rule: "!has(self.least) || self.least <= self.replicas", message: "least must not exceed replicas", fieldPath: ".least" },
        { rule: "!has(self.subnet) || !has(self.addresses) || self.addresses.all(a, isIP(a) && cidr(self.subnet).containsIP(a))", message: "addresses must lie in the subnet" },
        { rule: "!has(oldSelf.fixed) || (has(self.fixed) && self.fixed == oldSelf.fixed)", message: "fixed cannot change", reason: "FieldValueForbidden", fieldPath: ".fixed" },
        { rule: "!has(self.users) || self.users.all(u, !has(u.age) || u.age < 100)", messageExpression: "size(self.users) > 1 ? 'one of them is too old' : 'the only one is too old'" },
      ],
      properties: {
        replicas: { type: "integer", format: "int32", minimum: 0, maximum: 9, default: 1, description: "How many." },
        least: { ...whole, description: "How few." },
        color: { ...text, enum: ["red", "green"], description: "Which color." },
        note: { ...text, nullable: true, maxLength: 20, default: "none" },
        word: { ...text, pattern: "^[a-z]+$", minLength: 2, maxLength: 8 },
        ratio: { type: "number", minimum: 0, exclusiveMinimum: true, multipleOf: 0.5 },
        fixed: { ...text, maxLength: 10 },
        size: { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] },
        subnet: { ...text, maxLength: 50 },
        addresses: { type: "array", maxItems: 8, items: { ...text, maxLength: 50 } },
        storage: { type: "object", default: {}, properties: { size: { ...text, default: "1Gi" }, kind: text } },
        users: {
          type: "array", maxItems: 5, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], description: "Who uses it.",
          items: { type: "object", required: ["name"], properties: { name: { ...text, maxLength: 10 }, age: { ...whole, description: "In years." } } },
        },
        tags: { type: "array", maxItems: 5, "x-kubernetes-list-type": "set", items: { ...text, maxLength: 10 } },
        labels: { type: "object", maxProperties: 4, additionalProperties: { ...text, maxLength: 10 } },
        open: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        when: { ...text, format: "date-time" },
      },
    },
    status: {
      type: "object", description: "What is observed.",
      properties: {
        replicas: whole, selector: text,
        conditions: {
          type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
          items: { type: "object", required: ["type", "status"], properties: { type: text, status: text, reason: text } },
        },
      },
    },
  },
};

export interface Names extends JsonObject { readonly plural: string; readonly kind: string }

export const definition = (names: Names, versions: readonly Json[], scope = "Namespaced"): JsonObject => ({
  apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: { name: `${names.plural}.${group}` },
  spec: { group, scope, names, versions },
});

export const widgetDefinition: JsonObject = definition(
  { plural: "widgets", kind: "Widget", shortNames: ["wdg"], categories: ["all", "things"] },
  [{
    name: "v1", served: true, storage: true, schema: { openAPIV3Schema: widgetSchema },
    subresources: { status: {}, scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas", labelSelectorPath: ".status.selector" } },
    selectableFields: [{ jsonPath: ".spec.color" }],
    additionalPrinterColumns: [
      { name: "Replicas", type: "integer", jsonPath: ".spec.replicas", description: "How many." },
      { name: "Ready", type: "string", jsonPath: ".status.conditions[?(@.type==\"Ready\")].status" },
      { name: "Users", type: "string", jsonPath: ".spec.users[*].name", priority: 1 },
      { name: "Storage", type: "string", jsonPath: ".spec.storage", priority: 1 },
      { name: "When", type: "date", jsonPath: ".spec.when", priority: 1 },
      { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
    ],
  }],
);

/** A widget of that name; its status is dropped on create, as the main resource does not write it. */
export const widget = (name: string, spec: Json = {}, metadata: JsonObject = {}): JsonObject =>
  ({ apiVersion: version, kind: "Widget", metadata: { name, namespace: "default", ...metadata }, spec });

export const merge = "application/merge-patch+json";
export const jsonPatch = "application/json-patch+json";
export const strategic = "application/strategic-merge-patch+json";
export const applyPatch = "application/apply-patch+yaml";
export const table = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json";
