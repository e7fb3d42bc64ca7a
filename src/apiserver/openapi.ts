/**
 * OpenAPI v3 of what is served: an index, and one document for each group and version. kubectl reads the paths
 * (does the server validate fields?) and the schemas (`kubectl explain`). Pure: kinds in, documents out.
 */
import { createHash } from "node:crypto";
import { metadataSchema } from "./metadata-schema.ts";
import { operationsOf, type PathItem } from "./openapi-paths.ts";
import type { Kind } from "./kind.ts";
import type { JsonObject, Schema } from "../schema/types.ts";

const meta = "io.k8s.apimachinery.pkg.apis.meta.v1";

/** The components' names of kinds that Kubernetes publishes; others are named by their group. */
const packages: Readonly<Record<string, string>> = {
  "": "io.k8s.api.core",
  "events.k8s.io": "io.k8s.api.events",
  "coordination.k8s.io": "io.k8s.api.coordination",
  "rbac.authorization.k8s.io": "io.k8s.api.rbac",
  "authorization.k8s.io": "io.k8s.api.authorization",
  "authentication.k8s.io": "io.k8s.api.authentication",
  "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
};

const componentName = (kind: Kind, name: string): string => {
  const known = kind.custom ? undefined : packages[kind.group];
  return `${known ?? kind.group.split(".").toReversed().join(".")}.${kind.version}.${name}`;
};

const refTo = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });

const typeProperties = {
  apiVersion: {
    type: "string",
    description: "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources",
  },
  kind: {
    type: "string",
    description: "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
  },
};

const metadataProperty = (ref: string): JsonObject => ({
  description: "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
  allOf: [refTo(ref)],
});

const typeTag = (kind: Kind, name: string): JsonObject =>
  ({ "x-kubernetes-group-version-kind": [{ group: kind.group, kind: name, version: kind.version }] });

const objectComponent = (kind: Kind): JsonObject => {
  const { properties, ...rest }: Schema = kind.schema ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true };
  return {
    ...rest,
    type: "object",
    properties: { ...properties, ...typeProperties, metadata: metadataProperty(`${meta}.ObjectMeta`) },
    ...typeTag(kind, kind.kind),
  } as unknown as JsonObject;
};

const listComponent = (kind: Kind): JsonObject => ({
  description: `${kind.listKind} is a list of ${kind.kind}`,
  type: "object",
  required: ["items"],
  properties: {
    ...typeProperties,
    metadata: metadataProperty(`${meta}.ListMeta`),
    items: {
      description: `List of ${kind.plural}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md`,
      type: "array", items: refTo(componentName(kind, kind.kind)),
    },
  },
  ...typeTag(kind, kind.listKind),
});

const listMeta: Schema = {
  type: "object", description: "Metadata of a list.",
  properties: {
    resourceVersion: { type: "string", description: "The version of the list; a watch can start from it without a gap." },
    continue: { type: "string", description: "Asks for the rest of the list when it was limited." },
    remainingItemCount: { type: "integer", format: "int64", description: "How many items are left." },
    selfLink: { type: "string", description: "Not used any more." },
  },
};

const scale: JsonObject = {
  type: "object", description: "Scale represents a scaling request for a resource.",
  properties: {
    ...typeProperties,
    metadata: metadataProperty(`${meta}.ObjectMeta`),
    spec: { type: "object", properties: { replicas: { type: "integer", format: "int32", description: "The wanted number." } } },
    status: {
      type: "object",
      properties: {
        replicas: { type: "integer", format: "int32", description: "The observed number." },
        selector: { type: "string", description: "The parts that are counted." },
      },
    },
  },
  "x-kubernetes-group-version-kind": [{ group: "autoscaling", kind: "Scale", version: "v1" }],
};

/** Bodies that are the same for all kinds; what is in them does not matter to kubectl. */
const openObject = (description: string): JsonObject => ({ type: "object", description, "x-kubernetes-preserve-unknown-fields": true });

const sharedComponents: JsonObject = {
  [`${meta}.ObjectMeta`]: metadataSchema as JsonObject,
  [`${meta}.ListMeta`]: listMeta as JsonObject,
  [`${meta}.DeleteOptions`]: openObject("How to delete: preconditions, propagation, dry run."),
  [`${meta}.Status`]: openObject("The outcome of a request that returns no object."),
  [`${meta}.Patch`]: openObject("A patch of the request's content type."),
  "io.k8s.api.autoscaling.v1.Scale": scale,
};

const isReview = (kind: Kind): boolean => !kind.verbs.includes("get");

const components = (kinds: readonly Kind[]): JsonObject => ({
  ...sharedComponents,
  ...Object.fromEntries(kinds.flatMap((kind) => [
    [componentName(kind, kind.kind), objectComponent(kind)] as const,
    ...(isReview(kind) ? [] : [[componentName(kind, kind.listKind), listComponent(kind)] as const]),
  ])),
});

const groupVersionPath = (group: string, version: string): string => (group === "" ? `api/${version}` : `apis/${group}/${version}`);

const pathsOf = (kind: Kind): readonly (readonly [string, PathItem])[] => operationsOf(kind, {
  root: `/${groupVersionPath(kind.group, kind.version)}`,
  object: refTo(componentName(kind, kind.kind)),
  list: refTo(componentName(kind, kind.listKind)),
  scale: refTo("io.k8s.api.autoscaling.v1.Scale"),
  patch: refTo(`${meta}.Patch`),
  deleteOptions: refTo(`${meta}.DeleteOptions`),
  status: refTo(`${meta}.Status`),
});

/** The document of `/openapi/v3/apis/GROUP/VERSION`; undefined when no such version is served. */
export const openapiDocument = (kinds: readonly Kind[], group: string, version: string): JsonObject | undefined => {
  const served = kinds.filter((kind) => kind.group === group && kind.version === version);
  if (served.length === 0) return undefined;
  return {
    openapi: "3.0.0",
    info: { title: "Kubernetes", version: "v1.32.0" },
    paths: Object.fromEntries(served.flatMap(pathsOf)),
    components: { schemas: components(served) },
  };
};

/** The index of `/openapi/v3`. A path's hash changes with its document, so that clients may keep a document for good. */
export const openapiIndex = (kinds: readonly Kind[]): JsonObject => {
  const served = new Map(kinds.map(({ group, version }) => [groupVersionPath(group, version), { group, version }]));
  const entries = [...served].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([path, { group, version }]) => {
    const text = JSON.stringify(openapiDocument(kinds, group, version));
    const hash = createHash("sha256").update(text).digest("hex").toUpperCase();
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const;
  });
  return { paths: Object.fromEntries(entries) };
};
