/**
 * One request and its answer, without sockets: who asks, whether they may, what it is, and how the answer looks. Every
 * failure becomes a Status here, and one that is our fault is logged and not told.
 */
import { explain } from "../errors.ts";
import { authenticate, authorize } from "./access.ts";
import { handle, isKnownPath } from "./handlers.ts";
import { negotiate } from "./media.ts";
import { checkTimeout } from "./params.ts";
import { bodyOf, eventWriter, includeObjectOf, textOf } from "./present.ts";
import { internalError, methodNotAllowed, Refusal, serviceUnavailable } from "./problems.ts";
import { route } from "./router.ts";
import type { Authorities, Credentials } from "./access.ts";
import type { RawBody } from "./bodies.ts";
import type { Core, Result, User } from "./core.ts";
import type { Documents } from "./documents.ts";
import type { Form, Representation } from "./media.ts";
import type { View } from "./present.ts";
import type { ResourcePath } from "./router.ts";
import type { Watch, WatchEvent } from "./watch.ts";

export interface Incoming {
  readonly method: string;
  /** Path and query as they came. */
  readonly target: string;
  readonly header: (name: string) => string | undefined;
  readonly credentials: Credentials;
  /** Reads the body, refusing one that is too large or too slow. */
  readonly body: () => Promise<RawBody>;
}

export interface Reply {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly text: string;
}

export interface WatchReply {
  readonly watch: Watch;
  readonly write: (event: WatchEvent) => string;
  readonly user: User;
}

export interface Site { readonly core: Core; readonly documents: Documents; readonly authorities: Authorities }

const plain = (code: number, text: string): Reply => ({ code, headers: { "Content-Type": "text/plain; charset=utf-8" }, text });

const notFoundPage = plain(404, "404 page not found\n");

// A header is one line of bytes: what else a message holds must not break it.
const warningHeader = (text: string): string => `299 - ${JSON.stringify(text).replace(/[^\x20-\x7e]/g, "?")}`;

const retryHeaders = (seconds: number | undefined): Readonly<Record<string, string>> => seconds === undefined ? {} : { "Retry-After": String(seconds) };

/** The Status of any failure. */
export const failureOf = (error: unknown, core: Core, about: string): Reply => {
  // SQLite says in words that the disk is full; the client may come back later.
  const full = /disk is full|disk I\/O|readonly database/.test(explain(error));
  const refusal = error instanceof Refusal ? error : full ? serviceUnavailable(`the object cannot be stored: ${explain(error)}`) : internalError(error);
  if (!(error instanceof Refusal)) core.log.info("request failed", { request: about, error: explain(error), stack: error instanceof Error ? error.stack : undefined });
  const { status } = refusal;
  return { code: status.code, headers: { "Content-Type": "application/json", ...retryHeaders(status.details?.retryAfterSeconds) }, text: `${JSON.stringify(status)}\n` };
};

const representationOf = (incoming: Incoming, forms: readonly Form[]): Representation => negotiate(incoming.header("accept"), forms);

const reply = (result: Result, view: View): Reply => {
  const { contentType, text } = textOf(bodyOf(result, view), view.representation);
  const warnings = result.is === "list" ? [] : result.warnings;
  return {
    code: result.is === "list" ? 200 : result.code, text,
    headers: { "Content-Type": contentType, ...(warnings.length === 0 ? {} : { Warning: warnings.map(warningHeader) }) },
  };
};

const hasBody = (method: string) => ["POST", "PUT", "PATCH", "DELETE"].includes(method);
const noBody: RawBody = { contentType: "", bytes: new Uint8Array() };

interface Asked { readonly incoming: Incoming; readonly to: ResourcePath; readonly query: URLSearchParams; readonly user: User }

const answerResource = async ({ core }: Site, { incoming, to, query, user }: Asked): Promise<Reply | WatchReply> => {
  if (!isKnownPath(core.registry, to)) return notFoundPage;
  const representation = representationOf(incoming, ["object", "table", "metadata"]);
  const includeObject = includeObjectOf(query);
  const view = (): View => ({ representation, includeObject, nowMs: core.now() });
  const body = hasBody(incoming.method) ? await incoming.body() : noBody;
  const result = await handle(core, { method: incoming.method, to, query, user, userAgent: incoming.header("user-agent") ?? "", body });
  if (!("start" in result)) return reply(result, view());
  return { watch: result, write: eventWriter(result.kind, view), user };
};

const answerDocument = (site: Site, to: ReturnType<typeof route>, incoming: Incoming, query: URLSearchParams): Reply => {
  if (incoming.method !== "GET") throw methodNotAllowed();
  if (to.at === "health") return plain(200, "ok");
  const document = site.documents.find(to, incoming.header("accept"), query);
  if (document === undefined) return notFoundPage;
  const headers = { "Content-Type": document.contentType, ...document.headers };
  const isUnchanged = document.headers["ETag"] !== undefined && incoming.header("if-none-match") === document.headers["ETag"];
  return isUnchanged ? { code: 304, headers, text: "" } : { code: 200, headers, text: document.text };
};

const targetOf = (target: string): { readonly path: string; readonly query: URLSearchParams } => {
  const mark = target.indexOf("?");
  return mark === -1 ? { path: target, query: new URLSearchParams() }
    : { path: target.slice(0, mark), query: new URLSearchParams(target.slice(mark + 1)) };
};

/** What answers the request; it never throws. */
export const exchange = async (site: Site, incoming: Incoming): Promise<Reply | WatchReply> => {
  const { method } = incoming;
  const { path, query } = targetOf(incoming.target);
  try {
    const to = route(path);
    const user = authenticate(incoming.credentials, site.authorities);
    authorize(user, { method, path, query, to });
    if (method === "HEAD" || method === "OPTIONS") throw methodNotAllowed();
    checkTimeout(query);
    return to.at === "resource" ? await answerResource(site, { incoming, to, query, user }) : answerDocument(site, to, incoming, query);
  } catch (error) {
    return failureOf(error, site.core, `${method} ${path}`);
  }
};
