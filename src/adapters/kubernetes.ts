/**
 * The API server as the operator uses it: resources, their events and their Secrets. Each call asks for an end state,
 * is bounded in time, and throws Transient, Terminal or Conflict. It must never write over what it has not seen: each
 * write to a resource names the resourceVersion that it rests on. It keeps no state of its own.
 */
import type { KubeConfig } from "@kubernetes/client-node";
import { label } from "../api/names.ts";
import { group, plural, version } from "../api/resource.ts";
import type { Key, Metadata } from "../api/resource.ts";
import { Conflict, Terminal, Transient } from "../errors.ts";
import type { Clock, Resources } from "../ports.ts";
import { accepted, asBody, connect, isMissing } from "./kubernetes-connection.ts";
import { ensureCrd } from "./kubernetes-crd.ts";
import { emit } from "./kubernetes-events.ts";
import { list, watch } from "./kubernetes-watch.ts";
import type { Answer, Body, Call, Connection } from "./kubernetes-connection.ts";
import type { InstalledCrd } from "./kubernetes-crd.ts";
import type { List, StreamEvent } from "./kubernetes-watch.ts";

export interface Kubernetes extends Resources {
  /** All resources as of one version. */
  readonly list: (signal: AbortSignal) => Promise<List>;
  /** Reports what happens after a version until the stream closes; 410 is an event of type ERROR. */
  readonly watch: (resourceVersion: string, onEvent: (event: StreamEvent) => void, signal: AbortSignal) => Promise<void>;
  /** Names the control plane for ever: the uid of its namespace kube-system. */
  readonly installationId: (signal: AbortSignal) => Promise<string>;
  /** Makes or replaces the definition, as far as the account may, and waits until it is established. */
  readonly ensureCrd: (crd: object, signal: AbortSignal) => Promise<InstalledCrd>;
}

export interface KubernetesOptions {
  readonly kubeConfig: KubeConfig;
  /** For events. */
  readonly clock: Clock;
  /** The only namespace to list and watch; all when left out. */
  readonly namespace?: string;
  /** For a whole call, and for a watch to open. */
  readonly timeoutMs?: number;
}

export const kubernetes = ({ kubeConfig, clock, namespace, timeoutMs = 15_000 }: KubernetesOptions): Kubernetes => {
  const connection = connect({ kubeConfig, timeoutMs });
  const listed = collection(namespace);
  return {
    list: (signal) => list(connection, listed, signal),
    watch: (resourceVersion, onEvent, signal) => watch(connection, listed, resourceVersion, onEvent, signal),
    get: (key, signal) => find(connection, { method: "GET", path: pathOf(key) }, key.name, signal),
    saveStatus: (resource, status, signal) =>
      change(connection, resource, { method: "PUT", path: `${pathOf(resource.metadata)}/status`, body: { ...resource, status } }, signal),
    setFinalizers: ({ metadata }, finalizers, signal) => {
      const body = { metadata: { uid: metadata.uid, resourceVersion: metadata.resourceVersion, finalizers } };
      return change(connection, { metadata }, { method: "PATCH", path: pathOf(metadata), body }, signal);
    },
    note: (resource, event, signal) => emit(connection, resource, event, clock.now(), signal),
    secret: async (key, signal) => {
      const call: Call = { method: "GET", path: `${secretsOf(key.namespace)}/${encodeURIComponent(key.name)}`, isConfidential: true };
      const found = await find(connection, call, key.name, signal);
      return found && decoded(asBody(found.data));
    },
    createSecret: async (resource, name, data, signal) => {
      const path = secretsOf(resource.metadata.namespace);
      const call: Call = { method: "POST", path, body: ownedSecret(resource, name, data), isConfidential: true };
      accepted(call, await connection.ask(call, signal));
    },
    updateSecret: async (key, data, signal) => {
      const path = `${secretsOf(key.namespace)}/${encodeURIComponent(key.name)}`;
      const call: Call = { method: "PATCH", path, body: { data: encoded(data) }, isConfidential: true };
      const answer = await connection.ask(call, signal);
      if (isMissing(answer, key.name)) throw new Conflict(`PATCH ${path}: it is gone`);
      accepted(call, answer);
    },
    installationId: async (signal) => {
      const call: Call = { method: "GET", path: "/api/v1/namespaces/kube-system" };
      const { uid } = asBody(accepted(call, await connection.ask(call, signal)).metadata);
      if (typeof uid !== "string" || uid === "") throw new Transient("the namespace kube-system has no uid");
      return uid;
    },
    ensureCrd: (crd, signal) => ensureCrd(connection, asBody(crd), signal),
  };
};

interface Owner { readonly apiVersion: string; readonly kind: string; readonly metadata: Metadata }

const collection = (namespace: string | undefined): string =>
  `/apis/${group}/${version}${namespace === undefined ? "" : `/namespaces/${namespace}`}/${plural}`;
// Keys also come from labels that anybody can write.
const pathOf = ({ namespace, name }: Key): string => `${collection(encodeURIComponent(namespace))}/${encodeURIComponent(name)}`;
const secretsOf = (namespace: string): string => `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`;

/** The object, or undefined when it is not there. That the server does not serve such objects is an error. */
const find = async (connection: Connection, call: Call, name: string, signal: AbortSignal): Promise<Body | undefined> => {
  const answer = await connection.ask(call, signal);
  return isMissing(answer, name) ? undefined : accepted(call, answer);
};

/** Writes to a resource at the version that was seen. */
const change = async (connection: Connection, { metadata }: { readonly metadata: Metadata }, call: Call, signal: AbortSignal): Promise<Metadata> => {
  // The server takes a write without a version for one that may overwrite anything.
  if (metadata.resourceVersion === "") throw new Terminal(`${call.path}: refusing to write without a resourceVersion`);
  const answer = await connection.ask(call, signal);
  if (isMissing(answer, metadata.name)) throw new Conflict(`${call.method} ${call.path}: it is gone`);
  return metadataOf(call, answer);
};

const metadataOf = (call: Call, answer: Answer): Metadata => {
  const { metadata } = accepted(call, answer);
  const { uid, resourceVersion } = asBody(metadata);
  if (typeof uid !== "string" || typeof resourceVersion !== "string") throw new Transient(`${call.method} ${call.path}: the answer is no object`);
  return metadata as Metadata;
};

const ownedSecret = ({ apiVersion, kind, metadata }: Owner, name: string, data: Readonly<Record<string, string>>): Body => ({
  apiVersion: "v1", kind: "Secret", type: "Opaque",
  metadata: {
    namespace: metadata.namespace, name, labels: { [label.name]: metadata.name },
    ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true }],
  },
  data: encoded(data),
});

const encoded = (data: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(data).map(([field, text]) => [field, Buffer.from(text).toString("base64")]));

const decoded = (data: Body): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(data).map(([field, text]) => [field, Buffer.from(String(text), "base64").toString("utf8")]));
