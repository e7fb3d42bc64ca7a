/**
 * The functions that rules may call beyond the language itself: Kubernetes' lists, regular expressions, URLs,
 * quantities, addresses and formats, and the string, set and math extensions. All are pure and bounded by the size
 * of their arguments.
 */
import { Environment, Optional } from "@marcbachmann/cel-js";
import { compilePattern } from "../schema/pattern.ts";
import { formatProblems, namedFormats } from "./cel-formats.ts";
import { registerNetwork } from "./cel-network.ts";
import { registerQuantity } from "./cel-quantity.ts";

type List = readonly unknown[] | ReadonlySet<unknown>;
type Ordered = string | number | bigint | boolean;
type Add = (signature: string, handler: (...values: never[]) => unknown) => unknown;

const sync = { async: false };
/** Text that a function may make: `replace` and `join` could otherwise grow without bound. */
const maxTextLength = 4 * 1024 * 1024;

const bounded = (text: string): string => {
  if (text.length > maxTextLength) throw new Error("the text grows too long");
  return text;
};

const isSame = (left: unknown, right: unknown): boolean => sameValue(left, right);

/** Marks lists that are sets or maps by key: their order does not matter when they are compared. */
export const unordered: unique symbol = Symbol("unordered");

const isUnordered = (list: object): boolean => Object.hasOwn(list, unordered) || list instanceof Set;

const sameLists = (left: readonly unknown[], right: readonly unknown[], anyOrder: boolean): boolean => left.length === right.length
  && left.every((item, at) => (anyOrder ? right.some((other) => isSame(item, other)) : isSame(item, right[at])));

/** Whether two values of the language are equal, deep; numbers of different types are compared as numbers. */
export const sameValue = (left: unknown, right: unknown): boolean => {
  if (left === right) return true;
  if (typeof left === "bigint" && typeof right === "number") return Number(left) === right;
  if (typeof left === "number" && typeof right === "bigint") return left === Number(right);
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (left instanceof Map && right instanceof Map) {
    return left.size === right.size && [...left].every(([key, value]) => right.has(key) && isSame(value, right.get(key)));
  }
  const isList = (value: object): value is Iterable<unknown> => Array.isArray(value) || value instanceof Set;
  if (isList(left) && isList(right)) return sameLists([...left], [...right], isUnordered(left) && isUnordered(right));
  if (left instanceof Uint8Array && right instanceof Uint8Array) return Buffer.compare(left, right) === 0;
  const plain = [left.valueOf(), right.valueOf()] as const;
  return left.constructor === right.constructor && typeof plain[0] !== "object" && plain[0] === plain[1];
};

const expression = (pattern: string): RegExp => {
  const compiled = compilePattern(pattern);
  if (compiled === undefined) throw new Error(`Illegal regex: ${pattern}`);
  return compiled;
};

const registerRegex = (add: Add): void => {
  const matches = (text: string, pattern: string) => expression(pattern).test(text);
  // The library's own `matches` takes JavaScript's expressions; rules mean RE2's. See cel-compile.ts.
  add("string.matchesRe2(string): bool", matches);
  add("matches(string, string): bool", matches);
  const all = (text: string, pattern: string, limit: bigint) => {
    const { source, flags } = expression(pattern);
    const found = [...text.matchAll(new RegExp(source, `${flags}g`))].map(([whole]) => whole);
    return limit < 0n ? found : found.slice(0, Number(limit));
  };
  add("string.find(string): string", (text: string, pattern: string) => expression(pattern).exec(text)?.[0] ?? "");
  add("string.findAll(string): list<string>", (text: string, pattern: string) => all(text, pattern, -1n));
  add("string.findAll(string, int): list<string>", all);
};

const registerLists = (add: Add): void => {
  const values = (list: List) => [...list] as Ordered[];
  const first = (list: List, better: (a: Ordered, b: Ordered) => boolean, name: string) => {
    const [head, ...rest] = values(list);
    if (head === undefined) throw new Error(`${name} called on empty list`);
    return rest.reduce((best, one) => (better(one, best) ? one : best), head);
  };
  const at = (list: List, value: unknown, last: boolean) => {
    const test = (one: unknown) => isSame(one, value);
    return BigInt(last ? values(list).findLastIndex(test) : values(list).findIndex(test));
  };
  add("list<V>.isSorted(): bool", (list: List) => values(list).every((one, index, all) => index === 0 || !(one < (all[index - 1] ?? one))));
  add("list<int>.sum(): int", (list: List) => (values(list) as bigint[]).reduce((sum, one) => sum + one, 0n));
  add("list<double>.sum(): double", (list: List) => (values(list) as number[]).reduce((sum, one) => sum + one, 0));
  add("list<V>.min(): V", (list: List) => first(list, (a, b) => a < b, "min"));
  add("list<V>.max(): V", (list: List) => first(list, (a, b) => a > b, "max"));
  add("list<V>.indexOf(V): int", (list: List, value: unknown) => at(list, value, false));
  add("list<V>.lastIndexOf(V): int", (list: List, value: unknown) => at(list, value, true));
};

