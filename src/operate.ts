/** The operator with its real adapters. Apart from main.ts, so that the control plane need not wait for their loading. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { dockerEngine } from "./adapters/docker.ts";
import { kubernetes } from "./adapters/kubernetes.ts";
import { loadKubeConfig } from "./adapters/kubernetes-config.ts";
import { postgres } from "./adapters/postgres.ts";
import type { Config } from "./config.ts";
import { runOperator } from "./operator.ts";
import type { Clock, Logger } from "./ports.ts";

const ticks = { now: () => performance.now(), sleep: (ms: number, signal: AbortSignal) => sleep(Math.max(0, ms), undefined, { signal }) };

// Hardly ever needed, so it is loaded then.
const buildTools = async (socketPath: string, log: Logger): Promise<void> => {
  const [{ default: Docker }, images] = await Promise.all([import("dockerode"), import("./images/build.ts")]);
  await images.buildTools({ docker: new Docker({ socketPath }), progress: (line) => log.debug(line) });
};

export interface Operation {
  readonly config: Config;
  /** Left out, the usual places are searched. */
  readonly kubeconfig: string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Runs the operator until the signal aborts, then lets go of its connections. */
export async function operate({ config: { docker, namespace }, kubeconfig, clock, log, signal }: Operation): Promise<void> {
  const engine = dockerEngine({ socketPath: docker, log, clock, buildTools: () => buildTools(docker, log) });
  const servers = postgres({ exec: (...call) => engine.exec(...call), log });
  const resources = kubernetes({ kubeConfig: loadKubeConfig(kubeconfig), clock, ...(namespace === undefined ? {} : { namespace }) });
  try {
    await runOperator({
      engine, postgres: servers, kubernetes: resources, clock, ticks, log, namespace, signal,
      random: Math.random, newPassword: () => randomBytes(24).toString("base64url"),
    });
  } finally {
    servers.close();
    engine.close();
  }
}
