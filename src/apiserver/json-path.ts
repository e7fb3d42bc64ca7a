/**
 * The JSONPath of printer columns and of the scale subresource: `.spec.replicas`,
 * `.status.conditions[?(@.type=="Ready")].status`, `.metadata.labels['a.b/c']`. Only what
 * CustomResourceDefinitions use; a path that is not understood finds nothing, it never throws on a value.
 */

type Literal = string | number | boolean | null;
type Operator = "==" | "!=" | "<" | "<=" | ">" | ">=" | "exists";

type Step =
  | { readonly step: "child"; readonly name: string }
  | { readonly step: "index"; readonly index: number }
  | { readonly step: "every" }
  | { readonly step: "where"; readonly path: readonly Step[]; readonly operator: Operator; readonly literal: Literal };

const childPattern = /\.((?:\\.|[^.[\]\\])+)/y;
const quotedPattern = /\[\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)")\s*\]/y;
const indexPattern = /\[\s*(-?\d{1,9})\s*\]/y;
const everyPattern = /\[\s*\*\s*\]/y;
const wherePattern = /\[\s*\?\s*\(\s*@((?:\\.|\[[^\]]*\]|[^=!<>()\s\\])*)\s*(?:(==|!=|<=|>=|<|>)\s*('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^)\s]+)\s*)?\)\s*\]/y;

const unescape = (text: string): string => text.replaceAll(/\\(.)/g, "$1");

const matchAt = (pattern: RegExp, text: string, at: number): RegExpExecArray | null => {
  pattern.lastIndex = at;
  return pattern.exec(text);
};

const literalOf = (text: string): Literal | undefined => {
  if (/^(['"]).*\1$/s.test(text)) return unescape(text.slice(1, -1));
  if (text === "true" || text === "false") return text === "true";
  if (text === "null") return null;
  const number = Number(text);
  return Number.isNaN(number) ? undefined : number;
};

const whereStep = (match: RegExpExecArray): Step | undefined => {
  const path = parseJsonPath(match[1] ?? "");
  if (path === undefined) return undefined;
  const [, , operator, text] = match;
  if (operator === undefined || text === undefined) return { step: "where", path, operator: "exists", literal: null };
  const literal = literalOf(text);
  return literal === undefined ? undefined : { step: "where", path, operator: operator as Operator, literal };
};

const stepAt = (text: string, at: number): { readonly step: Step; readonly next: number } | undefined => {
  const found = (match: RegExpExecArray, step: Step | undefined) =>
    step === undefined ? undefined : { step, next: at + match[0].length };
  const child = matchAt(childPattern, text, at);
  if (child !== null) return found(child, child[1] === "*" ? { step: "every" } : { step: "child", name: unescape(child[1] ?? "") });
  const quoted = matchAt(quotedPattern, text, at);
  if (quoted !== null) return found(quoted, { step: "child", name: unescape(quoted[1] ?? quoted[2] ?? "") });
  const index = matchAt(indexPattern, text, at);
  if (index !== null) return found(index, { step: "index", index: Number(index[1]) });
  const every = matchAt(everyPattern, text, at);
  if (every !== null) return found(every, { step: "every" });
  const where = matchAt(wherePattern, text, at);
  return where === null ? undefined : found(where, whereStep(where));
};

/** The steps of a path, or undefined when it is not one that we know. Braces around it are allowed, as in kubectl. */
export const parseJsonPath = (path: string): readonly Step[] | undefined => {
  const text = path.startsWith("{") && path.endsWith("}") ? path.slice(1, -1) : path;
  const steps: Step[] = [];
  let at = 0;
  while (at < text.length) {
    const found = stepAt(text, at);
    if (found === undefined) return undefined;
    steps.push(found.step);
    at = found.next;
  }
  return steps;
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const compare = (left: unknown, operator: Operator, right: Literal): boolean => {
  if (operator === "==") return left === right;
  if (operator === "!=") return left !== right;
  const comparable = (typeof left === "number" && typeof right === "number") || (typeof left === "string" && typeof right === "string");
  if (!comparable) return false;
  if (operator === "<") return left < right;
  if (operator === "<=") return left <= right;
  return operator === ">" ? left > right : left >= right;
};

const matches = (value: unknown, where: Extract<Step, { step: "where" }>): boolean => {
  const found = follow(value, where.path);
  if (where.operator === "exists") return found.length > 0;
  return found.some((one) => compare(one, where.operator, where.literal));
};

const next = (value: unknown, step: Step): readonly unknown[] => {
  switch (step.step) {
    case "child":
      return isRecord(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case "index": {
      if (!Array.isArray(value)) return [];
      const at = step.index < 0 ? value.length + step.index : step.index;
      return at >= 0 && at < value.length ? [value[at] as unknown] : [];
    }
    case "every":
      if (Array.isArray(value)) return value as readonly unknown[];
      return isRecord(value) ? Object.values(value) : [];
    case "where":
      return Array.isArray(value) ? value.filter((item) => matches(item, step)) : [];
  }
};

const follow = (value: unknown, steps: readonly Step[]): readonly unknown[] => {
  let values: readonly unknown[] = [value];
  for (const step of steps) values = values.flatMap((one) => next(one, step));
  return values;
};

/** All values that the path leads to, in document order; none for a path that is not understood. */
export const findByPath = (value: unknown, path: string): readonly unknown[] => {
  const steps = parseJsonPath(path);
  return steps === undefined ? [] : follow(value, steps);
};
