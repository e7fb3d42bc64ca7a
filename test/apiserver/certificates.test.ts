/** Certificates as others read them: Node's own reader, a library's, OpenSSL by way of a handshake. */
import "reflect-metadata";
import assert from "node:assert/strict";
import { webcrypto, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as x509 from "@peculiar/x509";
import { loadIdentity, type Identity } from "../../src/apiserver/certificates.ts";
import { oid, time } from "../../src/apiserver/der.ts";

const nowMs = Date.parse("2026-06-01T12:34:56Z");

const inDirectory = async (use: (directory: string) => Promise<void> | void): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), "certificates-"));
  try { await use(directory); } finally { rmSync(directory, { recursive: true, force: true }); }
};

const isIssued = ({ authority, server, admin }: Identity): void => {
  const issuer = new X509Certificate(authority);
  for (const pem of [authority, server, admin]) {
    const certificate = new X509Certificate(pem);
    assert.ok(certificate.verify(issuer.publicKey), "signed by the authority");
    assert.ok(certificate.checkIssued(issuer), "names and keys lead to the authority");
    assert.equal(certificate.validFromDate.getTime(), nowMs - 86_400_000);
  }
};

test("what is made says who it is for, what it may be used for, and who made it", () => inDirectory((directory) => {
  const identity = loadIdentity(directory, { host: "db.example", nowMs });
  isIssued(identity);
  const [authority, server, admin] = [identity.authority, identity.server, identity.admin].map((pem) => new X509Certificate(pem));
  assert.equal(authority?.ca, true);
  assert.equal(server?.ca, false);
  assert.equal(server.subjectAltName, "IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:localhost, DNS:db.example");
  assert.deepEqual(server.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  assert.equal(admin?.subject, "CN=admin\nO=system:masters");
  assert.deepEqual(admin.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
  assert.ok(new Set([identity.authority, identity.server, identity.admin].map((pem) => new X509Certificate(pem).serialNumber)).size === 3);
  const read = new x509.X509Certificate(identity.authority);
  assert.equal(read.getExtension(x509.KeyUsagesExtension)?.usages, x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature);
  assert.deepEqual([...read.extensions].map(({ type, critical }) => `${type} ${critical}`), ["2.5.29.19 true", "2.5.29.15 true", "2.5.29.14 false"]);
}));

for (const host of ["192.0.2.7", "fd00::1:2", "::ffff:192.0.2.7", "1:2:3:4:5:6:7:8", "fe80::", "db.example"]) {
  test(`a server's certificate names ${host}`, () => inDirectory((directory) => {
    const { server } = loadIdentity(directory, { host, nowMs });
    const certificate = new X509Certificate(server);
    assert.equal(host.includes("example") ? certificate.checkHost(host) : certificate.checkIP(host), host);
    assert.equal(loadIdentity(directory, { host, nowMs }).server, server, "and is kept");
  }));
}

test("an authority that a library made, as earlier builds had it, goes on to sign", () => inDirectory(async (directory) => {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=control-plane-ca", keys, signingAlgorithm: algorithm, notBefore: new Date(nowMs - 86_400_000), notAfter: new Date(nowMs + 900 * 86_400_000),
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true), await x509.SubjectKeyIdentifierExtension.create(keys.publicKey)],
  });
  const first = loadIdentity(directory, { host: "127.0.0.1", nowMs });
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const authority = { authority: made.toString("pem"), authorityKey: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` };
  writeFileSync(join(directory, "identity.json"), JSON.stringify({ ...first, ...authority }));
  const later = nowMs + 360 * 86_400_000;
  const renewed = loadIdentity(directory, { host: "127.0.0.1", nowMs: later });
  assert.equal(renewed.authority, authority.authority);
  for (const pem of [renewed.server, renewed.admin]) assert.ok(new X509Certificate(pem).checkIssued(new X509Certificate(authority.authority)), pem);
  for (const pem of [renewed.server, renewed.admin]) assert.ok(new X509Certificate(pem).verify(new X509Certificate(authority.authority).publicKey));
}));

test("object identifiers and times as X.690 has them", () => {
  assert.equal(oid("1.2.840.10045.4.3.2").toString("hex"), "06082a8648ce3d040302");
  assert.equal(oid("2.5.29.19").toString("hex"), "0603551d13");
  assert.equal(time(new Date("2049-12-31T23:59:59.999Z")).toString("latin1"), "\x17\x0d491231235959Z");
  assert.equal(time(new Date("2050-01-01T00:00:00Z")).toString("latin1"), "\x18\x0f20500101000000Z");
});
