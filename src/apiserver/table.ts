/**
 * Lists as tables (`meta.k8s.io/v1` Table), the form in which kubectl asks for what it prints. It reads
 * objects and computes cells; it must never fail on an object, however odd: a cell that can't be had is null.
 */
import { ageOf } from "./duration.ts";
import { findByPath } from "./json-path.ts";
import type { Column, Kind, KubeObject } from "./kind.ts";
import type { Json, JsonObject } from "../schema/types.ts";

export type IncludeObject = "Metadata" | "Object" | "None";

export interface TableOptions {
  /** Milliseconds; what ages are counted from. */
  readonly now: number;
  readonly includeObject?: IncludeObject;
  /** The list's metadata: resourceVersion, continue, remainingItemCount. */
  readonly metadata?: JsonObject;
  /** False for later events of one watch: a client keeps the columns of the first. */
  readonly columnDefinitions?: boolean;
}

const nameColumn: Column = {
  name: "Name", type: "string", format: "name",
  description: "Name must be unique within a namespace. It identifies the object in every request.",
  cell: (object) => object.metadata.name,
};
const ageColumn: Column = {
  name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp",
  description: "CreationTimestamp is when the server stored the object first.",
};

/** The columns that a table of this kind shows: custom kinds get Name first, and Age when they name none. */
export const columnsOf = (kind: Kind): readonly Column[] => {
  if (!kind.custom) return kind.columns;
  return [nameColumn, ...(kind.columns.length === 0 ? [ageColumn] : kind.columns)];
};

const describedBy = ({ description, jsonPath }: Column): string =>
  description ?? (jsonPath === undefined ? "" : `Custom resource definition column (in JSONPath format): ${jsonPath}`);

const definition = (column: Column): JsonObject => ({
  name: column.name,
  type: column.type,
  format: column.format ?? "",
  description: describedBy(column),
  priority: column.priority ?? 0,
});

const printed = (value: unknown): string =>
  typeof value === "string" ? value : JSON.stringify(value) ?? "";

const typedCell = (type: Column["type"], value: unknown, now: number): Json => {
  if (value === null || value === undefined) return null;
  switch (type) {
    case "string": return printed(value);
    case "integer": return typeof value === "number" ? Math.trunc(value) : null;
    case "number": return typeof value === "number" ? value : null;
    case "boolean": return typeof value === "boolean" ? value : null;
    case "date": return typeof value === "string" ? ageOf(value, now) : null;
  }
};

const cellOf = (column: Column, object: KubeObject, now: number): Json => {
  if (column.cell !== undefined) return column.cell(object, now);
  const [first] = findByPath(object, column.jsonPath ?? "");
  return typedCell(column.type, first, now);
};

const rowObject = (object: KubeObject, include: IncludeObject): Json => {
  if (include === "None") return null;
  if (include === "Object") return object as unknown as JsonObject;
  return partialMetadata(object);
};

/** An object's metadata alone, as `PartialObjectMetadata`. */
export const partialMetadata = (object: KubeObject): JsonObject =>
  ({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata as unknown as JsonObject });

/** The table of these objects, with one row each, in their order. */
export const tableOf = (kind: Kind, objects: readonly KubeObject[], options: TableOptions): JsonObject => {
  const columns = columnsOf(kind);
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: options.metadata ?? {},
    columnDefinitions: options.columnDefinitions === false ? null : columns.map(definition),
    rows: objects.map((object) => ({
      cells: columns.map((column) => cellOf(column, object, options.now)),
      object: rowObject(object, options.includeObject ?? "Metadata"),
    })),
  };
};
