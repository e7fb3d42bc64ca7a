/**
 * Strategic merge patch, as kubectl sends it for built-in kinds: a merge patch whose lists may be merged by key,
 * with directives ($patch, $retainKeys, $setElementOrder, $deleteFromPrimitiveList). Which lists merge, and by
 * what, is the kind's (`mergeKeys`). Custom kinds never come here: they answer 415.
 */
import { badRequest } from "./problems.ts";
import type { Kind, KubeObject } from "./kind.ts";
import { equal, isList, isObject, mapObject, own } from "../schema/json.ts";
import type { Json, JsonObject } from "../schema/types.ts";

type MergeKeys = Readonly<Record<string, string>>;

/** Where we are: the dotted path without indices, and how deep. */
interface Place { readonly keys: MergeKeys; readonly path: string; readonly depth: number }

const maxDepth = 500;
const patchDirective = "$patch";
const retainDirective = "$retainKeys";
const orderPrefix = "$setElementOrder/";
const removePrefix = "$deleteFromPrimitiveList/";

const inside = (place: Place, key: string): Place =>
  ({ ...place, path: place.path === "" ? key : `${place.path}.${key}`, depth: place.depth + 1 });

const isDirective = (key: string): boolean =>
  key === patchDirective || key === retainDirective || key.startsWith(orderPrefix) || key.startsWith(removePrefix);

/** The patch as a value of its own: no directives, no nulls. */
const asValue = (patch: Json, place: Place): Json => {
  if (place.depth > maxDepth) throw badRequest("the patch nests too deep");
  if (isList(patch)) {
    return patch.filter((item) => !(isObject(item) && own(item, patchDirective) === "delete"))
      .map((item) => asValue(item, { ...place, depth: place.depth + 1 }));
  }
  if (!isObject(patch)) return patch;
  return mapObject(patch, (value, key) => (isDirective(key) || value === null ? undefined : asValue(value, inside(place, key))));
};

const retained = (live: JsonObject, patch: JsonObject): JsonObject => {
  const keep = own(patch, retainDirective);
  if (keep === undefined) return live;
  if (!isList(keep)) throw badRequest("invalid patch format of retainKeys: expected a list of keys");
  const lost = Object.keys(patch).find((key) => !isDirective(key) && patch[key] !== null && !keep.includes(key));
  if (lost !== undefined) throw badRequest(`${retainDirective} list must contain all fields present in the patch, ${lost} is missing`);
  return mapObject(live, (value, key) => (keep.includes(key) ? value : undefined));
};

