/**
 * What is wrong with the rules of a schema, before any value is checked by them: found when a definition is
 * created, so that a rule that can't work is never installed.
 */
import { compileRules, type Compilation, type CompiledRule, type CompiledSchema } from "./cel-compile.ts";
import { own } from "../schema/json.ts";
import { parseJsonPath } from "./json-path.ts";
import type { Problem, Rule, Schema } from "../schema/types.ts";

interface Place {
  readonly node: Schema;
  readonly path: string;
  /** The list whose items can't be told from one version to the next, if this is below one. */
  readonly uncorrelated: string | undefined;
}

const reasons = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

const invalid = (field: string, value: string, message: string): Problem =>
  ({ field, reason: "FieldValueInvalid", message: `Invalid value: ${value}: ${message}` });

/** The rule as Kubernetes prints it in these messages. */
const printedRule = (rule: Rule): string => JSON.stringify({
  Rule: rule.rule, Message: rule.message ?? "", MessageExpression: rule.messageExpression ?? "", Reason: rule.reason ?? null,
  FieldPath: rule.fieldPath ?? "", OptionalOldSelf: rule.optionalOldSelf ?? null,
});

const expressionProblem = (compilation: Compilation, rule: Rule, field: string, wanted: "bool" | "string"): Problem | undefined => {
  if (!("ok" in compilation)) return invalid(field, printedRule(rule), compilation.failure);
  const { type } = compilation.ok;
  if (type === wanted || type === "dyn") return undefined;
  const message = wanted === "bool" ? "cel expression must evaluate to a bool" : "messageExpression must evaluate to a string";
  return invalid(field, printedRule(rule), message);
};

/** Whether the path, from this node, leads to a field that the schema names. */
const leadsSomewhere = (node: Schema, fieldPath: string): boolean => {
  const steps = parseJsonPath(fieldPath);
  if (steps === undefined || steps.length === 0) return false;
  let here: Schema | undefined = node;
  for (const step of steps) {
    if (step.step !== "child" || here === undefined) return false;
    const others: boolean | Schema | undefined = here.additionalProperties;
    here = own(here.properties, step.name) ?? (typeof others === "object" ? others : undefined);
  }
  return here !== undefined;
};

const textProblems = (rule: Rule, { node }: Place, path: string): readonly Problem[] => {
  const found: Problem[] = [];
  if (rule.message !== undefined && rule.message !== "" && rule.message.trim() === "") {
    found.push(invalid(`${path}.message`, JSON.stringify(rule.message), "message must be non-empty if specified"));
  }
  if (rule.message?.trim().includes("\n") === true) {
    found.push(invalid(`${path}.message`, JSON.stringify(rule.message), "must not contain line breaks"));
  }
  if (rule.message === undefined && rule.messageExpression === undefined && rule.rule.trim().includes("\n")) {
    found.push({ field: `${path}.message`, reason: "FieldValueRequired", message: "Required value: message must be specified if rule contains line breaks" });
  }
  if (rule.reason !== undefined && !reasons.includes(rule.reason)) {
    const supported = reasons.map((reason) => JSON.stringify(reason)).join(", ");
    found.push({
      field: `${path}.reason`, reason: "FieldValueNotSupported",
      message: `Unsupported value: ${JSON.stringify(rule.reason)}: supported values: ${supported}`,
    });
  }
  if (rule.fieldPath !== undefined && rule.fieldPath !== "" && !leadsSomewhere(node, rule.fieldPath)) {
    found.push(invalid(`${path}.fieldPath`, JSON.stringify(rule.fieldPath), "must be a valid path"));
  }
  return found;
};

const transitionProblems = ({ rule, condition }: CompiledRule, { uncorrelated }: Place, path: string): readonly Problem[] => {
  if (!("ok" in condition)) return [];
  const { usesOldSelf } = condition.ok;
  if (rule.optionalOldSelf === true && !usesOldSelf) {
    return [invalid(`${path}.optionalOldSelf`, "true", "may not be set if oldSelf is not used in rule")];
  }
  if (!usesOldSelf || uncorrelated === undefined) return [];
  const message = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`;
  return [invalid(`${path}.rule`, JSON.stringify(rule.rule), message)];
};

const ruleProblems = (compiled: CompiledRule, place: Place, path: string): readonly Problem[] => {
  const { rule, condition, message } = compiled;
  if (rule.rule.trim() === "") return [{ field: `${path}.rule`, reason: "FieldValueRequired", message: "Required value: rule is not specified" }];
  return [
    ...textProblems(rule, place, path),
    ...[expressionProblem(condition, rule, `${path}.rule`, "bool")].filter((one) => one !== undefined),
    ...(message === undefined ? [] : [expressionProblem(message, rule, `${path}.messageExpression`, "string")]).filter((one) => one !== undefined),
    ...transitionProblems(compiled, place, path),
  ];
};

const below = ({ node, path, uncorrelated }: Place): readonly Place[] => {
  const at = (part: string) => (path === "" ? part : `${path}.${part}`);
  const others = typeof node.additionalProperties === "object" ? node.additionalProperties : undefined;
  const isKeyed = node["x-kubernetes-list-type"] === "map";
  return [
    ...Object.entries(node.properties ?? {}).map(([name, one]) => ({ node: one, path: at(`properties[${name}]`), uncorrelated })),
    ...(others === undefined ? [] : [{ node: others, path: at("additionalProperties"), uncorrelated }]),
    ...(node.items === undefined ? [] : [{ node: node.items, path: at("items"), uncorrelated: isKeyed ? uncorrelated : uncorrelated ?? path }]),
  ];
};

const problemsAt = (compiled: CompiledSchema, place: Place): readonly Problem[] => {
  const rules = compiled.rulesOf(place.node);
  const prefix = place.path === "" ? "" : `${place.path}.`;
  return [
    ...rules.flatMap((rule, index) => ruleProblems(rule, place, `${prefix}x-kubernetes-validations[${index}]`)),
    ...below(place).flatMap((one) => problemsAt(compiled, one)),
  ];
};

/** What is wrong with the rules of the schema; `path` is where the schema is in its definition. */
export const definitionProblems = (schema: Schema, path: string): readonly Problem[] => {
  const compiled = compileRules(schema);
  return compiled === undefined ? [] : problemsAt(compiled, { node: schema, path, uncorrelated: undefined });
};
