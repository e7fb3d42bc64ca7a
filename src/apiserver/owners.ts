/** Which objects name which owners, kept up to date with the store, so that nobody has to search for belongings. */
import type { Change, Key } from "./journal.ts";
import type { KubeObject } from "./kind.ts";
import type { Store } from "./store.ts";

export interface Owners {
  /** The objects that name this uid among their owners. */
  dependentsOf(uid: string): readonly Key[];
  /** Whether any stored object has this uid. */
  has(uid: string): boolean;
  note(change: Change): void;
}

const ownersOf = (object: KubeObject | undefined): readonly string[] => (object?.metadata.ownerReferences ?? []).map(({ uid }) => uid);

const textOf = ({ resource, namespace, name }: Key) => `${resource}/${namespace}/${name}`;

/** Reads what is stored; from then on it has to be told each change. */
export const createOwners = (store: Store, keyOf: (resource: string, object: KubeObject) => Key): Owners => {
  const dependents = new Map<string, Map<string, Key>>();
  const uids = new Set<string>();
  const add = (key: Key, object: KubeObject) => {
    uids.add(object.metadata.uid);
    for (const uid of ownersOf(object)) {
      const of = dependents.get(uid) ?? new Map<string, Key>();
      dependents.set(uid, of.set(textOf(key), key));
    }
  };
  const drop = (key: Key, object: KubeObject) => {
    uids.delete(object.metadata.uid);
    for (const uid of ownersOf(object)) {
      const of = dependents.get(uid);
      of?.delete(textOf(key));
      if (of?.size === 0) dependents.delete(uid);
    }
  };
  for (const resource of store.resources()) for (const object of store.list(resource)) add(keyOf(resource, object), object);
  return {
    dependentsOf: (uid) => [...dependents.get(uid)?.values() ?? []],
    has: (uid) => uids.has(uid),
    note: ({ key, before, after }) => {
      if (before !== undefined) drop(key, before);
      if (after !== undefined) add(key, after);
    },
  };
};
