/**
 * A request that was let in -> what answers it: which kind it is about, which verb it means, and whether both are
 * served. It waits for nothing but versions that other clients saw already; sockets are for server.ts.
 */
import { remove, removeCollection } from "./deletes.ts";
import { listParams, watchParams } from "./params.ts";
import { futureVersion, methodNotAllowed, noSuchResource } from "./problems.ts";
import { get, list } from "./reads.ts";
import { requestToken, review } from "./reviews.ts";
import { getScale, patchScale, updateScale } from "./scale.ts";
import { openWatch } from "./watch.ts";
import { create, partOf, patch, update } from "./writes.ts";
import type { Call, Core, Result } from "./core.ts";
import type { Watch } from "./watch.ts";
import type { RawBody } from "./bodies.ts";
import type { User } from "./core.ts";
import type { Registry, Served } from "./registry.ts";
import type { ResourcePath } from "./router.ts";

export interface ResourceRequest {
  readonly method: string;
  readonly to: ResourcePath;
  readonly query: URLSearchParams;
  readonly userAgent: string;
  readonly user: User;
  readonly body: RawBody;
}

type Handler = (core: Core, call: Call) => Result;

const subresourceGet: Handler = (core, call) => { partOf(call); return get(core, call); };

const scaleHandlers: Readonly<Record<string, Handler>> = { GET: getScale, PUT: updateScale, PATCH: patchScale };
const partHandlers: Readonly<Record<string, Handler>> = { GET: subresourceGet, PUT: update, PATCH: patch };
const itemHandlers: Readonly<Record<string, Handler>> = { GET: get, PUT: update, PATCH: patch, DELETE: remove, POST: create };
const collectionHandlers: Readonly<Record<string, Handler>> = { GET: list, POST: create, DELETE: removeCollection };
const tokenHandlers: Readonly<Record<string, Handler>> = { POST: requestToken };

const handlersFor = ({ kind }: Served, { name, namespace, subresource }: ResourcePath): Readonly<Record<string, Handler>> => {
  if (subresource === "scale") return scaleHandlers;
  if (subresource === "token") return tokenHandlers;
  if (subresource !== undefined) return partHandlers;
  if (name !== undefined) return itemHandlers;
  // All namespaces at once can be read, and nothing else.
  return kind.namespaced && namespace === undefined ? { GET: list } : collectionHandlers;
};

const verbOf: Readonly<Record<string, string>> = { GET: "get", POST: "create", PUT: "update", PATCH: "patch" };

const handlerFor = (served: Served, { method, to }: ResourceRequest): Handler => {
  const verb = method === "DELETE" ? to.name === undefined ? "deletecollection" : "delete" : verbOf[method] ?? "";
  const isServed = to.subresource !== undefined || served.kind.verbs.includes(verb);
  const handlers = handlersFor(served, to);
  const handler = isServed && Object.hasOwn(handlers, method) ? handlers[method] : undefined;
  if (handler === undefined) throw methodNotAllowed();
  return handler;
};

const servedBy = (registry: Registry, to: ResourcePath): Served => {
  const served = registry.find(to.group, to.version, to.plural);
  if (served === undefined) throw noSuchResource();
  const { namespaced } = served.kind;
  if (!namespaced && to.namespace !== undefined) throw noSuchResource();
  if (namespaced && to.namespace === undefined && to.name !== undefined) throw noSuchResource();
  return served;
};

/** Whether the path exists at all: in groups of built-in kinds all do, in others those of their kinds. */
export const isKnownPath = (registry: Registry, { group, version, plural }: ResourcePath): boolean =>
  registry.kinds().some((kind) => kind.group === group && kind.version === version && (!kind.custom || kind.plural === plural));

const waitForVersionMs = 3000;

/** Waits a little for a version that somebody has seen, perhaps from a copy of this server's state; 504 when it stays unknown. */
const reach = async ({ store }: Core, version: number): Promise<void> => {
  if (version <= store.version) return;
  let unsubscribe = (): void => undefined;
  const reached = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => { resolve(false); }, waitForVersionMs);
    unsubscribe = store.subscribe((change) => { if (change.version >= version) { clearTimeout(timer); resolve(true); } });
  });
  unsubscribe();
  if (!reached) throw futureVersion(version, store.version);
};

const wantsWatch = ({ method, to, query }: ResourceRequest): boolean =>
  method === "GET" && to.subresource === undefined && (to.isWatch || (to.name === undefined && watchParams(query).isWatch));

/** What answers the request: a result, or a watch that has yet to start. */
export const handle = async (core: Core, request: ResourceRequest): Promise<Result | Watch> => {
  const { to, query, method } = request;
  const served = servedBy(core.registry, to);
  const call: Call = {
    served, namespace: to.namespace ?? "", name: to.name ?? "", subresource: to.subresource ?? "",
    query, userAgent: request.userAgent, user: request.user, body: request.body,
  };
  if (!served.isStored) {
    if (method !== "POST" || to.name !== undefined) throw methodNotAllowed();
    return review(call);
  }
  if (wantsWatch(request)) {
    if (watchParams(query).sendInitialEvents) await reach(core, listParams(query).version ?? 0);
    return openWatch(core, call);
  }
  const handler = handlerFor(served, request);
  if (method === "GET") await reach(core, listParams(query).version ?? 0);
  return handler(core, call);
};
