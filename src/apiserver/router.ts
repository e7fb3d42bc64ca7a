/**
 * A path -> what it asks for. Pure reading of text: whether the resource is served, and whether the caller may have it,
 * is for others to say.
 */

/** A path of a resource: `/api/v1/...` or `/apis/GROUP/VERSION/...`. */
export interface ResourcePath {
  readonly at: "resource";
  readonly group: string;
  readonly version: string;
  /** Undefined when the path names none: all namespaces, or a cluster-wide kind. */
  readonly namespace?: string;
  readonly plural: string;
  readonly name?: string;
  readonly subresource?: string;
  /** The old form of watching, `/api/v1/watch/...`. */
  readonly isWatch: boolean;
}

export type Route =
  | ResourcePath
  | { readonly at: "coreVersions" } | { readonly at: "groups" }
  | { readonly at: "group"; readonly group: string }
  | { readonly at: "resources"; readonly group: string; readonly version: string }
  | { readonly at: "openapiIndex" } | { readonly at: "openapiV2" }
  | { readonly at: "openapi"; readonly group: string; readonly version: string }
  | { readonly at: "version" } | { readonly at: "health" } | { readonly at: "root" }
  | { readonly at: "nowhere" };

interface Base { readonly group: string; readonly version: string }

const nowhere: Route = { at: "nowhere" };

const underNamespaces = (base: Base, isWatch: boolean, segments: readonly string[]): Route => {
  const [namespace = "", plural, name, subresource, more] = segments;
  // `/namespaces/x` and `/namespaces/x/status` are the namespace itself.
  if (plural === undefined) return { at: "resource", ...base, isWatch, plural: "namespaces", name: namespace };
  if (name === undefined && (plural === "status" || plural === "finalize") && base.group === "")
    return { at: "resource", ...base, isWatch, plural: "namespaces", name: namespace, subresource: plural };
  if (more !== undefined) return nowhere;
  return { at: "resource", ...base, isWatch, namespace, plural, ...named(name, subresource) };
};

const named = (name: string | undefined, subresource: string | undefined) =>
  ({ ...(name === undefined ? {} : { name }), ...(subresource === undefined ? {} : { subresource }) });

const resourceRoute = (base: Base, segments: readonly string[]): Route => {
  const isWatch = segments[0] === "watch";
  const [plural, second, third, more] = isWatch ? segments.slice(1) : segments;
  if (plural === undefined) return isWatch ? nowhere : { at: "resources", ...base };
  if (plural === "namespaces" && second !== undefined) return underNamespaces(base, isWatch, isWatch ? segments.slice(2) : segments.slice(1));
  return more === undefined ? { at: "resource", ...base, isWatch, plural, ...named(second, third) } : nowhere;
};

const openapiRoute = ([prefix, first, second, more]: readonly string[]): Route => {
  if (prefix === undefined) return { at: "openapiIndex" };
  if (prefix === "api" && first !== undefined && second === undefined) return { at: "openapi", group: "", version: first };
  return prefix === "apis" && first !== undefined && second !== undefined && more === undefined ? { at: "openapi", group: first, version: second } : nowhere;
};

const healthPaths = new Set(["healthz", "livez", "readyz"]);

const decoded = (path: string): readonly string[] | undefined => {
  try {
    const segments = path.replace(/^\/+|\/+$/g, "").split("/").map(decodeURIComponent);
    // An encoded slash would otherwise let a name look like a path of its own.
    return segments.some((segment) => segment.includes("/") || segment === "." || segment === "..") ? undefined : segments;
  } catch { return undefined; }
};

/** What the path asks for. Empty segments inside it, and names that are not text, lead nowhere. */
export const route = (path: string): Route => {
  const segments = decoded(path);
  if (segments === undefined) return nowhere;
  const [first = "", second, third, ...rest] = segments;
  if (first === "") return { at: "root" };
  if (segments.includes("")) return nowhere;
  if (healthPaths.has(first)) return { at: "health" };
  if (first === "version") return second === undefined ? { at: "version" } : nowhere;
  if (first === "openapi") return second === "v3" ? openapiRoute(segments.slice(2)) : second === "v2" && third === undefined ? { at: "openapiV2" } : nowhere;
  if (first === "api") return second === undefined ? { at: "coreVersions" } : resourceRoute({ group: "", version: second }, segments.slice(2));
  if (first !== "apis") return nowhere;
  if (second === undefined) return { at: "groups" };
  return third === undefined ? { at: "group", group: second } : resourceRoute({ group: second, version: third }, rest);
};
