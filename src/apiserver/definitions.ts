/**
 * CustomResourceDefinitions: what the server fills in, which names one gets, and the kinds that
 * it brings. Pure: definitions in, definitions and kinds out; it never stores, serves or refuses anything.
 */
import { equal, isList, isObject, own } from "../schema/json.ts";
import { asJson, objectAt, timestamp } from "./objects.ts";
import { readSchema } from "./read-schema.ts";
import type { Column, Kind, KubeObject, ScaleSubresource } from "./kind.ts";
import type { Json, JsonObject, Schema } from "../schema/types.ts";

/** Holds a deleted definition until all its objects are gone. */
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

export interface Names {
  readonly plural: string; readonly singular: string; readonly kind: string; readonly listKind: string;
  readonly shortNames?: readonly string[]; readonly categories?: readonly string[];
}

export interface Version {
  readonly name: string; readonly served: boolean; readonly storage: boolean;
  readonly deprecated?: boolean; readonly deprecationWarning?: string;
  readonly schema?: { readonly openAPIV3Schema?: Schema };
  readonly subresources?: { readonly status?: JsonObject; readonly scale?: ScaleSubresource };
  readonly additionalPrinterColumns?: readonly Column[];
  readonly selectableFields?: readonly { readonly jsonPath: string }[];
}

/** The spec of a definition that was admitted. */
export interface DefinitionSpec {
  readonly group: string; readonly scope: "Namespaced" | "Cluster"; readonly names: Names;
  readonly versions: readonly Version[];
  readonly conversion?: { readonly strategy: string };
  readonly preserveUnknownFields?: boolean;
}

export const specOf = (definition: KubeObject): DefinitionSpec => objectAt(definition, "spec") as unknown as DefinitionSpec;

const text = (value: unknown): string => typeof value === "string" ? value : "";

/** The definition with what authors leave out: singular, list kind, conversion. */
export const completed = (definition: KubeObject): KubeObject => {
  const spec = objectAt(definition, "spec");
  const names = objectAt(spec, "names");
  const kind = text(names["kind"]);
  const versions = own(spec, "versions");
  return {
    ...definition,
    spec: {
      ...spec, group: text(own(spec, "group")), scope: text(own(spec, "scope")),
      names: {
        ...names, plural: text(names["plural"]), kind,
        singular: text(names["singular"]) || kind.toLowerCase(), listKind: text(names["listKind"]) || (kind === "" ? "" : `${kind}List`),
      },
      conversion: { strategy: "None", ...objectAt(spec, "conversion") },
      versions: isList(versions) ? versions.map((version, index) => withReadSchema(version, index).version) : [],
    },
  };
};

export const schemaPath = (index: number) => `spec.versions[${index}].schema.openAPIV3Schema`;

const withReadSchema = (version: Json, index: number) => {
  const given = own(objectAt(version, "schema"), "openAPIV3Schema");
  if (!isObject(version) || given === undefined) return { version, unknown: [], malformed: [] };
  const { schema, unknown, malformed } = readSchema(given, schemaPath(index));
  return { version: { ...version, schema: { ...objectAt(version, "schema"), openAPIV3Schema: schema } }, unknown, malformed };
};

/** Fields inside the schemas that are no keywords, and nodes that are no schemas, as paths. */
export const schemaReading = (definition: JsonObject): { readonly unknown: readonly string[]; readonly malformed: readonly string[] } => {
  const versions = own(objectAt(definition, "spec"), "versions");
  const read = isList(versions) ? versions.map(withReadSchema) : [];
  return { unknown: read.flatMap((one) => one.unknown), malformed: read.flatMap((one) => one.malformed) };
};

/** The versions in which objects may have been stored. */
export const storedVersionsOf = (definition: KubeObject): readonly string[] => {
  const stored = own(objectAt(definition, "status"), "storedVersions");
  return isList(stored) ? stored.map(text) : [];
};

interface Condition extends JsonObject {
  readonly type: string; readonly status: string; readonly reason: string; readonly message: string; readonly lastTransitionTime: string;
}

export const conditionsOf = (definition: KubeObject): readonly Condition[] => {
  const conditions = own(objectAt(definition, "status"), "conditions");
  return isList(conditions) ? conditions as readonly Condition[] : [];
};

/** The conditions with one of them set; its time moves only when its status does. */
export const withCondition = (
  conditions: readonly Condition[], condition: Pick<Condition, "type" | "status" | "reason" | "message">, nowMs: number,
): readonly Condition[] => {
  const old = conditions.find(({ type }) => type === condition.type);
  const next: Condition = { ...condition, lastTransitionTime: old?.status === condition.status ? old.lastTransitionTime : timestamp(nowMs) };
  return old === undefined ? [...conditions, next] : conditions.map((one) => one.type === condition.type ? next : one);
};