const keyOf = (item: Json, mergeKey: string): Json => {
  if (mergeKey === "") return item;
  const key = isObject(item) ? own(item, mergeKey) : undefined;
  if (key === undefined) throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${mergeKey}`);
  return key;
};

interface ListMerge {
  readonly live: readonly Json[];
  readonly patch: readonly Json[];
  readonly order: readonly Json[] | undefined;
  readonly remove: readonly Json[];
  readonly mergeKey: string;
  readonly place: Place;
}

const mergedItem = (live: Json | undefined, patch: Json, { mergeKey, place }: ListMerge): Json => {
  if (mergeKey === "" || !isObject(patch)) return patch;
  return isObject(live) ? mergeObject(live, patch, { ...place, depth: place.depth + 1 }) : asValue(patch, place);
};

/** Items of both lists; their order is settled afterwards. */
const union = (merge: ListMerge): readonly Json[] => {
  const { live, patch, mergeKey } = merge;
  const key = (item: Json) => keyOf(item, mergeKey);
  const directive = (item: Json) => (isObject(item) ? own(item, patchDirective) : undefined);
  const gone = patch.filter((item) => directive(item) === "delete").map(key);
  const wanted = patch.filter((item) => directive(item) !== "delete");
  const isGone = (item: Json) => [...gone, ...merge.remove].some((one) => equal(one, key(item)));
  const kept = live.filter((item) => !isGone(item));
  const changed = kept.map((item) => {
    const change = wanted.find((one) => equal(key(one), key(item)));
    return change === undefined ? item : mergedItem(item, change, merge);
  });
  const added = wanted.filter((item, at) => !kept.some((one) => equal(key(one), key(item)))
    && wanted.findIndex((one) => equal(key(one), key(item))) === at);
  return [...changed, ...added.map((item) => mergedItem(undefined, item, merge))];
};

/** Where in the list the item of that key is; -1 when it is not there. */
const positionIn = (list: readonly Json[], key: Json, mergeKey: string): number =>
  list.findIndex((one) => equal(mergeKey === "" || !isObject(one) ? one : keyOf(one, mergeKey), key));

/**
 * The items in the order that the patch asks for, or else in which it names them. Items that only the server has keep their order among
 * themselves, and go before the first asked-for item that they preceded in the live list.
 */
const ordered = (items: readonly Json[], merge: ListMerge): readonly Json[] => {
  const { mergeKey, live, patch } = merge;
  const order = merge.order ?? patch.filter((item) => !(isObject(item) && own(item, patchDirective) === "delete"));
  const rank = (item: Json) => positionIn(order, keyOf(item, mergeKey), mergeKey);
  const asked = items.filter((item) => rank(item) !== -1).toSorted((a, b) => rank(a) - rank(b));
  const others = items.filter((item) => rank(item) === -1);
  const place = (item: Json) => positionIn(live, keyOf(item, mergeKey), mergeKey);
  const result: Json[] = [];
  let next = 0;
  for (const item of asked) {
    const bound = place(item);
    while (next < others.length && bound !== -1 && place(others[next] ?? null) !== -1 && place(others[next] ?? null) < bound) {
      result.push(others[next] ?? null);
      next += 1;
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
};

const mergeList = (merge: ListMerge): readonly Json[] => {
  const replacing = merge.patch.some((item) => isObject(item) && own(item, patchDirective) === "replace");
  if (replacing) {
    return merge.patch.filter((item) => !(isObject(item) && own(item, patchDirective) === "replace"))
      .map((item) => asValue(item, merge.place));
  }
  return ordered(union(merge), merge);
};

const listOf = (value: Json | undefined, directive: string): readonly Json[] | undefined => {
  if (value === undefined || value === null) return undefined;
  if (!isList(value)) throw badRequest(`invalid patch format: ${directive} must be a list`);
  return value;
};

const mergeField = (live: JsonObject, patch: JsonObject, key: string, place: Place): Json | undefined => {
  const here = inside(place, key);
  const before = own(live, key);
  const change = own(patch, key);
  if (change === null) return undefined;
  const mergeKey = own(place.keys, here.path);
  const order = listOf(own(patch, `${orderPrefix}${key}`), `${orderPrefix}${key}`);
  const remove = listOf(own(patch, `${removePrefix}${key}`), `${removePrefix}${key}`);
  const directed = order !== undefined || remove !== undefined;
  if (mergeKey !== undefined && (isList(change) || (change === undefined && directed && isList(before)))) {
    return mergeList({
      live: isList(before) ? before : [], patch: isList(change) ? change : [], order, remove: remove ?? [], mergeKey, place: here,
    });
  }
  if (change === undefined) return before;
  if (isObject(change)) return mergeInto(before, change, here);
  return asValue(change, here);
};

/** An object in the place of what was there; undefined when the patch deletes it. */
const mergeInto = (before: Json | undefined, change: JsonObject, place: Place): Json | undefined => {
  if (own(change, patchDirective) === "delete") return undefined;
  return isObject(before) ? mergeObject(before, change, place) : asValue(change, place);
};

const mergeObject = (live: JsonObject, patch: JsonObject, place: Place): JsonObject => {
  if (place.depth > maxDepth) throw badRequest("the patch nests too deep");
  const directive = own(patch, patchDirective);
  if (directive === "replace") return asValue(patch, place) as JsonObject;
  if (directive === "delete") return {};
  if (directive !== undefined && directive !== "merge") throw badRequest(`unknown patch type ${JSON.stringify(directive)} in map`);
  const base = retained(live, patch);
  const named = Object.keys(patch).map((key) =>
    key.startsWith(orderPrefix) ? key.slice(orderPrefix.length) : key.startsWith(removePrefix) ? key.slice(removePrefix.length) : key);
  const keys = new Set([...Object.keys(base), ...named.filter((key) => !isDirective(key))]);
  return Object.fromEntries([...keys].flatMap((key) => {
    const value = mergeField(base, patch, key, place);
    return value === undefined ? [] : [[key, value] as const];
  }));
};

/** The object after a strategic merge patch by the kind's merge keys. */
export const strategicMergePatch = (kind: Pick<Kind, "mergeKeys">, live: KubeObject | JsonObject, patch: Json): JsonObject => {
  if (!isObject(patch)) throw badRequest("error decoding patch: a strategic merge patch is an object");
  return mergeObject(live as JsonObject, patch, { keys: kind.mergeKeys ?? {}, path: "", depth: 0 });
};
