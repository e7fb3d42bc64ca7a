/**
 * Label and field selectors: text of a query in, a question about objects out. A selector that cannot be read is
 * refused, never taken as "everything".
 */
import { badRequest } from "./problems.ts";
import { findByPath } from "./json-path.ts";
import type { Kind, KubeObject } from "./kind.ts";

export type Matches = (object: KubeObject) => boolean;

interface Requirement {
  readonly key: string;
  readonly operator: "in" | "notin" | "exists" | "absent" | "gt" | "lt";
  readonly values: readonly string[];
}

const keyPattern = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const valuePattern = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

// A requirement at a time; commas inside parentheses belong to a set. Lookahead keeps `in` from eating a key.
const requirementPattern = /^\s*(?:!\s*([^\s,=!<>()]+)|([^\s,=!<>()]+)\s*(?:(==|=|!=|>|<)\s*([^\s,=!<>()]*)|(in|notin)\s*\(([^()]*)\))?)\s*(?:,|$)/;

const unreadable = (text: string, because: string) => badRequest(`unable to parse requirement: ${because}: ${JSON.stringify(text)}`);

const setOperators: Readonly<Record<string, Requirement["operator"]>> = { "=": "in", "==": "in", "!=": "notin", ">": "gt", "<": "lt", "in": "in", "notin": "notin" };

const requirementOf = (text: string, match: RegExpExecArray): Requirement => {
  const [, absent, key, sign, value, word, list] = match;
  const name = absent ?? key ?? "";
  if (!keyPattern.test(name)) throw unreadable(text, "invalid label key");
  if (absent !== undefined) return { key: name, operator: "absent", values: [] };
  const operator = setOperators[sign ?? word ?? ""];
  if (operator === undefined) return { key: name, operator: "exists", values: [] };
  const values = list === undefined ? [value ?? ""] : list.split(",").map((one) => one.trim());
  const wrong = values.find((one) => !valuePattern.test(one));
  if (wrong !== undefined) throw unreadable(text, "invalid label value");
  if ((operator === "gt" || operator === "lt") && !/^-?\d+$/.test(value ?? "")) throw unreadable(text, "for 'Gt', 'Lt' operators, the value must be an integer");
  return { key: name, operator, values };
};

const parseLabels = (text: string): readonly Requirement[] => {
  const requirements: Requirement[] = [];
  for (let rest = text; rest.trim() !== "";) {
    const match = requirementPattern.exec(rest);
    if (match === null) throw unreadable(text, "found unexpected text");
    requirements.push(requirementOf(text, match));
    rest = rest.slice(match[0].length);
  }
  return requirements;
};

const isMet = ({ key, operator, values }: Requirement, labels: Readonly<Record<string, string>>): boolean => {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "in": return value !== undefined && values.includes(value);
    case "notin": return value === undefined || !values.includes(value);
    case "exists": return value !== undefined;
    case "absent": return value === undefined;
    case "gt": return value !== undefined && /^-?\d+$/.test(value) && Number(value) > Number(values[0]);
    case "lt": return value !== undefined && /^-?\d+$/.test(value) && Number(value) < Number(values[0]);
  }
};

/** Equality, sets, existence and numbers, all of which must hold. */
export const labelSelector = (text: string): Matches => {
  const requirements = parseLabels(text);
  return (object) => requirements.every((requirement) => isMet(requirement, object.metadata.labels ?? {}));
};

interface FieldRequirement { readonly field: string; readonly isEqual: boolean; readonly value: string }

const parseField = (text: string): FieldRequirement => {
  const match = /^([^=!]+)(==|=|!=)((?:[^=,\\]|\\.)*)$/.exec(text.trim());
  if (match === null) throw badRequest(`invalid selector: '${text}'; can't understand '${text.trim()}'`);
  return { field: (match[1] ?? "").trim(), isEqual: match[2] !== "!=", value: (match[3] ?? "").replaceAll(/\\(.)/g, "$1") };
};

// Backslash keeps a comma inside a value.
const terms = (text: string): readonly string[] => (text.match(/(?:[^,\\]|\\.)+/g) ?? []).filter((term) => term.trim() !== "");

const shown = (value: unknown): string => typeof value === "string" ? value : value === undefined || value === null ? "" : JSON.stringify(value);

const fieldValue = (object: KubeObject, field: string): string => {
  if (field === "metadata.name") return object.metadata.name;
  if (field === "metadata.namespace") return object.metadata.namespace ?? "";
  // Events of the core group keep their reporter's name in `source` when they have no other.
  if (field === "source" && object.kind === "Event") return shown(findByPath(object, ".source.component")[0] ?? object["reportingComponent"]);
  return shown(findByPath(object, `.${field}`)[0]);
};

/** The fields that every kind can be selected by, and those of this kind. */
export const selectable = (kind: Kind): readonly string[] => ["metadata.name", "metadata.namespace", ...kind.selectableFields];

const requirementsOf = (kind: Kind, text: string): readonly FieldRequirement[] => {
  const requirements = terms(text).map(parseField);
  const unknown = requirements.find(({ field }) => !selectable(kind).includes(field));
  if (unknown !== undefined) throw badRequest(kind.custom ? `field label not supported: ${unknown.field}` : `${JSON.stringify(unknown.field)} is not a known field selector: only ${selectable(kind).map((one) => JSON.stringify(one)).join(", ")}`);
  return requirements;
};

/** Equality of the kind's selectable fields; any other field is refused. */
export const fieldSelector = (kind: Kind, text: string): Matches => {
  const requirements = requirementsOf(kind, text);
  return (object) => requirements.every(({ field, isEqual, value }) => (fieldValue(object, field) === value) === isEqual);
};

/** The name that a field selector asks for, if it asks for one. */
export const namedBy = (kind: Kind, text: string): string | undefined =>
  requirementsOf(kind, text).find(({ field, isEqual }) => field === "metadata.name" && isEqual)?.value;