export const isTrue = (definition: KubeObject, type: string): boolean => conditionsOf(definition).some((one) => one.type === type && one.status === "True");

const acceptedNamesOf = (definition: KubeObject): Partial<Names> => objectAt(objectAt(definition, "status"), "acceptedNames");

const takenBy = (others: readonly KubeObject[]) => {
  const accepted = others.map(acceptedNamesOf);
  return {
    resources: new Set(accepted.flatMap(({ plural, singular, shortNames = [] }) => [plural, singular, ...shortNames])),
    kinds: new Set(accepted.flatMap(({ kind, listKind }) => [kind, listKind])),
  };
};

const nameConflict = (names: Names, others: readonly KubeObject[]): { readonly reason: string; readonly message: string } | undefined => {
  const { resources, kinds } = takenBy(others);
  const inUse = (reason: string, name: string) => ({ reason, message: `${JSON.stringify(name)} is already in use` });
  // Of several the last is told, as the real server does.
  if (kinds.has(names.listKind)) return inUse("ListKindConflict", names.listKind);
  if (kinds.has(names.kind)) return inUse("KindConflict", names.kind);
  const short = names.shortNames?.find((name) => resources.has(name));
  if (short !== undefined) return inUse("ShortNamesConflict", short);
  if (resources.has(names.singular)) return inUse("SingularConflict", names.singular);
  return resources.has(names.plural) ? inUse("PluralConflict", names.plural) : undefined;
};

const firstEstablished = { type: "Established", status: "True", reason: "InitialNamesAccepted", message: "the initial names have been accepted" };

/** The definition with its status: names that nobody else of the group has are accepted, and then it is served for good. */
export const withNames = (definition: KubeObject, others: readonly KubeObject[], nowMs: number): KubeObject => {
  const spec = specOf(definition);
  const rivals = others.filter((other) => other.metadata.name !== definition.metadata.name && specOf(other).group === spec.group);
  const conflict = nameConflict(spec.names, rivals);
  const named = conflict === undefined ? { type: "NamesAccepted", status: "True", reason: "NoConflicts", message: "no conflicts found" }
    : { type: "NamesAccepted", status: "False", ...conflict };
  const wasEstablished = isTrue(definition, "Established");
  const established = wasEstablished ? conditionsOf(definition).find(({ type }) => type === "Established") ?? firstEstablished
    : conflict === undefined ? firstEstablished : { type: "Established", status: "False", reason: "NotAccepted", message: "not all names are accepted" };
  const storage = spec.versions.find((version) => version.storage)?.name;
  const stored = storedVersionsOf(definition);
  return {
    ...definition,
    status: {
      conditions: withCondition(withCondition(conditionsOf(definition), named, nowMs), established, nowMs),
      acceptedNames: conflict === undefined ? spec.names : { plural: "", kind: "", ...acceptedNamesOf(definition) },
      storedVersions: storage === undefined || stored.includes(storage) ? stored : [...stored, storage],
    },
  };
};

export const isSameDefinition = (a: KubeObject, b: KubeObject): boolean => equal(asJson(a), asJson(b));

const plain = (column: Column): Column => ({ ...column, priority: column.priority ?? 0 });

const verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

const kindOf = (spec: DefinitionSpec, names: Names, version: Version): Kind => ({
  group: spec.group, version: version.name, kind: names.kind, listKind: names.listKind, plural: names.plural, singular: names.singular,
  shortNames: names.shortNames ?? [], categories: names.categories ?? [], namespaced: spec.scope === "Namespaced", verbs,
  schema: version.schema?.openAPIV3Schema ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  status: version.subresources?.status !== undefined,
  ...(version.subresources?.scale === undefined ? {} : { scale: version.subresources.scale }),
  columns: (version.additionalPrinterColumns ?? []).map(plain), custom: true,
  selectableFields: (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.replace(/^\./, "")),
});

export interface ServedVersion { readonly kind: Kind; readonly warning?: string }

/** The kinds that an established definition brings, one for each served version. */
export const kindsOf = (definition: KubeObject): readonly ServedVersion[] => {
  if (!isTrue(definition, "Established")) return [];
  const spec = specOf(definition);
  const names: Names = { ...spec.names, ...acceptedNamesOf(definition) };
  return spec.versions.filter(({ served }) => served).map((version) => {
    const warning = version.deprecationWarning ?? `${spec.group}/${version.name} ${names.kind} is deprecated`;
    return { kind: kindOf(spec, names, version), ...(version.deprecated === true ? { warning } : {}) };
  });
};
