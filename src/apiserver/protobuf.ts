/**
 * Request bodies of typed clients, which travel as protobuf ("k8s\0" and a runtime.Unknown): kubectl sends
 * nothing else for `create secret` and its like. They become the JSON that a client without protobuf would have
 * sent; answers are always JSON. Garbage is refused, never guessed at; unknown fields are skipped.
 */
import protobuf from "protobufjs";
import { messageOf, messages } from "./protobuf-messages.ts";
import { badRequest, refusal } from "./problems.ts";
import { isObject } from "../schema/json.ts";
import type { Json, JsonObject } from "../schema/types.ts";

const magic = Uint8Array.of(0x6b, 0x38, 0x73, 0x00);
/** As large as a request body may be; checked here too, since decoding makes several copies. */
const maxBytes = 3 * 1024 * 1024;

const root = protobuf.parse(messages, { keepCase: true }).root;

type Fields = Readonly<Record<string, unknown>>;

const utf8 = new TextDecoder("utf-8", { fatal: true });

const numberOf = (value: unknown): number => Number(String(value));
const bytesOf = (value: unknown): Uint8Array => (value instanceof Uint8Array ? value : new Uint8Array());
const textOf = (bytes: unknown): string => utf8.decode(bytesOf(bytes));
const base64 = (bytes: unknown): string => Buffer.from(bytesOf(bytes)).toString("base64");
const rawJson = (fields: Fields): Json | undefined =>
  (bytesOf(fields.raw).length === 0 ? undefined : JSON.parse(textOf(fields.raw)) as Json);

/** RFC 3339: whole seconds for Time, microseconds for MicroTime. The zero of both is no time at all. */
const timeOf = (fields: Fields, digits: 0 | 6): Json | undefined => {
  const epochSeconds = numberOf(fields.seconds ?? 0);
  if (epochSeconds === 0 && numberOf(fields.nanos ?? 0) === 0) return undefined;
  const seconds = new Date(epochSeconds * 1000).toISOString().slice(0, 19);
  const micros = Math.trunc(numberOf(fields.nanos ?? 0) / 1000).toString().padStart(6, "0");
  return digits === 0 ? `${seconds}Z` : `${seconds}.${micros}Z`;
};

/** Messages whose JSON is not an object of their fields. */
const special: Readonly<Record<string, (fields: Fields) => Json | undefined>> = {
  Time: (fields) => timeOf(fields, 0),
  MicroTime: (fields) => timeOf(fields, 6),
  JSON: rawJson,
  FieldsV1: rawJson,
  IntOrString: (fields) => (numberOf(fields.type ?? 0) === 0 ? numberOf(fields.intVal ?? 0) : fields.strVal as string),
  ExtraValue: (fields) => fields.items as readonly string[],
  JSONSchemaPropsOrBool: (fields) => (fields.schema === undefined ? fields.allows === true : messageJson("JSONSchemaProps", fields.schema as Fields)),
  JSONSchemaPropsOrArray: (fields) => (fields.schema === undefined
    ? ((fields.schemas ?? []) as readonly Fields[]).map((one) => messageJson("JSONSchemaProps", one))
    : messageJson("JSONSchemaProps", fields.schema as Fields)),
};

const isZero = (value: Json | undefined): boolean =>
  value === undefined || value === "" || value === 0 || value === false
  || (Array.isArray(value) && value.length === 0) || (isObject(value) && Object.keys(value).length === 0);

const scalar = (type: string, value: unknown): Json => {
  switch (type) {
    case "bytes": return base64(value);
    case "int64": return numberOf(value);
    default: return value as Json;
  }
};

const one = (field: protobuf.Field, value: unknown): Json | undefined =>
  (field.resolvedType instanceof protobuf.Type ? messageValue(field.resolvedType.name, value as Fields) : scalar(field.type, value));

const fieldJson = (field: protobuf.Field, value: unknown): Json | undefined => {
  if (field instanceof protobuf.MapField) {
    const entries = Object.entries(value as Fields).map(([key, item]) => [key, one(field, item) ?? null] as const);
    return Object.fromEntries(entries);
  }
  if (field.repeated) return (value as readonly unknown[]).map((item) => one(field, item) ?? null);
  return one(field, value);
};

const messageValue = (name: string, fields: Fields): Json | undefined => {
  const convert = special[name];
  return convert === undefined ? messageJson(name, fields) : convert(fields);
};

const messageJson = (name: string, fields: Fields): JsonObject => {
  const known = root.lookupType(name).fieldsArray.filter((field) => Object.hasOwn(fields, field.name));
  return Object.fromEntries(known.flatMap((field) => {
    const value = fieldJson(field.resolve(), fields[field.name]);
    if (value === undefined) return [];
    const called: unknown = field.options?.json_name ?? field.name;
    // Whatever a JSON message holds was written on purpose: `default: 0`, `default: false`.
    const kept = field.options?.["(kept)"] === true || (field.type === "JSON" && !field.repeated) || !isZero(value);
    return kept ? [[String(called), value] as const] : [];
  }));
};

const decode = (name: string, bytes: Uint8Array): Fields => root.lookupType(name).decode(bytes);

const startsWithMagic = (body: Uint8Array): boolean => magic.every((byte, at) => body[at] === byte);

/** The object in a protobuf body, as JSON has it, with apiVersion and kind from its envelope. */
export const decodeProtobuf = (body: Uint8Array): JsonObject => {
  if (body.length > maxBytes) {
    throw refusal({ code: 413, reason: "RequestEntityTooLarge", message: `Request entity too large: limit is ${maxBytes}` });
  }
  if (!startsWithMagic(body)) throw badRequest("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
  try {
    const envelope = decode("Unknown", body.subarray(magic.length));
    const { apiVersion = "", kind = "" } = (envelope.typeMeta ?? {}) as { apiVersion?: string; kind?: string };
    const message = messageFor(apiVersion, kind);
    return { apiVersion, kind, ...messageJson(message, decode(message, bytesOf(envelope.raw))) };
  } catch (error) {
    if (error instanceof Error && error.name === "Refusal") throw error;
    throw badRequest(`the protobuf body could not be decoded: ${error instanceof Error ? error.message : String(error)}`);
  }
};

const messageFor = (apiVersion: string, kind: string): string => {
  // DeleteOptions come under the version of whatever they delete.
  if (kind === "DeleteOptions") return "DeleteOptions";
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  const message = messageOf(group, kind);
  if (message === undefined) throw badRequest(`no kind "${kind}" is registered for version "${apiVersion}" in protobuf; send JSON`);
  return message;
};
