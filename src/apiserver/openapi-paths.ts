/**
 * The paths of one kind in its OpenAPI document: which requests exist, with which parameters and bodies. kubectl
 * looks for `fieldValidation` and `dryRun` among the parameters of a kind's patch and post.
 */
import type { Kind } from "./kind.ts";
import type { JsonObject } from "../schema/types.ts";

export type PathItem = JsonObject;

/** References to the components that bodies are made of, and where the paths begin. */
export interface Bodies {
  readonly root: string;
  readonly object: JsonObject;
  readonly list: JsonObject;
  readonly scale: JsonObject;
  readonly patch: JsonObject;
  readonly deleteOptions: JsonObject;
  readonly status: JsonObject;
}

const query = (name: string, type: "string" | "integer" | "boolean", description: string): JsonObject =>
  ({ name, in: "query", description, schema: { type, uniqueItems: true } });
const inPath = (name: string, description: string): JsonObject =>
  ({ name, in: "path", description, required: true, schema: { type: "string", uniqueItems: true } });

const dryRun = query("dryRun", "string", "All: do everything but store the result.");
const fieldManager = query("fieldManager", "string", "Who makes the change; required for apply patches.");
const fieldValidation = query("fieldValidation", "string", "What to do about unknown and duplicate fields: Ignore, Warn or Strict.");
const force = query("force", "boolean", "Take over fields that others own; for apply patches only.");
const pretty = query("pretty", "string", "If 'true', then the output is pretty printed.");
const listParameters: readonly JsonObject[] = [
  query("allowWatchBookmarks", "boolean", "Whether a watch may send bookmarks."),
  query("continue", "string", "Asks for the rest of a limited list."),
  query("fieldSelector", "string", "Restricts by fields."),
  query("labelSelector", "string", "Restricts by labels."),
  query("limit", "integer", "At most so many items."),
  query("resourceVersion", "string", "How recent the answer must be, or where a watch starts."),
  query("resourceVersionMatch", "string", "How resourceVersion is meant for lists."),
  query("sendInitialEvents", "boolean", "Whether a watch begins with what is there."),
  query("timeoutSeconds", "integer", "When to end the request."),
  query("watch", "boolean", "Watch for changes instead of listing."),
];
const deleteParameters: readonly JsonObject[] = [
  dryRun,
  query("gracePeriodSeconds", "integer", "How long the object may take to go."),
  query("orphanDependents", "boolean", "Old form of propagationPolicy."),
  query("propagationPolicy", "string", "What happens to what the object owns: Orphan, Background or Foreground."),
];
const writeParameters = [dryRun, fieldManager, fieldValidation];

const json = (schema: JsonObject): JsonObject => ({ "application/json": { schema }, "application/yaml": { schema } });
const body = (content: JsonObject, required = true): JsonObject => ({ content, ...(required ? { required } : {}) });
const answers = (schema: JsonObject, codes: readonly string[]): JsonObject => ({
  ...Object.fromEntries(codes.map((code) => [code, { description: code === "201" ? "Created" : "OK", content: json(schema) }])),
  401: { description: "Unauthorized" },
});

interface Type extends JsonObject { readonly group: string; readonly kind: string; readonly version: string }

interface Operation {
  readonly action: string;
  readonly type: Type;
  readonly parameters?: readonly JsonObject[];
  readonly request?: JsonObject;
  readonly response: JsonObject;
  readonly codes?: readonly string[];
}

const operation = ({ action, type, parameters, request, response, codes }: Operation): JsonObject => ({
  description: `${action} ${type.kind}`,
  ...(parameters === undefined ? {} : { parameters }),
  ...(request === undefined ? {} : { requestBody: request }),
  responses: answers(response, codes ?? ["200"]),
  "x-kubernetes-action": action,
  "x-kubernetes-group-version-kind": type,
});

const patchTypes = (kind: Kind): readonly string[] => [
  "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
  ...(kind.custom ? [] : ["application/strategic-merge-patch+json"]),
];

const patchBody = (kind: Kind, schema: JsonObject): JsonObject =>
  body(Object.fromEntries(patchTypes(kind).map((type) => [type, { schema }])));

/** get, put and patch of one object, or of a subresource of it. */
const itemOperations = (kind: Kind, type: Type, schema: JsonObject, patch: JsonObject): JsonObject => ({
  get: operation({ action: "get", type, response: schema }),
  put: operation({ action: "put", type, parameters: writeParameters, request: body(json(schema)), response: schema, codes: ["200", "201"] }),
  patch: operation({
    action: "patch", type, parameters: [...writeParameters, force], request: patchBody(kind, patch), response: schema, codes: ["200", "201"],
  }),
});

const collectionOperations = (kind: Kind, type: Type, bodies: Bodies): JsonObject => ({
  ...(kind.verbs.includes("list") ? { get: operation({ action: "list", type, parameters: listParameters, response: bodies.list }) } : {}),
  post: operation({
    action: "post", type, parameters: writeParameters, request: body(json(bodies.object)), response: bodies.object, codes: ["200", "201", "202"],
  }),
  ...(kind.verbs.includes("deletecollection") ? {
    delete: operation({
      action: "deletecollection", type, parameters: [...deleteParameters, ...listParameters],
      request: body(json(bodies.deleteOptions), false), response: bodies.status,
    }),
  } : {}),
});

/** The paths of a kind, each with its operations. */
export const operationsOf = (kind: Kind, bodies: Bodies): readonly (readonly [string, PathItem])[] => {
  const type: Type = { group: kind.group, kind: kind.kind, version: kind.version };
  const scope = kind.namespaced ? [inPath("namespace", "object name and auth scope, such as for teams and projects")] : [];
  const collection = `${bodies.root}/${kind.namespaced ? "namespaces/{namespace}/" : ""}${kind.plural}`;
  const collectionItem = { ...collectionOperations(kind, type, bodies), parameters: [...scope, pretty] };
  if (!kind.verbs.includes("get")) return [[collection, collectionItem]];
  const named = [inPath("name", `name of the ${kind.kind}`), ...scope, pretty];
  const item = `${collection}/{name}`;
  const deletion = operation({
    action: "delete", type, parameters: deleteParameters, request: body(json(bodies.deleteOptions), false), response: bodies.status, codes: ["200", "202"],
  });
  const scaleType: Type = { group: "autoscaling", kind: "Scale", version: "v1" };
  const everywhere: PathItem = {
    get: operation({ action: "list", type, response: bodies.list }), parameters: [...listParameters, pretty],
  };
  return [
    ...(kind.namespaced ? [[`${bodies.root}/${kind.plural}`, everywhere] as const] : []),
    [collection, collectionItem],
    [item, { ...itemOperations(kind, type, bodies.object, bodies.patch), delete: deletion, parameters: named }],
    ...(kind.status ? [[`${item}/status`, { ...itemOperations(kind, type, bodies.object, bodies.patch), parameters: named }] as const] : []),
    ...(kind.scale === undefined ? []
      : [[`${item}/scale`, { ...itemOperations(kind, scaleType, bodies.scale, bodies.patch), parameters: named }] as const]),
  ];
};
