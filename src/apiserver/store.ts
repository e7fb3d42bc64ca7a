/**
 * All objects, in memory for reading and through the journal for keeping. It gives out versions, orders every write,
 * and tells listeners after a write is on disk. It knows no kind and checks nothing: whoever writes has decided.
 */
import { withMetadata } from "./objects.ts";
import type { Change, HistoryBounds, Journal, Key } from "./journal.ts";
import type { KubeObject } from "./kind.ts";

/** A wanted write: without an object, a removal. */
export interface Edit { readonly key: Key; readonly object?: KubeObject }

export type Listener = (change: Change) => void;

export interface Store {
  /** The version of the newest write; a read is as of this version. */
  readonly version: number;
  /** History answers for every version from this one on. */
  readonly compacted: number;
  get(key: Key): KubeObject | undefined;
  /** Objects of the resource in all namespaces or one, by namespace and name. */
  list(resource: string, namespace?: string): readonly KubeObject[];
  /** The same as it was at the version; undefined when history does not reach back so far. */
  listAt(version: number, resource: string, namespace?: string): readonly KubeObject[] | undefined;
  resources(): readonly string[];
  /** Writes all or nothing, each key at most once, each with a version of its own; on disk when it returns, then told to listeners. */
  write(edits: readonly Edit[]): readonly Change[];
  since(version: number, resource: string): readonly Change[];
  /** Told each change in order; the answer ends it. */
  subscribe(listener: Listener): () => void;
  close(): void;
}

export interface StoreOptions {
  readonly now: () => number;
  readonly bounds?: HistoryBounds;
  /** Told when a listener throws: the write is done, so it cannot be refused any more. */
  readonly onListenerError: (error: unknown) => void;
}

/** Long enough for a client that was away for a while; what it costs is bounded three times. */
export const defaultBounds: HistoryBounds = { changesMax: 10_000, ageMs: 3_600_000, charactersMax: 128 * 1024 * 1024 };
const writesBetweenTrims = 500;

// The order of etcd's keys, which clients have come to see in lists; no name has a slash.
const slot = (namespace: string, name: string) => `${namespace}/${name}`;

const bySlot = ([a]: readonly [string, KubeObject], [b]: readonly [string, KubeObject]) => a < b ? -1 : a > b ? 1 : 0;

const sorted = (objects: Map<string, KubeObject> | undefined, namespace: string | undefined): readonly KubeObject[] => {
  const entries = [...objects ?? []];
  const within = namespace === undefined ? entries : entries.filter(([at]) => at.startsWith(slot(namespace, "")));
  return within.sort(bySlot).map(([, object]) => object);
};

const stateAt = (now: Map<string, KubeObject> | undefined, later: readonly Change[]): Map<string, KubeObject> => {
  const state = new Map(now);
  for (const { key, before } of later.toReversed()) {
    if (before === undefined) state.delete(slot(key.namespace, key.name));
    else state.set(slot(key.namespace, key.name), before);
  }
  return state;
};

const load = (journal: Journal): Map<string, Map<string, KubeObject>> => {
  const objects = new Map<string, Map<string, KubeObject>>();
  for (const { key, object } of journal.objects()) place(objects, key, object);
  return objects;
};

const place = (objects: Map<string, Map<string, KubeObject>>, { resource, namespace, name }: Key, object: KubeObject | undefined): void => {
  const of = objects.get(resource) ?? new Map<string, KubeObject>();
  if (object === undefined) of.delete(slot(namespace, name));
  else of.set(slot(namespace, name), object);
  objects.set(resource, of);
};

/** Takes the journal over; closing the store closes it. */
export const openStore = (journal: Journal, { now, bounds = defaultBounds, onListenerError }: StoreOptions): Store => {
  const objects = load(journal);
  const listeners = new Set<Listener>();
  let untrimmed = 0;
  journal.trim(bounds, now());

  const get = ({ resource, namespace, name }: Key) => objects.get(resource)?.get(slot(namespace, name));
  const untold: Change[] = [];
  let isTelling = false;
  // A listener may write: what it wrote is told after what made it write, to everybody in the same order.
  const tell = (changes: readonly Change[]) => {
    untold.push(...changes);
    if (isTelling) return;
    isTelling = true;
    for (let change = untold.shift(); change !== undefined; change = untold.shift()) {
      for (const listener of [...listeners]) {
        try { listener(change); } catch (error) { onListenerError(error); }
      }
    }
    isTelling = false;
  };
  const changeFor = ({ key, object }: Edit, version: number): Change => {
    const before = get(key);
    const after = object === undefined ? undefined : withMetadata(object, { resourceVersion: String(version) });
    return { version, key, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
  };
  const trimNowAndThen = (writes: number) => {
    untrimmed += writes;
    if (untrimmed < writesBetweenTrims) return;
    untrimmed = 0;
    journal.trim(bounds, now());
  };
  return {
    get version() { return journal.version; },
    get compacted() { return journal.compacted; },
    get,
    list: (resource, namespace) => sorted(objects.get(resource), namespace),
    listAt: (version, resource, namespace) => version < journal.compacted ? undefined
      : sorted(stateAt(objects.get(resource), journal.since(version, resource)), namespace),
    resources: () => [...objects].filter(([, of]) => of.size > 0).map(([resource]) => resource),
    write: (edits) => {
      const changes = edits.map((edit, index) => changeFor(edit, journal.version + 1 + index));
      journal.commit(changes, now());
      for (const { key, after } of changes) place(objects, key, after);
      trimNowAndThen(changes.length);
      tell(changes);
      return changes;
    },
    since: (version, resource) => journal.since(version, resource),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => { listeners.delete(listener); };
    },
    close: () => journal.close(),
  };
};
