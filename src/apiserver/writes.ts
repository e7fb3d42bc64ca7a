/**
 * Creating and changing objects. Everything between reading the stored object and storing the new one happens without
 * a pause, so no two writes ever interleave; a write that changes nothing is answered, and not stored.
 */
import { admitAlteration, admitCreation, isReleased } from "./admission.ts";
import { serverSideApply } from "./apply.ts";
import { decodeBody, decodePatch, mediaType } from "./bodies.ts";
import { keyOf, liveObject, surroundings } from "./core.ts";
import { checkKnown, decodeObject, ofKind } from "./decoding.ts";
import { checkPlace, checkPreconditions, generatedName } from "./metadata.ts";
import { asJson, asObject, isDeleting, objectAt, withMetadata } from "./objects.ts";
import { writeParams } from "./params.ts";
import { jsonPatch, mergePatch, strategicMergePatch } from "./patch.ts";
import { invalidValue } from "../schema/validate.ts";
import { alreadyExists, badRequest, forbidden, invalid, noSuchResource, notFound, refusal } from "./problems.ts";
import type { Part, Writer } from "./admission.ts";
import type { Body } from "./bodies.ts";
import type { Call, Core, Result } from "./core.ts";
import type { Kind, KubeObject } from "./kind.ts";
import type { WriteParams } from "./params.ts";
import type { Json, JsonObject } from "../schema/types.ts";

const namespacesOnly = { group: "", plural: "namespaces" };

/** Refuses new objects in a namespace that is not there, or on its way out. */
export const checkNamespace = ({ store }: Core, kind: Kind, namespace: string, name: string): void => {
  if (!kind.namespaced) return;
  const stored = store.get({ resource: "namespaces", namespace: "", name: namespace });
  if (stored === undefined) throw notFound(namespacesOnly, namespace);
  if (!isDeleting(stored)) return;
  throw forbidden(kind, name, `unable to create new content in namespace ${namespace} because it is being terminated`,
    [{ reason: "NamespaceTerminating", message: `namespace ${namespace} is being terminated`, field: "metadata.namespace" }]);
};

const freeName = (core: Core, call: Call, prefix: string): string => {
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const name = generatedName(prefix, core.random);
    if (core.store.get(keyOf(call.served, call.namespace, name)) === undefined) return name;
  }
  throw alreadyExists(call.served.kind, prefix);
};

const nameFor = (core: Core, call: Call, object: KubeObject): string => {
  const { name = "", generateName = "" } = object.metadata as Partial<KubeObject["metadata"]>;
  if (name !== "" || call.name !== "") return name || call.name;
  return generateName === "" ? "" : freeName(core, call, generateName);
};

interface Made { readonly object: KubeObject; readonly writer: Writer; readonly dryRun: boolean }

const createObject = (core: Core, call: Call, { object, writer, dryRun }: Made): KubeObject => {
  const { served, namespace } = call;
  const { kind } = served;
  if (served.isEnding) throw refusal({ code: 405, reason: "MethodNotAllowed", message: "create not allowed while custom resource definition is terminating", details: {} });
  checkPlace(object, { namespace, name: call.name });
  if ((object.metadata.resourceVersion ?? "") !== "") throw badRequest("resourceVersion should not be set on objects to be created");
  checkNamespace(core, kind, namespace, object.metadata.name);
  const place = { namespace: kind.namespaced ? namespace : "", name: nameFor(core, call, object) };
  const admitted = admitCreation({ kind, object, place, uid: core.newUid(), writer, around: surroundings(core) });
  const key = keyOf(served, namespace, place.name);
  if (core.store.get(key) !== undefined) throw alreadyExists(kind, place.name);
  if (dryRun) return admitted;
  const [change] = core.store.write([{ key, object: served.toStored(admitted) }]);
  return change?.after === undefined ? admitted : served.fromStored(change.after);
};

