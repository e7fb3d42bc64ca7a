/**
 * An Engine of few words on a socket of its own: answers what a test scripted, or nothing at all. For what a real
 * Engine does not do on demand: hang, break off, speak a newer API.
 */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerEngine, type DockerEngine } from "../../src/adapters/docker.ts";
import type { PullLimits } from "../../src/adapters/docker-images.ts";
import { silent, wallClock } from "../e2e/engine.ts";

export interface Request { readonly method: string; readonly path: string; readonly body: unknown }
/** What to answer: a status and a body; "hang" (never), "break" (close the connection), or a hand on the response. */
export type Answer = readonly [number, unknown] | "hang" | "break" | ((response: ServerResponse) => void);
export type Script = (request: Request) => Answer;

export interface FakeEngine {
  readonly engine: DockerEngine;
  readonly socketPath: string;
  /** All that was asked, as "POST /v1.41/containers/x/start". */
  readonly asked: readonly string[];
  readonly requests: readonly Request[];
  readonly stop: () => Promise<void>;
}

export const json = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(body === undefined ? "" : JSON.stringify(body));
};

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try { return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown; } catch { return undefined; }
};

export interface FakeOptions { readonly api?: string; readonly pullLimits?: PullLimits }

/** `script` sees paths without the version; undefined versions and settings are answered by the fake itself. */
export const fakeEngine = async (script: Script, { api = "1.41", pullLimits }: FakeOptions = {}): Promise<FakeEngine> => {
  const socketPath = join(tmpdir(), `pgrs-fake-${randomBytes(6).toString("hex")}.sock`);
  const asked: string[] = [];
  const requests: Request[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.push(`${request.method ?? ""} ${path}`);
    void bodyOf(request).then((body) => {
      const seen: Request = { method: request.method ?? "", path: decodeURIComponent(path.replace(/^\/v1\.\d+/, "")), body };
      requests.push(seen);
      if (path === "/version") return json(response, 200, { Version: "99.0.0", ApiVersion: api });
      const answer = script(seen);
      if (answer === "hang") return undefined;
      if (answer === "break") return void request.socket.destroy();
      if (typeof answer === "function") return answer(response);
      return json(response, ...answer);
    });
  });
  await new Promise<void>((resolve) => { server.listen(socketPath, resolve); });
  const engine = dockerEngine({ socketPath, log: silent, clock: wallClock, ...(pullLimits !== undefined && { pullLimits }) });
  return {
    engine, socketPath, asked, requests,
    stop: async () => {
      engine.close();
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
      await rm(socketPath, { force: true });
    },
  };
};
