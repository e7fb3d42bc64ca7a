/**
 * Puts results into the form that a client asked for: objects, rows to print, or metadata alone; JSON or YAML. Pure:
 * it decides nothing but how things look.
 */
import { dump } from "js-yaml";
import { groupVersion, asJson } from "./objects.ts";
import { badRequest } from "./problems.ts";
import { partialMetadata, tableOf } from "./table.ts";
import type { Result } from "./core.ts";
import type { Kind, KubeObject } from "./kind.ts";
import type { Representation } from "./media.ts";
import type { IncludeObject } from "./table.ts";
import type { WatchEvent } from "./watch.ts";
import type { JsonObject } from "../schema/types.ts";

export interface View {
  readonly representation: Representation;
  readonly includeObject: IncludeObject;
  /** Milliseconds, for ages. */
  readonly nowMs: number;
}

export const includeObjectOf = (query: URLSearchParams): IncludeObject => {
  const value = query.get("includeObject") ?? "";
  if (value === "") return "Metadata";
  if (value === "None" || value === "Metadata" || value === "Object") return value;
  throw badRequest(`includeObject must be one of: None, Metadata, Object: ${JSON.stringify(value)}`);
};

const listOf = (kind: Kind, objects: readonly KubeObject[], metadata: JsonObject): JsonObject =>
  ({ kind: kind.listKind, apiVersion: groupVersion(kind), metadata, items: objects.map(asJson) });

const partialList = (objects: readonly KubeObject[], metadata: JsonObject): JsonObject =>
  ({ kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1", metadata, items: objects.map(partialMetadata) });

/** The body of a result. */
export const bodyOf = (result: Result, { representation: { form }, includeObject, nowMs: now }: View): JsonObject => {
  if (result.is === "json") return result.body;
  if (result.is === "object") {
    const { kind, object } = result;
    if (form === "table") return tableOf(kind, [object], { now, includeObject, metadata: { resourceVersion: object.metadata.resourceVersion } });
    return form === "metadata" ? partialMetadata(object) : asJson(object);
  }
  const { kind, objects, metadata } = result;
  if (form === "table") return tableOf(kind, objects, { now, includeObject, metadata });
  return form === "metadata" ? partialList(objects, metadata) : listOf(kind, objects, metadata);
};

/** JSON or YAML text, with its media type. */
export const textOf = (body: JsonObject, { encoding }: Representation): { readonly contentType: string; readonly text: string } =>
  encoding === "yaml" ? { contentType: "application/yaml", text: dump(body, { noRefs: true }) }
    : { contentType: "application/json", text: `${JSON.stringify(body)}\n` };

const initialEnd = { annotations: { "k8s.io/initial-events-end": "true" } };

const bookmarkOf = (kind: Kind, event: WatchEvent & { readonly type: "BOOKMARK" }, { representation: { form }, nowMs: now }: View): JsonObject => {
  const metadata = { resourceVersion: String(event.version), ...(event.endsInitial ? initialEnd : {}) };
  if (form === "table") return tableOf(kind, [], { now, metadata, columnDefinitions: false });
  const type = form === "metadata" ? { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1" } : { kind: kind.kind, apiVersion: groupVersion(kind) };
  return { ...type, metadata: { ...metadata, creationTimestamp: null } };
};

// Many clients watch the same objects in the same form.
const texts = new WeakMap<KubeObject, string>();

const objectText = (object: KubeObject): string => {
  const known = texts.get(object) ?? JSON.stringify(object);
  texts.set(object, known);
  return known;
};

/** Makes lines of a watch's events; the first table of a watch carries the columns, later ones do not. */
export const eventWriter = (kind: Kind, view: () => View): ((event: WatchEvent) => string) => {
  let isFirst = true;
  return (event) => {
    const now = view();
    const { form } = now.representation;
    const line = (text: string) => `{"type":"${event.type}","object":${text}}\n`;
    if (event.type === "ERROR") return line(JSON.stringify(event.status));
    if (event.type === "BOOKMARK") return line(JSON.stringify(bookmarkOf(kind, event, now)));
    if (form === "object") return line(objectText(event.object));
    if (form === "metadata") return line(JSON.stringify(partialMetadata(event.object)));
    const table = tableOf(kind, [event.object], {
      now: now.nowMs, includeObject: now.includeObject, metadata: { resourceVersion: event.object.metadata.resourceVersion }, columnDefinitions: isFirst,
    });
    isFirst = false;
    return line(JSON.stringify(table));
  };
};
