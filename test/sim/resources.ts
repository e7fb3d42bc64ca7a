/** An API server with one kind, Secrets and events: versions, conflicts, finalizers, and what belongs to an owner. */
import { applyDefaults } from "../../src/schema/defaults.ts";
import { prune } from "../../src/schema/prune.ts";
import { validate } from "../../src/schema/validate.ts";
import type { Json } from "../../src/schema/types.ts";
import { schema, status as statusSchema } from "../../src/api/schema.ts";
import { group, kind, version, type Key, type Metadata, type Resource, type Spec, type Status } from "../../src/api/resource.ts";
import { Conflict } from "../../src/errors.ts";
import type { EventNote, Resources } from "../../src/ports.ts";
import { isDeepStrictEqual } from "node:util";
import type { Sync } from "./calls.ts";

interface SimSecret { readonly data: Readonly<Record<string, string>>; readonly owner: string }

export interface Api {
  readonly objects: Map<string, Resource>;
  readonly secrets: Map<string, SimSecret>;
  /** Each thing said, and how often. */
  readonly events: Map<string, number>;
  version: number;
  /** What this API server's clock says. */
  now: () => number;
  /** Told of changes that are more than a new status. */
  onChange: (key: string) => void;
  onBreach: (sentence: string) => void;
}

const eventsMax = 500;

export const keyText = ({ namespace, name }: Key): string => `${namespace}/${name}`;

const frozen = <T>(value: T): T => {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) frozen(inner);
  }
  return value;
};

const put = (api: Api, resource: Resource, isNews: boolean): Metadata => {
  const metadata: Metadata = { ...resource.metadata, resourceVersion: String(api.version += 1) };
  const { deletionTimestamp, finalizers } = metadata;
  if (deletionTimestamp !== undefined && (finalizers ?? []).length === 0) {
    api.objects.delete(keyText(metadata));
    for (const [name, secret] of api.secrets) if (secret.owner === metadata.uid) api.secrets.delete(name);
  } else {
    api.objects.set(keyText(metadata), frozen({ ...resource, metadata }));
  }
  if (isNews) api.onChange(keyText(metadata));
  return metadata;
};

/** What a person does with kubectl apply. A resource that is going away takes no new life before it is gone. */
export function apply(api: Api, key: Key, spec: unknown): void {
  const before = api.objects.get(keyText(key));
  const whole = applyDefaults(schema, { spec } as Json) as unknown as { readonly spec: Spec };
  if (before !== undefined) {
    if (isDeepStrictEqual(before.spec, whole.spec)) return;
    put(api, { ...before, spec: whole.spec, metadata: { ...before.metadata, generation: before.metadata.generation + 1 } }, true);
    return;
  }
  const metadata: Metadata = { ...key, uid: `uid-${api.version += 1}`, resourceVersion: "", generation: 1 };
  put(api, { apiVersion: `${group}/${version}`, kind, metadata, spec: whole.spec, status: {} }, true);
}

/** What a person does with kubectl delete. */
export function remove(api: Api, key: Key): void {
  const before = api.objects.get(keyText(key));
  if (before === undefined || before.metadata.deletionTimestamp !== undefined) return;
  put(api, { ...before, metadata: { ...before.metadata, deletionTimestamp: new Date(api.now()).toISOString(), generation: before.metadata.generation + 1 } }, true);
}

const current = (api: Api, { metadata }: Resource): Resource => {
  const found = api.objects.get(keyText(metadata));
  if (found === undefined) throw new Conflict(`${keyText(metadata)} is gone`);
  if (found.metadata.uid !== metadata.uid || found.metadata.resourceVersion !== metadata.resourceVersion) throw new Conflict(`${keyText(metadata)} has been modified`);
  return found;
};

const judgedEvery = 4;

/** The status as the API server keeps it; one that the schema refuses or cuts would be written for ever. */
const kept = (api: Api, status: Status): Status => {
  const json = JSON.parse(JSON.stringify(status)) as Json;
  // Not each of many that are alike.
  if (api.version % judgedEvery !== 0) return json as unknown as Status;
  const problems = validate(statusSchema, json, "status");
  if (problems.length > 0) api.onBreach(`the status does not fit its schema: ${JSON.stringify(problems[0])}`);
  const { unknown } = prune(statusSchema, json);
  if (unknown.length > 0) api.onBreach(`the status has fields that its schema lacks: ${unknown.join(", ")}`);
  return json as unknown as Status;
};

function note(api: Api, { type, reason, message }: EventNote): void {
  const said = `${type} ${reason}: ${message}`;
  api.events.set(said, (api.events.get(said) ?? 0) + 1);
  const oldest = api.events.size > eventsMax ? api.events.keys().next().value : undefined;
  if (oldest !== undefined) api.events.delete(oldest);
}

export const resourceCalls = (api: Api): Sync<Resources> => ({
  get: (key) => api.objects.get(keyText(key)),
  saveStatus: (resource, status) => {
    const found = current(api, resource);
    const next = kept(api, status);
    return isDeepStrictEqual(next, found.status) ? found.metadata : put(api, { ...found, status: next }, false);
  },
  setFinalizers: (resource, finalizers) => {
    const found = current(api, resource);
    return put(api, { ...found, metadata: { ...found.metadata, finalizers } }, true);
  },
  note: (_, event) => note(api, event),
  secret: (key) => api.secrets.get(keyText(key))?.data,
  createSecret: ({ metadata }, name, data) => {
    const key = keyText({ namespace: metadata.namespace, name });
    if (api.secrets.has(key)) throw new Conflict(`the Secret ${key} is there already`);
    // What an owner that is gone leaves behind is collected.
    if (api.objects.get(keyText(metadata))?.metadata.uid === metadata.uid) api.secrets.set(key, { data, owner: metadata.uid });
  },
  updateSecret: (key, data) => {
    const found = api.secrets.get(keyText(key));
    if (found === undefined) throw new Conflict(`the Secret ${keyText(key)} is gone`);
    api.secrets.set(keyText(key), { ...found, data: { ...found.data, ...data } });
  },
});
