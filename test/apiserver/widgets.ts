/** A kind for tests: a definition with most of what definitions can have, and objects of it. */
import assert from "node:assert/strict";
import type { Running } from "./harness.ts";
import type { JsonObject, Schema } from "../../src/schema/types.ts";

export const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
export const widgets = "/apis/example.dev/v1alpha1/namespaces/default/widgets";
export const configMaps = "/api/v1/namespaces/default/configmaps";

export const widgetSchema: Schema = {
  type: "object", required: ["spec"], properties: {
    spec: {
      type: "object", "x-kubernetes-validations": [
        { rule: "self.replicas != 7", message: "seven is not allowed" },
        { rule: "self.replicas >= oldSelf.replicas - 2", message: "by two at most" },
      ],
      properties: {
        replicas: { type: "integer", minimum: 0, maximum: 9, default: 1 },
        version: { type: "string", enum: ["16", "17"] },
        note: { type: "string" },
        storage: { type: "object", default: {}, properties: { size: { type: "string", default: "1Gi" }, class: { type: "string", nullable: true } } },
        users: {
          type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
          items: { type: "object", required: ["name"], properties: { name: { type: "string" }, age: { type: "integer" } } },
        },
      },
    },
    status: { type: "object", properties: { replicas: { type: "integer" }, phase: { type: "string" }, selector: { type: "string" } } },
  },
};

export const widgetDefinition = (changes: (spec: Record<string, unknown>) => void = () => undefined): JsonObject => {
  const spec = {
    group: "example.dev", scope: "Namespaced", names: { plural: "widgets", kind: "Widget", shortNames: ["wd"], categories: ["all"] },
    versions: [{
      name: "v1alpha1", served: true, storage: true, schema: { openAPIV3Schema: structuredClone(widgetSchema) },
      subresources: { status: {}, scale: { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas", labelSelectorPath: ".status.selector" } },
      additionalPrinterColumns: [{ name: "Desired", type: "integer", jsonPath: ".spec.replicas" }, { name: "Phase", type: "string", jsonPath: ".status.phase", priority: 1 }],
      selectableFields: [{ jsonPath: ".spec.version" }],
    }],
  };
  changes(spec);
  return { apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: { name: "widgets.example.dev" }, spec: spec as unknown as JsonObject };
};

export const widget = (name: string, spec: JsonObject = {}, metadata: JsonObject = {}): JsonObject =>
  ({ apiVersion: "example.dev/v1alpha1", kind: "Widget", metadata: { name, ...metadata }, spec });

/** Installs the kind; it is served when this returns. */
export const defineWidgets = async ({ send }: Pick<Running, "send">, changes?: (spec: Record<string, unknown>) => void): Promise<void> => {
  const made = await send("POST", definitions, { body: widgetDefinition(changes) });
  assert.equal(made.code, 201, made.text);
};

export const merge = "application/merge-patch+json";
export const jsonPatch = "application/json-patch+json";
export const apply = "application/apply-patch+yaml";
export const strategic = "application/strategic-merge-patch+json";
export const asTable = { Accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" };
