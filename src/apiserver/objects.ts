/** Small moves on stored objects: they always make a new object, and none reads a clock. */
import type { Json, JsonObject } from "../schema/types.ts";
import type { Kind, KubeObject, ObjectMeta } from "./kind.ts";

/** The object as plain JSON. The two types describe the same values; this names the one place that says so. */
export const asJson = (object: KubeObject | ObjectMeta): JsonObject => object as unknown as JsonObject;

/** JSON whose apiVersion, kind and metadata were checked before. */
export const asObject = (value: JsonObject): KubeObject => value as unknown as KubeObject;

export const groupVersion = ({ group, version }: Pick<Kind, "group" | "version">): string => group === "" ? version : `${group}/${version}`;

/** `apps/v1` -> group apps, version v1; `v1` is the core group's. */
export const parseGroupVersion = (apiVersion: string): { readonly group: string; readonly version: string } => {
  const slash = apiVersion.indexOf("/");
  return slash === -1 ? { group: "", version: apiVersion } : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
};

/** What the object's metadata becomes; undefined values are left out. */
export const withMetadata = (object: KubeObject, changes: Partial<Record<keyof ObjectMeta | "selfLink", unknown>>): KubeObject => {
  const entries = Object.entries({ ...object.metadata, ...changes }).filter(([, value]) => value !== undefined);
  return { ...object, metadata: Object.fromEntries(entries) as unknown as ObjectMeta };
};

/** The object without these fields. */
export const without = (object: KubeObject, fields: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(asJson(object)).filter(([field]) => !fields.includes(field)));

/** A field of JSON as an object; empty when it is something else or missing. */
export const objectAt = (value: unknown, field: string): JsonObject => {
  const inner = typeof value === "object" && value !== null && Object.hasOwn(value, field) ? (value as Record<string, Json>)[field] : undefined;
  return typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner as JsonObject : {};
};

/** The time as Kubernetes writes it: whole seconds, UTC. */
export const timestamp = (nowMs: number): string => `${new Date(nowMs).toISOString().slice(0, 19)}Z`;

export const isDeleting = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined;
