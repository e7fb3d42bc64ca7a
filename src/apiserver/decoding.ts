/**
 * From JSON that somebody sent to an object of the kind: its type is the right one, its metadata has the right types,
 * what the schema does not know is dropped and told. Pure; validity beyond types is for validation.ts.
 */
import { applyDefaults } from "../schema/defaults.ts";
import { isObject, own } from "../schema/json.ts";
import { prune } from "../schema/prune.ts";
import { invalidValue, validate } from "../schema/validate.ts";
import { schemaReading } from "./definitions.ts";
import { metadataSchema } from "./metadata-schema.ts";
import { asObject, groupVersion } from "./objects.ts";
import { badRequest, invalid } from "./problems.ts";
import type { Body } from "./bodies.ts";
import type { Kind, KubeObject } from "./kind.ts";
import type { FieldValidation } from "./params.ts";
import type { Json, JsonObject, Problem, Schema } from "../schema/types.ts";

export interface Decoded {
  readonly object: KubeObject;
  readonly warnings: readonly string[];
}

const text = (value: Json | undefined): string => typeof value === "string" ? value : "";

/** How much of a body is repeated in an error. */
const shownMax = 200;

const shown = (value: Json) => JSON.stringify(value).slice(0, shownMax);

const unhandled = (kind: Kind, because: string) =>
  badRequest(`${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: ${because}`);

/** Refuses what is not of the kind. Clients of built-in kinds may leave apiVersion and kind out. */
export const ofKind = (kind: Kind, value: Json): JsonObject => {
  if (!isObject(value)) throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): expected an object, got ${shown(value)}`);
  const apiVersion = text(own(value, "apiVersion"));
  const name = text(own(value, "kind"));
  if (kind.custom && name === "") throw badRequest(`the object provided is unrecognized (must be of type ${kind.kind}): Object 'Kind' is missing in '${shown(value)}'`);
  if (kind.custom && apiVersion === "") throw badRequest(`Object 'apiVersion' is missing in '${shown(value)}'`);
  const expected = groupVersion(kind);
  if (apiVersion !== "" && apiVersion !== expected)
    throw badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${expected})`);
  if (name !== "" && name !== kind.kind) {
    if (!kind.custom) throw badRequest(`${name} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: converting (${name}) to (${kind.kind}): unknown conversion`);
    throw invalid(kind, text(own(own(value, "metadata") as JsonObject | undefined, "name")), [invalidValue("kind", name, `must be ${kind.kind}`)]);
  }
  return { ...value, apiVersion: expected, kind: kind.kind };
};

const typesOf = (problems: readonly Problem[]) => problems.find(({ reason }) => reason === "FieldValueTypeInvalid");

const metadataOf = (kind: Kind, value: JsonObject): { readonly metadata: JsonObject; readonly unknown: readonly string[] } => {
  const given = own(value, "metadata") ?? {};
  if (!isObject(given)) throw unhandled(kind, "metadata is no object");
  const { value: known, unknown } = prune(metadataSchema, given, { path: "metadata" });
  const metadata = applyDefaults(metadataSchema, known) as JsonObject;
  const wrong = typesOf(validate(metadataSchema, metadata, "metadata"));
  if (wrong !== undefined) throw unhandled(kind, `${wrong.field}: ${wrong.message}`);
  return { metadata, unknown };
};

const anything: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };

const contentOf = (kind: Kind, value: JsonObject): { readonly content: JsonObject; readonly unknown: readonly string[] } => {
  const schema = kind.schema ?? anything;
  const { value: known, unknown } = prune(schema, value, { isRoot: true });
  const content = applyDefaults(schema, known) as JsonObject;
  if (kind.custom) return { content, unknown };
  // Kinds that are compiled into other servers fail to decode on a wrong type; ours fail with the same code.
  const wrong = typesOf(validate(schema, content));
  if (wrong !== undefined) throw unhandled(kind, `${wrong.field}: ${wrong.message}`);
  if (kind.kind !== "CustomResourceDefinition") return { content, unknown };
  const read = schemaReading(content);
  if (read.malformed.length > 0) throw unhandled(kind, `${read.malformed.join(", ")}: not of the type that a schema has there`);
  return { content, unknown: [...unknown, ...read.unknown] };
};

export interface Strictness {
  readonly fieldValidation: FieldValidation;
  /** The text of a patch, which is refused as one field; a whole object is refused as a body that cannot be read. */
  readonly patch?: string;
}

const told = (kind: Kind, sentences: readonly string[], { fieldValidation, patch }: Strictness, value: JsonObject): readonly string[] => {
  if (fieldValidation === "Ignore" || sentences.length === 0) return [];
  if (fieldValidation === "Warn") return sentences;
  const because = `strict decoding error: ${sentences.join(", ")}`;
  if (patch === undefined) throw unhandled(kind, because);
  throw invalid(kind, text(own(own(value, "metadata") as JsonObject | undefined, "name")), [invalidValue("patch", patch, because)]);
};

/** Refuses fields that nobody could own: what is applied has to be known in full. */
export const checkKnown = (kind: Kind, applied: JsonObject): void => {
  const { unknown } = metadataOf(kind, applied);
  const [first] = [...unknown, ...contentOf(kind, applied).unknown];
  if (first === undefined) return;
  const { namespace, name } = own(applied, "metadata") as { readonly namespace?: string; readonly name?: string };
  throw badRequest(`failed to create typed patch object (${namespace ?? ""}/${name ?? ""}; ${groupVersion(kind)}, Kind=${kind.kind}): .${first}: field not declared in schema`);
};

/** The object that was sent, as far as the kind's schema knows it, with defaults. */
export const decodeObject = (kind: Kind, { value, duplicates }: Body, strictness: Strictness): Decoded => {
  const typed = ofKind(kind, value);
  const { metadata, unknown: unknownMetadata } = metadataOf(kind, typed);
  const { content, unknown } = contentOf(kind, typed);
  const sentences = [
    ...duplicates.map((path) => `duplicate field ${JSON.stringify(path)}`),
    ...[...unknownMetadata, ...unknown].map((path) => `unknown field ${JSON.stringify(path)}`),
  ];
  return { object: asObject({ ...content, metadata }), warnings: told(kind, sentences, strictness, typed) };
};
