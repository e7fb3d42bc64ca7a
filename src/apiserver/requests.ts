/**
 * What is read from a connection and its requests: headers, the client's certificate, and bodies, within bounds of size
 * and time. It judges none of it.
 */
import { badRequest, timeout, tooLarge } from "./problems.ts";
import type { IncomingMessage } from "node:http";
import type { ServerHttp2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Credentials } from "./access.ts";
import type { RawBody } from "./bodies.ts";

const bodyBytesMax = 3 * 1024 * 1024;
const bodySecondsMax = 30;

/** A header's value, of several the list. */
export const headerOf = (request: IncomingMessage, name: string): string | undefined => {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
};

const groupsOf = (value: string | string[] | undefined): readonly string[] => value === undefined ? [] : Array.isArray(value) ? value : [value];

// The certificate belongs to the connection: it is looked at once, not with each request.
const certificates = new WeakMap<object, Credentials["certificate"]>();

const certificateOf = (socket: TLSSocket, session: object): Credentials["certificate"] => {
  if (certificates.has(session)) return certificates.get(session);
  const peer = socket.getPeerCertificate() as Partial<ReturnType<TLSSocket["getPeerCertificate"]>> | null;
  const subject = peer?.subject as Readonly<Record<string, string | string[]>> | undefined;
  const name = subject?.["CN"];
  const found = subject === undefined ? undefined : { isTrusted: socket.authorized, name: groupsOf(name)[0] ?? "", groups: groupsOf(subject["O"]) };
  certificates.set(session, found);
  return found;
};

/** What the request and its connection bring to prove who sends it. */
export const credentialsOf = (request: IncomingMessage): Credentials => {
  // HTTP/2 makes a new stand-in for the socket with each request; its session is what stays.
  const { stream } = request as { readonly stream?: { readonly session?: ServerHttp2Session } };
  const certificate = certificateOf(request.socket as TLSSocket, stream?.session ?? request.socket);
  const authorization = headerOf(request, "authorization");
  const user = headerOf(request, "impersonate-user");
  const uid = headerOf(request, "impersonate-uid");
  return {
    ...(authorization === undefined ? {} : { authorization }), ...(certificate === undefined ? {} : { certificate }),
    impersonate: { ...(user === undefined ? {} : { user }), ...(uid === undefined ? {} : { uid }), groups: (headerOf(request, "impersonate-group") ?? "").split(",").map((group) => group.trim()).filter((group) => group !== "") },
  };
};

/** The whole body, or a refusal when it is too large or too slow. */
export const readBody = (request: IncomingMessage): Promise<RawBody> => new Promise((resolve, reject) => {
  const chunks: Buffer[] = [];
  let size = 0;
  const deadline = setTimeout(() => { stop(timeout(`the body did not arrive within ${bodySecondsMax} s`)); }, bodySecondsMax * 1000);
  const stop = (error?: Error) => {
    clearTimeout(deadline);
    request.removeListener("data", take);
    // What still comes is read and dropped, so that the answer can be read.
    request.resume();
    if (error === undefined) resolve({ contentType: headerOf(request, "content-type") ?? "", bytes: Buffer.concat(chunks) });
    else reject(error);
  };
  const take = (chunk: Buffer) => {
    size += chunk.length;
    if (size > bodyBytesMax) stop(tooLarge(bodyBytesMax));
    else chunks.push(chunk);
  };
  if (Number(headerOf(request, "content-length") ?? 0) > bodyBytesMax) { stop(tooLarge(bodyBytesMax)); return; }
  request.on("data", take);
  request.once("end", () => { stop(); });
  request.once("error", (error) => { stop(badRequest(`the body broke off: ${error.message}`)); });
  request.once("aborted", () => { stop(badRequest("the body broke off")); });
});
