/** A kind with one field of every sort of ownership, for the tests of server-side apply. */
import type { Kind, KubeObject } from "../../src/apiserver/kind.ts";
import type { JsonObject, Schema } from "../../src/schema/types.ts";

const text: Schema = { type: "string" };
const whole: Schema = { type: "integer" };
const pair: Schema = { type: "object", properties: { x: whole, y: whole } };

export const gizmo: Kind = {
  group: "example.com", version: "v1", kind: "Gizmo", listKind: "GizmoList", plural: "gizmos", singular: "gizmo", shortNames: [], categories: [],
  namespaced: true, verbs: [], status: true, columns: [], custom: true, selectableFields: [],
  schema: {
    type: "object",
    properties: {
      spec: {
        type: "object",
        properties: {
          n: whole, s: text,
          users: { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"], items: { type: "object", required: ["name"], properties: { name: text, age: whole, opt: pair } } },
          ports: {
            type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
            items: { type: "object", required: ["port"], properties: { port: whole, protocol: { type: "string", default: "TCP" }, name: text } },
          },
          tags: { type: "array", "x-kubernetes-list-type": "set", items: text },
          items: { type: "array", items: text },
          box: { ...pair, "x-kubernetes-map-type": "atomic" },
          labels: { type: "object", additionalProperties: text },
          deep: { type: "object", properties: { p: pair } },
          any: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        },
      },
      status: { type: "object", properties: { n: whole } },
    },
  },
};

export const gizmoOf = (fields: JsonObject, metadata: JsonObject = {}): JsonObject =>
  ({ apiVersion: "example.com/v1", kind: "Gizmo", metadata: { name: "g", namespace: "default", ...metadata }, ...fields });

/** Owner -> fields, which is what most tests look at. */
export const ownersIn = (object: KubeObject): JsonObject => Object.fromEntries((object.metadata.managedFields ?? []).map((entry) =>
  [`${entry.manager} ${entry.operation}${entry.subresource === undefined ? "" : ` ${entry.subresource}`}`, entry.fieldsV1] as const));
