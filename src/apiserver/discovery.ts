/**
 * What is served, in the two forms clients ask for: aggregated (one document, current kubectl) and plain
 * (one document per group and version, older clients). Pure: kinds in, documents out. It must never name
 * a version whose kinds cannot be listed, since one such version makes every kubectl command print a warning.
 */
import type { Kind, Subresource } from "./kind.ts";
import type { JsonObject } from "../schema/types.ts";

/** GA before beta before alpha, then the higher number first; what is no version of that form comes last, by name. */
const versionPattern = /^v(\d+)(?:(alpha|beta)(\d+))?$/;

interface Rank { readonly stage: number; readonly major: number; readonly minor: number }

const rankOf = (version: string): Rank => {
  const match = versionPattern.exec(version);
  if (match === null) return { stage: 0, major: 0, minor: 0 };
  const stage = match[2] === undefined ? 3 : match[2] === "beta" ? 2 : 1;
  return { stage, major: Number(match[1]), minor: Number(match[3] ?? 0) };
};

const compareVersions = (left: string, right: string): number => {
  const a = rankOf(left);
  const b = rankOf(right);
  return b.stage - a.stage || b.major - a.major || b.minor - a.minor || (left < right ? -1 : left > right ? 1 : 0);
};

/** The versions in the order of preference; the first is the preferred one. */
export const orderVersions = (versions: readonly string[]): readonly string[] => [...new Set(versions)].toSorted(compareVersions);

const groupsOf = (kinds: readonly Kind[]): readonly string[] => [...new Set(kinds.map((kind) => kind.group))].toSorted();
const versionsOf = (kinds: readonly Kind[], group: string): readonly string[] =>
  orderVersions(kinds.filter((kind) => kind.group === group).map((kind) => kind.version));
const kindsOf = (kinds: readonly Kind[], group: string, version: string): readonly Kind[] =>
  kinds.filter((kind) => kind.group === group && kind.version === version)
    .toSorted((a, b) => (a.plural < b.plural ? -1 : 1));

const readAndWrite = ["get", "patch", "update"];

/** The subresources of a kind, as discovery lists them. */
export const subresourcesOf = (kind: Kind): readonly Subresource[] => {
  const own = { group: kind.group, version: kind.version, kind: kind.kind };
  return [
    ...(kind.otherSubresources ?? []),
    ...(kind.status ? [{ name: "status", responseKind: own, verbs: readAndWrite }] : []),
    ...(kind.scale === undefined ? [] : [{ name: "scale", responseKind: { group: "autoscaling", version: "v1", kind: "Scale" }, verbs: readAndWrite }]),
  ];
};

const list = (values: readonly string[], name: "shortNames" | "categories"): JsonObject => (values.length === 0 ? {} : { [name]: values });

const aggregatedResource = (kind: Kind): JsonObject => {
  const subresources = subresourcesOf(kind).map(({ name, responseKind, verbs }) => ({ subresource: name, responseKind, verbs }));
  return {
    resource: kind.plural,
    responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
    scope: kind.namespaced ? "Namespaced" : "Cluster",
    singularResource: kind.singular,
    verbs: kind.verbs,
    ...list(kind.shortNames, "shortNames"),
    ...list(kind.categories, "categories"),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
};

const aggregatedGroup = (kinds: readonly Kind[], group: string): JsonObject => ({
  metadata: group === "" ? {} : { name: group },
  versions: versionsOf(kinds, group).map((version) => ({
    version,
    resources: kindsOf(kinds, group, version).map(aggregatedResource),
    freshness: "Current",
  })),
});

/** The aggregated document (`apidiscovery.k8s.io/v2`) of `/api` (the core group) or `/apis` (all others). */
export const aggregated = (kinds: readonly Kind[], prefix: "api" | "apis"): JsonObject => ({
  kind: "APIGroupDiscoveryList",
  apiVersion: "apidiscovery.k8s.io/v2",
  metadata: {},
  items: groupsOf(kinds).filter((group) => (group === "") === (prefix === "api")).map((group) => aggregatedGroup(kinds, group)),
});

/** The plain document of `/api`. */
export const apiVersions = (): JsonObject => ({ kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] });

const groupItem = (kinds: readonly Kind[], group: string): JsonObject => {
  const versions = versionsOf(kinds, group).map((version) => ({ groupVersion: `${group}/${version}`, version }));
  const [preferred] = versions;
  return { name: group, versions, ...(preferred === undefined ? {} : { preferredVersion: preferred }) };
};

/** The plain document of `/apis`. */
export const apiGroupList = (kinds: readonly Kind[]): JsonObject => ({
  kind: "APIGroupList",
  apiVersion: "v1",
  groups: groupsOf(kinds).filter((group) => group !== "").map((group) => groupItem(kinds, group)),
});

/** The plain document of `/apis/GROUP`; undefined when no such group is served. */
export const apiGroup = (kinds: readonly Kind[], group: string): JsonObject | undefined =>
  kinds.some((kind) => kind.group === group) ? { kind: "APIGroup", apiVersion: "v1", ...groupItem(kinds, group) } : undefined;

const plainResources = (kind: Kind): readonly JsonObject[] => [
  {
    name: kind.plural, singularName: kind.singular, namespaced: kind.namespaced, kind: kind.kind, verbs: kind.verbs,
    ...list(kind.shortNames, "shortNames"), ...list(kind.categories, "categories"),
  },
  ...subresourcesOf(kind).map(({ name, responseKind, verbs }) => {
    const foreign = responseKind.group !== kind.group || responseKind.version !== kind.version;
    return {
      name: `${kind.plural}/${name}`, singularName: "", namespaced: kind.namespaced,
      ...(foreign ? { group: responseKind.group, version: responseKind.version } : {}),
      kind: responseKind.kind, verbs,
    };
  }),
];

/** The plain document of `/api/v1` and `/apis/GROUP/VERSION`; undefined when no such version is served. */
export const apiResourceList = (kinds: readonly Kind[], group: string, version: string): JsonObject | undefined => {
  const served = kindsOf(kinds, group, version);
  if (served.length === 0) return undefined;
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: group === "" ? version : `${group}/${version}`,
    resources: served.flatMap(plainResources),
  };
};
