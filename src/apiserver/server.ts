/**
 * The embedded control plane: enough of the Kubernetes API for kubectl and controllers, over TLS, durable on disk, for
 * any CustomResourceDefinition. It knows no product, trusts no request, and forgets nothing that it acknowledged.
 */
import { randomInt, randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import { explain } from "../errors.ts";
import { loadIdentity } from "./certificates.ts";
import { createDocuments } from "./documents.ts";
import { makePrivateDirectory } from "./files.ts";
import { openJournal } from "./journal.ts";
import { kubeconfig, portIn, writeKubeconfig } from "./kubeconfig.ts";
import { startLifecycle } from "./lifecycle.ts";
import { listen } from "./listener.ts";
import { createRegistry, definitionsResource } from "./registry.ts";
import { openStore } from "./store.ts";
import { createTokens } from "./tokens.ts";
import type { Core, Logger } from "./core.ts";
import type { HistoryBounds, Journal } from "./journal.ts";
import type { Tokens } from "./tokens.ts";

export interface ControlPlaneOptions {
  /** Everything it keeps is in here; made when it is missing, readable by the owner alone. */
  readonly directory: string;
  /** 0 picks the one of the last start, or another where that is in use by now. */
  readonly port: number;
  /** The address to listen on; anything but loopback lets others reach it, with a certificate or token only. */
  readonly host?: string;
  /** Where clients find how to connect; inside the directory unless said otherwise. */
  readonly kubeconfigPath?: string;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How much of the past a watch can catch up on. */
  readonly history?: HistoryBounds;
}

export interface ControlPlane {
  readonly url: string;
  readonly kubeconfigPath: string;
  /** Ends watches and connections in order, then closes the store; a second call waits for the first. */
  stop(): Promise<void>;
}

const openCore = (journal: Journal, tokens: Tokens, { now, log, history }: ControlPlaneOptions): Core => {
  const store = openStore(journal, {
    now, ...(history === undefined ? {} : { bounds: history }),
    onListenerError: (error) => { log.info("a listener failed", { error: String(error) }); },
  });
  const registry = createRegistry();
  const define = () => { registry.define(store.list(definitionsResource)); };
  define();
  // First among the listeners: all others may rely on the registry being up to date.
  store.subscribe(({ key }) => { if (key.resource === definitionsResource) define(); });
  return { store, registry, now, log, newUid: () => randomUUID(), random: (below) => randomInt(below), mintToken: (claims) => tokens.mint(claims) };
};

const urlOf = (host: string, port: number): string => {
  const reachable = ["0.0.0.0", "::"].includes(host) ? "127.0.0.1" : host;
  return `https://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
};

const serve = async (journal: Journal, directory: string, options: ControlPlaneOptions): Promise<ControlPlane> => {
  const { host = "127.0.0.1", log, now } = options;
  const kubeconfigPath = resolve(options.kubeconfigPath ?? join(directory, "kubeconfig"));
  const identity = loadIdentity(directory, { host, nowMs: now() });
  const tokens = createTokens(identity.authorityKey);
  const core = openCore(journal, tokens, options);
  const where = { core, identity, tokens, documents: createDocuments(core.registry), host };
  const last = options.port === 0 ? portIn(kubeconfigPath) : undefined;
  const listener = await (last === undefined ? listen({ ...where, port: options.port }) : listen({ ...where, port: last }).catch(() => listen({ ...where, port: 0 })));
  const url = urlOf(host, listener.port);
  try { writeKubeconfig(kubeconfigPath, kubeconfig(url, identity)); } catch (error) {
    await listener.close();
    throw new Error(`cannot write ${kubeconfigPath}: ${explain(error)}`, { cause: error });
  }
  const lifecycle = startLifecycle(core);
  log.info("control plane ready", { url, kubeconfig: kubeconfigPath });
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await listener.close();
    lifecycle.stop();
    core.store.close();
    log.info("control plane stopped", {});
  };
  return { url, kubeconfigPath, stop: () => stopped ??= stop() };
};

/** Starts on the directory, which one control plane at a time may use; ready when it answers. */
export const startControlPlane = async (options: ControlPlaneOptions): Promise<ControlPlane> => {
  const directory = resolve(options.directory);
  makePrivateDirectory(directory);
  // The journal comes first: it is the lock, without which nothing here may be written.
  const journal = openJournal(join(directory, "control-plane.db"));
  try {
    return await serve(journal, directory, options);
  } catch (error) {
    journal.close();
    throw error;
  }
};
