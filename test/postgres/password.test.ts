import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { fingerprint, sameSecret } from "../../src/postgres/digest.ts";
import { md5Verifier, passwordProblem, scramVerifier, verifies } from "../../src/postgres/password.ts";

const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");

// The keys of RFC 7677, section 3: user "user", password "pencil", 4096 iterations. Its messages, replayed below,
// prove StoredKey and ServerKey: the proof and the signature there come out.
test("the verifier agrees with the example of RFC 7677", async () => {
  const [, stored = "", server = ""] = /\$([^$:]+):([^$:]+)$/.exec(scramVerifier("pencil", salt)) ?? [];
  const { createHmac } = await import("node:crypto");
  const authMessage = [
    "n=user,r=rOprNGfwEbeRWgbNEkqO",
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
  ].join(",");
  const sign = (key: string): Buffer => createHmac("sha256", Buffer.from(key, "base64")).update(authMessage).digest();
  assert.equal(sign(server).toString("base64"), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  const proof = Buffer.from("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "base64");
  const clientKey = Buffer.from(proof.map((byte, at) => byte ^ (sign(stored)[at] ?? 0)));
  assert.equal(createHash("sha256").update(clientKey).digest("base64"), stored);
});

test("a verifier is written as PostgreSQL stores it", () => {
  assert.match(scramVerifier("pencil", salt, 5000), /^SCRAM-SHA-256\$5000:W22ZaJ0SNY7soEsUEjb6gQ==\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=$/);
  assert.equal(md5Verifier("postgres", "secret"), `md5${createHash("md5").update("secretpostgres").digest("hex")}`);
});

const anyPassword = fc.stringMatching(/^[ -~]{1,40}$/);

test("a password verifies by its own verifier and by no other", () => {
  fc.assert(fc.property(anyPassword, anyPassword, fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 20 }), (password, other, someSalt, iterations) => {
    for (const verifier of [scramVerifier(password, someSalt, iterations), md5Verifier("u", password)]) {
      assert.ok(verifies(verifier, "u", password));
      assert.equal(verifies(verifier, "u", other), password === other);
    }
    assert.equal(verifies(md5Verifier("u", password), "v", password), false);
  }));
});

for (const verifier of ["", "pencil", "md5", "md5abc", "SCRAM-SHA-256$4096:", "SCRAM-SHA-256$0:AAAA$AAAA:AAAA", "SCRAM-SHA-256$99999999:AAAA$AAAA:AAAA", "SCRAM-SHA-512$1:AAAA$AAAA:AAAA"]) {
  test(`${JSON.stringify(verifier)} verifies nothing`, () => { assert.equal(verifies(verifier, "u", "pencil"), false); });
}

for (const password of ["", "größer", "a\nb", "a\0b", "tab\t", "\u00a0"]) {
  test(`the password ${JSON.stringify(password)} is refused with a sentence`, () => {
    assert.match(passwordProblem(password) ?? "", /choose one/);
    assert.throws(() => scramVerifier(password, salt), RangeError);
    assert.throws(() => md5Verifier("u", password), RangeError);
    assert.equal(verifies(scramVerifier("pencil", salt, 1), "u", password), false);
  });
}

test("a refusal does not repeat the password", () => {
  assert.doesNotMatch(passwordProblem("gäheim") ?? "", /g.heim/);
});

test("fingerprints tell where one text ends", () => {
  assert.notEqual(fingerprint(["ab", "c"]), fingerprint(["a", "bc"]));
  assert.notEqual(fingerprint([]), fingerprint([""]));
  assert.match(fingerprint(["ä"]), /^[0-9a-f]{32}$/);
});

test("secrets of another length differ", () => {
  assert.equal(sameSecret("a", "ab"), false);
  assert.equal(sameSecret("", ""), true);
});
