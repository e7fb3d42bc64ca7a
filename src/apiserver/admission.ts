/**
 * From an object that somebody wants stored to the object that is stored: what the server sets, which half of it a
 * path may change, whose fields it makes, and whether it is valid. Pure, but for the uid it is handed; it stores nothing.
 */
import { equal } from "../schema/json.ts";
import { prepared } from "./builtin-rules.ts";
import { recordUpdate } from "./managed-fields.ts";
import { born, grown } from "./metadata.ts";
import { asJson, asObject, isDeleting, withMetadata, without } from "./objects.ts";
import { invalid } from "./problems.ts";
import { objectProblems } from "./validation.ts";
import type { Surroundings } from "./builtin-rules.ts";
import type { Kind, KubeObject } from "./kind.ts";
import type { Place } from "./metadata.ts";

/** The part of an object that a path writes; the rest stays as it is stored. */
export type Part = "main" | "status" | "finalize";

export interface Writer {
  readonly manager: string;
  /** True when the fields' owners were worked out by server-side apply already. */
  readonly isApply: boolean;
  /** The subresource that was written through, for the ownership of fields. */
  readonly subresource?: string;
}

const hasGeneration = (kind: Kind) => kind.custom || kind.kind === "CustomResourceDefinition";

const withField = (object: KubeObject, field: string, value: unknown): KubeObject =>
  value === undefined ? asObject(without(object, [field])) : { ...object, [field]: value };

/** Status belongs to its own path when there is one; the main path neither sets nor clears it. */
const ofPart = (kind: Kind, object: KubeObject, part: Part, before?: KubeObject): KubeObject => {
  if (part === "main") {
    const own = kind.status ? withField(object, "status", before?.["status"]) : object;
    // A namespace without its finalizer would go before it is empty: only the finalize path may take that away.
    return before !== undefined && !kind.custom && kind.kind === "Namespace" ? withField(own, "spec", before["spec"]) : own;
  }
  if (before === undefined) return object;
  const { managedFields } = object.metadata;
  const kept = managedFields === undefined ? before : withMetadata(before, { managedFields });
  if (part === "status") return withField(kept, "status", object["status"]);
  return withField(kept, "spec", object["spec"]);
};

/** What counts as the desired state: everything but metadata, and but status where status has its own path. */
const desiredPart = (kind: Kind, object: KubeObject) => without(object, ["apiVersion", "metadata", ...(kind.status ? ["status"] : [])]);

const generationOf = (kind: Kind, after: KubeObject, before: KubeObject): number | undefined => {
  if (!hasGeneration(kind)) return before.metadata.generation;
  const changed = !equal(desiredPart(kind, after), desiredPart(kind, before));
  return (before.metadata.generation ?? 1) + (changed ? 1 : 0);
};

const checkValid = (kind: Kind, object: KubeObject, before?: KubeObject): void => {
  const problems = objectProblems(kind, object, before);
  if (problems.length > 0) throw invalid(kind, object.metadata.name, problems);
};

export interface Creation { readonly kind: Kind; readonly object: KubeObject; readonly place: Place; readonly uid: string; readonly writer: Writer; readonly around: Surroundings }

/** A new object, complete but for its resourceVersion. */
export const admitCreation = ({ kind, object, place, uid, writer, around }: Creation): KubeObject => {
  const { nowMs } = around;
  const whole = prepared(kind, born(ofPart(kind, object, "main"), place, { uid, nowMs, hasGeneration: hasGeneration(kind) }), around);
  checkValid(kind, whole);
  return writer.isApply ? whole : recordUpdate({ kind, after: whole, manager: writer.manager, now: nowMs });
};

export interface Alteration { readonly kind: Kind; readonly object: KubeObject; readonly before: KubeObject; readonly part: Part; readonly writer: Writer; readonly around: Surroundings }

/** The changed object; the very object that was stored when nothing changed, so that nothing is written. */
export const admitAlteration = ({ kind, object, before, part, writer, around }: Alteration): KubeObject => {
  const parted = ofPart(kind, object, part, before);
  const whole = prepared(kind, grown(parted, before, before.metadata.generation), around, before);
  const counted = withMetadata(whole, { generation: generationOf(kind, whole, before) });
  checkValid(kind, counted, before);
  const { manager, isApply, subresource } = writer;
  const owned = isApply ? counted
    : recordUpdate({ kind, before, after: counted, manager, now: around.nowMs, ...(subresource === undefined ? {} : { subresource }) });
  return equal(asJson(owned), asJson(before)) ? before : owned;
};

/** True when nothing keeps a deleted object any more. */
export const isReleased = (kind: Kind, object: KubeObject): boolean => {
  if (!isDeleting(object) || (object.metadata.finalizers ?? []).length > 0) return false;
  const spec = object["spec"] as { readonly finalizers?: readonly string[] } | undefined;
  return kind.custom || kind.kind !== "Namespace" || (spec?.finalizers ?? []).length === 0;
};