/** Stores what a live object becomes: nothing when it is the same, a removal when nothing holds it any more. */
export const storeAltered = (core: Core, call: Call, after: KubeObject, { before, dryRun }: { readonly before: KubeObject; readonly dryRun: boolean }): KubeObject => {
  const { served, namespace } = call;
  if (after === before || dryRun) return after;
  const key = keyOf(served, namespace, before.metadata.name);
  if (isReleased(served.kind, after)) {
    core.store.write([{ key }]);
    return after;
  }
  const [change] = core.store.write([{ key, object: served.toStored(after) }]);
  return change?.after === undefined ? after : served.fromStored(change.after);
};

/** The half of the object that the call's path writes. */
export const partOf = ({ served: { kind }, subresource, name }: Pick<Call, "served" | "subresource" | "name">): Part => {
  if (subresource === "") return "main";
  if (subresource === "status" && kind.status) return "status";
  if (subresource === "finalize" && kind.otherSubresources?.some(({ name }) => name === "finalize") === true) return "finalize";
  throw kind.custom ? notFound(kind, name) : noSuchResource();
};

const writerOf = (call: Call, { manager }: WriteParams, isApply = false): Writer =>
  ({ manager, isApply, ...(call.subresource === "" ? {} : { subresource: call.subresource }) });

const answer = (call: Call, code: number, object: KubeObject, warnings: readonly string[]): Result => ({
  is: "object", code, kind: call.served.kind, object,
  warnings: call.served.warning === undefined ? warnings : [call.served.warning, ...warnings],
});

/** POST to a collection. */
export const create = (core: Core, call: Call): Result => {
  const params = writeParams(call.query, call.userAgent, "CreateOptions");
  const decoded = decodeObject(call.served.kind, decodeBody(call.body), { fieldValidation: params.fieldValidation });
  return answer(call, 201, createObject(core, call, { object: decoded.object, writer: writerOf(call, params), dryRun: params.dryRun }), decoded.warnings);
};

// Most built-in kinds may be replaced without saying which version was seen; these may not.
const needsVersion = (kind: Kind) => kind.custom || ["CustomResourceDefinition", "Lease"].includes(kind.kind);

const checkVersionGiven = (kind: Kind, { metadata }: KubeObject): void => {
  if ((metadata.resourceVersion ?? "") !== "" || !needsVersion(kind)) return;
  // The real server names the resource here, where it names the kind everywhere else.
  throw invalid({ group: kind.group, kind: kind.plural }, metadata.name, [{ field: "metadata.resourceVersion", reason: "FieldValueInvalid", message: "Invalid value: 0: must be specified for an update" }]);
};

/** PUT of an item, or of its status. */
export const update = (core: Core, call: Call): Result => {
  const { kind } = call.served;
  const part = partOf(call);
  const params = writeParams(call.query, call.userAgent, "UpdateOptions");
  const decoded = decodeObject(kind, decodeBody(call.body), { fieldValidation: params.fieldValidation });
  checkPlace(decoded.object, call);
  const before = liveObject(core, call);
  checkVersionGiven(kind, withMetadata(decoded.object, { name: call.name }));
  checkPreconditions(kind, decoded.object.metadata, before);
  const after = admitAlteration({ kind, object: decoded.object, before, part, writer: writerOf(call, params), around: surroundings(core) });
  return answer(call, 200, storeAltered(core, call, after, { before, dryRun: params.dryRun }), decoded.warnings);
};

const customPatches = ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"];
const builtinPatches = [...customPatches, "application/strategic-merge-patch+json"];

/** The types of patches that a kind takes. */
export const patchTypes = ({ custom }: Kind): readonly string[] => custom ? customPatches : builtinPatches;

/** How much of a patch is repeated in an error. */
const patchShownMax = 4096;

const patchText = ({ body }: Call): string => Buffer.from(body.bytes).toString().slice(0, patchShownMax);

