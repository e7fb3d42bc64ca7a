/**
 * One API server, as a kubeconfig names it: requests and streams over its own TLS options and credentials, with
 * whatever fails translated once. Every request is bounded in time and size. It must never put a credential or a
 * Secret's content into a message.
 *
 * client-node's own requests make a new TLS connection each; its KubeConfig over node:https keeps them open.
 */
import http from "node:http";
import https from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import { Conflict, Terminal, Transient } from "../errors.ts";

/** What JSON objects are at this boundary: read field by field, or handed on to be parsed. */
export type Body = Readonly<Record<string, unknown>>;

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Secrets: what the server says about them may quote them, so it stays out of messages. */
  readonly isConfidential?: boolean;
}

export interface Answer { readonly code: number; readonly body: Body }

export interface Connection {
  /** The answer, whatever its code. Throws Transient when there was none. */
  ask(call: Call, signal: AbortSignal): Promise<Answer>;
  /** Hands over the lines of the answer as they come, until it ends. Returns the answer instead when it was refused. */
  stream(call: Call, onLine: (line: string) => void, signal: AbortSignal): Promise<Answer | undefined>;
}

export interface ConnectionOptions {
  readonly kubeConfig: KubeConfig;
  /** For a whole request, and for a stream to open. */
  readonly timeoutMs: number;
  /** For an answer, and for a line of a stream. */
  readonly bytesMax?: number;
}

/** Sockets to the server at once: watches, and rounds side by side. */
const socketsMax = 32;

export const connect = ({ kubeConfig, timeoutMs, bytesMax = 32 * 1024 * 1024 }: ConnectionOptions): Connection => {
  const agent = new https.Agent({ keepAlive: true, maxSockets: socketsMax });
  const open = opener(kubeConfig, agent);

  const ask = async (call: Call, signal: AbortSignal): Promise<Answer> => {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    try {
      const response = await open(call, bounded);
      return { code: response.statusCode ?? 0, body: parse(await readAll(response, bytesMax), response.statusCode ?? 0) };
    } catch (error) {
      throw broken(call, error, bounded, timeoutMs);
    }
  };

  const stream = async (call: Call, onLine: (line: string) => void, signal: AbortSignal): Promise<Answer | undefined> => {
    const opening = AbortSignal.timeout(timeoutMs);
    const over = new AbortController();
    const bounded = AbortSignal.any([signal, over.signal]);
    const giveUp = () => over.abort(opening.reason);
    opening.addEventListener("abort", giveUp, { once: true });
    try {
      const response = await open(call, bounded);
      const code = response.statusCode ?? 0;
      if (code !== 200) return { code, body: parse(await readAll(response, bytesMax), code) };
      opening.removeEventListener("abort", giveUp);
      await readLines(response, bytesMax, onLine);
      return undefined;
    } catch (error) {
      throw broken(call, error, bounded, timeoutMs);
    } finally {
      opening.removeEventListener("abort", giveUp);
    }
  };

  return { ask, stream };
};

/** The answer's body when it was accepted; else throws what the refusal means. */
export const accepted = (call: Call, { code, body }: Answer): Body => {
  if (code >= 200 && code < 300) return body;
  throw refusal(call, { code, body });
};

/** Whether the server says that just this object is not there, rather than that it does not serve such objects. */
export const isMissing = ({ code, body }: Answer, name: string): boolean =>
  code === 404 && body.reason === "NotFound" && asBody(body.details).name === name;

/** An unknown value as an object to read fields from; what is none has no fields. */
export const asBody = (value: unknown): Body =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};

const opener = (kubeConfig: KubeConfig, agent: https.Agent) => async (call: Call, signal: AbortSignal): Promise<http.IncomingMessage> => {
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) throw new Terminal("the kubeconfig has no current cluster");
  const url = new URL(cluster.server.replace(/\/$/, "") + call.path);
  for (const [name, value] of Object.entries(call.query ?? {})) url.searchParams.set(name, value);
  const options = await orAborted(credentials(kubeConfig), signal);
  // client-node's own agent holds on to the first certificate it saw, so it serves only where it must: for proxies.
  const isOwnAgent = url.protocol === "https:" && cluster.proxyUrl === undefined;
  const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
  const headers = {
    ...options.headers,
    accept: "application/json",
    "user-agent": "pgrs-operator",
    ...(body && { "content-type": call.method === "PATCH" ? "application/merge-patch+json" : "application/json", "content-length": body.length }),
  };
  return new Promise((resolve, reject) => {
    const program = url.protocol === "https:" ? https : http;
    const request = program.request(url, { ...options, ...(isOwnAgent && { agent }), method: call.method, headers, signal }, resolve);
    request.on("error", reject);
    request.end(body);
  });
};

/** Read anew for each request: tokens and certificates are rotated in their files. */
const credentials = async (kubeConfig: KubeConfig): Promise<https.RequestOptions> => {
  const options: https.RequestOptions = {};
  try {
    await kubeConfig.applyToHTTPSOptions(options);
  } catch (error) {
    // A parser quotes what it could not read, which may be a token.
    const isQuoting = error instanceof SyntaxError;
    throw new Transient("the credentials of the kubeconfig cannot be read", isQuoting ? {} : { cause: error });
  }
  return options;
};

const orAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });

const readAll = async (response: http.IncomingMessage, bytesMax: number): Promise<string> => {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Terminal(`the answer is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
};

const readLines = async (response: http.IncomingMessage, bytesMax: number, onLine: (line: string) => void): Promise<void> => {
  response.setEncoding("utf8");
  let rest = "";
  for await (const chunk of response as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > bytesMax) throw new Transient(`a line of the stream is longer than ${bytesMax} bytes`);
    for (const line of lines) if (line !== "") onLine(line);
  }
  if (rest !== "") onLine(rest);
};

const parse = (text: string, code: number): Body => {
  try {
    return asBody(JSON.parse(text));
  } catch {
    // Refusals of proxies, and of paths that are not served, are text. The error of the parser would quote an answer.
    if (code >= 400) return { message: text.slice(0, 200).trim() };
    throw new Transient("the answer is no JSON");
  }
};

/** What no answer means: nearly always that a later try may have one. */
const broken = (call: Call, error: unknown, signal: AbortSignal, timeoutMs: number): Error => {
  if (error instanceof Terminal) return new Terminal(`${call.method} ${call.path}`, { cause: error });
  const isTimeout = signal.aborted && signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
  const what = isTimeout ? `no answer within ${timeoutMs} ms` : "failed";
  return new Transient(`${call.method} ${call.path}: ${what}`, isTimeout ? {} : { cause: signal.aborted ? signal.reason : error });
};

/** What a refusal means. A credential refused may be one that is being rotated, or a server that is starting. */
const refusal = (call: Call, { code, body }: Answer): Error => {
  const words = [code, body.reason, call.isConfidential === true ? undefined : body.message];
  const message = `${call.method} ${call.path}: ${words.filter((word) => typeof word === "number" || typeof word === "string").join(" ")}`.slice(0, 1000);
  if (code === 409 || code === 410) return new Conflict(message);
  if (code >= 500 || [401, 404, 408, 425, 429].includes(code)) return new Transient(message);
  return new Terminal(message);
};
