import "reflect-metadata";
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TLSSocket } from "node:tls";
import { KubeConfig } from "@kubernetes/client-node";
import * as x509 from "@peculiar/x509";
import { kubernetes } from "../../src/adapters/kubernetes.ts";
import { explain, Transient } from "../../src/errors.ts";
import { clock, failure, never } from "./kubernetes-fake.ts";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

interface Signed { readonly certificate: x509.X509Certificate; readonly keys: webcrypto.CryptoKeyPair; readonly pem: string; readonly keyPem: string }

const exported = async (certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): Promise<Signed> => {
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return { certificate, keys, pem: certificate.toString("pem"), keyPem: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` };
};
const newKeys = (): Promise<webcrypto.CryptoKeyPair> => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

const newAuthority = async (): Promise<Signed> => {
  const keys = await newKeys();
  const extensions = [new x509.BasicConstraintsExtension(true, 0, true)];
  return exported(await x509.X509CertificateGenerator.createSelfSigned({ name: "CN=test authority", keys, signingAlgorithm: algorithm, extensions }), keys);
};

const signedBy = async (authority: Signed, name: string): Promise<Signed> => {
  const keys = await newKeys();
  const extensions = [new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])];
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${name}`, issuer: authority.certificate.subject, publicKey: keys.publicKey, signingKey: authority.keys.privateKey, signingAlgorithm: algorithm, extensions,
  });
  return exported(certificate, keys);
};

/** A server that wants certificates of an authority, and answers every request with the name of who asks. */
const withServer = async (run: (at: { address: string; authority: Signed; connections: () => number; directory: string }) => Promise<void>): Promise<void> => {
  const authority = await newAuthority();
  const own = await signedBy(authority, "server");
  let connections = 0;
  const server = https.createServer({ cert: own.pem, key: own.keyPem, ca: authority.pem, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    response.end(JSON.stringify({ name: (request.socket as TLSSocket).getPeerCertificate().subject.CN }));
  });
  server.on("secureConnection", () => { connections += 1; });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const directory = await mkdtemp(join(tmpdir(), "pgrs-tls-"));
  try {
    await run({ address: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, authority, connections: () => connections, directory });
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
    await rm(directory, { recursive: true });
  }
};

const connected = (address: string, authority: Signed, directory: string) => {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromClusterAndUser(
    { name: "c", server: address, caData: Buffer.from(authority.pem).toString("base64"), skipTLSVerify: false },
    { name: "u", certFile: join(directory, "cert"), keyFile: join(directory, "key") },
  );
  return kubernetes({ kubeConfig, clock });
};

const use = async (directory: string, { pem, keyPem }: Signed): Promise<void> => {
  await writeFile(join(directory, "cert"), pem);
  await writeFile(join(directory, "key"), keyPem);
};

const key = { namespace: "n", name: "a" };

test("one connection serves many calls, and a rotated certificate is used from the next call on", () =>
  withServer(async ({ address, authority, connections, directory }) => {
    const api = connected(address, authority, directory);
    await use(directory, await signedBy(authority, "first"));
    for (let call = 0; call < 5; call += 1) assert.deepEqual(await api.get(key, never), { name: "first" });
    assert.equal(connections(), 1);
    await use(directory, await signedBy(authority, "second"));
    assert.deepEqual(await api.get(key, never), { name: "second" });
    assert.equal(connections(), 2);
  }));

test("a server of another authority is not talked to", () => withServer(async ({ address, authority, connections, directory }) => {
  await use(directory, await signedBy(authority, "me"));
  const error = await failure(connected(address, await newAuthority(), directory).get(key, never));
  assert.ok(error instanceof Transient);
  assert.match(explain(error), /certificate/);
  assert.equal(connections(), 0);
}));

test("certificates that cannot be read are Transient: they may be in rotation", () => withServer(async ({ address, authority, directory }) => {
  const error = await failure(connected(address, authority, directory).get(key, never));
  assert.ok(error instanceof Transient);
  assert.match(explain(error), /the credentials of the kubeconfig cannot be read: ENOENT/);
}));
