import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { kubernetes } from "../../src/adapters/kubernetes.ts";
import { connect } from "../../src/adapters/kubernetes-connection.ts";
import { loadKubeConfig } from "../../src/adapters/kubernetes-config.ts";
import { Conflict, explain, Terminal, Transient } from "../../src/errors.ts";
import { clock, drop, failure, hang, kubeConfigFor, never, ok, path, resource, status, withFake } from "./kubernetes-fake.ts";
import type { Reply } from "./kubernetes-fake.ts";

const get = `GET ${path}`;
const key = { namespace: "n", name: "a" };

const codes = [
  { code: 400, reason: "BadRequest", means: Terminal }, { code: 401, reason: "Unauthorized", means: Transient },
  { code: 403, reason: "Forbidden", means: Terminal }, { code: 404, reason: "NotFound", means: Transient },
  { code: 405, reason: "MethodNotAllowed", means: Terminal }, { code: 409, reason: "Conflict", means: Conflict },
  { code: 410, reason: "Expired", means: Conflict }, { code: 413, reason: "RequestEntityTooLarge", means: Terminal },
  { code: 422, reason: "Invalid", means: Terminal }, { code: 429, reason: "TooManyRequests", means: Transient },
  { code: 500, reason: "InternalError", means: Transient }, { code: 503, reason: "ServiceUnavailable", means: Transient },
  { code: 504, reason: "Timeout", means: Transient },
];
for (const { code, reason, means } of codes) {
  test(`${code} ${reason} is ${means.name}, in the server's words`, () => withFake({ [get]: [status(code, reason)] }, async ({ api }) => {
    const error = await failure(api.get(key, never));
    assert.ok(error instanceof means);
    assert.equal(error.message, `GET ${path}: ${code} ${reason} in the server's words`);
  }));
}

const text = (code: number, body: string): Reply => (response) => { response.writeHead(code).end(body); };
const troubles: readonly { readonly when: string; readonly reply: Reply; readonly says: RegExp }[] = [
  { when: "the server hangs", reply: hang, says: /^GET \S+: no answer within 200 ms$/ },
  { when: "the connection drops before the answer", reply: drop, says: /^GET \S+: failed: socket hang up$/ },
  { when: "the connection drops within the answer", reply: (response) => { response.writeHead(200, { "content-length": 100 }).write("{"); setImmediate(() => response.destroy()); }, says: /failed: aborted$/ },
  { when: "the answer hangs half-way", reply: (response) => { response.writeHead(200).write("{"); }, says: /no answer within 200 ms$/ },
  { when: "the answer is no JSON", reply: text(200, "<html>s3cret"), says: /failed: the answer is no JSON$/ },
  { when: "the path is not served", reply: text(404, "404 page not found\n"), says: /: 404 404 page not found$/ },
];
for (const { when, reply, says } of troubles) {
  test(`${when}: Transient, and told so`, () => withFake({ [get]: [reply] }, async ({ api }) => {
    const error = await failure(api.get(key, never));
    assert.ok(error instanceof Transient);
    assert.match(explain(error), says);
  }, { timeoutMs: 200 }));
}

test("nobody listens: Transient with the reason", async () => {
  const unused = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => unused.once("listening", resolve));
  const { port } = unused.address() as AddressInfo;
  await new Promise((resolve) => unused.close(resolve));
  const error = await failure(kubernetes({ kubeConfig: kubeConfigFor(`http://127.0.0.1:${port}`), clock }).get(key, never));
  assert.ok(error instanceof Transient);
  assert.match(explain(error), /ECONNREFUSED/);
});

test("an abort ends a call at once with its own reason", () => withFake({ [get]: [hang] }, async ({ api }) => {
  const stop = new AbortController();
  const asked = failure(api.get(key, stop.signal));
  stop.abort(new Error("stopping"));
  assert.match(explain(await asked), /failed: stopping$/);
  assert.match(explain(await failure(api.get(key, stop.signal))), /failed: stopping$/);
}));

