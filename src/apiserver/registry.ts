/**
 * What is served now: the built-in kinds, and those of the stored definitions as soon as they are stored. It also knows
 * how an object looks in a version other than the stored one, and nothing else about objects.
 */
import { applyDefaults } from "../schema/defaults.ts";
import { canonical } from "../schema/json.ts";
import { prune } from "../schema/prune.ts";
import { isTrue, kindsOf, specOf } from "./definitions.ts";
import { coreEvent, eventsGroupEvent } from "./event-faces.ts";
import { builtinKinds } from "./kinds.ts";
import { asJson, asObject, groupVersion, isDeleting, objectAt } from "./objects.ts";
import type { Kind, KubeObject } from "./kind.ts";
import type { JsonObject } from "../schema/types.ts";

/** A kind in one version, with what is needed to store and to show its objects. */
export interface Served {
  readonly kind: Kind;
  /** The name under which objects of all versions are stored. */
  readonly resource: string;
  /** False for kinds that only answer questions. */
  readonly isStored: boolean;
  readonly toStored: (object: KubeObject) => KubeObject;
  /** The stored object in this version, with defaults that came after it was stored. */
  readonly fromStored: (object: KubeObject) => KubeObject;
  /** Told to clients of a deprecated version. */
  readonly warning?: string;
  /** Its definition is being deleted: nothing new is accepted. */
  readonly isEnding: boolean;
}

export interface Registry {
  /** Changes whenever what is served does. */
  readonly revision: number;
  kinds(): readonly Kind[];
  served(): readonly Served[];
  find(group: string, version: string, plural: string): Served | undefined;
  /** The version in which a reference like an owner's names a kind. */
  findKind(apiVersion: string, kind: string): Served | undefined;
  /** One version of a stored resource, whichever comes first: enough to delete its objects. */
  ofResource(resource: string): Served | undefined;
  /** Takes over these definitions. */
  define(definitions: readonly KubeObject[]): void;
}

export const definitionsResource = "customresourcedefinitions.apiextensions.k8s.io";

export const resourceName = ({ group, plural }: Pick<Kind, "group" | "plural">): string => group === "" ? plural : `${plural}.${group}`;

const same = (object: KubeObject) => object;

const isEventsFace = ({ group, plural }: Kind) => group === "events.k8s.io" && plural === "events";

const builtin = (kind: Kind): Served => ({
  kind, isEnding: false, isStored: kind.verbs.includes("get"),
  resource: isEventsFace(kind) ? "events" : resourceName(kind),
  toStored: isEventsFace(kind) ? coreEvent : same,
  fromStored: isEventsFace(kind) ? eventsGroupEvent : same,
});

const shownBy = (kind: Kind) => {
  const apiVersion = groupVersion(kind);
  // Objects never change in place, so what one looks like is worked out once.
  const shown = new WeakMap<KubeObject, KubeObject>();
  const show = (object: KubeObject): KubeObject => {
    if (kind.schema === undefined) return { ...object, apiVersion };
    const known = prune(kind.schema, { ...asJson(object), apiVersion }, { isRoot: true }).value;
    return asObject(applyDefaults(kind.schema, known) as JsonObject);
  };
  return (object: KubeObject): KubeObject => {
    const known = shown.get(object) ?? show(object);
    shown.set(object, known);
    return known;
  };
};

type Shape = Pick<Served, "kind" | "toStored" | "fromStored" | "warning">;

const shapesOf = (definition: KubeObject): readonly Shape[] => {
  const storage = specOf(definition).versions.find((version) => version.storage)?.name ?? "";
  const storedAs = groupVersion({ group: specOf(definition).group, version: storage });
  return kindsOf(definition).map(({ kind, warning }) => ({
    kind, toStored: (object) => ({ ...object, apiVersion: storedAs }), fromStored: shownBy(kind), ...(warning === undefined ? {} : { warning }),
  }));
};

/** What the shapes depend on: conditions come and go, and watches go on as long as this stays the same. */
const decisive = (definition: KubeObject): string => canonical([
  asJson(definition)["spec"] ?? null, isTrue(definition, "Established"), objectAt(objectAt(definition, "status"), "acceptedNames"),
]);

/** A registry of the built-in kinds alone; `define` adds to them. */
export const createRegistry = (): Registry => {
  const builtins = builtinKinds.map(builtin);
  let revision = 1;
  let served: readonly Served[] = builtins;
  let kinds: readonly Kind[] = builtinKinds;
  let shapes = new Map<string, readonly Shape[]>();
  return {
    get revision() { return revision; },
    kinds: () => kinds,
    served: () => served,
    find: (group, version, plural) => served.find(({ kind }) => kind.plural === plural && kind.group === group && kind.version === version),
    findKind: (apiVersion, name) => served.find(({ kind }) => kind.kind === name && groupVersion(kind) === apiVersion),
    ofResource: (resource) => served.find((one) => one.resource === resource),
    define: (definitions) => {
      const known = shapes;
      shapes = new Map(definitions.map((definition) => {
        const text = decisive(definition);
        return [text, known.get(text) ?? shapesOf(definition)];
      }));
      served = [...builtins, ...definitions.flatMap((definition) => (shapes.get(decisive(definition)) ?? []).map((shape): Served => ({
        ...shape, resource: resourceName(shape.kind), isStored: true, isEnding: isDeleting(definition),
      })))];
      kinds = served.map(({ kind }) => kind);
      revision += 1;
    },
  };
};
