/** Who gets in, as whom, and what hostile requests get. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { connect } from "node:tls";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { createTokens } from "../../src/apiserver/tokens.ts";
import { loadIdentity } from "../../src/apiserver/certificates.ts";
import { withControlPlane } from "./harness.ts";
import { configMaps, merge } from "./widgets.ts";
import type { Answered, Running } from "./harness.ts";

const identityOf = ({ directory }: Pick<Running, "directory">) => JSON.parse(readFileSync(join(directory, "identity.json"), "utf8")) as Record<string, string>;
const whoami = async ({ send }: Pick<Running, "send">, headers: Record<string, string>, isAnonymous = false): Promise<Answered> =>
  send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", { body: {}, headers, isAnonymous });
const userOf = ({ body }: Answered) => body.status["userInfo"];

test("nobody sees version and health, and nothing else", () => withControlPlane(async ({ send }) => {
  for (const path of ["/version", "/healthz", "/livez", "/readyz"]) assert.equal((await send("GET", path, { isAnonymous: true })).code, 200, path);
  const rows: readonly (readonly [string, string, string])[] = [
    ["GET", configMaps, 'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "default"'],
    ["GET", `${configMaps}/a`, 'configmaps "a" is forbidden: User "system:anonymous" cannot get resource "configmaps" in API group "" in the namespace "default"'],
    ["GET", `${configMaps}?watch=true`, 'configmaps is forbidden: User "system:anonymous" cannot watch resource "configmaps" in API group "" in the namespace "default"'],
    ["DELETE", "/api/v1/namespaces/x", 'namespaces "x" is forbidden: User "system:anonymous" cannot delete resource "namespaces" in API group "" at the cluster scope'],
    ["GET", "/apis", 'forbidden: User "system:anonymous" cannot get path "/apis"'],
  ];
  for (const [method, path, message] of rows) {
    const { code, body } = await send(method, path, { isAnonymous: true });
    assert.deepEqual([code, body.reason, body.message], [403, "Forbidden", message]);
  }
}));

test("a token that proves nothing is 401", () => withControlPlane(async ({ send }) => {
  for (const authorization of ["Bearer x", "Bearer a.b.c", "Basic YTpi", "Bearer", `Bearer ${"x".repeat(5000)}`]) {
    const { code, body } = await send("GET", "/api", { isAnonymous: true, headers: { Authorization: authorization } });
    assert.deepEqual([code, body.message], [401, "Unauthorized"], authorization);
  }
}));

test("certificates: ours is the administrator, anybody else's is refused", () => withControlPlane(async (running) => {
  const ours = identityOf(running);
  const theirDirectory = join(running.directory, "theirs");
  mkdirSync(theirDirectory);
  const theirs = loadIdentity(theirDirectory, { host: "127.0.0.1", nowMs: Date.now() });
  const get = (cert: string | undefined, key: string | undefined) => new Promise<number>((resolve, reject) => {
    const agent = new Agent({ ca: ours["authority"], ...(cert === undefined ? {} : { cert, key }) });
    request(`${running.url}/api`, { agent }, (response) => { resolve(response.statusCode ?? 0); response.resume(); agent.destroy(); }).once("error", reject).end();
  });
  assert.equal(await get(ours["admin"], ours["adminKey"]), 200);
  assert.equal(await get(theirs.admin, theirs.adminKey), 401);
  assert.equal(await get(undefined, undefined), 403);
  const kubectl = await running.kubectl(["auth", "whoami", "-o", "jsonpath={.status.userInfo.username} {.status.userInfo.groups}"]);
  assert.equal(kubectl.stdout, 'admin ["system:masters","system:authenticated"]');
}));

test("a service account's token speaks for the account, until either ends", () => withControlPlane(async (running) => {
  const { send, kubectl } = running;
  await kubectl(["create", "serviceaccount", "robot"]);
  const made = await kubectl(["create", "token", "robot", "--duration=20m"]);
  assert.equal(made.code, 0, made.stderr);
  const headers = { Authorization: `Bearer ${made.stdout.trim()}` };
  const { body: account } = await send("GET", "/api/v1/namespaces/default/serviceaccounts/robot");
  assert.deepEqual(userOf(await whoami(running, headers, true)), { username: "system:serviceaccount:default:robot", uid: account.metadata.uid, groups: ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"] });
  await kubectl(["delete", "serviceaccount", "robot"]);
  await kubectl(["create", "serviceaccount", "robot"]);
  assert.equal((await send("GET", "/api", { isAnonymous: true, headers })).code, 401);
  const short = await send("POST", "/api/v1/namespaces/default/serviceaccounts/robot/token", { body: { spec: { expirationSeconds: 5 } } });
  assert.deepEqual([short.code, short.body.message], [400, "spec.expirationSeconds: may not specify a duration less than 10 minutes"]);
  assert.equal((await send("POST", `${configMaps}/x/token`, { body: {} })).code, 404);
}));

test("tokens: only ours, unchanged, and in time", () => {
  const tokens = createTokens(keys());
  const token = tokens.mint({ sub: "x", exp: 1000 });
  assert.equal(tokens.verify(token, 999_999)?.["sub"], "x");
  assert.equal(tokens.verify(token, 1_000_000), undefined);
  assert.equal(createTokens(keys()).verify(token, 0), undefined);
  const [header = "", , signature = ""] = token.split(".");
  const forged = Buffer.from(JSON.stringify({ sub: "admin", exp: 9e9 })).toString("base64url");
  const none = Buffer.from('{"alg":"none"}').toString("base64url");
  for (const text of [`${header}.${forged}.${signature}`, `${none}.${forged}.`, `${token}.x`, "", "..", "a.b"]) assert.equal(tokens.verify(text, 0), undefined, text);
});

test("only administrators act as others", () => withControlPlane(async (running) => {
  assert.deepEqual(userOf(await whoami(running, { "Impersonate-User": "bob", "Impersonate-Group": "devs" })), { username: "bob", groups: ["devs", "system:authenticated"] });
  assert.equal((await running.send("GET", "/api", { headers: { "Impersonate-User": "system:anonymous" } })).code, 403);
  assert.equal((await running.send("GET", "/api", { headers: { "Impersonate-Group": "devs" } })).code, 400);
  await running.kubectl(["create", "serviceaccount", "robot"]);
  const token = (await running.kubectl(["create", "token", "robot"])).stdout.trim();
  const refused = await running.send("GET", "/api", { isAnonymous: true, headers: { Authorization: `Bearer ${token}`, "Impersonate-User": "bob" } });
  assert.deepEqual([refused.code, refused.body.message], [403, 'users "bob" is forbidden: User "system:serviceaccount:default:robot" cannot impersonate resource "users" in API group "" at the cluster scope']);
}));

test("what may I do?", () => withControlPlane(async ({ kubectl }) => {
  assert.equal((await kubectl(["auth", "can-i", "create", "configmaps"])).stdout, "yes\n");
  assert.match((await kubectl(["auth", "can-i", "--list"])).stdout, /\*\.\*\s+\[\]\s+\[\]\s+\[\*\]/);
}));

test("bounds: large bodies, large headers, methods", () => withControlPlane(async ({ send }) => {
  const large = await send("POST", configMaps, { body: JSON.stringify({ metadata: { name: "x" }, data: { a: "x".repeat(3 * 1024 * 1024) } }) });
  assert.deepEqual([large.code, large.body.reason], [413, "RequestEntityTooLarge"]);
  const chunked = await send("POST", configMaps, { body: "x".repeat(4 * 1024 * 1024), headers: { "Transfer-Encoding": "chunked" } }).catch((error: unknown) => String(error));
  // A client that goes on sending may lose the connection before it reads the refusal.
  if (typeof chunked !== "string") assert.ok([400, 413].includes(chunked.code));
  for (const method of ["HEAD", "OPTIONS", "TRACE"]) assert.equal((await send(method, configMaps)).code, 405, method);
  for (const [method, path] of [["PUT", configMaps], ["POST", "/version"], ["DELETE", "/apis"], ["GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"], ["DELETE", "/api/v1/namespaces"], ["DELETE", "/api/v1/configmaps"]] as const)
    assert.equal((await send(method, path)).code, 405, `${method} ${path}`);
  assert.equal((await send("GET", "/healthz")).text, "ok");
}));

test("bytes that are no request at all do no harm", () => withControlPlane(async (running) => {
  const { port } = new URL(running.url);
  for (const bytes of ["", "GET / HTTP/9.9\r\n\r\n", "\x00\x01\x02", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\xff", `GET /${"x".repeat(200_000)} HTTP/1.1\r\n\r\n`]) {
    await new Promise<void>((resolve) => {
      const socket = connect({ port: Number(port), host: "127.0.0.1", ca: identityOf(running)["authority"], servername: "localhost" }, () => { socket.end(bytes, "latin1"); });
      socket.resume();
      socket.on("error", () => undefined);
      socket.once("close", () => { resolve(); });
    });
  }
  assert.equal((await running.send("GET", "/healthz")).code, 200);
}));

const methods = fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE");
const somePaths = fc.constantFrom(configMaps, `${configMaps}/a`, "/api/v1/namespaces", "/api/v1/namespaces/x", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/x.y.z",
  "/api/v1/namespaces/default/secrets", "/api/v1/namespaces/default/serviceaccounts/x/token", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "/api/v1/namespaces/default/events");
const types = fc.constantFrom("application/json", "application/yaml", merge, "application/json-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml", "application/vnd.kubernetes.protobuf");
const odd = fc.oneof(fc.jsonValue(), fc.record({
  apiVersion: fc.constantFrom("v1", "apiextensions.k8s.io/v1", ""), kind: fc.constantFrom("ConfigMap", "CustomResourceDefinition", "Secret", "Namespace", "Event"),
  metadata: fc.oneof(fc.jsonValue(), fc.record({ name: fc.constantFrom("a", "x.y.z", ""), labels: fc.jsonValue(), finalizers: fc.jsonValue(), ownerReferences: fc.jsonValue(), managedFields: fc.jsonValue() })),
  spec: fc.oneof(fc.jsonValue(), fc.record({ group: fc.constant("y.z"), scope: fc.constantFrom("Cluster", "Namespaced"), names: fc.oneof(fc.jsonValue(), fc.constant({ plural: "x", kind: "X" })), versions: fc.oneof(fc.jsonValue(), fc.array(fc.record({ name: fc.constant("v1"), served: fc.boolean(), storage: fc.boolean(), schema: fc.oneof(fc.jsonValue(), fc.record({ openAPIV3Schema: fc.jsonValue() })), subresources: fc.jsonValue(), additionalPrinterColumns: fc.jsonValue() }, { requiredKeys: [] }), { maxLength: 2 })) })),
  data: fc.jsonValue(), stringData: fc.jsonValue(),
}, { requiredKeys: [] }), fc.array(fc.record({ op: fc.constantFrom("add", "remove", "test", "copy", "x"), path: fc.constantFrom("/metadata", "", "/data/a", "x", "/metadata/managedFields"), value: fc.jsonValue(), from: fc.constantFrom("/data", "") }, { requiredKeys: [] })));

test("whatever is sent, an answer comes, and it is never our fault", () => withControlPlane(async (running) => {
  await running.send("POST", configMaps, { body: { metadata: { name: "a" } } });
  await fc.assert(fc.asyncProperty(methods, somePaths, types, fc.oneof(odd.map((value) => JSON.stringify(value)), fc.string()), async (method, path, contentType, body) => {
    const { code, text } = await running.send(method, `${path}?fieldManager=m`, method === "GET" ? {} : { body, contentType });
    assert.ok(code >= 200 && code < 500, `${method} ${path} ${contentType} ${body}: ${code} ${text}\n${running.logged.at(-1) ?? ""}`);
  }), { numRuns: 600 });
  assert.equal((await running.send("GET", "/api/v1/namespaces/kube-system")).code, 200);
}));

const keys = (): string => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
};
