/**
 * What the embedded control plane knows of one served kind in one version: built-in kinds are a table
 * of these, a CustomResourceDefinition becomes one per served version. Data only; it names no product.
 */
import type { JsonObject, Schema } from "../schema/types.ts";

/** A printer column as tables show it. `jsonPath` as in `additionalPrinterColumns`; built-in kinds compute theirs. */
export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown, 1 only with `-o wide`. */
  readonly priority?: number;
  readonly jsonPath?: string;
  /** For built-in kinds: the cell from the object. `now` in milliseconds. */
  readonly cell?: (object: KubeObject, now: number) => string | number | boolean | null;
}

export interface ScaleSubresource {
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
  readonly labelSelectorPath?: string;
}

export interface Subresource {
  readonly name: string;
  readonly responseKind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly verbs: readonly string[];
}

export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Verbs offered in discovery; a review kind has only `create`. */
  readonly verbs: readonly string[];
  /** The whole object's schema (apiVersion, kind, metadata left open). Absent: anything goes. */
  readonly schema?: Schema;
  readonly status: boolean;
  readonly scale?: ScaleSubresource;
  readonly columns: readonly Column[];
  /** True for kinds that a CustomResourceDefinition brought: no strategic merge patch, no protobuf. */
  readonly custom: boolean;
  /** Field selectors beyond metadata.name and metadata.namespace, as dotted paths. */
  readonly selectableFields: readonly string[];
  /** Subresources beyond status and scale, as discovery lists them (`serviceaccounts/token`). */
  readonly otherSubresources?: readonly Subresource[];
  /** Strategic merge: list path (dotted, no indices) -> merge key ("" for lists of plain values); lists not named are replaced. */
  readonly mergeKeys?: Readonly<Record<string, string>>;
}

export interface OwnerReference {
  readonly apiVersion: string; readonly kind: string; readonly name: string; readonly uid: string;
  readonly controller?: boolean; readonly blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly time?: string;
  readonly fieldsType: "FieldsV1";
  readonly fieldsV1: JsonObject;
  readonly subresource?: string;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly generateName?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
}

/** Any stored object. Values are never changed in place: a write makes a new object. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}
