/** What was acknowledged is there after the process is killed at any moment, and versions never go back. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("serve.ts", import.meta.url));

interface Server { readonly child: ChildProcess; readonly url: string; readonly agent: Agent; readonly token: string }

const start = async (directory: string): Promise<Server> => {
  const child = spawn(process.execPath, [program, directory], { stdio: ["ignore", "pipe", "inherit"] });
  const [url] = await once(createInterface({ input: child.stdout }), "line") as [string];
  const { authority } = JSON.parse(readFileSync(join(directory, "identity.json"), "utf8")) as { authority: string };
  return { child, url, agent: new Agent({ keepAlive: true, ca: authority, maxSockets: 8 }), token: readFileSync(join(directory, "admin-token"), "utf8") };
};

const kill = async ({ child, agent }: Server): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
  agent.destroy();
};

interface Stored { readonly metadata: { readonly name: string; readonly resourceVersion: string }; readonly data?: { readonly turn: string } }
interface Reply { readonly code: number; readonly body: Stored & { readonly items: readonly Stored[] } }

/** Undefined when the server went away before it answered. */
const send = ({ url, agent, token }: Server, method: string, path: string, body?: object): Promise<Reply | undefined> => new Promise((resolve) => {
  const sent = request(`${url}${path}`, { method, agent, headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" } }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => { text += chunk; });
    response.once("end", () => { resolve({ code: response.statusCode ?? 0, body: JSON.parse(text) as Reply["body"] }); });
    response.once("error", () => { resolve(undefined); });
    response.once("aborted", () => { resolve(undefined); });
  });
  sent.once("error", () => { resolve(undefined); });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
});

const collection = "/api/v1/namespaces/default/configmaps";

/** The last acknowledged turn and version of each object. */
type Acknowledged = Map<string, { readonly turn: number; readonly version: number }>;

const writer = async (server: Server, name: string, acknowledged: Acknowledged, isOver: () => boolean): Promise<void> => {
  for (let turn = (acknowledged.get(name)?.turn ?? 0) + 1; !isOver(); turn += 1) {
    const body = { metadata: { name }, data: { turn: String(turn) } };
    const made = await send(server, "PUT", `${collection}/${name}`, body);
    const reply = made?.code === 404 ? await send(server, "POST", collection, body) : made;
    if (reply === undefined) return;
    assert.ok(reply.code < 300, JSON.stringify(reply));
    acknowledged.set(name, { turn, version: Number(reply.body.metadata.resourceVersion) });
  }
};

const check = async (server: Server, acknowledged: Acknowledged): Promise<void> => {
  const list = await send(server, "GET", collection);
  assert.equal(list?.code, 200);
  const stored = new Map(list.body.items.map((item) => [item.metadata.name, item]));
  for (const [name, { turn, version }] of acknowledged) {
    const found = stored.get(name);
    assert.ok(found !== undefined, `${name} is lost`);
    // A write that was not acknowledged may still have happened: then it is newer, never older.
    assert.ok(Number(found.data?.turn) >= turn, `${name}: acknowledged turn ${turn}, found ${found.data?.turn}`);
    assert.ok(Number(found.metadata.resourceVersion) >= version, `${name}: version went back`);
    assert.ok(Number(list.body.metadata.resourceVersion) >= version, "the store's version went back");
  }
};

test("nothing acknowledged is lost when the process is killed in a storm of writes, again and again", async () => {
  const directory = mkdtempSync(join(tmpdir(), "control-plane-"));
  const acknowledged: Acknowledged = new Map();
  try {
    for (let round = 0; round < 5; round += 1) {
      const server = await start(directory);
      try {
        await check(server, acknowledged);
        const before = [...acknowledged.values()].reduce((sum, { turn }) => sum + turn, 0);
        // Killed in the middle: the writers stop when the server no longer answers.
        const writers = Array.from({ length: 6 }, (_, index) => writer(server, `object-${index}`, acknowledged, () => false));
        const enough = async () => { while ([...acknowledged.values()].reduce((sum, { turn }) => sum + turn, 0) < before + 40 + round * 7) await new Promise(setImmediate); };
        await Promise.race([enough(), Promise.all(writers)]);
        await kill(server);
        await Promise.all(writers);
      } finally {
        await kill(server);
      }
    }
    const last = await start(directory);
    await check(last, acknowledged);
    await kill(last);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
