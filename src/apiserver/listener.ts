/**
 * The sockets: TLS, HTTP/2 and HTTP/1.1, bounds on everything a client can send or leave unread, and an orderly end.
 * What a request means is decided in exchange.ts.
 */
import { createSecureServer } from "node:http2";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { exchange, failureOf } from "./exchange.ts";
import { tooManyRequests } from "./problems.ts";
import { credentialsOf, headerOf, readBody } from "./requests.ts";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Http2SecureServer } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Identity } from "./certificates.ts";
import type { Core } from "./core.ts";
import type { Documents } from "./documents.ts";
import type { Incoming, Reply, Site, WatchReply } from "./exchange.ts";
import type { Tokens } from "./tokens.ts";

const headerBytesMax = 128 * 1024;
const connectionsMax = 4096;
const requestSecondsMax = 60;
/** Longer than clients keep a connection in store, so that they do not use one that is just being closed. */
const idleSecondsMax = 120;
const watchesPerUserMax = 2000;
/** What a watch's client may leave unread before it is cut off; it comes back and starts anew. */
const unreadBytesMax = 16 * 1024 * 1024;
const gzipFromBytes = 128 * 1024;
const closeGraceMs = 2000;

export interface ListenOptions {
  readonly core: Core;
  readonly identity: Identity;
  readonly tokens: Tokens;
  readonly documents: Documents;
  readonly host: string;
  readonly port: number;
}

export interface Listening {
  readonly port: number;
  /** Ends watches, lets answers finish, then closes every connection. */
  close(): Promise<void>;
}

const compress = promisify<Buffer, { level: number }, Buffer>(gzip);

const isOpen = (response: ServerResponse): boolean => !response.writableEnded && !response.destroyed;

const mutable = (headers: Reply["headers"]): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]));

const sendReply = async (request: IncomingMessage, response: ServerResponse, { code, headers, text }: Reply): Promise<void> => {
  const bytes = Buffer.from(text);
  const isZipped = bytes.length >= gzipFromBytes && (headerOf(request, "accept-encoding") ?? "").includes("gzip");
  const sent = isZipped ? await compress(bytes, { level: 1 }) : bytes;
  if (!isOpen(response)) return;
  // A body that was not read to its end leaves nothing to go on with on an HTTP/1.1 connection.
  const isBroken = request.httpVersionMajor === 1 && (code === 413 || !request.complete);
  response.writeHead(code, {
    ...mutable(headers), ...(isZipped ? { "Content-Encoding": "gzip", Vary: "Accept-Encoding" } : {}),
    ...(code === 304 ? {} : { "Content-Length": sent.length }), ...(isBroken ? { Connection: "close" } : {}),
  });
  response.end(code === 304 ? undefined : sent);
};

interface Watches { readonly open: Set<() => void>; readonly perUser: Map<string, number> }

const startWatch = ({ core }: Site, { open, perUser }: Watches, { watch, write, user }: WatchReply, response: ServerResponse): void => {
  perUser.set(user.name, (perUser.get(user.name) ?? 0) + 1);
  response.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "no-cache, private" });
  response.flushHeaders();
  let stop = (): void => undefined;
  const sink = {
    send: (event: Parameters<typeof write>[0]) => {
      if (!isOpen(response)) return;
      response.write(write(event));
      if (response.writableLength <= unreadBytesMax) return;
      core.log.info("cut off a watch whose client does not read", { kind: watch.kind.kind, user: user.name });
      response.destroy();
    },
    end: () => { if (isOpen(response)) response.end(); },
  };
  const endNow = () => { stop(); sink.end(); };
  open.add(endNow);
  response.once("close", () => {
    stop();
    open.delete(endNow);
    const left = (perUser.get(user.name) ?? 1) - 1;
    if (left === 0) perUser.delete(user.name);
    else perUser.set(user.name, left);
  });
  stop = watch.start(sink);
};

