/**
 * The validation rules of schemas (`x-kubernetes-validations`), in the Common Expression Language: evaluated at
 * every node of a value, and checked when a definition brings them. Rules can't hang the server: evaluation has a
 * budget of time, and what exceeds it is a problem like any other.
 */
import { createContext, Script } from "node:vm";
import { Optional } from "@marcbachmann/cel-js";
import { itemKey } from "./cel-values.ts";
import { compileRules, type CompiledExpression, type CompiledRule, type CompiledSchema } from "./cel-compile.ts";
import { definitionProblems } from "./cel-definition.ts";
import { child, equal, isList, isObject, own } from "../schema/json.ts";
import type { Json, Problem, Rule, Schema } from "../schema/types.ts";

export interface RuleCheck {
  /** Of the whole object, or of a value within one. */
  readonly schema: Schema;
  readonly value: Json;
  /** The value that is stored; absent on create. */
  readonly old?: Json;
  /** Where the value is, as Kubernetes prints paths; empty for the object itself. */
  readonly path?: string;
}

/** Rules on one object together; they usually take well under a millisecond. */
const budgetMs = 1000;

interface Place { readonly schema: Schema; readonly value: Json; readonly old: Json | undefined; readonly path: string }

const messageOf = (error: unknown): string => {
  const text = typeof error === "object" && error !== null && "summary" in error ? String(error.summary)
    : error instanceof Error ? error.message : String(error);
  const [, index] = /^No such key: index out of bounds, index (-?\d+)/.exec(text) ?? [];
  if (index !== undefined) return `index out of bounds: ${index}`;
  return text.replace(/^No such key: /, "no such key: ");
};

/** Values as causes show them: scalars as they are, others not at all. */
const shown = (value: Json): string => (typeof value === "object" ? "" : JSON.stringify(value));

const located = (path: string, fieldPath: string | undefined): string => {
  if (fieldPath === undefined || fieldPath === "") return path;
  const steps = fieldPath.replaceAll(/\['((?:[^'\\]|\\.)*)'\]/g, "[$1]").replace(/^\./, "");
  return steps.startsWith("[") ? `${path}${steps}` : child(path, steps);
};

const wording: Readonly<Record<NonNullable<Rule["reason"]>, (message: string, value: string) => string>> = {
  FieldValueInvalid: (message, value) => `Invalid value: ${value === "" ? "" : `${value}: `}${message}`,
  FieldValueForbidden: (message) => `Forbidden: ${message}`,
  FieldValueRequired: (message) => `Required value: ${message}`,
  FieldValueDuplicate: (_, value) => (value === "" ? "Duplicate value" : `Duplicate value: ${value}`),
};

const refused = (rule: Rule, place: Place, message: string): Problem => {
  const isElsewhere = rule.fieldPath !== undefined && rule.fieldPath !== "";
  const reason = rule.reason ?? "FieldValueInvalid";
  return { field: located(place.path, rule.fieldPath), reason, message: wording[reason](message, isElsewhere ? "" : shown(place.value)) };
};

const fixedMessage = (rule: Rule): string => {
  const message = rule.message?.trim() ?? "";
  return message === "" ? `failed rule: ${rule.rule.trim()}` : message;
};

const computedMessage = (expression: CompiledExpression, self: unknown, old: unknown): string | undefined => {
  try {
    const message = expression.run(self, old);
    // Anything but one line of text is a mistake of the rule's author: the fixed message stands in.
    return typeof message === "string" && message.trim() !== "" && !message.includes("\n") ? message.trim() : undefined;
  } catch (error) {
    if (isOutOfTime(error)) throw error;
    return undefined;
  }
};

const isOutOfTime = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "code" in error && error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT";

const kindOfValue = (value: Json): string => (isList(value) ? "array" : isObject(value) ? "object" : typeof value);

const ruleProblem = ({ rule, condition, message }: CompiledRule, place: Place, self: unknown, old: unknown): Problem | undefined => {
  if (!("ok" in condition)) {
    return { field: place.path, reason: "FieldValueInvalid", message: `Invalid value: ${JSON.stringify(kindOfValue(place.value))}: rule compile error: ${condition.failure}` };
  }
  try {
    if (condition.ok.run(self, old) === true) return undefined;
  } catch (error) {
    if (isOutOfTime(error)) throw error;
    const text = `${messageOf(error)} evaluating rule: ${rule.message?.trim() || rule.rule}`;
    return { field: place.path, reason: "FieldValueInvalid", message: `Invalid value: ${JSON.stringify(kindOfValue(place.value))}: ${text}` };
  }
  const computed = message !== undefined && "ok" in message ? computedMessage(message.ok, self, old) : undefined;
  return refused(rule, place, computed ?? fixedMessage(rule));
};

