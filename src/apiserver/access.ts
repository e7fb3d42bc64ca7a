/**
 * Who is asking, and whether they may. Whoever proves who they are may do everything, as befits one machine's control
 * plane; roles are stored for tools that write them, and grant nothing. Who proves nothing sees version and health only.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { own } from "../schema/json.ts";
import { objectAt } from "./objects.ts";
import { forbidden, forbiddenPath, unauthorized, badRequest } from "./problems.ts";
import type { User } from "./core.ts";
import type { Store } from "./store.ts";
import type { Tokens } from "./tokens.ts";
import type { ResourcePath, Route } from "./router.ts";

/** What a request brings to prove who sends it. */
export interface Credentials {
  /** The Authorization header. */
  readonly authorization?: string;
  /** The subject of a client certificate, and whether our authority signed it. */
  readonly certificate?: { readonly isTrusted: boolean; readonly name: string; readonly groups: readonly string[] };
  readonly impersonate: { readonly user?: string; readonly uid?: string; readonly groups: readonly string[] };
}

export interface Authorities { readonly adminToken: string; readonly tokens: Tokens; readonly store: Store; readonly now: () => number }

const authenticated = "system:authenticated";
const masters = "system:masters";
export const anonymous: User = { name: "system:anonymous", groups: ["system:unauthenticated"] };

const isSameSecret = (a: string, b: string): boolean => {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
};

const serviceAccountOf = (token: string, { tokens, store, now }: Authorities): User | undefined => {
  const claims = tokens.verify(token, now());
  const subject = objectAt(claims, "kubernetes.io");
  const { name, uid } = objectAt(subject, "serviceaccount");
  const namespace = own(subject, "namespace");
  if (typeof name !== "string" || typeof namespace !== "string") return undefined;
  // A token ends with its account, even when one of the same name was made anew.
  if (store.get({ resource: "serviceaccounts", namespace, name })?.metadata.uid !== uid) return undefined;
  return {
    name: `system:serviceaccount:${namespace}:${name}`, ...(typeof uid === "string" ? { uid } : {}),
    groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, authenticated],
  };
};

const bearer = (authorization: string, authorities: Authorities): User => {
  const token = /^bearer +(\S+)$/i.exec(authorization.trim())?.[1];
  if (token === undefined) throw unauthorized();
  if (isSameSecret(token, authorities.adminToken)) return { name: "admin", groups: [masters, authenticated] };
  const user = serviceAccountOf(token, authorities);
  if (user === undefined) throw unauthorized();
  return user;
};

const proven = ({ certificate, authorization }: Credentials, authorities: Authorities): User => {
  if (certificate?.isTrusted === true) return { name: certificate.name, groups: [...certificate.groups, authenticated] };
  if (authorization !== undefined) return bearer(authorization, authorities);
  // A certificate of somebody else's authority is a mistake that anonymity would hide.
  if (certificate !== undefined) throw unauthorized();
  return anonymous;
};

const impersonated = (real: User, { user, uid, groups }: Credentials["impersonate"]): User => {
  if (user === undefined) {
    if (groups.length > 0 || uid !== undefined) throw badRequest("requested groups or uid without impersonating a user");
    return real;
  }
  if (!real.groups.includes(masters)) throw forbidden({ group: "", plural: "users" }, user, `User ${JSON.stringify(real.name)} cannot impersonate resource "users" in API group "" at the cluster scope`);
  const added = user === anonymous.name ? anonymous.groups : [authenticated];
  return { name: user, ...(uid === undefined ? {} : { uid }), groups: [...groups, ...added] };
};

/** The user that a request acts as; 401 when what it brings proves nothing. */
export const authenticate = (credentials: Credentials, authorities: Authorities): User =>
  impersonated(proven(credentials, authorities), credentials.impersonate);

/** Whether the user may use resources. */
export const mayUse = ({ name }: User): boolean => name !== anonymous.name;

const open: readonly Route["at"][] = ["version", "health"];

const verbs: Readonly<Record<string, string>> = { POST: "create", PUT: "update", PATCH: "patch" };

const verbOf = (method: string, { name, isWatch }: ResourcePath, query: URLSearchParams): string => {
  if (method === "DELETE") return name === undefined ? "deletecollection" : "delete";
  if (method !== "GET") return verbs[method] ?? method.toLowerCase();
  if (name !== undefined && !isWatch) return "get";
  return isWatch || query.get("watch") === "true" || query.get("watch") === "1" ? "watch" : "list";
};

const scopeOf = ({ namespace }: ResourcePath) => namespace === undefined ? "at the cluster scope" : `in the namespace ${JSON.stringify(namespace)}`;

export interface Asked { readonly method: string; readonly path: string; readonly query: URLSearchParams; readonly to: Route }

/** 403 unless the user may. */
export const authorize = (user: User, { method, path, query, to }: Asked): void => {
  if (mayUse(user) || (open.includes(to.at) && method === "GET")) return;
  if (to.at !== "resource") throw forbiddenPath(user.name, method.toLowerCase(), path);
  const resource = to.subresource === undefined ? to.plural : `${to.plural}/${to.subresource}`;
  throw forbidden({ group: to.group, plural: to.plural }, to.name ?? "",
    `User ${JSON.stringify(user.name)} cannot ${verbOf(method, to, query)} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(to.group)} ${scopeOf(to)}`);
};