const answer = async (site: Site, watches: Watches, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const incoming: Incoming = {
    method: request.method ?? "", target: request.url ?? "", header: (name) => headerOf(request, name),
    credentials: credentialsOf(request), body: () => readBody(request),
  };
  const answered = await exchange(site, incoming);
  site.core.log.debug("request", { method: incoming.method, path: incoming.target, code: "code" in answered ? answered.code : 200 });
  if (!isOpen(response)) return;
  if (!("watch" in answered)) { await sendReply(request, response, answered); return; }
  const isTooMany = (watches.perUser.get(answered.user.name) ?? 0) >= watchesPerUserMax;
  if (isTooMany) await sendReply(request, response, failureOf(tooManyRequests(`more than ${watchesPerUserMax} watches of one user`), site.core, request.url ?? ""));
  else startWatch(site, watches, answered, response);
};

const bind = (server: Http2SecureServer, { host, port }: ListenOptions): Promise<number> => new Promise((resolve, reject) => {
  server.once("error", (error: NodeJS.ErrnoException) => {
    const words: Readonly<Record<string, string>> = {
      EADDRINUSE: `port ${port} on ${host} is in use by another program: choose another port`,
      EACCES: `this user may not listen on port ${port}: choose one above 1023`,
      EADDRNOTAVAIL: `this machine has no address ${host} to listen on`,
    };
    reject(new Error(words[error.code ?? ""] ?? `cannot listen on ${host}:${port}: ${error.message}`, { cause: error }));
  });
  server.listen(port, host, () => { resolve((server.address() as AddressInfo).port); });
});

const closeAll = async (server: Http2SecureServer, watches: Watches, sockets: ReadonlySet<Socket>): Promise<void> => {
  // Closing asks HTTP/2 sessions to end once their streams have; HTTP/1.1 connections have to be found idle.
  const closed = new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
  for (const end of [...watches.open]) end();
  const idle = setInterval(() => { (server as { closeIdleConnections?: () => void }).closeIdleConnections?.(); }, 20);
  const grace = setTimeout(() => { for (const socket of sockets) socket.destroy(); }, closeGraceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(grace);
};

/** Listens; refuses with one sentence when the port is not to be had. */
export const listen = async (options: ListenOptions): Promise<Listening> => {
  const { core, identity, tokens, documents } = options;
  const site: Site = { core, documents, authorities: { adminToken: identity.adminToken, tokens, store: core.store, now: core.now } };
  const watches: Watches = { open: new Set(), perUser: new Map() };
  const sockets = new Set<Socket>();
  const server = createSecureServer({
    allowHTTP1: true, key: identity.serverKey, cert: identity.server, ca: identity.authority, requestCert: true, rejectUnauthorized: false,
    minVersion: "TLSv1.2", maxHeaderSize: headerBytesMax, maxSessionMemory: 64, handshakeTimeout: 10_000,
    settings: { maxConcurrentStreams: 1000, maxHeaderListSize: headerBytesMax },
  } as Parameters<typeof createSecureServer>[0], (newer, newerResponse) => {
    // Both protocols' requests come here, and those of HTTP/2 are made to look like the older ones.
    const request = newer as unknown as IncomingMessage;
    const response = newerResponse as unknown as ServerResponse;
    // Errors of a connection that went away: the close that follows is what counts.
    response.on("error", () => undefined);
    request.on("error", () => undefined);
    answer(site, watches, request, response).catch((error: unknown) => {
      core.log.info("answer failed", { path: request.url, error: String(error) });
      response.destroy();
    });
  });
  server.maxConnections = connectionsMax;
  // Known to HTTP/1.1 alone; in HTTP/2 bodies have a deadline of their own.
  Object.assign(server, { headersTimeout: requestSecondsMax * 1000, requestTimeout: requestSecondsMax * 1000, keepAliveTimeout: idleSecondsMax * 1000 });
  server.on("session", (session) => {
    session.on("error", () => undefined);
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => { sockets.delete(socket); });
  });
  const port = await bind(server, options);
  server.on("error", (error: Error) => { core.log.info("listener failed", { error: error.message }); });
  return { port, close: () => closeAll(server, watches, sockets) };
};

