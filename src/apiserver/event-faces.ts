/**
 * Events are one stored object (in its core form) with two faces: `v1` and `events.k8s.io/v1` name the same
 * fields differently. These functions rename; they drop and invent nothing.
 */
import type { Column, KubeObject } from "./kind.ts";

/** Name in `v1` and name in `events.k8s.io/v1`, where they differ. */
const names: readonly (readonly [core: string, events: string])[] = [
  ["involvedObject", "regarding"],
  ["message", "note"],
  ["source", "deprecatedSource"],
  ["firstTimestamp", "deprecatedFirstTimestamp"],
  ["lastTimestamp", "deprecatedLastTimestamp"],
  ["count", "deprecatedCount"],
  ["reportingComponent", "reportingController"],
];
const toEvents = new Map(names);
const toCore = new Map(names.map(([core, events]) => [events, core] as const));

const renamed = (object: KubeObject, apiVersion: string, table: ReadonlyMap<string, string>): KubeObject => ({
  ...Object.fromEntries(Object.entries(object).map(([field, value]) => [table.get(field) ?? field, value])),
  apiVersion, kind: object.kind, metadata: object.metadata,
});

/** The event as `v1` shows and stores it, from either face. */
export const coreEvent = (object: KubeObject): KubeObject =>
  object.apiVersion === "v1" ? object : renamed(object, "v1", toCore);

/** The event as `events.k8s.io/v1` shows it, from either face. */
export const eventsGroupEvent = (object: KubeObject): KubeObject =>
  object.apiVersion === "events.k8s.io/v1" ? object : renamed(object, "events.k8s.io/v1", toEvents);

/** A column's cell that understands both faces. */
export const eventInEventsGroup = (cell: NonNullable<Column["cell"]>): NonNullable<Column["cell"]> =>
  (object, now) => cell(coreEvent(object), now);