/** Whether the rule is asked at all: transition rules need an old value, others need a value that changed. */
const applies = ({ rule, condition }: CompiledRule, { value, old }: Place): boolean => {
  const isTransition = "ok" in condition && condition.ok.usesOldSelf;
  if (isTransition) return rule.optionalOldSelf === true || (old !== undefined && old !== null);
  return old === undefined || !equal(old, value);
};

const nodeProblems = (compiled: CompiledSchema, place: Place): readonly Problem[] => {
  const rules = compiled.rulesOf(place.schema).filter((rule) => applies(rule, place));
  if (rules.length === 0) return [];
  const type = compiled.typeOf(place.schema);
  const self = type.valueOf(place.value);
  const hasOld = place.old !== undefined && place.old !== null;
  const old = hasOld ? type.valueOf(place.old ?? null) : undefined;
  return rules.flatMap((rule) => {
    const given = rule.rule.optionalOldSelf === true ? (hasOld ? Optional.of(old) : Optional.none()) : old;
    return ruleProblem(rule, place, self, given) ?? [];
  });
};

const itemPlaces = ({ schema, value, old, path }: Place): readonly Place[] => {
  const items = schema.items;
  if (!isList(value) || items === undefined) return [];
  const isKeyed = schema["x-kubernetes-list-type"] === "map";
  const before = new Map(isKeyed && isList(old) ? old.map((item) => [itemKey(schema, item), item] as const) : []);
  return value.map((item, index) => ({ schema: items, value: item, old: isKeyed ? before.get(itemKey(schema, item)) : undefined, path: `${path}[${index}]` }));
};

const entryPlaces = ({ schema, value, old, path }: Place): readonly Place[] => {
  if (!isObject(value)) return [];
  const before = isObject(old) ? old : {};
  const others = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
  return Object.entries(value).flatMap(([name, entry]) => {
    const named = own(schema.properties, name);
    const node = named ?? others;
    const at = named === undefined ? `${path}[${name}]` : child(path, name);
    return node === undefined ? [] : [{ schema: node, value: entry, old: own(before, name), path: at }];
  });
};

/** Deeper than any schema; the value was validated before, so this is never met by what was accepted. */
const maxDepth = 200;

const problemsAt = (compiled: CompiledSchema, place: Place, depth: number): readonly Problem[] => {
  if (place.value === null || depth > maxDepth) return [];
  return [
    ...nodeProblems(compiled, place),
    ...[...itemPlaces(place), ...entryPlaces(place)].flatMap((one) => problemsAt(compiled, one, depth + 1)),
  ];
};

/** Only a script of its own can be interrupted; making its context takes longer than most rules, so it is made once. */
const call = new Script("run()");
const idle = (): readonly Problem[] => [];
const callee = { run: idle };
const context = createContext(callee);

/** Runs it and ends it when the budget is used up. */
const withinBudget = (run: () => readonly Problem[], path: string): readonly Problem[] => {
  callee.run = run;
  try {
    return call.runInContext(context, { timeout: budgetMs }) as readonly Problem[];
  } catch (error) {
    if (!isOutOfTime(error)) throw error;
    const message = "Invalid value: \"object\": validation failed due to running out of cost budget, no further validation rules will be run";
    return [{ field: path, reason: "FieldValueInvalid", message }];
  } finally {
    callee.run = idle;
  }
};

/**
 * What the rules of the schema, at every node, object to. Transition rules (those that name oldSelf) run only
 * against an old value; other rules do not run where nothing changed.
 */
export const celProblems = ({ schema, value, old, path = "" }: RuleCheck): readonly Problem[] => {
  const compiled = compileRules(schema);
  return compiled === undefined ? [] : withinBudget(() => problemsAt(compiled, { schema, value, old, path }, 0), path);
};

/** The rules of the schema that do not compile or say contradictory things, each at its place within the schema. */
export const compileProblems = (schema: Schema, path = ""): readonly Problem[] => definitionProblems(schema, path);
