import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { changedBesidesStatus, createCache, keyOf } from "../../src/controller/cache.ts";
import type { Watched } from "../../src/controller/cache.ts";
import { event, object } from "./watched.ts";

const holding = (...items: Watched[]) => {
  const cache = createCache(changedBesidesStatus);
  cache.replace(items, "5");
  return cache;
};

test("a key is namespace and name, or the name alone; without a name there is none", () => {
  assert.equal(keyOf({ metadata: { namespace: "n", name: "a" } }), "n/a");
  assert.equal(keyOf({ metadata: { name: "a" } }), "a");
  for (const odd of [{}, { metadata: null }, { metadata: "x" }, { metadata: {} }, { metadata: { name: 1 } }]) assert.equal(keyOf(odd), undefined);
});

const rows = [
  { when: "the spec changed", before: object("a", 1), after: object("a", 2, { generation: 2 }), news: true },
  { when: "a finalizer was added", before: object("a", 1), after: object("a", 2, { finalizers: ["x"] }), news: true },
  { when: "only the status changed", before: object("a", 1, { ready: false }), after: object("a", 2, { ready: true }), news: false },
  { when: "it was made anew under its name", before: object("a", 1), after: { metadata: { namespace: "n", name: "a", uid: "other", generation: 1 } }, news: true },
  { when: "kinds without generations change", before: { metadata: { name: "a", resourceVersion: "1" } }, after: { metadata: { name: "a", resourceVersion: "2" } }, news: true },
];
for (const { when, before, after, news } of rows) {
  test(`${when}: ${news ? "a round is due" : "no round is due"}`, () => assert.equal(changedBesidesStatus(before, after), news));
}

test("a list reports what came, what changed and what vanished, and nothing else", () => {
  const cache = holding(object("same", 1), object("changed", 2), object("gone", 3));
  assert.deepEqual(cache.replace([object("same", 1), object("changed", 9, { generation: 2 }), object("new", 8), {}], "9"), ["n/changed", "n/new", "n/gone"]);
  assert.deepEqual(cache.keys(), ["n/same", "n/changed", "n/new"]);
});

test("events that repeat or come late change nothing", () => {
  const cache = holding(object("a", 5, { generation: 2 }));
  assert.equal(cache.apply(event("MODIFIED", object("a", 5, { generation: 2 }))), undefined);
  assert.equal(cache.apply(event("MODIFIED", object("a", 4, { generation: 1 }))), undefined);
  assert.equal(cache.apply(event("DELETED", object("a", 4))), undefined);
  assert.deepEqual(cache.get("n/a"), object("a", 5, { generation: 2 }));
});

test("a late event does not bring back what was deleted, a new object does", () => {
  const cache = holding(object("a", 5));
  assert.equal(cache.apply(event("DELETED", object("a", 7))), "n/a");
  assert.equal(cache.apply(event("MODIFIED", object("a", 6))), undefined);
  assert.equal(cache.apply(event("DELETED", object("a", 7))), undefined);
  assert.equal(cache.get("n/a"), undefined);
  assert.equal(cache.apply(event("ADDED", object("a", 8))), "n/a");
});

test("an event from before the list does not bring back what the list no longer has", () => {
  const cache = holding();
  assert.equal(cache.apply(event("MODIFIED", object("a", 4))), undefined);
  assert.equal(cache.apply(event("DELETED", object("a", 5))), undefined);
  assert.deepEqual(cache.keys(), []);
});

test("a deletion that repeats the last version counts", () => {
  const cache = holding(object("a", 5));
  assert.equal(cache.apply(event("DELETED", object("a", 5))), "n/a");
  assert.deepEqual(cache.keys(), []);
});

test("versions that are no numbers are taken as they come", () => {
  const cache = holding(object("a", "x9"));
  assert.equal(cache.apply(event("MODIFIED", object("a", "x8", { generation: 2 }))), "n/a");
  assert.equal(cache.apply(event("MODIFIED", object("a", "x8", { generation: 3 }))), undefined, "the same version is the same object");
});

test("whatever the order and repetition of events, the latest version of each object stands", () => {
  const names = fc.constantFrom("a", "b");
  const history = fc.array(fc.tuple(names, fc.boolean()), { minLength: 1, maxLength: 12 })
    .map((steps) => steps.map(([name, isDeleted], index) => event(isDeleted ? "DELETED" : "MODIFIED", object(name, index + 1, { generation: index }))));
  const heard = history.chain((events) => fc.tuple(fc.constant(events), fc.array(fc.constantFrom(...events), { maxLength: 8 })))
    .chain(([events, repeated]) => fc.tuple(fc.constant(events), fc.shuffledSubarray([...events, ...repeated], { minLength: events.length + repeated.length })));
  fc.assert(fc.property(heard, ([events, told]) => {
    const cache = createCache(changedBesidesStatus);
    for (const one of told) cache.apply(one);
    for (const name of ["a", "b"]) {
      const last = events.findLast((one) => keyOf(one.object) === `n/${name}`);
      assert.deepEqual(cache.get(`n/${name}`), last === undefined || last.type === "DELETED" ? undefined : last.object);
    }
  }));
});
