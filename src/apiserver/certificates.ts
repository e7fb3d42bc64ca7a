/**
 * The control plane's own certificate authority, and what it signs: the server's certificate and the administrator's.
 * They are made once and kept, so that a kubeconfig goes on working; what is about to end is renewed at start.
 */
import { randomBytes, webcrypto, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { explain } from "../errors.ts";
import { readIfThere, writePrivately } from "./files.ts";
import type * as X509 from "@peculiar/x509";

/** PEM texts, except for the token. */
export interface Identity {
  readonly authority: string;
  readonly authorityKey: string;
  readonly server: string;
  readonly serverKey: string;
  readonly admin: string;
  readonly adminKey: string;
  readonly adminToken: string;
}

const fields = ["authority", "authorityKey", "server", "serverKey", "admin", "adminKey", "adminToken"] as const satisfies readonly (keyof Identity)[];

const dayMs = 24 * 3600 * 1000;
const lifeDays = { authority: 3650, leaf: 365 };
const renewBeforeDays = 30;
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

interface Pair { readonly certificate: X509.X509Certificate; readonly keys: CryptoKeyPair }
type CryptoKeyPair = webcrypto.CryptoKeyPair;

// The library takes longer to load than the server to start: only who makes certificates waits for it.
const loadLibrary = async (): Promise<typeof X509> => {
  await import("reflect-metadata");
  return import("@peculiar/x509");
};

const makeKeys = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

const pemOfKey = async (key: webcrypto.CryptoKey): Promise<string> => {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)).toString("base64");
  return `-----BEGIN PRIVATE KEY-----\n${(der.match(/.{1,64}/g) ?? []).join("\n")}\n-----END PRIVATE KEY-----\n`;
};

const keysOfPem = async (pem: string): Promise<CryptoKeyPair> => {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  const privateKey = await webcrypto.subtle.importKey("pkcs8", der, algorithm, true, ["sign"]);
  const { kty, crv, x, y } = await webcrypto.subtle.exportKey("jwk", privateKey);
  const publicKey = await webcrypto.subtle.importKey("jwk", { kty, crv, x, y } as webcrypto.JsonWebKey, algorithm, true, ["verify"]);
  return { privateKey, publicKey };
};

const lifetime = (nowMs: number, days: number) => ({ notBefore: new Date(nowMs - dayMs), notAfter: new Date(nowMs + days * dayMs) });

// The first bit must not be set, else the number is negative.
const serialNumber = () => `01${randomBytes(15).toString("hex")}`;

const makeAuthority = async (x509: typeof X509, nowMs: number): Promise<Pair> => {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(), name: "CN=control-plane-ca", keys, signingAlgorithm: algorithm, ...lifetime(nowMs, lifeDays.authority),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate, keys };
};

interface Leaf { readonly subject: string; readonly usage: "serverAuth" | "clientAuth"; readonly names: readonly X509.JsonGeneralName[] }

const makeLeaf = async (x509: typeof X509, authority: Pair, { subject, usage, names }: Leaf, nowMs: number): Promise<{ readonly pem: string; readonly key: string }> => {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(), subject, issuer: authority.certificate.subject, publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey, signingAlgorithm: algorithm, ...lifetime(nowMs, lifeDays.leaf),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage[usage]]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...names])]),
    ],
  });
  return { pem: certificate.toString("pem"), key: await pemOfKey(keys.privateKey) };
};

const isAddress = (host: string) => /^[\d.]+$|:/.test(host);

const serverNames = (host: string): readonly X509.JsonGeneralName[] => {
  const others = ["127.0.0.1", "localhost", "0.0.0.0", "::"].includes(host) ? [] : [host];
  return ["127.0.0.1", "::1", "localhost", ...others].map((name) => ({ type: isAddress(name) ? "ip" : "dns", value: name }));
};

const isFresh = (pem: string, nowMs: number): boolean => new X509Certificate(pem).validToDate.getTime() - nowMs > renewBeforeDays * dayMs;

const names = (pem: string, host: string): boolean => {
  const certificate = new X509Certificate(pem);
  return ["0.0.0.0", "::"].includes(host) || (isAddress(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined;
};

const parse = (text: string): Identity => {
  const value = JSON.parse(text) as Partial<Record<keyof Identity, unknown>>;
  const missing = fields.find((field) => typeof value[field] !== "string");
  if (missing !== undefined) throw new Error(`${missing} is missing`);
  return value as Identity;
};

const adminLeaf: Leaf = { subject: "CN=admin, O=system:masters", usage: "clientAuth", names: [] };
const serverLeaf = (host: string): Leaf => ({ subject: "CN=control-plane", usage: "serverAuth", names: serverNames(host) });

const createIdentity = async (host: string, nowMs: number): Promise<Identity> => {
  const x509 = await loadLibrary();
  const authority = await makeAuthority(x509, nowMs);
  const [server, admin] = await Promise.all([makeLeaf(x509, authority, serverLeaf(host), nowMs), makeLeaf(x509, authority, adminLeaf, nowMs)]);
  return {
    authority: authority.certificate.toString("pem"), authorityKey: await pemOfKey(authority.keys.privateKey),
    server: server.pem, serverKey: server.key, admin: admin.pem, adminKey: admin.key, adminToken: randomBytes(32).toString("base64url"),
  };
};

/** The identity with what is about to end, or does not name the host, made anew by the same authority. */
const renewed = async (identity: Identity, host: string, nowMs: number): Promise<Identity> => {
  const isServerGood = isFresh(identity.server, nowMs) && names(identity.server, host);
  const isAdminGood = isFresh(identity.admin, nowMs);
  if (isServerGood && isAdminGood) return identity;
  const x509 = await loadLibrary();
  const authority = { certificate: new x509.X509Certificate(identity.authority), keys: await keysOfPem(identity.authorityKey) };
  const server = isServerGood ? undefined : await makeLeaf(x509, authority, serverLeaf(host), nowMs);
  const admin = isAdminGood ? undefined : await makeLeaf(x509, authority, adminLeaf, nowMs);
  return {
    ...identity, ...(server === undefined ? {} : { server: server.pem, serverKey: server.key }),
    ...(admin === undefined ? {} : { admin: admin.pem, adminKey: admin.key }),
  };
};

const loadOrCreate = async (path: string, host: string, nowMs: number): Promise<Identity> => {
  const text = readIfThere(path);
  if (text === undefined) return createIdentity(host, nowMs);
  try {
    const kept = parse(text);
    return isFresh(kept.authority, nowMs) ? await renewed(kept, host, nowMs) : await createIdentity(host, nowMs);
  } catch (error) {
    throw new Error(`${path} is damaged (${explain(error)}): restore it from a copy, or remove it to have new certificates made`, { cause: error });
  }
};

/** The identity kept in the directory, made or renewed where needed. */
export const loadIdentity = async (directory: string, { host, nowMs }: { readonly host: string; readonly nowMs: number }): Promise<Identity> => {
  const path = join(directory, "identity.json");
  const identity = await loadOrCreate(path, host, nowMs);
  const text = `${JSON.stringify(identity, undefined, 1)}\n`;
  if (readIfThere(path) !== text) writePrivately(path, text);
  const tokenPath = join(directory, "admin-token");
  if (readIfThere(tokenPath) !== identity.adminToken) writePrivately(tokenPath, identity.adminToken);
  return identity;
};
