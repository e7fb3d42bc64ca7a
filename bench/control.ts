/** The API server as a person's client sees it: applies, edits, deletes, and notices by a watch when something holds. */
import { kubernetes, type Kubernetes } from "../src/adapters/kubernetes.ts";
import { loadKubeConfig } from "../src/adapters/kubernetes-config.ts";
import { accepted, connect, type Body, type Call } from "../src/adapters/kubernetes-connection.ts";
import type { Resource } from "../src/api/resource.ts";
import { collectionPath, namespace } from "./cluster.ts";

export interface Control {
  readonly api: Kubernetes;
  apply(resource: Body): Promise<void>;
  scale(name: string, replicas: number): Promise<void>;
  /** Merges into the spec. */
  edit(name: string, spec: Body): Promise<void>;
  remove(name: string): Promise<void>;
  /** Resolves when the resource, or undefined when it is gone, satisfies the question. Starts to watch at once. */
  until(name: string, holds: (resource: Stored | undefined) => boolean): Promise<void>;
}

const waitMs = 120_000;

/** As a server has it: without a status until the operator has seen it. */
export type Stored = Omit<Resource, "status"> & { readonly status?: Resource["status"] };

/** Every wanted member ready, as of the newest spec. */
export const isReady = (resource: Stored | undefined): boolean => resource?.status !== undefined
  && resource.status.observedGeneration === resource.metadata.generation && resource.status.readyReplicas === resource.spec.replicas
  && resource.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;

export function controlOf(kubeconfigPath: string): Control {
  const kubeConfig = loadKubeConfig(kubeconfigPath);
  const connection = connect({ kubeConfig, timeoutMs: 15_000 });
  const api = kubernetes({ kubeConfig, clock: { now: Date.now } });
  const never = new AbortController().signal;
  const send = async (call: Call): Promise<void> => { accepted(call, await connection.ask(call, never)); };
  const pathOf = (name: string): string => `${collectionPath}/${name}`;

  const until: Control["until"] = async (name, holds) => {
    const over = new AbortController();
    const limit = setTimeout(() => { over.abort(new Error(`${name} was not there in time`)); }, waitMs);
    try {
      const found = await api.get({ namespace, name }, over.signal) as Stored | undefined;
      if (holds(found)) return;
      await new Promise<void>((resolve, reject) => {
        over.signal.addEventListener("abort", () => { reject(over.signal.reason as Error); }, { once: true });
        const onEvent = ({ type, object }: { readonly type: string; readonly object: object }): void => {
          const resource = object as Stored;
          if (type !== "BOOKMARK" && resource.metadata.name === name && holds(type === "DELETED" ? undefined : resource)) resolve();
        };
        const version = found?.metadata.resourceVersion;
        const from = version === undefined ? api.list(over.signal).then(({ resourceVersion }) => resourceVersion) : Promise.resolve(version);
        from.then((resourceVersion) => api.watch(resourceVersion, onEvent, over.signal)).then(() => { reject(new Error("the watch closed")); }, reject);
      });
    } finally {
      clearTimeout(limit);
      over.abort();
    }
  };

  const edit: Control["edit"] = (name, spec) => send({ method: "PATCH", path: pathOf(name), body: { spec } });

  return {
    api, until,
    apply: (body) => send({ method: "POST", path: collectionPath, body }),
    edit, scale: (name, replicas) => edit(name, { replicas }),
    remove: (name) => send({ method: "DELETE", path: pathOf(name) }),
  };
}