const registerStrings = (add: Add): void => {
  const replace = (text: string, from: string, to: string, limit: bigint) => {
    const parts = text.split(from);
    const keep = limit < 0n ? parts.length : Math.min(Number(limit) + 1, parts.length);
    const changed = parts.slice(0, keep).join(to);
    return bounded([changed, ...parts.slice(keep)].join(from));
  };
  add("string.replace(string, string): string", (text: string, from: string, to: string) => replace(text, from, to, -1n));
  add("string.replace(string, string, int): string", replace);
  add("string.charAt(int): string", (text: string, index: bigint) => {
    const characters = [...text];
    if (index < 0n || index > BigInt(characters.length)) throw new Error(`index out of range: ${index}`);
    return characters[Number(index)] ?? "";
  });
  add("string.reverse(): string", (text: string) => [...text].toReversed().join(""));
};

class SetsNamespace { readonly names = "sets"; }
class MathNamespace { readonly names = "math"; }
class FormatNamespace { readonly names = "format"; }
class NamedFormat {
  readonly name: string;
  constructor(name: string) { this.name = name; }
}

const registerSets = (environment: Environment, add: Add): void => {
  environment.registerType("ext.Sets", SetsNamespace).registerConstant("sets", "ext.Sets", new SetsNamespace());
  const has = (list: List, value: unknown) => [...list].some((one) => isSame(one, value));
  const contains = (outer: List, inner: List) => [...inner].every((one) => has(outer, one));
  add("ext.Sets.contains(list<V>, list<V>): bool", (_: unknown, outer: List, inner: List) => contains(outer, inner));
  add("ext.Sets.equivalent(list<V>, list<V>): bool", (_: unknown, a: List, b: List) => contains(a, b) && contains(b, a));
  add("ext.Sets.intersects(list<V>, list<V>): bool", (_: unknown, a: List, b: List) => [...a].some((one) => has(b, one)));
};

const registerMath = (environment: Environment, add: Add): void => {
  environment.registerType("ext.Math", MathNamespace).registerConstant("math", "ext.Math", new MathNamespace());
  for (const type of ["int", "double"]) {
    add(`ext.Math.greatest(${type}, ${type}): ${type}`, (_: unknown, a: Ordered, b: Ordered) => (a > b ? a : b));
    add(`ext.Math.least(${type}, ${type}): ${type}`, (_: unknown, a: Ordered, b: Ordered) => (a < b ? a : b));
    add(`ext.Math.abs(${type}): ${type}`, (_: unknown, a: number | bigint) => (a < 0 ? -a : a));
    const extreme = (better: (a: Ordered, b: Ordered) => boolean) => (_: unknown, list: List) =>
      ([...list] as Ordered[]).reduce((best, one) => (better(one, best) ? one : best));
    add(`ext.Math.greatest(list<${type}>): ${type}`, extreme((a, b) => a > b));
    add(`ext.Math.least(list<${type}>): ${type}`, extreme((a, b) => a < b));
  }
};

const registerUrls = (environment: Environment, add: Add): void => {
  environment.registerType("kubernetes.URL", URL);
  // Only what has a scheme and a host, or is an absolute path: as Go's ParseRequestURI takes it.
  const parse = (text: string) => (URL.canParse(text) ? new URL(text) : undefined);
  add("isURL(string): bool", (text: string) => parse(text) !== undefined || text.startsWith("/"));
  add("url(string): kubernetes.URL", (text: string) => {
    const url = parse(text);
    if (url === undefined) throw new Error(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`);
    return url;
  });
  add("kubernetes.URL.getScheme(): string", (url: URL) => url.protocol.replace(/:$/, ""));
  add("kubernetes.URL.getHost(): string", (url: URL) => url.host);
  add("kubernetes.URL.getHostname(): string", (url: URL) => url.hostname.replace(/^\[|\]$/g, ""));
  add("kubernetes.URL.getPort(): string", (url: URL) => url.port);
  add("kubernetes.URL.getEscapedPath(): string", (url: URL) => url.pathname);
  add("kubernetes.URL.getQuery(): map<string, list<string>>", (url: URL) => {
    const names = [...new Set(url.searchParams.keys())];
    return new Map(names.map((name) => [name, url.searchParams.getAll(name)] as const));
  });
  environment.registerOperator("kubernetes.URL == kubernetes.URL", (a: URL, b: URL) => a.href === b.href);
};

const registerFormats = (environment: Environment, add: Add): void => {
  environment.registerType("kubernetes.Formats", FormatNamespace).registerType("kubernetes.NamedFormat", NamedFormat);
  environment.registerConstant("format", "kubernetes.Formats", new FormatNamespace());
  for (const name of namedFormats) add(`kubernetes.Formats.${name}(): kubernetes.NamedFormat`, () => new NamedFormat(name));
  add("kubernetes.Formats.named(string): optional<kubernetes.NamedFormat>", (_: unknown, name: string) =>
    (namedFormats.includes(name) ? Optional.of(new NamedFormat(name)) : Optional.none()));
  add("kubernetes.NamedFormat.validate(string): optional<list<string>>", ({ name }: NamedFormat, text: string) => {
    const problems = formatProblems(name, text);
    return problems.length === 0 ? Optional.none() : Optional.of(problems);
  });
};

/** The environment that all rules share: the language, and these libraries. */
export const baseEnvironment = (): Environment => {
  const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
  const add: Add = (signature, handler) => environment.registerFunction(signature, handler, sync);
  registerRegex(add);
  registerLists(add);
  registerStrings(add);
  registerSets(environment, add);
  registerMath(environment, add);
  registerUrls(environment, add);
  registerFormats(environment, add);
  registerNetwork(environment);
  registerQuantity(environment);
  return environment;
};
