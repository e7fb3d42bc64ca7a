/**
 * What handlers work with and what they answer, as types, and the few questions that all of them ask. A handler gets a
 * call whose caller was let in, and never sees sockets, headers or forms of answers.
 */
import { notFound } from "./problems.ts";
import type { RawBody } from "./bodies.ts";
import type { Surroundings } from "./builtin-rules.ts";
import type { Kind, KubeObject } from "./kind.ts";
import type { Key } from "./journal.ts";
import { definitionsResource } from "./registry.ts";
import type { Registry, Served } from "./registry.ts";
import type { Store } from "./store.ts";
import type { JsonObject } from "../schema/types.ts";

export interface Logger {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
}

/** The server's state and senses. */
export interface Core {
  readonly store: Store;
  readonly registry: Registry;
  /** Milliseconds. */
  readonly now: () => number;
  readonly newUid: () => string;
  /** A random whole number below another. */
  readonly random: (below: number) => number;
  readonly log: Logger;
  /** A bearer token for the subject. */
  readonly mintToken: (claims: JsonObject) => string;
}

/** One request for a resource. */
export interface Call {
  readonly served: Served;
  /** Empty when the path names none. */
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
  readonly query: URLSearchParams;
  readonly userAgent: string;
  readonly user: User;
  readonly body: RawBody;
}

/** What a handler answers; it is put into the form that the client asked for afterwards. */
export type Result =
  | { readonly is: "object"; readonly code: number; readonly kind: Kind; readonly object: KubeObject; readonly warnings: readonly string[] }
  | { readonly is: "list"; readonly kind: Kind; readonly objects: readonly KubeObject[]; readonly metadata: JsonObject }
  /** A Status, a Scale, a review: shown as it is. */
  | { readonly is: "json"; readonly code: number; readonly body: JsonObject; readonly warnings: readonly string[] };

export const keyOf = ({ resource, kind }: Served, namespace: string, name: string): Key =>
  ({ resource, namespace: kind.namespaced ? namespace : "", name });

/** The stored object in the version of the call; 404 when there is none. */
export const liveObject = ({ store }: Core, { served, namespace, name }: Pick<Call, "served" | "namespace" | "name">): KubeObject => {
  const stored = store.get(keyOf(served, namespace, name));
  if (stored === undefined) throw notFound(served.kind, name);
  return served.fromStored(stored);
};

export const surroundings = ({ store, now }: Core): Surroundings => ({ nowMs: now(), definitions: store.list(definitionsResource) });
