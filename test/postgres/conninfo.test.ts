import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { conninfo, pgpass, uri } from "../../src/postgres/conninfo.ts";

/** libpq's own reading, conninfo_parse() in fe-connect.c, step by step. */
function readConninfo(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  let at = 0;
  const isSpace = (): boolean => /\s/.test(text[at] ?? "");
  while (at < text.length) {
    if (isSpace()) { at += 1; continue; }
    let word = "";
    while (at < text.length && text[at] !== "=" && !isSpace()) word += text[at++];
    while (isSpace()) at += 1;
    assert.equal(text[at++], "=", `no = after ${word}`);
    while (isSpace()) at += 1;
    let value = "";
    if (text[at] === "'") {
      at += 1;
      while (text[at] !== "'") {
        if (text[at] === "\\") at += 1;
        assert.ok(at < text.length, "a quote stays open");
        value += text[at++];
      }
      at += 1;
    } else {
      while (at < text.length && !isSpace()) {
        if (text[at] === "\\") at += 1;
        value += text[at++] ?? "";
      }
    }
    found[word] = value;
  }
  return found;
}

const anyText = fc.string({ unit: "grapheme", maxLength: 40 }).filter((text) => !text.includes("\0"));
const keepalives = { keepalives: "1", keepalives_idle: "5", keepalives_interval: "2", keepalives_count: "3" };

test("a connection string names what is known, and keepalives", () => {
  assert.equal(conninfo({ host: "10.10.0.1", port: 5432, user: "replicator", applicationName: "orders-1", passfile: "/data/my pass", connectTimeoutSeconds: 5 }),
    "host=10.10.0.1 port=5432 user=replicator application_name=orders-1 passfile='/data/my pass' connect_timeout=5 keepalives=1 keepalives_idle=5 keepalives_interval=2 keepalives_count=3");
});

test("only key words that the oldest libpq knows are written unasked", () => {
  assert.deepEqual(readConninfo(conninfo({ host: "h", port: 1, user: "u" })), { host: "h", port: "1", user: "u", ...keepalives });
});

test("further key words are written, and can change the keepalives", () => {
  assert.deepEqual(readConninfo(conninfo({ host: "h", port: 1, user: "u", extra: { dbname: "", keepalives_idle: "9" } })),
    { host: "h", port: "1", user: "u", ...keepalives, keepalives_idle: "9", dbname: "" });
});

test("any value comes back as it went", () => {
  fc.assert(fc.property(anyText, anyText, anyText, (user, password, applicationName) => {
    assert.deepEqual(readConninfo(conninfo({ host: "h", port: 1, user, password, applicationName })),
      { host: "h", port: "1", user, password, application_name: applicationName, ...keepalives });
  }));
});

test("a NUL is refused", () => {
  assert.throws(() => conninfo({ host: "h", port: 1, user: "a\0b" }), RangeError);
  assert.throws(() => uri({ members: [{ host: "h", port: 1 }], user: "a\0b", database: "d" }), RangeError);
});

test("a URI names every member", () => {
  const members = [{ host: "192.168.11.101", port: 5432 }, { host: "fd00::2", port: 5433 }];
  assert.equal(uri({ members, user: "app", password: "p@ss:w/rd%'", database: "my app", targetSessionAttrs: "read-write" }),
    "postgresql://app:p%40ss%3Aw%2Frd%25%27@192.168.11.101:5432,[fd00::2]:5433/my%20app?target_session_attrs=read-write");
  assert.equal(uri({ members: [{ host: "db", port: 5432 }], user: "app", database: "app" }), "postgresql://app@db:5432/app");
  assert.throws(() => uri({ members: [], user: "app", database: "app" }), RangeError);
});

test("any user, password and database come back from a URI", () => {
  fc.assert(fc.property(anyText.filter((text) => text !== ""), anyText.filter((text) => text !== ""), anyText, (user, password, database) => {
    const read = new URL(uri({ members: [{ host: "db", port: 5432 }], user, password, database }));
    assert.deepEqual([read.username, read.password, read.pathname.slice(1)].map(decodeURIComponent), [user, password, database]);
  }));
});

test("a password file has one line per entry", () => {
  assert.equal(pgpass([
    { host: "10.10.0.1", port: 5432, database: "replication", user: "replicator", password: "a:b\\c" },
    { host: "*", port: "*", database: "*", user: "fd00::1", password: " # x" },
  ]), "10.10.0.1:5432:replication:replicator:a\\:b\\\\c\n*:*:*:fd00\\:\\:1: # x\n");
  assert.equal(pgpass([]), "");
});

for (const password of ["a\nb", "a\rb", "a\0b"]) {
  test(`a password file can't hold ${JSON.stringify(password)}`, () => {
    assert.throws(() => pgpass([{ host: "*", port: "*", database: "*", user: "u", password }]), RangeError);
  });
}