const patched = (kind: Kind, type: string, before: KubeObject, patch: Json): JsonObject => {
  switch (type) {
    case "application/json-patch+json": return jsonPatch(before, patch);
    case "application/merge-patch+json": return mergePatch(before, patch);
    default: return strategicMergePatch(kind, before, patch);
  }
};

const changeByPatch = (core: Core, call: Call, params: WriteParams, { value, duplicates }: Body): Result => {
  const { kind } = call.served;
  const part = partOf(call);
  if (params.force) throw invalid({ group: "meta.k8s.io", kind: "PatchOptions" }, "", [{ field: "force", reason: "FieldValueForbidden", message: "Forbidden: may not be specified for non-apply patch" }]);
  const before = liveObject(core, call);
  const body = { value: patched(kind, mediaType(call.body.contentType), before, value), duplicates };
  const decoded = decodeObject(kind, body, { fieldValidation: params.fieldValidation, patch: patchText(call) });
  checkPlace(decoded.object, call);
  const { uid = "" } = decoded.object.metadata as Partial<KubeObject["metadata"]>;
  if (uid !== "" && uid !== before.metadata.uid) throw invalid(kind, call.name, [invalidValue("metadata.uid", uid, "field is immutable")]);
  checkPreconditions(kind, decoded.object.metadata, before);
  const after = admitAlteration({ kind, object: decoded.object, before, part, writer: writerOf(call, params), around: surroundings(core) });
  return answer(call, 200, storeAltered(core, call, after, { before, dryRun: params.dryRun }), decoded.warnings);
};

const checkManager = ({ isManagerNamed }: WriteParams): void => {
  if (isManagerNamed) return;
  throw invalid({ group: "meta.k8s.io", kind: "PatchOptions" }, "", [{ field: "fieldManager", reason: "FieldValueRequired", message: "Required value: is required for apply patch" }]);
};

const changeByApply = (core: Core, call: Call, params: WriteParams, body: Body): Result => {
  const { kind } = call.served;
  const part = partOf(call);
  checkManager(params);
  const sent = ofKind(kind, body.value);
  checkPlace(asObject({ ...sent, metadata: objectAt(sent, "metadata") }), call);
  const applied = { ...sent, metadata: { ...objectAt(sent, "metadata"), name: call.name, ...(kind.namespaced ? { namespace: call.namespace } : {}) } };
  checkKnown(kind, applied);
  const stored = core.store.get(keyOf(call.served, call.namespace, call.name));
  if (stored === undefined && part !== "main") throw notFound(kind, call.name);
  const before = stored === undefined ? undefined : call.served.fromStored(stored);
  if (before !== undefined) checkPreconditions(kind, asObject(applied).metadata, before);
  const merged = serverSideApply({
    kind, applied, manager: params.manager, force: params.force, now: core.now(),
    ...(before === undefined ? {} : { live: before }), ...(call.subresource === "" ? {} : { subresource: call.subresource }),
  });
  const decoded = decodeObject(kind, { value: asJson(merged), duplicates: body.duplicates }, { fieldValidation: params.fieldValidation, patch: patchText(call) });
  const writer = writerOf(call, params, true);
  if (before === undefined) {
    const object = withMetadata(decoded.object, { resourceVersion: undefined });
    return answer(call, 201, createObject(core, call, { object, writer, dryRun: params.dryRun }), decoded.warnings);
  }
  const after = admitAlteration({ kind, object: decoded.object, before, part, writer, around: surroundings(core) });
  return answer(call, 200, storeAltered(core, call, after, { before, dryRun: params.dryRun }), decoded.warnings);
};

/** PATCH of an item, or of its status, in any of the types that the kind takes. */
export const patch = (core: Core, call: Call): Result => {
  const params = writeParams(call.query, call.userAgent, "PatchOptions");
  const body = decodePatch(call.body, patchTypes(call.served.kind));
  return mediaType(call.body.contentType) === "application/apply-patch+yaml"
    ? changeByApply(core, call, params, body) : changeByPatch(core, call, params, body);
};
