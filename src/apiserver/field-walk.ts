/**
 * What server-side apply does to values, field by field: which fields a value has, how two values differ, how an
 * applied value merges into a live one, and how fields that were given up are taken out again. Pure.
 */
import { equal, isList, isObject } from "../schema/json.ts";
import { childOf, fieldSet, isEmptySet, noFields, onlySelf, type FieldSet } from "./field-set.ts";
import { isNamedField, partSchema, partsOf, shapeOf, sharedShape, type Part, type Shape } from "./field-shape.ts";
import { badRequest } from "./problems.ts";
import type { Json, Schema } from "../schema/types.ts";

/** Deeper than any object is; recursion must end before the stack does. */
const maxDepth = 500;

const guard = (depth: number): void => {
  if (depth > maxDepth) throw badRequest("the object nests too deep");
};

const isEmptyValue = (value: Json): boolean => value === null || (isObject(value) && Object.keys(value).length === 0);

/** The fields of an applied value: its leaves, list items, and entries that no schema names. */
export const fieldsOf = (schema: Schema | undefined, value: Json, depth = 0): FieldSet => {
  guard(depth);
  const shape = shapeOf(schema, value);
  if (shape.divides === "not") return value === null || !isDivisible(schema, value) ? onlySelf : noFields;
  const children = partsOf(shape, value).map((part) => {
    const below = fieldsOf(partSchema(shape, part.element), part.value, depth + 1);
    const isOwn = shape.divides === "list" || isEmptyValue(part.value) || !isNamedField(shape.schema, part.element.slice(2));
    return [part.element, isOwn ? fieldSet(true, below.children) : below] as const;
  });
  return fieldSet(false, children);
};

/** An empty keyed list divides into nothing, and is no field itself. */
const isDivisible = (schema: Schema | undefined, value: Json): boolean => isList(value) && shapeOf(schema, value).divides === "list";

export interface Comparison { readonly added: FieldSet; readonly changed: FieldSet; readonly removed: FieldSet }

const leafComparison = (before: Json | undefined, after: Json | undefined): Comparison => ({
  added: before === undefined ? onlySelf : noFields,
  removed: after === undefined ? onlySelf : noFields,
  changed: before !== undefined && after !== undefined && !equal(before, after) ? onlySelf : noFields,
});

const byElement = (parts: readonly Part[]): ReadonlyMap<string, Json> => new Map(parts.map(({ element, value }) => [element, value] as const));

/** How the value after differs from the one before, as sets of fields. */
export const compare = (schema: Schema | undefined, before: Json | undefined, after: Json | undefined, depth = 0): Comparison => {
  guard(depth);
  const shape = sharedShape(schema, before, after) ?? { divides: "not" };
  if (shape.divides === "not") return leafComparison(before, after);
  const left = byElement(partsOf(shape, before));
  const right = byElement(partsOf(shape, after));
  const elements = [...new Set([...left.keys(), ...right.keys()])];
  const below = elements.map((element) =>
    [element, compare(partSchema(shape, element), left.get(element), right.get(element), depth + 1)] as const);
  const gather = (part: keyof Comparison, member: boolean) => fieldSet(member, below.map(([element, one]) => [element, one[part]] as const));
  return { added: gather("added", before === undefined), removed: gather("removed", after === undefined), changed: gather("changed", false) };
};

const assembled = (shape: Shape, parts: readonly Part[]): Json =>
  (shape.divides === "list" ? parts.map((part) => part.value)
    : Object.fromEntries(parts.map(({ element, value }) => [element.slice(2), value] as const)));

/**
 * Items of both lists: those that only the live list has stay where they were, applied ones come in the order in
 * which they are applied.
 */
const interleaved = (live: readonly string[], applied: readonly string[]): readonly string[] => {
  const inApplied = new Set(applied);
  const inLive = new Set(live);
  const shared = applied.filter((element) => inLive.has(element));
  const result: string[] = [];
  const taken = new Set<string>();
  let at = 0;
  let nextShared = 0;
  const take = (element: string) => {
    result.push(element);
    taken.add(element);
    if (shared[nextShared] === element) nextShared += 1;
  };
  for (const element of applied) {
    // Pass live-only items up to the place of this one; a shared item that is applied later moves.
    while (at < live.length && live[at] !== element) {
      const here = live[at] ?? "";
      if (!inApplied.has(here)) result.push(here);
      else if (!taken.has(here) && shared[nextShared] === here) break;
      at += 1;
    }
    if (live[at] === element) at += 1;
    take(element);
  }
  return [...result, ...live.slice(at).filter((element) => !inApplied.has(element))];
};

const orderOf = (shape: Shape, live: readonly Part[], applied: readonly Part[]): readonly string[] => {
  const left = [...new Set(live.map((part) => part.element))];
  const right = [...new Set(applied.map((part) => part.element))];
  if (shape.divides === "list") return interleaved(left, right);
  return [...new Set([...left, ...right])];
};

/** The live value with the applied one laid over it. */
export const overlay = (schema: Schema | undefined, live: Json | undefined, applied: Json, depth = 0): Json => {
  guard(depth);
  if (live === undefined) return applied;
  const shape = sharedShape(schema, live, applied);
  if (shape === undefined || shape.divides === "not") return applied;
  const left = partsOf(shape, live);
  const right = partsOf(shape, applied);
  const before = byElement(left);
  const wanted = byElement(right);
  const parts = orderOf(shape, left, right).map((element) => {
    const wish = wanted.get(element);
    const value = wish === undefined ? before.get(element) ?? null : overlay(partSchema(shape, element), before.get(element), wish, depth + 1);
    return { element, value };
  });
  return assembled(shape, parts);
};

export interface GivenUp {
  /** What the manager applied last time. */
  readonly last: FieldSet;
  /** What anyone owns now, the manager's new wish included. */
  readonly owned: FieldSet;
}

/** The value without what a manager gave up and nobody else owns. */
export const withoutGivenUp = (schema: Schema | undefined, value: Json, { last, owned }: GivenUp): Json => {
  const shape = shapeOf(schema, value);
  if (shape.divides === "not") return value;
  const parts = partsOf(shape, value).flatMap((part): readonly Part[] => {
    const before = childOf(last, part.element);
    const now = childOf(owned, part.element);
    const named = shape.divides === "map" && isNamedField(shape.schema, part.element.slice(2));
    // Items and free entries are owned as such: whoever owns only a field inside one does not keep it.
    const isGivenUp = named ? !isEmptySet(before) && isEmptySet(now) : before.member && !now.member;
    if (isGivenUp) return [];
    if (isEmptySet(before)) return [part];
    return [{ ...part, value: withoutGivenUp(partSchema(shape, part.element), part.value, { last: before, owned: now }) }];
  });
  return assembled(shape, parts);
};
