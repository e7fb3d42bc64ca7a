/**
 * Sets of fields, as a tree of path elements in the notation of FieldsV1: `f:name` is a field, `k:{...}` a list item
 * by its keys, `v:...` a list item by its value. A node is in the set when `member` is true. Values are never changed
 * in place.
 */
import { canonical, isObject } from "../schema/json.ts";
import type { Json, JsonObject } from "../schema/types.ts";

export interface FieldSet {
  readonly member: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export const noFields: FieldSet = { member: false, children: new Map() };

export const isEmptySet = (set: FieldSet): boolean => !set.member && set.children.size === 0;

/** A node of these children; empty ones are left out, so that an empty set has one form. */
export const fieldSet = (member: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet =>
  ({ member, children: new Map([...children].filter(([, child]) => !isEmptySet(child))) });

/** The set that has the node itself and nothing below it. */
export const onlySelf: FieldSet = fieldSet(true, []);

export const childOf = (set: FieldSet, element: string): FieldSet => set.children.get(element) ?? noFields;

export const union = (left: FieldSet, right: FieldSet): FieldSet => {
  if (isEmptySet(left)) return right;
  if (isEmptySet(right)) return left;
  const elements = new Set([...left.children.keys(), ...right.children.keys()]);
  return fieldSet(left.member || right.member, [...elements].map((element) => [element, union(childOf(left, element), childOf(right, element))] as const));
};

/** What is in the left set and not in the right one. */
export const difference = (left: FieldSet, right: FieldSet): FieldSet =>
  fieldSet(left.member && !right.member, [...left.children].map(([element, child]) => [element, difference(child, childOf(right, element))] as const));

/** As difference, and a member of the right set takes all that is below it along. */
export const differenceBelow = (left: FieldSet, right: FieldSet): FieldSet =>
  (right.member ? noFields
    : fieldSet(left.member, [...left.children].map(([element, child]) => [element, differenceBelow(child, childOf(right, element))] as const)));

export const intersection = (left: FieldSet, right: FieldSet): FieldSet =>
  fieldSet(left.member && right.member, [...left.children].map(([element, child]) => [element, intersection(child, childOf(right, element))] as const));

export const isSameSet = (left: FieldSet, right: FieldSet): boolean =>
  left.member === right.member && left.children.size === right.children.size
  && [...left.children].every(([element, child]) => isSameSet(child, childOf(right, element)));

export const unionAll = (sets: Iterable<FieldSet>): FieldSet => [...sets].reduce(union, noFields);

/** The set of these paths of fields, each as names from the root. */
export const fieldsNamed = (paths: readonly (readonly string[])[]): FieldSet =>
  unionAll(paths.map((path) => path.reduceRight((below, name) => fieldSet(false, [[`f:${name}`, below]]), onlySelf)));

/** Deeper than any object is; managed fields come from clients, and recursion must end before the stack does. */
const maxDepth = 500;

const normalElement = (element: string): string | undefined => {
  if (element.startsWith("f:")) return element;
  if (!element.startsWith("k:") && !element.startsWith("v:")) return undefined;
  try {
    return element.slice(0, 2) + canonical(JSON.parse(element.slice(2)) as Json);
  } catch {
    return undefined;
  }
};

const decodeNode = (fields: JsonObject, isLeafMember: boolean, depth: number): FieldSet | undefined => {
  if (depth > maxDepth) return undefined;
  const keys = Object.keys(fields);
  const children: (readonly [string, FieldSet])[] = [];
  for (const key of keys.filter((one) => one !== ".")) {
    const element = normalElement(key);
    const value = fields[key];
    const child = element === undefined || !isObject(value) ? undefined : decodeNode(value, true, depth + 1);
    if (element === undefined || child === undefined) return undefined;
    children.push([element, child]);
  }
  return fieldSet(keys.includes(".") || (isLeafMember && keys.length === 0), children);
};

/** The set that a FieldsV1 value stands for; undefined when it is none. */
export const decodeFields = (fields: unknown): FieldSet | undefined => (isObject(fields) ? decodeNode(fields, false, 0) : undefined);

/** The FieldsV1 value of the set. */
export const encodeFields = (set: FieldSet): JsonObject => {
  if (set.children.size === 0) return {};
  const entries = [...set.children].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([element, child]) => [element, encodeFields(child)] as const);
  return Object.fromEntries(set.member ? [[".", {}] as const, ...entries] : entries);
};

const printedValue = (value: Json | undefined): string => (typeof value === "string" ? JSON.stringify(value) : canonical(value ?? null));

const printedElement = (element: string): string => {
  if (element.startsWith("f:")) return `.${element.slice(2)}`;
  const value = JSON.parse(element.slice(2)) as Json;
  if (element.startsWith("k:") && isObject(value)) {
    return `[${Object.entries(value).map(([key, one]) => `${key}=${printedValue(one)}`).join(",")}]`;
  }
  return `[=${printedValue(value)}]`;
};

/** The members' paths, as people read them: `.spec.users[name="a"].age`. */
export const printedPaths = (set: FieldSet): readonly string[] =>
  [...set.children].toSorted(([a], [b]) => (a < b ? -1 : 1)).flatMap(([element, child]) => {
    const here = printedElement(element);
    return [...(child.member ? [here] : []), ...printedPaths(child).map((path) => here + path)];
  });
