/** Plain HTTP requests to any API server under test, whoever signed its certificate: it is on loopback. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Json } from "../../src/schema/types.ts";

export interface Target { readonly url: string; readonly token: string }

export interface Body {
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: Json;
  readonly contentType?: string;
  readonly accept?: string;
}

export interface Reply {
  readonly code: number;
  readonly contentType: string;
  readonly warnings: readonly string[];
  readonly text: string;
}

const timeoutMs = 60_000;

/** One request, answered in full; a watch is answered when the server ends it. */
export const requestJson = async ({ url, token }: Target, method: string, path: string, { body, contentType = "application/json", accept = "application/json" }: Body = {}): Promise<Reply> => {
  const bytes = body === undefined ? undefined : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  const send = url.startsWith("https") ? httpsRequest : httpRequest;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = send(`${url}${path}`, {
      method, agent: false, rejectUnauthorized: false, timeout: timeoutMs,
      headers: {
        accept, "user-agent": "conformance/1", ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...(bytes === undefined ? {} : { "content-type": contentType, "content-length": bytes.length }),
      },
    }, resolve);
    request.once("timeout", () => { request.destroy(new Error(`${method} ${path}: no answer within ${timeoutMs} ms`)); });
    request.once("error", reject);
    request.end(bytes);
  });
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const warning = response.headers["warning"] as string | readonly string[] | undefined;
  return {
    code: response.statusCode ?? 0,
    contentType: response.headers["content-type"] ?? "",
    warnings: warning === undefined ? [] : [warning].flat(),
    text: Buffer.concat(chunks).toString(),
  };
};
