/**
 * CustomResourceDefinitions: what is wrong with one, what the server fills in, which names it gets, and the kinds that
 * it brings. Pure: definitions in, definitions and kinds out; it never stores or serves anything.
 */
import { equal, isList, isObject, own } from "../schema/json.ts";
import { invalidValue } from "../schema/validate.ts";
import { compileProblems } from "./cel.ts";
import { dns1035Label } from "./names.ts";
import { asJson, objectAt, timestamp } from "./objects.ts";
import { readSchema } from "./read-schema.ts";
import { structuralProblems } from "./structural.ts";
import type { Column, Kind, KubeObject, ScaleSubresource } from "./kind.ts";
import type { Json, JsonObject, Problem, Schema } from "../schema/types.ts";

/** Holds a deleted definition until all its objects are gone. */
export const cleanupFinalizer = "customresourcecleanup.apiextensions.k8s.io";

export interface Names {
  readonly plural: string; readonly singular: string; readonly kind: string; readonly listKind: string;
  readonly shortNames?: readonly string[]; readonly categories?: readonly string[];
}

interface Version {
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

const schemaPath = (index: number) => `spec.versions[${index}].schema.openAPIV3Schema`;

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

const label = (field: string, value: string): readonly Problem[] => {
  if (value === "") return [required(field)];
  const wrong = dns1035Label(value);
  return wrong === undefined ? [] : [invalidValue(field, value, wrong)];
};

const mixedLabel = (field: string, value: string): readonly Problem[] => {
  if (value === "") return [required(field)];
  const wrong = dns1035Label(value.toLowerCase());
  return wrong === undefined ? [] : [invalidValue(field, value, `may have mixed case, but should otherwise match: ${wrong}`)];
};

const required = (field: string): Problem => ({ field, reason: "FieldValueRequired", message: "Required value" });

const nameProblems = (spec: DefinitionSpec): readonly Problem[] => {
  const { plural, singular, kind, listKind, shortNames = [] } = spec.names;
  const lower = { plural, singular, ...Object.fromEntries(shortNames.map((name, index) => [`shortNames[${index}]`, name])) };
  const wrong = [
    ...Object.entries(lower).flatMap(([field, value]) => label(`spec.names.${field}`, value)),
    ...Object.entries({ kind, listKind }).flatMap(([field, value]) => mixedLabel(`spec.names.${field}`, value)),
  ];
  return kind !== "" && kind === listKind ? [...wrong, invalidValue("spec.names.listKind", listKind, "kind and listKind may not be the same")] : wrong;
};

const groupProblems = (definition: KubeObject, spec: DefinitionSpec): readonly Problem[] => {
  const problems: Problem[] = [];
  if (definition.metadata.name !== `${spec.names.plural}.${spec.group}`)
    problems.push(invalidValue("metadata.name", definition.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  if (spec.group === "") problems.push(required("spec.group"));
  else if (!spec.group.includes(".")) problems.push(invalidValue("spec.group", spec.group, "should be a domain with at least one dot"));
  if ((spec.scope as string) === "") problems.push(required("spec.scope"));
  else if (!["Cluster", "Namespaced"].includes(spec.scope))
    problems.push({ field: "spec.scope", reason: "FieldValueNotSupported", message: `Unsupported value: ${JSON.stringify(spec.scope)}: supported values: "Cluster", "Namespaced"` });
  if (spec.preserveUnknownFields === true)
    problems.push(invalidValue("spec.preserveUnknownFields", true, "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"));
  if (spec.conversion?.strategy !== "None")
    problems.push({ field: "spec.conversion.strategy", reason: "FieldValueNotSupported", message: `Unsupported value: ${JSON.stringify(spec.conversion?.strategy ?? "")}: supported values: "None"` });
  return problems;
};

const columnTypes = ["boolean", "date", "integer", "number", "string"];

const columnProblems = (column: Column, path: string): readonly Problem[] => [
  ...(column.name === "" ? [required(`${path}.name`)] : []),
  ...(columnTypes.includes(column.type) ? [] : [invalidValue(`${path}.type`, column.type, `must be one of ${columnTypes.join(",")}`)]),
  ...(column.jsonPath === undefined || column.jsonPath === "" ? [required(`${path}.jsonPath`)]
    : column.jsonPath.startsWith(".") ? [] : [invalidValue(`${path}.jsonPath`, column.jsonPath, "must be a simple json path starting with .")]),
];

const scaleProblems = (scale: ScaleSubresource, path: string): readonly Problem[] => {
  const starts = (field: "specReplicasPath" | "statusReplicasPath" | "labelSelectorPath", prefixes: readonly string[]): readonly Problem[] => {
    const value = scale[field];
    if (value === undefined || value === "") return field === "labelSelectorPath" ? [] : [required(`${path}.${field}`)];
    return prefixes.some((prefix) => value.startsWith(prefix)) ? [] : [invalidValue(`${path}.${field}`, value, `should be a json path under ${prefixes.map((prefix) => prefix.slice(0, -1)).join(" or ")}`)];
  };
  return [...starts("specReplicasPath", [".spec."]), ...starts("statusReplicasPath", [".status."]), ...starts("labelSelectorPath", [".status.", ".spec."])];
};

const versionProblems = (version: Version, index: number): readonly Problem[] => {
  const path = `spec.versions[${index}]`;
  const schema = version.schema?.openAPIV3Schema;
  const named = label(`${path}.name`, version.name);
  const structural = schema === undefined ? [required(`${path}.schema.openAPIV3Schema`)] : structuralProblems(schema, schemaPath(index));
  // Rules are compiled against the types, so that they wait until those are right.
  const rules = schema === undefined || structural.length > 0 ? []
    : compileProblems(schema).map((problem) => ({ ...problem, field: problem.field === "" ? schemaPath(index) : `${schemaPath(index)}.${problem.field}` }));
  const columns = (version.additionalPrinterColumns ?? []).flatMap((column, at) => columnProblems(column, `${path}.additionalPrinterColumns[${at}]`));
  const scale = version.subresources?.scale === undefined ? [] : scaleProblems(version.subresources.scale, `${path}.subresources.scale`);
  return [...named, ...structural, ...rules, ...columns, ...scale];
};

const versionsProblems = (versions: readonly Version[]): readonly Problem[] => {
  const problems: Problem[] = [];
  const names = versions.map(({ name }) => name);
  if (versions.filter(({ storage }) => storage).length !== 1) problems.push(invalidValue("spec.versions", names, "must have exactly one version marked as storage version"));
  names.forEach((name, index) => {
    if (names.indexOf(name) < index) problems.push({ field: `spec.versions[${index}].name`, reason: "FieldValueDuplicate", message: `Duplicate value: ${JSON.stringify(name)}` });
  });
  return problems;
};

/** What is wrong with a completed definition; with `before`, also what may not change. */
export const definitionProblems = (definition: KubeObject, before?: KubeObject): readonly Problem[] => {
  const spec = specOf(definition);
  const problems = [...groupProblems(definition, spec), ...nameProblems(spec), ...versionsProblems(spec.versions), ...spec.versions.flatMap(versionProblems)];
  if (before === undefined) return problems;
  const old = specOf(before);
  const immutable = (field: string, was: string, is: string): readonly Problem[] => was === is ? [] : [invalidValue(field, is, "field is immutable")];
  const stored = storedVersionsOf(before);
  return [
    ...problems, ...immutable("spec.scope", old.scope, spec.scope), ...immutable("spec.group", old.group, spec.group),
    ...immutable("spec.names.plural", old.names.plural, spec.names.plural), ...immutable("spec.names.kind", old.names.kind, spec.names.kind),
    ...stored.flatMap((version, index) => spec.versions.some(({ name }) => name === version) ? []
      : [invalidValue(`status.storedVersions[${index}]`, version, "must appear in spec.versions")]),
  ];
};

const storedVersionsOf = (definition: KubeObject): readonly string[] => {
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
