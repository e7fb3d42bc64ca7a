/**
 * Password verifiers, made here so that a password itself never travels in a statement, where logs and
 * pg_stat_activity would show it. Source: PostgreSQL documentation, "pg_authid" (rolpassword) and "SASL
 * Authentication"; RFC 5802 and RFC 7677.
 */
import { hmacSha256, md5, sameSecret, sha256, stretch } from "./digest.ts";

/** Why a password can't be used, with what to choose instead. */
export function passwordProblem(password: string): string | undefined {
  if (password === "") return "the password is empty; choose one";
  // SASLprep, through which every SCRAM client puts a password, leaves printable ASCII as it is. For other
  // characters it depends on Unicode tables that clients do not agree on, so they are refused.
  if (/[^\x20-\x7e]/.test(password)) return "the password has characters that are not printable ASCII; choose one of letters, digits and punctuation";
  return undefined;
}

function usable(password: string): string {
  const problem = passwordProblem(password);
  if (problem !== undefined) throw new RangeError(problem);
  return password;
}

/** What PostgreSQL 10 and newer store for SCRAM-SHA-256. The salt is 16 random bytes of the caller. */
export function scramVerifier(password: string, salt: Uint8Array, iterations = 4096): string {
  const salted = stretch(usable(password), salt, iterations);
  const storedKey = sha256(hmacSha256(salted, "Client Key"));
  const serverKey = hmacSha256(salted, "Server Key");
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString("base64")}$${storedKey.toString("base64")}:${serverKey.toString("base64")}`;
}

/** What versions before 10 store. It holds the user's name, so it ends with a rename. */
export const md5Verifier = (user: string, password: string): string => `md5${md5(usable(password) + user)}`;

const scramPattern = /^SCRAM-SHA-256\$(\d{1,6}):([A-Za-z0-9+/=]+)\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$/;

/** Whether a stored verifier is of this password. */
export function verifies(verifier: string, user: string, password: string): boolean {
  if (passwordProblem(password) !== undefined) return false;
  if (verifier.startsWith("md5")) return sameSecret(verifier, md5Verifier(user, password));
  const [, iterations, salt] = scramPattern.exec(verifier) ?? [];
  if (iterations === undefined || salt === undefined || Number(iterations) < 1) return false;
  return sameSecret(verifier, scramVerifier(password, Buffer.from(salt, "base64"), Number(iterations)));
}
