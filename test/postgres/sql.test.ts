import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSlot, dropSlot, ensureDatabase, ensureRole, identifier, literal, promote } from "../../src/postgres/sql.ts";
import { traitsOf } from "../../src/postgres/versions.ts";

/** Reads one string constant, by "Lexical Structure"; whatever follows it is an error. */
function readLiteral(sql: string): string {
  const escapes = sql.startsWith("E");
  const body = sql.slice(escapes ? 2 : 1, -1);
  assert.ok(sql.endsWith("'") && sql[escapes ? 1 : 0] === "'");
  assert.doesNotMatch(body.replaceAll("''", ""), /'/);
  const text = body.replaceAll("''", "'");
  if (!escapes) assert.ok(!text.includes("\\"), "a backslash outside E''");
  return text.replaceAll("\\\\", "\\");
}

const anyText = fc.string({ unit: "grapheme", maxLength: 30 }).filter((text) => !text.includes("\0"));

test("any text comes back from its literal", () => {
  fc.assert(fc.property(fc.oneof(anyText, fc.stringMatching(/^['\\E"$]{0,12}$/)), (text) => readLiteral(literal(text)) === text));
  assert.equal(literal("it's"), "'it''s'");
  assert.equal(literal("a\\'b"), "E'a\\\\''b'");
});

test("a name is quoted, and no name is cut", () => {
  assert.equal(identifier('a"b'), '"a""b"');
  assert.equal(identifier("x".repeat(63)).length, 65);
  for (const name of ["", "x".repeat(64), "ö".repeat(32), "a\0b"]) assert.throws(() => identifier(name), RangeError);
  assert.throws(() => literal("a\0b"), RangeError);
});

test("a role is made or brought up to date in one statement", () => {
  assert.equal(ensureRole({ name: "o'app", verifier: "SCRAM-SHA-256$1:a$b:c", attributes: ["LOGIN", "REPLICATION"] }),
    `DO ${literal([
      "BEGIN PERFORM pg_catalog.set_config('synchronous_commit', 'local', true);",
      `IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = 'o''app') THEN CREATE ROLE "o'app"; END IF;`,
      `ALTER ROLE "o'app" WITH LOGIN REPLICATION PASSWORD 'SCRAM-SHA-256$1:a$b:c'; END`,
    ].join(" "))}`);
});

for (const verifier of ["secret", "", "md5secret", "scram-sha-256$"]) {
  test(`a role with ${JSON.stringify(verifier)} for a verifier is refused, since it could be the password`, () => {
    assert.throws(() => ensureRole({ name: "app", verifier, attributes: [] }), (error: Error) => error instanceof RangeError && !error.message.includes("secret"));
  });
}

test("a database has its owner", () => {
  assert.equal(ensureDatabase({ name: "app", owner: 'o"wner' }), 'CREATE DATABASE "app" OWNER "o""wner"');
});

const slots: readonly (readonly [string, RegExp | undefined])[] = [
  ["9.3", undefined], ["9.4", /slot\('orders_1'\) WHERE NOT EXISTS/], ["9.5", /slot\('orders_1'\) /], ["9.6", /slot\('orders_1', true\) /], ["18", /slot\('orders_1', true\) /],
];
for (const [version, expected] of slots) {
  test(`a slot in ${version}`, () => {
    const sql = createSlot(traitsOf(version), "orders_1");
    if (expected === undefined) assert.equal(sql, undefined);
    else assert.match(sql ?? "", expected);
  });
}

test("only a physical slot is dropped", () => {
  assert.match(dropSlot("o'1"), /slot_name = 'o''1' AND slot_type = 'physical'$/);
});

test("promotion is a statement from 12 on", () => {
  assert.equal(promote(traitsOf("11"), { epoch: 3, startedAt: 1_700_000_000_123 }), undefined);
  const sql = promote(traitsOf("12"), { epoch: 3, startedAt: 1_700_000_000_123 }) ?? "";
  assert.match(sql, /= 1700000000123 AND .*'pgrs\.epoch', true\), '0'\)::bigint <= 3 THEN .*pg_promote\(true, 60\) END AS promoted$/);
});
