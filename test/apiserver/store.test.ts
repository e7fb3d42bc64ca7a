import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { openJournal } from "../../src/apiserver/journal.ts";
import { defaultBounds, openStore } from "../../src/apiserver/store.ts";
import type { Change, HistoryBounds, Key } from "../../src/apiserver/journal.ts";
import type { KubeObject } from "../../src/apiserver/kind.ts";
import type { Store } from "../../src/apiserver/store.ts";

interface Opened { readonly store: Store; readonly reopen: (bounds?: HistoryBounds) => Store; readonly clock: { ms: number }; readonly errors: unknown[] }

const withStore = (use: (opened: Opened) => void): void => {
  const directory = mkdtempSync(join(tmpdir(), "store-"));
  const clock = { ms: 1_000_000 };
  const errors: unknown[] = [];
  const open = (bounds: HistoryBounds = defaultBounds) =>
    openStore(openJournal(join(directory, "test.db")), { now: () => clock.ms, bounds, onListenerError: (error) => { errors.push(error); } });
  let store = open();
  try {
    use({ store, clock, errors, reopen: (bounds) => { store.close(); store = open(bounds); return store; } });
  } finally {
    store.close();
    rmSync(directory, { recursive: true, force: true });
  }
};

const key = (name: string, namespace = "ns", resource = "things"): Key => ({ resource, namespace, name });
const object = (name: string, value: number, namespace = "ns"): KubeObject =>
  ({ apiVersion: "v1", kind: "Thing", metadata: { name, namespace, uid: name, resourceVersion: "", creationTimestamp: "2026-01-01T00:00:00Z" }, value });
const put = (store: Store, name: string, value: number, namespace = "ns") => store.write([{ key: key(name, namespace), object: object(name, value, namespace) }]);
const shown = (objects: readonly KubeObject[] | undefined) => objects?.map(({ metadata, value }) => `${metadata.namespace}/${metadata.name}=${String(value)}@${metadata.resourceVersion}`);

test("each write gets the next version, and reads see it", () => withStore(({ store }) => {
  put(store, "b", 1);
  put(store, "a", 2);
  put(store, "b", 3);
  assert.equal(store.version, 3);
  assert.deepEqual(shown(store.list("things")), ["ns/a=2@2", "ns/b=3@3"]);
  assert.deepEqual(store.get(key("c")), undefined);
}));

test("lists come in the order of namespace and name, one namespace or all, one resource only", () => withStore(({ store }) => {
  for (const [namespace, name] of [["b", "x"], ["a", "y"], ["a-b", "z"], ["a", "x"]] as const) put(store, name, 0, namespace);
  store.write([{ key: key("x", "a", "others"), object: object("x", 9, "a") }]);
  assert.deepEqual(store.list("things").map(({ metadata }) => `${metadata.namespace}/${metadata.name}`), ["a-b/z", "a/x", "a/y", "b/x"]);
  assert.deepEqual(store.list("things", "a").map(({ metadata }) => metadata.name), ["x", "y"]);
  assert.deepEqual([...store.resources()].sort(), ["others", "things"]);
}));

test("several edits are one write with a version each", () => withStore(({ store }) => {
  put(store, "a", 1);
  const changes = store.write([{ key: key("a") }, { key: key("b"), object: object("b", 2) }]);
  assert.deepEqual(changes.map(({ version, before, after }) => [version, before === undefined, after === undefined]), [[2, false, true], [3, true, false]]);
  assert.deepEqual(shown(store.list("things")), ["ns/b=2@3"]);
}));

test("a write that cannot be stored changes nothing", () => withStore(({ store }) => {
  put(store, "a", 1);
  const circular: Record<string, unknown> = { ...object("b", 2) };
  circular["self"] = circular;
  assert.throws(() => store.write([{ key: key("a") }, { key: key("b"), object: circular as unknown as KubeObject }]), TypeError);
  assert.deepEqual([store.version, shown(store.list("things"))], [1, ["ns/a=1@1"]]);
  put(store, "c", 3);
  assert.equal(store.version, 2);
}));

test("everything is there after reopening: objects, version, history", () => withStore(({ store, reopen }) => {
  put(store, "a", 1);
  put(store, "a", 2);
  store.write([{ key: key("a") }]);
  const again = reopen();
  assert.deepEqual([again.version, again.get(key("a")), again.since(1, "things").map(({ version }) => version)], [3, undefined, [2, 3]]);
  assert.deepEqual(shown(again.listAt(2, "things")), ["ns/a=2@2"]);
}));

test("listeners hear changes in order, and what they write comes after what they heard", () => withStore(({ store, errors }) => {
  const heard: string[] = [];
  store.subscribe(({ key: { name }, version }) => {
    heard.push(`first ${name}@${version}`);
    if (name === "a") put(store, "b", 1);
  });
  const unsubscribe = store.subscribe(({ key: { name }, version }) => { heard.push(`second ${name}@${version}`); throw new Error("broken"); });
  put(store, "a", 1);
  unsubscribe();
  put(store, "c", 1);
  assert.deepEqual(heard, ["first a@1", "second a@1", "first b@2", "second b@2", "first c@3"]);
  assert.equal(errors.length, 2);
}));

const trims: readonly (readonly [string, Partial<HistoryBounds>, number])[] = [
  ["number", { changesMax: 3 }, 7], ["age", { ageMs: 4500 }, 6], ["size", { charactersMax: 1200 }, 7],
];
for (const [name, bounds, compacted] of trims) test(`history is bounded by ${name}, and then says how far it reaches`, () => withStore(({ store, reopen, clock }) => {
  for (let value = 1; value <= 10; value += 1) { put(store, "a", value); clock.ms += 1000; }
  const again = reopen({ ...defaultBounds, ...bounds });
  assert.equal(again.compacted, compacted);
  assert.deepEqual(again.listAt(compacted - 1, "things"), undefined);
  assert.deepEqual(shown(again.listAt(compacted, "things")), [`ns/a=${compacted}@${compacted}`]);
  assert.deepEqual([again.version, shown(again.list("things"))], [10, ["ns/a=10@10"]]);
}));

type Step = { readonly name: string; readonly value: number | undefined };

test("any writes: the past can be listed at every version, and replaying changes gives the present", () => {
  const steps = fc.array(fc.record({ name: fc.constantFrom("a", "b", "c"), value: fc.option(fc.nat(9), { nil: undefined }) }), { maxLength: 25 });
  fc.assert(fc.property(steps, (edits: readonly Step[]) => withStore(({ store }) => {
    const states = [shown(store.list("things"))];
    for (const { name, value } of edits) {
      if (value === undefined && store.get(key(name)) === undefined) continue;
      store.write([{ key: key(name), ...(value === undefined ? {} : { object: object(name, value) }) }]);
      states.push(shown(store.list("things")));
    }
    states.forEach((state, version) => { assert.deepEqual(shown(store.listAt(version, "things")), state); });
    const replayed = new Map<string, KubeObject>();
    const play = ({ key: { name }, after }: Change) => after === undefined ? replayed.delete(name) : replayed.set(name, after);
    store.since(0, "things").forEach(play);
    assert.deepEqual([...replayed.values()].map(({ metadata, value }) => `${metadata.name}=${String(value)}`).sort(), store.list("things").map(({ metadata, value }) => `${metadata.name}=${String(value)}`));
  })), { numRuns: 15 });
});
