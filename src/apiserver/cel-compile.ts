/**
 * Rules of a schema, compiled: each node that has rules gets its types, and each rule a function of self and
 * oldSelf, or the sentence that says why it does not compile. Compiled once for a schema and kept with it.
 */
import type { Environment, ParseResult } from "@marcbachmann/cel-js";
import { CelTypes, type CelType } from "./cel-values.ts";
import { baseEnvironment } from "./cel-library.ts";
import type { Rule, Schema } from "../schema/types.ts";

export interface CompiledExpression {
  readonly run: (self: unknown, oldSelf?: unknown) => unknown;
  readonly usesOldSelf: boolean;
  readonly type: string;
}

export type Compilation = { readonly ok: CompiledExpression } | { readonly failure: string };

export interface CompiledRule {
  readonly rule: Rule;
  readonly condition: Compilation;
  /** Absent when the rule has no message expression. */
  readonly message?: Compilation;
}

/** What is known of a schema: the type of every node, and the rules of those that have some. */
export interface CompiledSchema {
  readonly typeOf: (node: Schema) => CelType;
  readonly rulesOf: (node: Schema) => readonly CompiledRule[];
}

/** The parts of the library's syntax tree that are looked at. */
interface Node { readonly op: string; readonly args: unknown; readonly meta: { readonly macro?: HasMacro; readonly alternate?: Node } }
interface HasMacro { readonly args?: readonly Node[]; readonly macroHasProps?: unknown; typeCheck: (checker: Checker, macro: HasMacro, context: unknown) => unknown }
interface Checker { check(node: Node, context: unknown): unknown }

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "op" in value && "args" in value && "meta" in value;

/** All nodes of an expression, macros and what they expand to included. */
const nodesOf = (value: unknown, seen: Set<unknown> = new Set()): readonly Node[] => {
  if (typeof value !== "object" || value === null || seen.has(value)) return [];
  seen.add(value);
  if (!isNode(value)) return Object.values(value).flatMap((one) => nodesOf(one, seen));
  return [value, ...nodesOf(value.args, seen), ...nodesOf(value.meta.alternate, seen), ...nodesOf(value.meta.macro, seen)];
};

/**
 * The library does not look whether the field in has(self.field) exists; a misspelt name would make a rule that is
 * always false. It also takes JavaScript's regular expressions for RE2's.
 */
const adapt = (nodes: readonly Node[]): void => {
  for (const node of nodes) {
    const { macro } = node.meta;
    if (node.op === "call" && Array.isArray(node.args) && node.args[0] === "has" && macro !== undefined) checkFieldOfHas(macro);
    if (node.op === "rcall" && Array.isArray(node.args) && node.args[0] === "matches") node.args[0] = "matchesRe2";
  }
};

const checkFieldOfHas = (macro: HasMacro): void => {
  const original = macro.typeCheck;
  macro.typeCheck = (checker, self, context) => {
    const [field] = self.args ?? [];
    const type = original(checker, self, context);
    if (field !== undefined) checker.check(field, context);
    return type;
  };
};

const overload = /^no such overload: (.+?) (==|!=|<=|>=|<|>|\+|-|\*|\/|%|in) (.+)$/s;

/** The library's sentence in the words of Kubernetes. */
const inKubernetesWords = (summary: string): string => {
  const [, field] = /^No such key: (.+)$/s.exec(summary) ?? [];
  if (field !== undefined) return `undefined field '${field}'`;
  const [, variable] = /^Unknown variable: (.+)$/s.exec(summary) ?? [];
  if (variable !== undefined) return `undeclared reference to '${variable}' (in container '')`;
  const [, left, operator, right] = overload.exec(summary) ?? [];
  if (operator !== undefined) return `found no matching overload for '_${operator}_' applied to '(${left ?? ""}, ${right ?? ""})'`;
  return summary;
};

const summaryOf = (error: unknown): string => {
  if (typeof error === "object" && error !== null && "summary" in error && typeof error.summary === "string") return error.summary;
  return error instanceof Error ? error.message : String(error);
};

const failureOf = (error: unknown, expression: string): { readonly failure: string } =>
  ({ failure: `compilation failed: ERROR: <input>:1:1: ${inKubernetesWords(summaryOf(error))}\n | ${expression.replaceAll("\n", "\n | ")}` });

const compiled = (environment: Environment, expression: string): Compilation => {
  let parsed: ParseResult;
  try {
    parsed = environment.parse(expression);
  } catch (error) {
    return failureOf(error, expression);
  }
  const nodes = nodesOf(parsed.ast);
  adapt(nodes);
  const checked = parsed.check();
  if (!checked.valid) return failureOf(checked.error, expression);
  const usesOldSelf = nodes.some((node) => node.op === "id" && node.args === "oldSelf");
  return { ok: { run: (self, oldSelf) => parsed({ self, oldSelf }) as unknown, usesOldSelf, type: checked.type ?? "dyn" } };
};

let shared: Environment | undefined;

/** Under every node that values can be at: what allOf and its like say has no rules. */
const childrenOf = (schema: Schema): readonly Schema[] => [
  ...Object.values(schema.properties ?? {}),
  ...(schema.items === undefined ? [] : [schema.items]),
  ...(typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : []),
];

const hasRules = (schema: Schema): boolean => (schema["x-kubernetes-validations"] ?? []).length > 0;

/** Whether the node, or one below it, has rules. */
const anyRules = (schema: Schema): boolean => hasRules(schema) || childrenOf(schema).some(anyRules);

const compileNode = (environment: Environment, type: CelType, rules: readonly Rule[]): readonly CompiledRule[] => {
  const withOld = (oldType: string) => environment.clone().registerVariable("self", type.name).registerVariable("oldSelf", oldType);
  const plain = withOld(type.name);
  const optional = rules.some((rule) => rule.optionalOldSelf === true) ? withOld(`optional<${type.name}>`) : plain;
  return rules.map((rule) => {
    const chosen = rule.optionalOldSelf === true ? optional : plain;
    return {
      rule,
      condition: compiled(chosen, rule.rule),
      ...(rule.messageExpression === undefined || rule.messageExpression === "" ? {} : { message: compiled(chosen, rule.messageExpression) }),
    };
  });
};

const compileAll = (root: Schema): CompiledSchema | undefined => {
  if (!anyRules(root)) return undefined;
  shared ??= baseEnvironment();
  const environment = shared.clone();
  const types = new CelTypes(environment);
  types.of(root, true);
  const rules = new Map<Schema, readonly CompiledRule[]>();
  // All types are registered before the first clone: cloning freezes the environment.
  const visit = (node: Schema): void => {
    if (hasRules(node)) rules.set(node, compileNode(environment, types.of(node), node["x-kubernetes-validations"] ?? []));
    childrenOf(node).forEach(visit);
  };
  visit(root);
  return { typeOf: (node) => types.of(node), rulesOf: (node) => rules.get(node) ?? [] };
};

const kept = new WeakMap<Schema, { readonly compiled: CompiledSchema | undefined }>();

/** The compiled rules of a whole object's schema; undefined when it has none. */
export const compileRules = (root: Schema): CompiledSchema | undefined => {
  const known = kept.get(root) ?? { compiled: compileAll(root) };
  kept.set(root, known);
  return known.compiled;
};
