/** An HTTP server that answers as a test tells it to, and the adapter connected to it. */
import assert from "node:assert/strict";
import http from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { KubeConfig } from "@kubernetes/client-node";
import { kubernetes } from "../../src/adapters/kubernetes.ts";
import type { Kubernetes } from "../../src/adapters/kubernetes.ts";
import { parse } from "../../src/api/resource.ts";
import type { Resource } from "../../src/api/resource.ts";

export interface Request {
  /** Method and path, as the answers are keyed. */
  readonly line: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A code with a JSON body, or whatever a function does to the response. */
export type Reply = { readonly code: number; readonly body: unknown } | ((response: http.ServerResponse) => void);

export interface Fake {
  readonly api: Kubernetes;
  readonly kubeConfig: KubeConfig;
  readonly requests: readonly Request[];
  readonly lines: () => readonly string[];
}

export interface FakeOptions {
  readonly timeoutMs?: number;
  readonly namespace?: string;
  readonly user?: Readonly<Record<string, unknown>>;
}

export const never = new AbortController().signal;
export const now = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
export const clock = { now: () => now };

/** Runs with a server that gives these replies, each key's in turn; what is not foreseen is a 500. */
export const withFake = async (
  replies: Readonly<Record<string, readonly Reply[]>>, run: (fake: Fake) => Promise<void>, { user, ...options }: FakeOptions = {},
): Promise<void> => {
  const requests: Request[] = [];
  const left = new Map(Object.entries(replies).map(([line, each]) => [line, [...each]]));
  const server = http.createServer((request, response) => {
    void answer(request, response);
  });
  const answer = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? "", "http://fake");
    const line = `${request.method} ${url.pathname}`;
    const body = await text(request);
    requests.push({ line, query: Object.fromEntries(url.searchParams), headers: request.headers, body: body === "" ? {} : JSON.parse(body) as Request["body"] });
    const reply = left.get(line)?.shift() ?? { code: 500, body: { message: `unforeseen: ${line}` } };
    if (typeof reply === "function") return reply(response);
    response.writeHead(reply.code, { "content-type": "application/json" }).end(JSON.stringify(reply.body));
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  try {
    const kubeConfig = kubeConfigFor(`http://127.0.0.1:${port}`, user);
    await run({ api: kubernetes({ kubeConfig, clock, ...options }), kubeConfig, requests, lines: () => requests.map(({ line }) => line) });
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
};

/** client-node wants TLS given up in words before it speaks plain HTTP. */
export const kubeConfigFor = (address: string, user: Readonly<Record<string, unknown>> = { token: "t0ken" }): KubeConfig => {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromOptions({
    clusters: [{ name: "fake", server: address, skipTLSVerify: true }], users: [{ name: "me", ...user }],
    contexts: [{ name: "here", cluster: "fake", user: "me" }], currentContext: "here",
  });
  return kubeConfig;
};

/** What a promise rejects with. */
export const failure = async (promise: Promise<unknown>): Promise<Error> => {
  const error = await promise.then(() => undefined, (thrown: unknown) => thrown);
  assert.ok(error instanceof Error, "it did not fail");
  return error;
};

export const status = (code: number, reason: string, message = "in the server's words", details: Readonly<Record<string, unknown>> = {}): Reply =>
  ({ code, body: { kind: "Status", apiVersion: "v1", status: "Failure", reason, message, details, code } });
export const missing = (name: string): Reply => status(404, "NotFound", `"${name}" not found`, { name });
export const ok = (body: unknown): Reply => ({ code: 200, body });
export const hang: Reply = () => undefined;
export const drop: Reply = (response) => { response.destroy(); };
export const say = (...lines: readonly string[]): Reply => (response) => {
  response.writeHead(200, { "content-type": "application/json" }).end(lines.map((line) => `${line}\n`).join(""));
};

export const path = "/apis/pgrs.dev/v1alpha1/namespaces/n/postgresreplicasets/a";

export const resource = (metadata: Readonly<Record<string, unknown>> = {}): Resource =>
  parse({
    apiVersion: "pgrs.dev/v1alpha1", kind: "PostgresReplicaSet",
    metadata: { namespace: "n", name: "a", uid: "u-1", resourceVersion: "7", generation: 2, ...metadata }, spec: { replicas: 1, postgres: { version: "17" } },
  }).resource;
