/**
 * The operator put together: watches resources and the Engine, and runs a round for each that may need one. Wiring
 * only: what a round does is told in reconcile.ts.
 */
import type { DockerEngine } from "./adapters/docker.ts";
import type { Kubernetes } from "./adapters/kubernetes.ts";
import { crd } from "./api/crd.ts";
import type { Key } from "./api/resource.ts";
import { runController } from "./controller/controller.ts";
import type { Clock as MonotonicClock } from "./controller/clock.ts";
import { createPulse, type Pulse } from "./controller/pulse.ts";
import { createQueue } from "./controller/queue.ts";
import { watchResources } from "./controller/watch.ts";
import { explain } from "./errors.ts";
import type { Clock, Logger, Postgres, Target, World } from "./ports.ts";
import type { Lsn } from "./postgres/lsn.ts";
import { reconcile } from "./reconcile.ts";

export interface OperatorOptions {
  readonly engine: DockerEngine;
  readonly postgres: Postgres;
  readonly kubernetes: Kubernetes;
  readonly clock: Clock;
  /** For pauses and deadlines of the loop itself. */
  readonly ticks: MonotonicClock;
  readonly random: () => number;
  readonly newPassword: () => string;
  readonly log: Logger;
  /** Only this namespace, when given. */
  readonly namespace: string | undefined;
  readonly signal: AbortSignal;
}

/** How many resources are worked on side by side, how long a round may take, and how often all are looked at anyway. */
const limits = { concurrency: 8, queueMax: 10_000, roundMs: 180_000, resyncMs: 300_000, idleMs: 120_000, stopGraceMs: 10_000 } as const;

const keyOf = (text: string) => {
  const [namespace = "", name = ""] = text.split("/");
  return { namespace, name };
};

const textOf = ({ namespace, name }: Key): string => `${namespace}/${name}`;

const pulsePort = ({ follow, heard, last }: Pulse<Target, Lsn>): World["pulse"] => ({
  follow: (key, primary) => follow(textOf(key), primary), heard,
  last: (key) => {
    const known = last(textOf(key));
    return known && { member: known.target.member, position: known.position };
  },
});

/** Runs until the signal aborts; then lets rounds in flight end. Throws when the API server refuses the start. */
export async function runOperator({ engine, postgres, kubernetes, clock, ticks, random, newPassword, log, namespace, signal }: OperatorOptions): Promise<void> {
  if (namespace === undefined && await kubernetes.ensureCrd(crd, signal) === "older or newer") {
    log.info("the definition on the server differs from this program's, and this account may not replace it: apply the one that `pgrs crd` prints");
  }
  const installation = await kubernetes.installationId(signal);
  const queue = createQueue({ clock: ticks, lengthMax: limits.queueMax, onFull: (key) => log.info("too many resources at once; the next resync comes back to this one", { resource: key }) });
  const pulse = createPulse<Target, Lsn>({ beat: (target, abort) => postgres.beat(target, abort), onSilence: (key) => queue.add(key), clock: ticks, signal });
  const world: World = {
    engine, postgres, resources: kubernetes, clock, log, installation, newPassword,
    pulse: pulsePort(pulse),
  };
  const watching = watchResources({
    list: (abort) => kubernetes.list(abort), watch: (version, onEvent, abort) => kubernetes.watch(version, onEvent, abort),
    onChange: (key) => queue.add(key), onSynced: () => log.info("watching", { installation }),
    idleTimeoutMs: limits.idleMs, resyncMs: limits.resyncMs, clock: ticks, random, log, explain, signal,
  });
  const events = engine.events({
    onChange: (owner, event) => {
      if (owner.installation !== installation) return;
      log.debug(event, { resource: `${owner.namespace}/${owner.name}` });
      queue.add(`${owner.namespace}/${owner.name}`);
    },
    onConnected: () => { for (const key of watching.keys()) queue.add(key); },
  }, signal);
  await Promise.all([
    runController({
      queue, reconcile: (key, abort) => reconcile(keyOf(key), world, abort), concurrency: limits.concurrency,
      roundTimeoutMs: limits.roundMs, resyncMs: limits.resyncMs, stopGraceMs: limits.stopGraceMs, clock: ticks, random, log, explain, signal,
    }),
    watching.stopped, events,
  ]);
}
