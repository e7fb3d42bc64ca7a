/**
 * Bodies of requests -> JSON, whatever they are written in. What comes out is bounded in depth and size, holds nothing
 * but JSON, and was not checked any further.
 */
import { load } from "js-yaml";
import { duplicateFields } from "./duplicates.ts";
import { badRequest, unsupportedMediaType } from "./problems.ts";
import { decodeProtobuf } from "./protobuf.ts";
import type { Json } from "../schema/types.ts";

export interface RawBody { readonly contentType: string; readonly bytes: Uint8Array }

export interface Body {
  readonly value: Json;
  /** Paths of properties that the text names twice; the last one counts. */
  readonly duplicates: readonly string[];
}

/** Functions here and elsewhere recurse into values, so their depth is bounded well below the stack's. */
const depthMax = 300;
/** A body of the largest allowed size has fewer nodes; references in YAML can multiply them. */
const nodesMax = 2_000_000;

const checkBounds = (root: unknown): Json => {
  let nodes = 0;
  const visit = (value: unknown, depth: number): void => {
    nodes += 1;
    if (nodes > nodesMax) throw badRequest(`the body has more than ${nodesMax} values`);
    if (depth > depthMax) throw badRequest(`the body nests deeper than ${depthMax} levels`);
    if (typeof value === "number" && !Number.isFinite(value)) throw badRequest("the body has a number that JSON cannot hold");
    if (typeof value !== "object" || value === null) return;
    for (const inner of Array.isArray(value) ? value : Object.values(value)) visit(inner, depth + 1);
  };
  visit(root, 0);
  return root as Json;
};

const utf8 = new TextDecoder("utf-8", { fatal: true });

const textOf = (bytes: Uint8Array): string => {
  try { return utf8.decode(bytes); } catch (error) { throw badRequest(`the body is not UTF-8: ${message(error)}`); }
};

/** Bytes, and how to say that they cannot be read. */
type Decoder = (bytes: Uint8Array, unreadable: string) => Body;

const message = (error: unknown) => error instanceof Error ? error.message.split("\n")[0] ?? "" : String(error);

const fromJson: Decoder = (bytes, unreadable) => {
  const text = textOf(bytes);
  let value: unknown;
  try { value = JSON.parse(text); } catch (error) { throw badRequest(`${unreadable}: ${message(error)}`); }
  return { value: checkBounds(value), duplicates: duplicateFields(text) };
};

const isJson = (text: string): boolean => {
  if (!text.trimStart().startsWith("{")) return false;
  try { JSON.parse(text); } catch { return false; }
  return true;
};

// The parser itself may throw anything on hostile input, the stack's end included.
const fromYaml: Decoder = (bytes, unreadable) => {
  const text = textOf(bytes);
  // kubectl sends JSON under this type; YAML in braces begins the same way.
  if (isJson(text)) return fromJson(bytes, unreadable);
  let value: unknown;
  try { value = load(text, { maxDepth: depthMax, maxAliases: 100 }); } catch (error) { throw badRequest(`error converting YAML to JSON: yaml: ${message(error)}`); }
  return { value: checkBounds(value), duplicates: [] };
};

const decoders: Readonly<Record<string, Decoder>> = {
  "application/json": fromJson,
  "application/yaml": fromYaml,
  "application/vnd.kubernetes.protobuf": (bytes) => ({ value: checkBounds(decodeProtobuf(bytes)), duplicates: [] }),
};

const patchDecoders: Readonly<Record<string, Decoder>> = {
  "application/json-patch+json": fromJson,
  "application/merge-patch+json": fromJson,
  "application/strategic-merge-patch+json": fromJson,
  "application/apply-patch+yaml": fromYaml,
};

/** `application/json; charset=utf-8` -> `application/json`; none means JSON. */
export const mediaType = (contentType: string): string => {
  const type = (contentType.split(";")[0] ?? "").trim().toLowerCase();
  return type === "" ? "application/json" : type;
};

const decodeBy = (known: Readonly<Record<string, Decoder>>, accepted: readonly string[], { contentType, bytes }: RawBody, unreadable: string): Body => {
  const type = mediaType(contentType);
  const decoder = accepted.includes(type) && Object.hasOwn(known, type) ? known[type] : undefined;
  if (decoder === undefined) throw unsupportedMediaType(accepted);
  return decoder(bytes, unreadable);
};

/** An object in JSON, YAML or protobuf. */
export const decodeBody = (body: RawBody): Body => decodeBy(decoders, Object.keys(decoders), body,
  "the object provided is unrecognized: couldn't get version/kind; json parse error");

/** A patch, if it is of one of these types. */
export const decodePatch = (body: RawBody, accepted: readonly string[]): Body => decodeBy(patchDecoders, accepted, body, "error decoding patch");
