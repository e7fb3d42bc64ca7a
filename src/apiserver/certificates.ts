/**
 * The control plane's own certificate authority, and what it signs: the server's certificate and the administrator's.
 * They are made once and kept, so that a kubeconfig goes on working; what is about to end is renewed at start.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";
import { join } from "node:path";
import { explain } from "../errors.ts";
import { bits, explicit, implicit, integer, octets, oid, printable, sequence, set, time, yes } from "./der.ts";
import { readIfThere, writePrivately } from "./files.ts";
import type { KeyObject } from "node:crypto";

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

interface Keys { readonly key: KeyObject; readonly publicKey: KeyObject }

const names = { authority: "control-plane-ca", server: "control-plane", admin: "admin", administrators: "system:masters" };

const makeKeys = (): Keys => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { key: privateKey, publicKey };
};

const pemOfKey = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

const pemOfCertificate = (der: Buffer): string => `-----BEGIN CERTIFICATE-----\n${(der.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END CERTIFICATE-----\n`;

/** The public key as it stands in a certificate, and its bits alone, which end it. */
const spkiOf = (key: KeyObject): Buffer => key.export({ type: "spki", format: "der" });
const pointBytes = 65;
const keyIdentifier = (key: KeyObject): Buffer => createHash("sha1").update(spkiOf(key).subarray(-pointBytes)).digest();

const rdn = (type: string, value: string): Buffer => set(sequence(oid(type), printable(value)));
const commonName = (value: string): Buffer => rdn("2.5.4.3", value);
const organization = (value: string): Buffer => rdn("2.5.4.10", value);

const extension = (type: string, value: Uint8Array, isCritical = false): Buffer => sequence(oid(type), ...(isCritical ? [yes] : []), octets(value));
const basicConstraints = (isAuthority: boolean): Buffer => extension("2.5.29.19", sequence(...(isAuthority ? [yes] : [])), true);
/** digitalSignature is the first bit, keyCertSign the sixth. */
const keyUsage = (isAuthority: boolean): Buffer => extension("2.5.29.15", isAuthority ? bits(Buffer.of(0x84), 2) : bits(Buffer.of(0x80), 7), true);
const subjectKey = (key: KeyObject): Buffer => extension("2.5.29.14", octets(keyIdentifier(key)));
const authorityKey = (key: KeyObject): Buffer => extension("2.5.29.35", sequence(implicit(0, keyIdentifier(key))));
const extendedKeyUsage = (purpose: string): Buffer => extension("2.5.29.37", sequence(oid(purpose)));
const alternativeNames = (hosts: readonly string[]): Buffer =>
  extension("2.5.29.17", sequence(...hosts.map((host) => isAddress(host) ? implicit(7, addressBytes(host)) : implicit(2, Buffer.from(host, "ascii")))));

interface Certificate { readonly subject: readonly Buffer[]; readonly publicKey: KeyObject; readonly days: number; readonly extensions: readonly Buffer[] }

/** RFC 5280, version 3. */
const signed = (authority: Keys, { subject, publicKey, days, extensions }: Certificate, nowMs: number): string => {
  const algorithm = sequence(oid("1.2.840.10045.4.3.2"));
  const lifetime = sequence(time(new Date(nowMs - dayMs)), time(new Date(nowMs + days * dayMs)));
  // The first bit of the serial number must not be set, else it is negative, nor may the first nine be nothing.
  const serial = Buffer.concat([Buffer.of(1), randomBytes(15)]);
  const body = sequence(
    explicit(0, integer(Buffer.of(2))), integer(serial), algorithm, sequence(commonName(names.authority)), lifetime,
    sequence(...subject), spkiOf(publicKey), explicit(3, sequence(...extensions)),
  );
  return pemOfCertificate(sequence(body, algorithm, bits(sign("sha256", body, authority.key))));
};

const makeAuthority = (nowMs: number): Keys & { readonly pem: string } => {
  const keys = makeKeys();
  const extensions = [basicConstraints(true), keyUsage(true), subjectKey(keys.publicKey)];
  return { ...keys, pem: signed(keys, { subject: [commonName(names.authority)], publicKey: keys.publicKey, days: lifeDays.authority, extensions }, nowMs) };
};

interface Leaf { readonly subject: readonly Buffer[]; readonly purpose: string; readonly hosts: readonly string[] }

