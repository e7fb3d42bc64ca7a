/**
 * A control plane of its own for a test: in this process, on a free port and a temporary directory, with real kubectl
 * and a plain HTTPS client beside it. Everything is gone when the test's function ends.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { IncomingMessage } from "node:http";
import { startControlPlane } from "../../src/apiserver/server.ts";
import type { ControlPlane, ControlPlaneOptions } from "../../src/apiserver/server.ts";
import type { ObjectMeta } from "../../src/apiserver/kind.ts";
import type { Json, JsonObject } from "../../src/schema/types.ts";

export interface Finished { readonly code: number; readonly stdout: string; readonly stderr: string }

export interface KubectlOptions { readonly input?: string; readonly timeoutMs?: number }

/** Runs kubectl to its end; never rejects for what kubectl says. */
export type Kubectl = (args: readonly string[], options?: KubectlOptions) => Promise<Finished>;

/** Any answer's JSON, as far as tests look into it; what an answer lacks is undefined at run time. */
export interface Answer {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: ObjectMeta & { readonly continue?: string; readonly remainingItemCount?: number; readonly selfLink?: string };
  readonly spec: JsonObject;
  readonly status: JsonObject;
  readonly data: JsonObject;
  readonly items: readonly Answer[];
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details: { readonly causes?: readonly { readonly reason?: string; readonly field?: string; readonly message?: string }[]; readonly [field: string]: unknown };
  readonly columnDefinitions: readonly { readonly name: string }[] | null;
  readonly rows: readonly { readonly cells: readonly Json[]; readonly object: Answer }[];
  readonly [field: string]: unknown;
}

export interface Answered {
  readonly code: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  /** The body as JSON; an empty object when it is not. */
  readonly body: Answer;
}

export interface Sent {
  readonly body?: Json | string | Uint8Array;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends no token. */
  readonly isAnonymous?: boolean;
}

export interface WatchedEvent {
  readonly type: string;
  readonly object: Answer;
}

export interface Watching {
  readonly code: number;
  /** The next event; undefined when the watch has ended. */
  readonly next: () => Promise<WatchedEvent | undefined>;
  /** Events up to and with the first that fits. */
  readonly until: (fits: (event: WatchedEvent) => boolean) => Promise<readonly WatchedEvent[]>;
  /** All events until the server ends the watch. */
  readonly rest: () => Promise<readonly WatchedEvent[]>;
  readonly close: () => void;
}

export interface Running {
  readonly url: string;
  readonly directory: string;
  readonly kubeconfig: string;
  readonly kubectl: Kubectl;
  /** One request with the administrator's token. */
  readonly send: (method: string, path: string, sent?: Sent) => Promise<Answered>;
  readonly watch: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Watching>;
  /** Stops the control plane and starts it again on the same directory and port. */
  readonly restart: () => Promise<void>;
  readonly logged: readonly string[];
}

export interface HarnessOptions { readonly now?: () => number; readonly history?: ControlPlaneOptions["history"] }

const waitMs = 20_000;

const run = (command: string, args: readonly string[], env: NodeJS.ProcessEnv, { input, timeoutMs = 60_000 }: KubectlOptions): Promise<Finished> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, timeout: timeoutMs, killSignal: "SIGKILL" });
    const out = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => { out.stdout += text; });
    child.stderr.setEncoding("utf8").on("data", (text: string) => { out.stderr += text; });
    child.once("error", reject);
    child.once("close", (code) => { resolve({ code: code ?? -1, ...out }); });
    // A program that does not read its input may be gone before it is written.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input ?? "");
  });

const isBytes = (body: Sent["body"]): body is Uint8Array => body instanceof Uint8Array;

const bytesOf = (body: Sent["body"]): Buffer | undefined => {
  if (body === undefined) return undefined;
  return isBytes(body) ? Buffer.from(body) : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
};

interface Site { readonly url: string; readonly token: string; agent: Agent }

