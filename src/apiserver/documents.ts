/**
 * Documents that clients read before they work: discovery, OpenAPI, version. They are made when asked for, kept until
 * what is served changes, and tagged so that a client that has one need not fetch it again.
 */
import { createHash } from "node:crypto";
import { aggregated, apiGroup, apiGroupList, apiResourceList, apiVersions } from "./discovery.ts";
import { acceptedRanges } from "./media.ts";
import { openapiDocument, openapiIndex } from "./openapi.ts";
import type { Registry } from "./registry.ts";
import type { Route } from "./router.ts";
import type { JsonObject } from "../schema/types.ts";

export interface Document {
  readonly contentType: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Documents {
  /** The document of a path; undefined when there is none. */
  find(to: Route, accept: string | undefined, query: URLSearchParams): Document | undefined;
}

/** The version of Kubernetes whose behaviour is followed; clients parse it. */
const version: JsonObject = {
  major: "1", minor: "32", gitVersion: "v1.32.0+embedded", gitCommit: "", gitTreeState: "clean", buildDate: "1970-01-01T00:00:00Z",
  goVersion: "none", compiler: "none", platform: `${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
};

const aggregatedType = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

const wantsAggregated = (accept: string | undefined): boolean => {
  const first = acceptedRanges(accept ?? "").find(({ type, parameters }) =>
    type === "application/json" && (!parameters.has("as") || (parameters.get("as") === "APIGroupDiscoveryList" && parameters.get("v") === "v2" && parameters.get("g") === "apidiscovery.k8s.io")));
  return first?.parameters.has("as") === true;
};

const json = (body: JsonObject): Document => ({ contentType: "application/json", text: `${JSON.stringify(body)}\n`, headers: {} });

const tagged = (document: Document): Document =>
  ({ ...document, headers: { ...document.headers, ETag: `"${createHash("sha256").update(document.text).digest("hex").toUpperCase()}"` } });

const rootPaths = { paths: ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"] };

const make = (registry: Registry, to: Route, isAggregated: boolean): Document | undefined => {
  const kinds = registry.kinds();
  const prefixes = { coreVersions: "api", groups: "apis" } as const;
  switch (to.at) {
    case "coreVersions": case "groups": {
      if (!isAggregated) return tagged(json(to.at === "groups" ? apiGroupList(kinds) : apiVersions()));
      return tagged({ ...json(aggregated(kinds, prefixes[to.at])), contentType: aggregatedType });
    }
    case "group": { const body = apiGroup(kinds, to.group); return body && json(body); }
    case "resources": { const body = apiResourceList(kinds, to.group, to.version); return body && json(body); }
    case "openapiIndex": return json(openapiIndex(kinds));
    case "openapi": { const body = openapiDocument(kinds, to.group, to.version); return body && tagged(json(body)); }
    case "version": return json(version);
    case "root": return json(rootPaths);
    case "openapiV2": case "health": case "resource": case "nowhere": return undefined;
  }
};

const keptMax = 200;
const yearSeconds = 365 * 24 * 3600;

/** The documents of what the registry serves. */
export const createDocuments = (registry: Registry): Documents => {
  const kept = new Map<string, Document>();
  let revision = 0;
  const keep = (to: Route, isAggregated: boolean): Document | undefined => {
    if (revision !== registry.revision || kept.size > keptMax) kept.clear();
    revision = registry.revision;
    const key = JSON.stringify([to, isAggregated]);
    const document = kept.get(key) ?? make(registry, to, isAggregated);
    if (document !== undefined) kept.set(key, document);
    return document;
  };
  return {
    find: (to, accept, query) => {
      const isVaried = to.at === "coreVersions" || to.at === "groups";
      const document = keep(to, isVaried && wantsAggregated(accept));
      if (document === undefined) return undefined;
      if (isVaried) return { ...document, headers: { ...document.headers, Vary: "Accept" } };
      // The address carries the content's hash, so that what it names never changes.
      return to.at === "openapi" && query.has("hash")
        ? { ...document, headers: { ...document.headers, "Cache-Control": `public, immutable, max-age=${yearSeconds}` } } : document;
    },
  };
};