const makeLeaf = (authority: Keys, { subject, purpose, hosts }: Leaf, nowMs: number): { readonly pem: string; readonly key: string } => {
  const { key, publicKey } = makeKeys();
  const extensions = [
    basicConstraints(false), keyUsage(false), extendedKeyUsage(purpose), authorityKey(authority.publicKey), ...(hosts.length === 0 ? [] : [alternativeNames(hosts)]),
  ];
  return { pem: signed(authority, { subject, publicKey, days: lifeDays.leaf, extensions }, nowMs), key: pemOfKey(key) };
};

const isAddress = (host: string) => /^[\d.]+$|:/.test(host);

/** Four or sixteen bytes. What `::` leaves out is filled with zeros. */
const addressBytes = (host: string): Buffer => {
  if (!host.includes(":")) return Buffer.from(host.split(".").map(Number));
  // The canonical form has no dotted end.
  const [left = "", right] = new URL(`http://[${host}]`).hostname.slice(1, -1).split("::").map((part) => part.split(":").filter((group) => group !== "").map((group) => group.padStart(4, "0")).join(""));
  return Buffer.from(right === undefined ? left : left + right.padStart(32 - left.length, "0"), "hex");
};

const serverHosts = (host: string): readonly string[] =>
  ["127.0.0.1", "::1", "localhost", ...(["127.0.0.1", "::1", "localhost", "0.0.0.0", "::"].includes(host) ? [] : [host])];

const isFresh = (pem: string, nowMs: number): boolean => new X509Certificate(pem).validToDate.getTime() - nowMs > renewBeforeDays * dayMs;

const isFor = (pem: string, host: string): boolean => {
  const certificate = new X509Certificate(pem);
  return ["0.0.0.0", "::"].includes(host) || (isAddress(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined;
};

const parse = (text: string): Identity => {
  const value = JSON.parse(text) as Partial<Record<keyof Identity, unknown>>;
  const missing = fields.find((field) => typeof value[field] !== "string");
  if (missing !== undefined) throw new Error(`${missing} is missing`);
  return value as Identity;
};

const adminLeaf: Leaf = { subject: [commonName(names.admin), organization(names.administrators)], purpose: "1.3.6.1.5.5.7.3.2", hosts: [] };
const serverLeaf = (host: string): Leaf => ({ subject: [commonName(names.server)], purpose: "1.3.6.1.5.5.7.3.1", hosts: serverHosts(host) });

const createIdentity = (host: string, nowMs: number): Identity => {
  const authority = makeAuthority(nowMs);
  const server = makeLeaf(authority, serverLeaf(host), nowMs);
  const admin = makeLeaf(authority, adminLeaf, nowMs);
  return {
    authority: authority.pem, authorityKey: pemOfKey(authority.key),
    server: server.pem, serverKey: server.key, admin: admin.pem, adminKey: admin.key, adminToken: randomBytes(32).toString("base64url"),
  };
};

/** The identity with what is about to end, or does not name the host, made anew by the same authority. */
const renewed = (identity: Identity, host: string, nowMs: number): Identity => {
  const key = createPrivateKey(identity.authorityKey);
  const authority: Keys = { key, publicKey: createPublicKey(key) };
  const isServerGood = isFresh(identity.server, nowMs) && isFor(identity.server, host);
  const server = isServerGood ? undefined : makeLeaf(authority, serverLeaf(host), nowMs);
  const admin = isFresh(identity.admin, nowMs) ? undefined : makeLeaf(authority, adminLeaf, nowMs);
  return {
    ...identity, ...(server === undefined ? {} : { server: server.pem, serverKey: server.key }),
    ...(admin === undefined ? {} : { admin: admin.pem, adminKey: admin.key }),
  };
};

const loadOrCreate = (path: string, host: string, nowMs: number): Identity => {
  const text = readIfThere(path);
  if (text === undefined) return createIdentity(host, nowMs);
  try {
    const kept = parse(text);
    return isFresh(kept.authority, nowMs) ? renewed(kept, host, nowMs) : createIdentity(host, nowMs);
  } catch (error) {
    throw new Error(`${path} is damaged (${explain(error)}): restore it from a copy, or remove it to have new certificates made`, { cause: error });
  }
};

/** The identity kept in the directory, made or renewed where needed. */
export const loadIdentity = (directory: string, { host, nowMs }: { readonly host: string; readonly nowMs: number }): Identity => {
  const path = join(directory, "identity.json");
  const identity = loadOrCreate(path, host, nowMs);
  const text = `${JSON.stringify(identity, undefined, 1)}\n`;
  if (readIfThere(path) !== text) writePrivately(path, text);
  const tokenPath = join(directory, "admin-token");
  if (readIfThere(tokenPath) !== identity.adminToken) writePrivately(tokenPath, identity.adminToken);
  return identity;
};
