/**
 * Bearer tokens of service accounts: JSON Web Tokens signed with the control plane's own key (ES256). They say who the
 * bearer is and until when; whether that account still exists is for access.ts to ask.
 */
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { isObject, own } from "../schema/json.ts";
import type { Json, JsonObject } from "../schema/types.ts";

export interface Tokens {
  mint(claims: JsonObject): string;
  /** The claims of a token that was minted here and has not ended; undefined for any other text. */
  verify(token: string, nowMs: number): JsonObject | undefined;
}

const audience = "https://kubernetes.default.svc";
const encode = (value: Json) => Buffer.from(JSON.stringify(value)).toString("base64url");

const decode = (text: string): JsonObject | undefined => {
  try {
    const value = JSON.parse(Buffer.from(text, "base64url").toString()) as unknown;
    return isObject(value) ? value : undefined;
  } catch { return undefined; }
};

/** Tokens under a private key (EC, P-256) in PEM. */
export const createTokens = (privatePem: string): Tokens => {
  const privateKey = createPrivateKey(privatePem);
  const publicKey = createPublicKey(privateKey);
  const encoding = { dsaEncoding: "ieee-p1363" } as const;
  return {
    mint: (claims) => {
      const signed = `${encode({ alg: "ES256", typ: "JWT" })}.${encode({ iss: audience, aud: [audience], ...claims })}`;
      return `${signed}.${sign("sha256", Buffer.from(signed), { key: privateKey, ...encoding }).toString("base64url")}`;
    },
    verify: (token, nowMs) => {
      const [header = "", body = "", signature = "", ...more] = token.split(".");
      // The algorithm is never taken from the token.
      if (more.length > 0 || own(decode(header), "alg") !== "ES256") return undefined;
      if (!verify("sha256", Buffer.from(`${header}.${body}`), { key: publicKey, ...encoding }, Buffer.from(signature, "base64url"))) return undefined;
      const claims = decode(body);
      const end = own(claims, "exp");
      return typeof end === "number" && end * 1000 > nowMs ? claims : undefined;
    },
  };
};
