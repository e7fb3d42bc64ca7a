/**
 * Namespaces and definitions that are being deleted: what is in them is deleted first, and they go when it is gone.
 * What holds it up is said in their conditions.
 */
import { namespaceFinalizer } from "./builtin-rules.ts";
import { cleanupFinalizer, conditionsOf, isSameDefinition, kindsOf, specOf, withCondition, withNames } from "./definitions.ts";
import { deleteObjects } from "./deletes.ts";
import { isDeleting, objectAt, withMetadata } from "./objects.ts";
import { definitionsResource } from "./registry.ts";
import type { Core } from "./core.ts";
import type { Key } from "./journal.ts";
import type { KubeObject } from "./kind.ts";
import type { Served } from "./registry.ts";
import type { JsonObject } from "../schema/types.ts";

const background = { dryRun: false, propagation: "Background" } as const;

/** Deletes what can be deleted, and answers what stays because somebody holds it. */
const deleteAll = (core: Core, served: Served, namespace?: string): readonly KubeObject[] => {
  deleteObjects(core, served, core.store.list(served.resource, namespace).filter((object) => !isDeleting(object)).map(served.fromStored), background);
  return core.store.list(served.resource, namespace);
};

/** One served version for each stored resource. */
const resourcesOf = ({ registry }: Core): readonly Served[] =>
  [...new Map(registry.served().filter(({ isStored }) => isStored).map((served) => [served.resource, served])).values()];

const heldBy = (held: readonly { readonly served: Served; readonly objects: readonly KubeObject[] }[]): string => {
  const counts = new Map<string, number>();
  for (const { objects } of held) for (const { metadata } of objects) for (const name of metadata.finalizers ?? []) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${name} in ${count} resource instances`).join(", ");
};

const namespaceConditions = (object: KubeObject, held: readonly { readonly served: Served; readonly objects: readonly KubeObject[] }[], nowMs: number): JsonObject => {
  const remaining = held.map(({ served, objects }) => `${served.resource} has ${objects.length} resource instances`).join(", ");
  const content = { type: "NamespaceContentRemaining", status: "True", reason: "SomeResourcesRemain", message: `Some resources are remaining: ${remaining}` };
  const finalizers = { type: "NamespaceFinalizersRemaining", status: "True", reason: "SomeFinalizersRemain", message: `Some content in the namespace has finalizers remaining: ${heldBy(held)}` };
  return { ...objectAt(object, "status"), conditions: withCondition(withCondition(conditionsOf(object), content, nowMs), finalizers, nowMs) };
};

/** Goes on with a namespace that is being deleted, if the key is one. */
export const emptyNamespace = (core: Core, key: Key): void => {
  const object = core.store.get(key);
  if (object === undefined || !isDeleting(object)) return;
  const held = resourcesOf(core).filter(({ kind }) => kind.namespaced)
    .map((served) => ({ served, objects: deleteAll(core, served, key.name) })).filter(({ objects }) => objects.length > 0);
  if (held.length > 0) {
    const status = namespaceConditions(object, held, core.now());
    if (JSON.stringify(status) !== JSON.stringify(objectAt(object, "status"))) core.store.write([{ key, object: { ...object, status } }]);
    return;
  }
  const spec = objectAt(object, "spec") as { readonly finalizers?: readonly string[] };
  const left = (spec.finalizers ?? []).filter((name) => name !== namespaceFinalizer);
  const isFree = left.length === 0 && (object.metadata.finalizers ?? []).length === 0;
  if (isFree) core.store.write([{ key }]);
  else if (left.length < (spec.finalizers ?? []).length) core.store.write([{ key, object: { ...object, spec: { ...spec, finalizers: left } } }]);
};

/** Goes on with a definition that is being deleted, if the key is one. */
export const emptyDefinition = (core: Core, key: Key): void => {
  const object = core.store.get(key);
  if (object === undefined || !isDeleting(object) || object.metadata.finalizers?.includes(cleanupFinalizer) !== true) return;
  const resource = `${specOf(object).names.plural}.${specOf(object).group}`;
  const served = core.registry.ofResource(resource);
  // Without a served version nobody can hold or see the objects: they go as they are.
  if (served === undefined) core.store.write(core.store.list(resource).map(({ metadata }) => ({ key: { resource, namespace: metadata.namespace ?? "", name: metadata.name } })));
  else if (deleteAll(core, served).length > 0) return;
  const finalizers = object.metadata.finalizers.filter((name) => name !== cleanupFinalizer);
  if (finalizers.length === 0) core.store.write([{ key }]);
  else core.store.write([{ key, object: withMetadata(object, { finalizers }) }]);
};

/** Gives names that became free to definitions that were waiting for them. */
export const reviewNames = (core: Core): void => {
  const definitions = core.store.list(definitionsResource);
  for (const definition of definitions) {
    const current = core.store.list(definitionsResource);
    const named = withNames(definition, current, core.now());
    if (isSameDefinition(named, definition) || kindsOf(definition).length > 0) continue;
    core.store.write([{ key: { resource: definitionsResource, namespace: "", name: definition.metadata.name }, object: named }]);
  }
};
