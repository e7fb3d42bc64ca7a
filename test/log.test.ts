import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import test from "node:test";
import { Transient } from "../src/errors.ts";
import { fit, logger, type LogOptions } from "../src/log.ts";
import type { Logger } from "../src/ports.ts";

const written = (options: Omit<LogOptions, "stream">, use: (log: Logger) => void): readonly string[] => {
  const stream = new PassThrough();
  use(logger({ ...options, stream }));
  return String(stream.read() ?? "").split("\n").filter((line) => line !== "");
};
const parsed = (use: (log: Logger) => void): Record<string, unknown> => JSON.parse(written({ format: "json" }, use)[0] ?? "") as Record<string, unknown>;

test("a line of JSON has the message and all fields, the bound ones too", () => {
  const { timestamp, ...rest } = parsed((log) => log.with({ resource: "default/orders" }).info("attached NIC", { because: "absent", tookMs: 12 }));
  assert.deepEqual(rest, { level: "info", message: "attached NIC", resource: "default/orders", because: "absent", tookMs: 12 });
  assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT/);
});

test("a line for people has the fields behind the message, quoted where they need it", () => {
  const [line = ""] = written({ format: "human" }, (log) => log.info("attached NIC", { resource: "default/orders", because: "it was absent" }));
  assert.match(line, /^\S+ attached NIC resource=default\/orders because="it was absent"$/);
});

test("debug is written only where it was asked for", () => {
  assert.equal(written({ format: "human" }, (log) => log.debug("look")).length, 0);
  assert.match(written({ format: "human", level: "debug" }, (log) => log.debug("look"))[0] ?? "", / debug look$/);
});

const secret = "hunter2!";
const leaks: readonly (readonly [string, unknown])[] = [
  ["a field called password", { password: secret }],
  ["one deep inside", { target: { accounts: [{ Password: secret }] } }],
  ["a token", { bearerToken: secret }],
  ["a secret's data", { secret: { any: secret } }],
  ["a URI", { uri: `postgresql://app:${secret}@10.0.0.1:5432/app` }],
  ["a connection string", { conninfo: `host=10.0.0.1 password=${secret} user=app` }],
  ["a quoted connection string", { conninfo: `host=10.0.0.1 password='${secret}' user=app` }],
  ["an error's message", { error: new Error(`postgres://u:${secret}@h/ failed`) }],
  ["an error's cause", { error: new Transient("no", { cause: new Error(`password=${secret}`) }) }],
];
for (const [where, fields] of leaks) {
  test(`a secret in ${where} is not written`, () => {
    const lines = [...written({ format: "json" }, (log) => log.info("x", fields as Record<string, unknown>)), ...written({ format: "human" }, (log) => log.with(fields as Record<string, unknown>).info("x"))];
    assert.equal(lines.length, 2);
    for (const line of lines) assert.ok(!line.includes("hunter2"), line);
  });
}

test("a secret in the message itself is not written", () => {
  const [line = ""] = written({ format: "human" }, (log) => log.info(`tried postgres://u:${secret}@h/, then SCRAM-SHA-256$4096:abc$def:ghi`));
  assert.ok(!line.includes("hunter2") && !line.includes("4096:abc"), line);
});

test("the name of a Secret is no secret", () => assert.deepEqual(fit({ secretName: "orders-app" }), { secretName: "orders-app" }));

test("an error is one line of causes", () => {
  assert.equal(fit(new Transient("start orders-0", { cause: new Error("no space") })), "start orders-0: no space");
});

test("fields of the line itself can't be replaced", () => {
  const { message, level } = parsed((log) => log.info("true", { message: "false", level: "error" }));
  assert.deepEqual([message, level], ["true", "info"]);
});

test("what has no end is cut", () => {
  const ring: Record<string, unknown> = {};
  ring["again"] = ring;
  assert.ok(JSON.stringify(fit(ring)).length < 200);
  assert.ok(String(fit("x".repeat(100_000))).length < 5000);
});
