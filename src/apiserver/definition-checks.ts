/** What keeps a CustomResourceDefinition from being stored. Pure; the paths are those that its author wrote. */
import { invalidValue } from "../schema/validate.ts";
import { compileProblems } from "./cel.ts";
import { schemaPath, specOf, storedVersionsOf } from "./definitions.ts";
import { dns1035Label } from "./names.ts";
import { structuralProblems } from "./structural.ts";
import type { DefinitionSpec, Version } from "./definitions.ts";
import type { Column, KubeObject, ScaleSubresource } from "./kind.ts";
import type { Problem } from "../schema/types.ts";

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