test("an answer beyond the bound is Terminal", () => withFake({ "GET /big": [ok("x".repeat(2000))] }, async ({ kubeConfig }) => {
  const error = await failure(connect({ kubeConfig, timeoutMs: 1000, bytesMax: 1000 }).ask({ method: "GET", path: "/big" }, never));
  assert.ok(error instanceof Terminal);
  assert.match(explain(error), /the answer is larger than 1000 bytes/);
}));

test("a message stays short, whatever the server says", () => withFake({ [get]: [status(422, "Invalid", "x".repeat(5000))] }, async ({ api }) => {
  assert.ok((await failure(api.get(key, never))).message.length <= 1000);
}));

test("requests carry the token, and no message does", () => withFake({ [get]: [status(401, "Unauthorized")] }, async ({ api, requests }) => {
  const error = await failure(api.get(key, never));
  assert.equal(requests[0]?.headers.authorization, "Bearer t0ken");
  assert.doesNotMatch(explain(error), /t0ken/);
}));

test("what the server says about a Secret stays out of messages", async () => {
  const secret = "/api/v1/namespaces/n/secrets";
  const refused = status(422, "Invalid", "Invalid value: s3cret");
  await withFake({ [`GET ${secret}/x`]: [refused, text(200, "s3cret is no JSON")], [`POST ${secret}`]: [refused] }, async ({ api }) => {
    const errors = [await failure(api.secret({ namespace: "n", name: "x" }, never)), await failure(api.secret({ namespace: "n", name: "x" }, never)),
      await failure(api.createSecret(resource(), "x", { password: "s3cret" }, never))];
    for (const error of errors) assert.doesNotMatch(explain(error), /s3cret/);
    assert.ok(errors[2] instanceof Terminal);
  });
});

test("a credential plugin's output stays out of messages", async () => {
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: process.execPath, args: ["-e", "console.log('s3cret-token')"] };
  await withFake({}, async ({ api, requests }) => {
    const error = await failure(api.get(key, never));
    assert.ok(error instanceof Transient);
    assert.match(explain(error), /the credentials of the kubeconfig cannot be read$/);
    assert.equal(requests.length, 0);
  }, { user: { exec } });
});

test("a credential plugin that hangs is not waited for", async () => {
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: process.execPath, args: ["-e", "setTimeout(() => {}, 3000)"] };
  await withFake({}, async ({ api }) => {
    assert.match(explain(await failure(api.get(key, never))), /no answer within 300 ms/);
  }, { user: { exec }, timeoutMs: 300 });
});

const inDirectory = async (run: (file: (name: string, text: string) => Promise<string>) => Promise<void>): Promise<void> => {
  const directory = await mkdtemp(join(tmpdir(), "pgrs-kubeconfig-"));
  const file = async (name: string, content: string) => { await writeFile(join(directory, name), content); return join(directory, name); };
  try { await run(file); } finally { await rm(directory, { recursive: true }); }
};

test("a kubeconfig that is not there, not one, or points nowhere is Terminal, and never quoted", () => inDirectory(async (file) => {
  const wrong = [
    { path: "/nowhere/kubeconfig", says: /^cannot read \/nowhere\/kubeconfig: ENOENT/ },
    { path: await file("broken", "users: [{token: s3cret\nclusters: }"), says: /^cannot read \S+broken: it is no kubeconfig$/ },
    { path: await file("other", "s3cret"), says: /it is no kubeconfig$|has no current context/ },
    { path: await file("empty", "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\n"), says: /has no current context with a cluster/ },
  ];
  for (const { path: at, says } of wrong) {
    assert.throws(() => loadKubeConfig(at), (error) => error instanceof Terminal && says.test(explain(error)) && !explain(error).includes("s3cret"), at);
  }
}));

test("a kubeconfig names server and user", () => inDirectory(async (file) => {
  const path = await file("config", JSON.stringify({
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }], users: [{ name: "u", user: { token: "t" } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }], "current-context": "x",
  }));
  assert.equal(loadKubeConfig(path).getCurrentCluster()?.server, "https://127.0.0.1:1");
}));