const open = ({ url, token, agent }: Site, method: string, path: string, { body, contentType = "application/json", headers = {}, isAnonymous = false }: Sent): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const bytes = bytesOf(body);
    const request = httpsRequest(`${url}${path}`, {
      method, agent, timeout: waitMs,
      headers: {
        ...(isAnonymous ? {} : { Authorization: `Bearer ${token}` }), ...(bytes === undefined ? {} : { "Content-Type": contentType, "Content-Length": bytes.length }),
        "User-Agent": "harness/1", ...headers,
      },
    }, resolve);
    request.once("timeout", () => { request.destroy(new Error(`${method} ${path}: no answer within ${waitMs} ms`)); });
    request.once("error", reject);
    request.end(bytes);
  });

const parsed = (text: string): Answer => {
  try { return JSON.parse(text) as Answer; } catch { return {} as Answer; }
};

const send = async (site: Site, method: string, path: string, sent: Sent): Promise<Answered> => {
  const response = await open(site, method, path, sent);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return { code: response.statusCode ?? 0, headers: response.headers, text, body: parsed(text) };
};

const watching = async (site: Site, path: string, headers: Readonly<Record<string, string>>): Promise<Watching> => {
  const response = await open(site, "GET", path, { headers });
  const lines = createInterface({ input: response })[Symbol.asyncIterator]();
  const next = async (): Promise<WatchedEvent | undefined> => {
    const { done, value } = await lines.next();
    return done === true ? undefined : JSON.parse(value) as WatchedEvent;
  };
  const until = async (fits: (event: WatchedEvent) => boolean) => {
    const seen: WatchedEvent[] = [];
    for (;;) {
      const event = await next();
      assert.ok(event !== undefined, `the watch ended after ${JSON.stringify(seen)}`);
      seen.push(event);
      if (fits(event)) return seen;
    }
  };
  const rest = async () => {
    const seen: WatchedEvent[] = [];
    for (let event = await next(); event !== undefined; event = await next()) seen.push(event);
    return seen;
  };
  return { code: response.statusCode ?? 0, next, until, rest, close: () => { response.destroy(); } };
};

/** Gives the function a running control plane, and takes it away afterwards, whatever happens. */
export const withControlPlane = async (use: (running: Running) => Promise<void>, { now = () => Date.now(), history }: HarnessOptions = {}): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), "control-plane-"));
  const logged: string[] = [];
  const note = (message: string, fields?: object) => { logged.push(`${message} ${JSON.stringify(fields ?? {})}`); };
  const log = { info: note, debug: () => undefined };
  const start = (port: number): Promise<ControlPlane> => startControlPlane({ directory, port, log, now, ...(history === undefined ? {} : { history }) });
  let plane = await start(0);
  const { url, kubeconfigPath: kubeconfig } = plane;
  const { authority } = JSON.parse(readFileSync(join(directory, "identity.json"), "utf8")) as { authority: string };
  const newAgent = () => new Agent({ ca: authority, keepAlive: true });
  const site: Site = { url, token: readFileSync(join(directory, "admin-token"), "utf8"), agent: newAgent() };
  const watches: Watching[] = [];
  try {
    await use({
      url, directory, kubeconfig, logged,
      kubectl: (args, options = {}) => run("kubectl", [`--cache-dir=${join(directory, "cache")}`, ...args], { ...process.env, KUBECONFIG: kubeconfig, HOME: directory }, options),
      send: (method, path, sent = {}) => send(site, method, path, sent),
      watch: async (path, headers = {}) => {
        const watch = await watching(site, path, headers);
        watches.push(watch);
        return watch;
      },
      restart: async () => {
        await plane.stop();
        site.agent.destroy();
        site.agent = newAgent();
        plane = await start(Number(new URL(url).port));
      },
    });
  } finally {
    for (const watch of watches) watch.close();
    site.agent.destroy();
    await plane.stop();
    rmSync(directory, { recursive: true, force: true });
  }
};

/** Waits until a look finds what it looks for; the last look is the failure's message. */
export const eventually = async <T>(look: () => Promise<T>, fits: (found: T) => boolean, withinMs = waitMs): Promise<T> => {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (fits(found)) return found;
    assert.ok(performance.now() < deadline, `not within ${withinMs} ms: ${JSON.stringify(found)}`);
    await once(AbortSignal.timeout(20), "abort");
  }
};
