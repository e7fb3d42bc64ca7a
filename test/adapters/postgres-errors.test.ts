import assert from "node:assert/strict";
import test from "node:test";
import { isBroken, isRefused, isUnreached, PsqlError, translateSql } from "../../src/adapters/postgres-errors.ts";
import { Conflict, Terminal, Transient } from "../../src/errors.ts";

const coded = (code: string, message = "words of the server"): Error => Object.assign(new Error(message), { code });

interface Row { readonly when: string; readonly error: Error; readonly kind: typeof Transient | typeof Terminal | typeof Conflict; readonly reason?: string; readonly says: RegExp }
const rows: readonly Row[] = [
  { when: "the server starts", error: coded("57P03", "the database system is starting up"), kind: Transient, says: /PostgreSQL is starting/ },
  { when: "the server does not listen yet", error: coded("ECONNREFUSED"), kind: Transient, says: /PostgreSQL is starting/ },
  { when: "psql finds no socket yet", error: new PsqlError("psql: error: connection to server on socket \"/var/run/postgresql/.s.PGSQL.5432\" failed: No such file or directory\n\tIs the server running locally and accepting connections on that socket?", undefined), kind: Transient, says: /PostgreSQL is starting/ },
  { when: "psql meets a start", error: new PsqlError("FATAL:  the database system is starting up", undefined), kind: Transient, says: /PostgreSQL is starting/ },
  { when: "the server shuts down", error: coded("57P01"), kind: Transient, says: /broke the connection off/ },
  { when: "the connection is reset", error: coded("ECONNRESET"), kind: Transient, says: /broke the connection off/ },
  { when: "the connection ends", error: new Error("Connection terminated unexpectedly"), kind: Transient, says: /broke the connection off/ },
  { when: "nobody is there", error: coded("EHOSTUNREACH"), kind: Transient, says: /management address/ },
  { when: "nobody answers", error: new Error("timeout expired"), kind: Transient, says: /management address/ },
  { when: "the password is refused", error: coded("28P01"), kind: Terminal, reason: "CredentialsMissing", says: /refuses the operator/ },
  { when: "pg_hba.conf has no line for us", error: coded("28000"), kind: Terminal, reason: "CredentialsMissing", says: /refuses the operator/ },
  { when: "the disk is full", error: coded("53100"), kind: Transient, reason: "DiskFull", says: /disk is full/ },
  { when: "all connections are taken", error: coded("53300"), kind: Transient, says: /max_connections/ },
  { when: "a statement takes too long", error: coded("57014"), kind: Transient, says: /took too long/ },
  { when: "the server is a standby", error: coded("25006"), kind: Conflict, says: /read-only/ },
  { when: "a slot is in use", error: coded("55006"), kind: Conflict, says: /in use/ },
  { when: "a name does not exist", error: coded("42704"), kind: Terminal, says: /PostgreSQL refused/ },
  { when: "something else happens", error: coded("XX000"), kind: Transient, says: /answered with an error/ },
];

for (const { when, error, kind, reason, says } of rows) {
  test(`${when}: the failure says so, and keeps the cause`, () => {
    const failure = translateSql("look on orders-0", error);
    assert.equal(failure.constructor, kind);
    assert.equal(failure.reason, reason);
    assert.match(failure.message, /^look on orders-0: /);
    assert.match(failure.message, says);
    assert.equal(failure.cause, error);
  });
}

test("a failure of ours passes as it is", () => {
  const own = new Conflict("gone");
  assert.equal(translateSql("look", own), own);
});

test("only what is no sign of a dead server leads to the container's own socket", () => {
  assert.ok(isRefused(coded("28P01")) && isRefused(new Error("SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string")));
  assert.ok(isUnreached(coded("EHOSTUNREACH")) && isUnreached(new Error("timeout expired")));
  for (const error of [coded("57P03"), coded("ECONNREFUSED"), coded("ECONNRESET"), coded("57014")]) assert.ok(!isRefused(error) && !isUnreached(error), String(error));
  assert.ok(isBroken(coded("57P01")) && !isBroken(coded("57P03")));
});
