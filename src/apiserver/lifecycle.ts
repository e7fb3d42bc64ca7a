/**
 * What happens by itself: the first namespaces, what becomes of the belongings of deleted objects, and events that are
 * forgotten. It works in small steps after the write that caused them, and looks again at everything after a restart.
 */
import { explain } from "../errors.ts";
import { admitCreation } from "./admission.ts";
import { surroundings } from "./core.ts";
import { emptyDefinition, emptyNamespace, reviewNames } from "./emptying.ts";
import { collect } from "./garbage.ts";
import { asObject, objectAt } from "./objects.ts";
import { createOwners } from "./owners.ts";
import { definitionsResource } from "./registry.ts";
import type { Core } from "./core.ts";
import type { Change, Key } from "./journal.ts";
import type { KubeObject } from "./kind.ts";
import type { Owners } from "./owners.ts";

export interface Lifecycle { stop(): void }

const eventLifeMs = 3_600_000;
const lookEveryMs = 60_000;
const namespacesResource = "namespaces";
/** kube-system's uid is what tells one installation from another: it is made once and never deleted. */
const firstNamespaces = ["default", "kube-system", "kube-public"];

const keyOf = (resource: string, { metadata: { namespace = "", name } }: KubeObject): Key => ({ resource, namespace, name });

/** Makes the namespaces that are always there. */
export const makeFirstNamespaces = (core: Core): void => {
  const served = core.registry.find("", "v1", namespacesResource);
  if (served === undefined) return;
  const missing = firstNamespaces.filter((name) => core.store.get({ resource: namespacesResource, namespace: "", name }) === undefined);
  if (missing.length === 0) return;
  core.store.write(missing.map((name) => {
    const object = asObject({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
    const writer = { manager: "control-plane", isApply: false };
    const place = { namespace: "", name };
    return { key: { resource: namespacesResource, ...place }, object: admitCreation({ kind: served.kind, object, place, uid: core.newUid(), writer, around: surroundings(core) }) };
  }));
};

const lastSeenMs = (event: KubeObject): number => {
  const times = [event["lastTimestamp"], event["eventTime"], objectAt(event, "series")["lastObservedTime"], event.metadata.creationTimestamp];
  return Math.max(...times.map((time) => typeof time === "string" ? Date.parse(time) : 0).filter((time) => !Number.isNaN(time)));
};

/** Forgets events that nobody repeated for an hour. */
export const forgetEvents = ({ store, now }: Core): void => {
  const old = store.list("events").filter((event) => now() - lastSeenMs(event) > eventLifeMs);
  if (old.length > 0) store.write(old.map((event) => ({ key: keyOf("events", event) })));
};

const ownersOf = ({ registry }: Core, object: KubeObject | undefined): readonly Key[] =>
  (object?.metadata.ownerReferences ?? []).flatMap(({ apiVersion, kind, name }) => {
    const served = registry.findKind(apiVersion, kind);
    return served === undefined ? [] : [{ resource: served.resource, namespace: served.kind.namespaced ? object?.metadata.namespace ?? "" : "", name }];
  });

/** The objects that may have something due after a change. */
const concerned = (core: Core, { key, before, after }: Change, dependentsOf: (uid: string) => readonly Key[]): readonly Key[] => {
  const owners = ownersOf(core, before);
  if (after !== undefined) return [key, ...owners];
  return [
    ...dependentsOf(before?.metadata.uid ?? ""), ...owners,
    { resource: namespacesResource, namespace: "", name: key.namespace }, { resource: definitionsResource, namespace: "", name: key.resource },
  ];
};

const perform = (core: Core, owners: Owners, key: Key): void => {
  if (key.resource === namespacesResource) emptyNamespace(core, key);
  if (key.resource === definitionsResource) { emptyDefinition(core, key); reviewNames(core); }
  collect(core, owners, key);
};

interface Chores { enqueue(keys: readonly Key[]): void; stop(): void }

/** A queue without doubles; one object a turn, so that requests are answered in between. */
const createChores = (perform: (key: Key) => void): Chores => {
  const waiting = new Map<string, Key>();
  let scheduled: NodeJS.Immediate | undefined;
  let isStopped = false;
  const schedule = () => { if (waiting.size > 0 && !isStopped) scheduled ??= setImmediate(work); };
  const work = () => {
    scheduled = undefined;
    const [next] = waiting;
    if (next === undefined) return;
    waiting.delete(next[0]);
    perform(next[1]);
    schedule();
  };
  return {
    enqueue: (keys) => {
      for (const key of keys) waiting.set(`${key.resource}/${key.namespace}/${key.name}`, key);
      schedule();
    },
    stop: () => { isStopped = true; clearImmediate(scheduled); },
  };
};

const everything = (core: Core): readonly Key[] =>
  core.store.resources().flatMap((resource) => core.store.list(resource).map((object) => keyOf(resource, object)));

/** Starts looking after the store; everything that was left undone is taken up first. */
export const startLifecycle = (core: Core): Lifecycle => {
  makeFirstNamespaces(core);
  const owners = createOwners(core.store, keyOf);
  const failed: Key[] = [];
  const chores = createChores((key) => {
    try { perform(core, owners, key); } catch (error) {
      failed.push(key);
      core.log.info("could not clean up, trying again within a minute", { ...key, error: explain(error) });
    }
  });
  const unsubscribe = core.store.subscribe((change) => {
    owners.note(change);
    chores.enqueue(concerned(core, change, (uid) => owners.dependentsOf(uid)));
  });
  const regularly = setInterval(() => {
    chores.enqueue(failed.splice(0));
    try { forgetEvents(core); } catch (error) { core.log.info("could not forget old events", { error: explain(error) }); }
  }, lookEveryMs);
  chores.enqueue(everything(core));
  return { stop: () => { unsubscribe(); clearInterval(regularly); chores.stop(); } };
};
