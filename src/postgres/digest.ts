/**
 * Hashes, the one place of this folder that uses node:crypto. All of them are deterministic: what is random, such
 * as a salt, is given by the caller.
 */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from "node:crypto";

/** A short fingerprint (128 bits of SHA-256, in hexadecimal) of texts; where one ends and the next begins counts. */
export function fingerprint(texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(`${Buffer.byteLength(text)}:`).update(text);
  return hash.digest("hex").slice(0, 32);
}

/** As PostgreSQL's md5() prints it. For files and old password verifiers, not for secrecy. */
export const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

export const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

export const hmacSha256 = (key: Uint8Array, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** Hi() of RFC 5802. */
export const stretch = (password: string, salt: Uint8Array, iterations: number): Buffer => pbkdf2Sync(password, salt, iterations, 32, "sha256");

/** Equality that takes the same time wherever the texts differ. */
export function sameSecret(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
