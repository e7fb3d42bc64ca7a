/** A few words to write schemas of built-in kinds with; each makes one schema node. */
import type { Schema } from "../schema/types.ts";

type Properties = Readonly<Record<string, Schema>>;

export const text = (description: string, more: Schema = {}): Schema => ({ type: "string", description, ...more });
export const whole = (description: string, format: "int32" | "int64" = "int32"): Schema => ({ type: "integer", format, description });
export const flag = (description: string): Schema => ({ type: "boolean", description });
export const time = (description: string): Schema => ({ type: "string", format: "date-time", nullable: true, description });
export const anything = (description: string): Schema => ({ type: "object", description, "x-kubernetes-preserve-unknown-fields": true });
export const record = (description: string, properties: Properties, required: readonly string[] = []): Schema =>
  ({ type: "object", description, properties, ...(required.length === 0 ? {} : { required }) });
export const mapOf = (description: string, value: Schema): Schema => ({ type: "object", description, additionalProperties: value });
export const stringMap = (description: string): Schema => mapOf(description, { type: "string" });
export const listOf = (description: string, items: Schema): Schema =>
  ({ type: "array", description, items, "x-kubernetes-list-type": "atomic" });
export const setOf = (description: string, items: Schema): Schema =>
  ({ type: "array", description, items, "x-kubernetes-list-type": "set" });
export const listBy = (keys: readonly string[], description: string, items: Schema): Schema =>
  ({ type: "array", description, items, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys });
export const strings = (description: string): Schema => listOf(description, { type: "string" });
/** The same struct, changed by one manager as one value. */
export const atomic = (schema: Schema): Schema => ({ ...schema, "x-kubernetes-map-type": "atomic" });
