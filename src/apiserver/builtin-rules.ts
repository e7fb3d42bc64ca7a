/**
 * What the server does with objects of certain built-in kinds beyond their schema: fields it fills in, and values it
 * refuses. Pure; a kind that is not here has no such rules.
 */
import { canonical, equal, isObject, own } from "../schema/json.ts";
import { invalidValue } from "../schema/validate.ts";
import { definitionProblems } from "./definition-checks.ts";
import { completed, withNames } from "./definitions.ts";
import { dataKey } from "./names.ts";
import { objectAt, withMetadata } from "./objects.ts";
import type { Kind, KubeObject } from "./kind.ts";
import type { Json, Problem } from "../schema/types.ts";

export interface Surroundings {
  readonly nowMs: number;
  /** All stored definitions: names must not collide. */
  readonly definitions: readonly KubeObject[];
}

interface BuiltinRule {
  /** The object with what the server fills in. */
  prepare?(object: KubeObject, around: Surroundings, before?: KubeObject): KubeObject;
  problems?(object: KubeObject, before?: KubeObject): readonly Problem[];
}

const dataBytesMax = 1024 * 1024;

const forbidden = (field: string, detail: string): Problem => ({ field, reason: "FieldValueForbidden", message: `Forbidden: ${detail}` });

const keyProblems = (object: KubeObject, field: string): readonly Problem[] => Object.keys(objectAt(object, field)).flatMap((key) => {
  const wrong = dataKey(key);
  return wrong === undefined ? [] : [invalidValue(`${field}[${key}]`, key, wrong)];
});

const bytesOf = (object: KubeObject, field: string, encoding: BufferEncoding): number =>
  Object.values(objectAt(object, field)).reduce<number>((sum, value) => sum + (typeof value === "string" ? Buffer.byteLength(value, encoding) : 0), 0);

const immutableProblems = (object: KubeObject, before: KubeObject | undefined, fields: readonly string[]): readonly Problem[] => {
  if (before?.["immutable"] !== true) return [];
  const changed = fields.filter((field) => !equal(objectAt(object, field), objectAt(before, field)));
  const lifted = object["immutable"] === true ? [] : ["immutable"];
  return [...lifted, ...changed].map((field) => forbidden(field, "field is immutable when `immutable` is set"));
};

const configMap: BuiltinRule = {
  problems: (object, before) => {
    const doubled = Object.keys(objectAt(object, "data")).filter((key) => Object.hasOwn(objectAt(object, "binaryData"), key));
    const size = bytesOf(object, "data", "utf8") + bytesOf(object, "binaryData", "base64");
    return [
      ...keyProblems(object, "data"), ...keyProblems(object, "binaryData"),
      ...doubled.map((key) => invalidValue(`data[${key}]`, key, "duplicate of key present in binaryData")),
      ...(size > dataBytesMax ? [{ field: "", reason: "FieldValueTooLong" as const, message: `Too long: may not be more than ${dataBytesMax} bytes` }] : []),
      ...immutableProblems(object, before, ["data", "binaryData"]),
    ];
  },
};

const withStringData = (object: KubeObject): KubeObject => {
  const { stringData, ...rest } = object;
  if (!isObject(stringData)) return rest;
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(typeof value === "string" ? value : "").toString("base64")] as const);
  return { ...rest, data: Object.fromEntries([...Object.entries(objectAt(object, "data")), ...encoded]) };
};

/** Keys that programs which know the type rely on. */
const keysOfType: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/tls": ["tls.crt", "tls.key"], "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"], "kubernetes.io/dockercfg": [".dockercfg"],
};

const secret: BuiltinRule = {
  prepare: (object) => ({ ...withStringData(object), type: object["type"] ?? "Opaque" }),
  problems: (object, before) => {
    const type = String(object["type"]);
    const missing = (own(keysOfType, type) ?? []).filter((key) => !Object.hasOwn(objectAt(object, "data"), key));
    return [
      ...keyProblems(object, "data"),
      ...(bytesOf(object, "data", "base64") > dataBytesMax ? [{ field: "data", reason: "FieldValueTooLong" as const, message: `Too long: may not be more than ${dataBytesMax} bytes` }] : []),
      ...missing.map((key): Problem => ({ field: `data[${key}]`, reason: "FieldValueRequired", message: "Required value" })),
      ...(before !== undefined && before["type"] !== object["type"] ? [invalidValue("type", type, "field is immutable")] : []),
      ...immutableProblems(object, before, ["data"]),
    ];
  },
};

/** The one finalizer of a namespace's spec: whoever empties namespaces removes it. */
export const namespaceFinalizer = "kubernetes";

const namespace: BuiltinRule = {
  prepare: (object, _, before) => {
    const named = withMetadata(object, { labels: { ...object.metadata.labels, "kubernetes.io/metadata.name": object.metadata.name } });
    if (before !== undefined) return named;
    return { ...named, spec: { ...objectAt(named, "spec"), finalizers: [namespaceFinalizer] }, status: { phase: "Active" } };
  },
};

const service: BuiltinRule = {
  prepare: (object, _, before) => ({
    ...object, spec: { type: "ClusterIP", sessionAffinity: "None", ...objectAt(object, "spec") },
    ...(before === undefined ? { status: { loadBalancer: {} } } : {}),
  }),
};

const atLeast = (object: KubeObject, field: string, least: number, sentence: string): readonly Problem[] => {
  const value = own(objectAt(object, "spec"), field);
  return typeof value === "number" && value < least ? [invalidValue(`spec.${field}`, value, sentence)] : [];
};

const lease: BuiltinRule = {
  problems: (object) => [
    ...atLeast(object, "leaseDurationSeconds", 1, "must be greater than 0"),
    ...atLeast(object, "leaseTransitions", 0, "must be greater than or equal to 0"),
  ],
};

const event: BuiltinRule = {
  problems: (object) => {
    const about = { ...objectAt(object, "regarding"), ...objectAt(object, "involvedObject") };
    const named = own(about, "namespace") ?? "";
    // An event about a cluster-wide object lives in `default`.
    const fits = named === object.metadata.namespace || (named === "" && object.metadata.namespace === "default");
    return fits ? [] : [invalidValue("involvedObject.namespace", named, "does not match event.namespace")];
  },
};

const binding: BuiltinRule = {
  problems: (object, before) => before === undefined || canonical((before["roleRef"] ?? null) as Json) === canonical((object["roleRef"] ?? null) as Json) ? []
    : [invalidValue("roleRef", (object["roleRef"] ?? null) as Json, "cannot change roleRef")],
};

const definition: BuiltinRule = {
  prepare: (object, { definitions, nowMs }, before) => {
    const whole = completed(object);
    // Names are accepted for what is right only: a wrong one is refused a moment later.
    return definitionProblems(whole, before).length > 0 ? whole : withNames(whole, definitions, nowMs);
  },
  problems: definitionProblems,
};

const rules: Readonly<Record<string, BuiltinRule>> = {
  ConfigMap: configMap, Secret: secret, Namespace: namespace, Service: service, Lease: lease, Event: event,
  RoleBinding: binding, ClusterRoleBinding: binding, CustomResourceDefinition: definition,
};

const ruleOf = (kind: Kind): BuiltinRule => (kind.custom ? undefined : own(rules, kind.kind)) ?? {};

export const prepared = (kind: Kind, object: KubeObject, around: Surroundings, before?: KubeObject): KubeObject =>
  ruleOf(kind).prepare?.(object, around, before) ?? object;

export const builtinProblems = (kind: Kind, object: KubeObject, before?: KubeObject): readonly Problem[] =>
  ruleOf(kind).problems?.(object, before) ?? [];
