/**
 * Reading one object or many: selectors, pages, and which version a caller wants to see. A list is always as of one
 * version, from which a watch goes on without a gap; it never writes.
 */
import { keyOf, liveObject } from "./core.ts";
import { listParams } from "./params.ts";
import { badRequest, expired, expiredContinue } from "./problems.ts";
import { fieldSelector, labelSelector, namedBy } from "./selectors.ts";
import type { Call, Core, Result } from "./core.ts";
import type { KubeObject } from "./kind.ts";
import type { ListParams } from "./params.ts";
import type { Matches } from "./selectors.ts";
import type { JsonObject } from "../schema/types.ts";

/** Where a list goes on: after this object, as of this version. */
interface Continuation { readonly version: number; readonly after: string }

const encodeToken = ({ version, after }: Continuation): string =>
  Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: version, start: after })).toString("base64url");

const decodeToken = (token: string): Continuation => {
  try {
    const { rv, start } = JSON.parse(Buffer.from(token, "base64url").toString()) as { rv?: unknown; start?: unknown };
    if (typeof rv === "number" && Number.isSafeInteger(rv) && typeof start === "string") return { version: rv, after: start };
  } catch { /* refused below, with the other ways to be wrong */ }
  throw badRequest("invalid continue token: continue key is not valid: unexpected format");
};

const slotOf = ({ metadata: { namespace = "", name } }: KubeObject) => `${namespace}/${name}`;

/** What both selectors of the query match; a refusal when one of them makes no sense. */
export const selected = ({ served: { kind }, name }: Call, { labelSelector: labels, fieldSelector: fields }: Pick<ListParams, "labelSelector" | "fieldSelector">): Matches => {
  const byLabel = labels === "" ? undefined : labelSelector(labels);
  const byField = fields === "" ? undefined : fieldSelector(kind, fields);
  return (object) => (name === "" || object.metadata.name === name) && byLabel?.(object) !== false && byField?.(object) !== false;
};

/** The version that the list has to be of; undefined when the newest will do. */
const exactVersion = ({ version, versionMatch, limit, continueToken }: ListParams): number | undefined => {
  if (continueToken !== "") return decodeToken(continueToken).version;
  if (version === undefined || version === 0 || versionMatch === "NotOlderThan") return undefined;
  // Pages that name a version want it exactly, so that the next page fits.
  return versionMatch === "Exact" || limit > 0 ? version : undefined;
};

const storedAt = (core: Core, call: Call, params: ListParams): { readonly version: number; readonly objects: readonly KubeObject[] } => {
  const { served, namespace } = call;
  const within = namespace === "" ? undefined : namespace;
  const exact = exactVersion(params);
  if (exact === undefined || exact >= core.store.version) {
    const only = params.fieldSelector === "" ? undefined : namedBy(served.kind, params.fieldSelector);
    return { version: core.store.version, objects: only === undefined || within === undefined ? core.store.list(served.resource, within) : one(core, call, only) };
  }
  const objects = core.store.listAt(exact, served.resource, within);
  if (objects !== undefined) return { version: exact, objects };
  if (params.continueToken === "") throw expired(`The resourceVersion for the provided list is too old: ${exact} (${core.store.compacted})`);
  throw expiredContinue(encodeToken({ version: core.store.version, after: decodeToken(params.continueToken).after }));
};

// A look by name, as one client's informer does again and again, need not walk the others.
const one = ({ store }: Core, { served, namespace }: Call, name: string): readonly KubeObject[] => {
  const found = store.get(keyOf(served, namespace, name));
  return found === undefined ? [] : [found];
};

/** The objects that the call's selectors match, as of one version, in the version of the call. */
export const matching = (core: Core, call: Call): { readonly version: number; readonly objects: readonly KubeObject[]; readonly params: ListParams } => {
  const params = listParams(call.query);
  const matches = selected(call, params);
  const { version, objects } = storedAt(core, call, params);
  return { version, params, objects: objects.map(call.served.fromStored).filter(matches) };
};

const page = (objects: readonly KubeObject[], { limit, continueToken, labelSelector: labels, fieldSelector: fields }: ListParams, version: number): { readonly objects: readonly KubeObject[]; readonly metadata: JsonObject } => {
  const after = continueToken === "" ? undefined : decodeToken(continueToken).after;
  const rest = after === undefined ? objects : objects.filter((object) => slotOf(object) > after);
  const shown = limit === 0 ? rest : rest.slice(0, limit);
  const last = shown.at(-1);
  if (last === undefined || shown.length === rest.length) return { objects: shown, metadata: { resourceVersion: String(version) } };
  // With a selector the real server does not know how many of the rest match, and clients expect no number.
  const remaining: JsonObject = labels === "" && fields === "" ? { remainingItemCount: rest.length - shown.length } : {};
  return { objects: shown, metadata: { resourceVersion: String(version), continue: encodeToken({ version, after: slotOf(last) }), ...remaining } };
};

/** GET of an item. */
export const get = (core: Core, call: Call): Result =>
  ({ is: "object", code: 200, kind: call.served.kind, object: liveObject(core, call), warnings: warningsOf(call) });

const warningsOf = ({ served: { warning } }: Call): readonly string[] => warning === undefined ? [] : [warning];

/** GET of a collection. */
export const list = (core: Core, call: Call): Result => {
  const { version, objects, params } = matching(core, call);
  return { is: "list", kind: call.served.kind, ...page(objects, params, version) };
};
