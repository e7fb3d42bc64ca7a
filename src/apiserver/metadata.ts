/**
 * The metadata of objects: what the server sets whatever was sent, and what is wrong with the rest. Pure; it invents
 * only what it is given (a time, a uid, a suffix).
 */
import { invalidValue } from "../schema/validate.ts";
import { badRequest, conflict } from "./problems.ts";
import { labelValue, pathSegment, qualifiedName, subdomain, dnsLabel, dns1035Label } from "./names.ts";
import { timestamp, withMetadata } from "./objects.ts";
import type { Kind, KubeObject, ObjectMeta, OwnerReference } from "./kind.ts";
import type { NameRule } from "./names.ts";
import type { Problem } from "../schema/types.ts";

const nameRules: Readonly<Record<string, NameRule>> = {
  Namespace: dnsLabel, Service: dns1035Label,
  Role: pathSegment, RoleBinding: pathSegment, ClusterRole: pathSegment, ClusterRoleBinding: pathSegment,
};

// A custom kind may be called like a built-in one, and has the usual rule all the same.
const nameRule = (kind: Kind): NameRule => (kind.custom ? undefined : nameRules[kind.kind]) ?? subdomain;

const suffixLetters = "bcdfghjklmnpqrstvwxz2456789";
const suffixLength = 5;
const generatedMax = 63;

/** A name that begins with the prefix; without vowels it spells nothing. */
export const generatedName = (prefix: string, random: (below: number) => number): string => {
  const suffix = Array.from({ length: suffixLength }, () => suffixLetters.charAt(random(suffixLetters.length))).join("");
  return `${prefix.slice(0, generatedMax - suffixLength)}${suffix}`;
};

export interface Place { readonly namespace: string; readonly name: string }

/** Refuses a body that names another place than the path does. */
export const checkPlace = (object: KubeObject, { namespace, name }: Place): void => {
  const { metadata } = object;
  if (name !== "" && (metadata.name ?? "") !== "" && metadata.name !== name)
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
  if ((metadata.namespace ?? "") !== "" && metadata.namespace !== namespace)
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
};

export interface Birth { readonly uid: string; readonly nowMs: number; readonly hasGeneration: boolean }

/** Metadata of a new object: the server's own fields are set, whatever was sent. */
export const born = (object: KubeObject, { namespace, name }: Place, { uid, nowMs, hasGeneration }: Birth): KubeObject => withMetadata(object, {
  name, namespace: namespace === "" ? undefined : namespace, uid, creationTimestamp: timestamp(nowMs),
  generation: hasGeneration ? 1 : undefined, resourceVersion: undefined,
  deletionTimestamp: undefined, deletionGracePeriodSeconds: undefined, selfLink: undefined,
});

/** Metadata of a changed object: what only the server may change stays as it was. */
export const grown = (object: KubeObject, before: KubeObject, generation: number | undefined): KubeObject => {
  const { name, namespace, uid, creationTimestamp, resourceVersion, deletionTimestamp, deletionGracePeriodSeconds, generateName } = before.metadata;
  return withMetadata(object, {
    name, namespace, uid, creationTimestamp, resourceVersion, deletionTimestamp, deletionGracePeriodSeconds,
    generateName, generation, selfLink: undefined,
  });
};

/** Refuses a write that was made from another object, or from an older state of this one. */
export const checkPreconditions = (kind: Kind, sent: Partial<ObjectMeta>, before: KubeObject): void => {
  const { name, uid, resourceVersion } = before.metadata;
  if ((sent.uid ?? "") !== "" && sent.uid !== uid)
    throw conflict(kind, name, `Precondition failed: UID in precondition: ${sent.uid}, UID in object meta: ${uid}`);
  if ((sent.resourceVersion ?? "") !== "" && sent.resourceVersion !== resourceVersion) throw conflict(kind, name);
};

const checked = (field: string, text: string, rule: NameRule): readonly Problem[] => {
  const wrong = rule(text);
  return wrong === undefined ? [] : [invalidValue(field, text, wrong)];
};

const labelProblems = (labels: Readonly<Record<string, string>> = {}): readonly Problem[] => Object.entries(labels).flatMap(([key, value]) =>
  [...checked("metadata.labels", key, qualifiedName), ...checked("metadata.labels", value, labelValue)]);

const annotationsMax = 256 * 1024;

const annotationProblems = (annotations: Readonly<Record<string, string>> = {}): readonly Problem[] => {
  const entries = Object.entries(annotations);
  const size = entries.reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return [
    ...entries.flatMap(([key]) => checked("metadata.annotations", key, (text) => qualifiedName(text.toLowerCase()))),
    ...(size > annotationsMax ? [{ field: "metadata.annotations", reason: "FieldValueTooLong" as const, message: `Too long: may not be more than ${annotationsMax} bytes` }] : []),
  ];
};

const ownerProblems = (owners: readonly OwnerReference[] = []): readonly Problem[] => {
  const missing = owners.flatMap((owner) => (["apiVersion", "kind", "name", "uid"] as const)
    .filter((field) => (owner[field] ?? "") === "")
    .map((field) => invalidValue(`metadata.ownerReferences.${field}`, owner[field] ?? "", "must not be empty")));
  const controllers = owners.filter(({ controller }) => controller === true);
  const [first, second] = controllers;
  if (first === undefined || second === undefined) return missing;
  return [...missing, invalidValue("metadata.ownerReferences", owners as never,
    `Only one reference can have Controller set to true. Found "true" in references for ${first.kind}/${first.name} and ${second.kind}/${second.name}`)];
};

const finalizerProblems = (finalizers: readonly string[] = [], before?: KubeObject): readonly Problem[] => {
  const problems: Problem[] = finalizers.flatMap((name) => checked("metadata.finalizers", name, qualifiedName));
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion"))
    problems.push(invalidValue("metadata.finalizers", finalizers, "finalizers orphan and foregroundDeletion cannot both be set"));
  const added = before?.metadata.deletionTimestamp === undefined ? [] : finalizers.filter((name) => before.metadata.finalizers?.includes(name) !== true);
  if (added.length > 0)
    problems.push({
      field: "metadata.finalizers", reason: "FieldValueForbidden",
      message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((name) => JSON.stringify(name)).join(", ")}}`,
    });
  return problems;
};

/** What is wrong with the metadata of a new object, or of a changed one. */
export const metadataProblems = (kind: Kind, { metadata }: KubeObject, before?: KubeObject): readonly Problem[] => [
  ...(before !== undefined ? [] : metadata.name === "" ? [{ field: "metadata.name", reason: "FieldValueRequired" as const, message: "Required value: name or generateName is required" }]
    : checked("metadata.name", metadata.name, nameRule(kind))),
  ...labelProblems(metadata.labels), ...annotationProblems(metadata.annotations),
  ...ownerProblems(metadata.ownerReferences), ...finalizerProblems(metadata.finalizers, before),
];
