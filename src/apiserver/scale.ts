/**
 * The scale subresource: an `autoscaling/v1` Scale as a view of two numbers and a selector of the object. Writing it
 * changes the object's wanted number and nothing else, by the object's own rules.
 */
import { own } from "../schema/json.ts";
import { admitAlteration } from "./admission.ts";
import { decodeBody, decodePatch, mediaType } from "./bodies.ts";
import { liveObject, surroundings } from "./core.ts";
import { findByPath } from "./json-path.ts";
import { checkPlace, checkPreconditions } from "./metadata.ts";
import { asJson, asObject, objectAt } from "./objects.ts";
import { writeParams } from "./params.ts";
import { jsonPatch, mergePatch } from "./patch.ts";
import { badRequest, noSuchResource } from "./problems.ts";
import { storeAltered } from "./writes.ts";
import type { Call, Core, Result } from "./core.ts";
import type { KubeObject, ScaleSubresource } from "./kind.ts";
import type { WriteOptions } from "./params.ts";
import type { Json, JsonObject } from "../schema/types.ts";

const scaleOf = ({ served: { kind } }: Call): ScaleSubresource => {
  if (kind.scale === undefined) throw noSuchResource();
  return kind.scale;
};

const numberAt = (object: KubeObject, path: string): number => {
  const [value] = findByPath(object, path);
  return typeof value === "number" ? value : 0;
};

/** The Scale of an object. */
export const scaleView = (object: KubeObject, scale: ScaleSubresource): JsonObject => {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const [selector] = scale.labelSelectorPath === undefined ? [] : findByPath(object, scale.labelSelectorPath);
  return {
    kind: "Scale", apiVersion: "autoscaling/v1",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: numberAt(object, scale.specReplicasPath) },
    status: { replicas: numberAt(object, scale.statusReplicasPath), ...(typeof selector === "string" ? { selector } : {}) },
  };
};

const withValueAt = (object: JsonObject, [first, ...rest]: readonly string[], value: Json): JsonObject =>
  first === undefined ? object : { ...object, [first]: rest.length === 0 ? value : withValueAt(objectAt(object, first), rest, value) };

const replicasOf = (scale: JsonObject): number => {
  const replicas = own(objectAt(scale, "spec"), "replicas") ?? 0;
  if (typeof replicas !== "number" || !Number.isInteger(replicas)) throw badRequest(`Scale in version "v1" cannot be handled as a Scale: spec.replicas is no whole number: ${JSON.stringify(replicas)}`);
  return replicas;
};

const checkScale = (scale: Json, call: Call): JsonObject => {
  const value = typeof scale === "object" && scale !== null && !Array.isArray(scale) ? scale as JsonObject : undefined;
  if (value === undefined || (own(value, "kind") ?? "Scale") !== "Scale" || (own(value, "apiVersion") ?? "autoscaling/v1") !== "autoscaling/v1")
    throw badRequest("the body is no Scale of autoscaling/v1");
  checkPlace(asObject({ metadata: objectAt(value, "metadata") }), call);
  return value;
};

const store = (core: Core, call: Call, { scale, before, options }: { readonly scale: JsonObject; readonly before: KubeObject; readonly options: WriteOptions }): Result => {
  const params = writeParams(call.query, call.userAgent, options);
  const { kind } = call.served;
  const paths = scaleOf(call);
  checkPreconditions(kind, asObject({ metadata: objectAt(scale, "metadata") }).metadata, before);
  const object = asObject(withValueAt(asJson(before), paths.specReplicasPath.split(".").slice(1), replicasOf(scale)));
  const writer = { manager: params.manager, isApply: false, subresource: "scale" };
  const after = admitAlteration({ kind, object, before, part: "main", writer, around: surroundings(core) });
  return { is: "json", code: 200, body: scaleView(storeAltered(core, call, after, { before, dryRun: params.dryRun }), paths), warnings: [] };
};

export const getScale = (core: Core, call: Call): Result =>
  ({ is: "json", code: 200, body: scaleView(liveObject(core, call), scaleOf(call)), warnings: [] });

/** PUT of a Scale. */
export const updateScale = (core: Core, call: Call): Result => {
  scaleOf(call);
  const scale = checkScale(decodeBody(call.body).value, call);
  return store(core, call, { scale, before: liveObject(core, call), options: "UpdateOptions" });
};

const patchTypes = ["application/json-patch+json", "application/merge-patch+json"];

/** PATCH of a Scale. */
export const patchScale = (core: Core, call: Call): Result => {
  const { value } = decodePatch(call.body, patchTypes);
  const before = liveObject(core, call);
  const view = scaleView(before, scaleOf(call));
  const patched = mediaType(call.body.contentType) === "application/json-patch+json" ? jsonPatch(view, value) : mergePatch(view, value);
  return store(core, call, { scale: checkScale(patched, call), before, options: "PatchOptions" });
};
