/**
 * What every test on a real Engine shares: a run id on all that a test makes, a sweep of exactly that, and an Engine
 * adapter whose things carry the run's label. Tests must not touch anything else on the Engine.
 */
import { randomBytes } from "node:crypto";
import Docker from "dockerode";
import { dockerEngine, type DockerEngine } from "../../src/adapters/docker.ts";
import type { PullLimits } from "../../src/adapters/docker-images.ts";
import { labelsOf, type Component, type Owner } from "../../src/api/names.ts";
import type { ContainerSpec, Logger } from "../../src/ports.ts";

export const testLabel = "pgrs.test";

export const silent: Logger = { info: () => undefined, debug: () => undefined, with: () => silent };
export const wallClock = { now: (): number => Date.now() };

export interface Run {
  readonly id: string;
  readonly docker: Docker;
  readonly engine: DockerEngine;
  readonly owner: Owner;
  /** A name of this run. */
  readonly name: (part: string) => string;
  readonly labels: (component: Component, more?: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
  /** Removes all that carries the run's label, and lets go of the Engine. */
  readonly sweep: () => Promise<void>;
}

const swept = async (docker: Docker, label: string): Promise<void> => {
  const filters = { label: [label] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) await docker.getContainer(Id).remove({ force: true, v: true });
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove();
  for (const { Name } of (await docker.listVolumes({ filters })).Volumes ?? []) await docker.getVolume(Name).remove();
};

export const startRun = (options: { readonly pullLimits?: PullLimits } = {}): Run => {
  const id = `t${randomBytes(4).toString("hex")}`;
  const docker = new Docker();
  const engine = dockerEngine({ log: silent, clock: wallClock, ...options });
  const owner: Owner = { installation: `installation-${id}`, namespace: "test", name: id, uid: `uid-${id}` };
  return {
    id, docker, engine, owner,
    name: (part) => `${id}_${part}`,
    labels: (component, more = {}) => labelsOf(owner, component, { ...more, [testLabel]: id }),
    sweep: async () => {
      await swept(docker, `${testLabel}=${id}`);
      engine.close();
    },
  };
};

/** A container that sleeps, on the default bridge, without volumes; what a test cares about replaces the rest. */
export const sleeper = (run: Run, part: string, more: Partial<ContainerSpec> = {}): ContainerSpec => ({
  name: run.name(part), image: "pgrs/tools:latest", hostname: part, command: ["sleep", "3600"], environment: {}, labels: run.labels("member"),
  mounts: [], network: "bridge", stopTimeoutSeconds: 5, ...more,
});

/** A signal for one call of a test: generous, so that only a real hang meets it. */
export const soon = (): AbortSignal => AbortSignal.timeout(60_000);

/** Runs a command in the host's own network namespace, through the Engine: no root is needed for it. */
export const onHost = async (run: Run, command: readonly string[]): Promise<void> => {
  const container = await run.docker.createContainer({
    Image: "pgrs/tools:latest", Entrypoint: [...command], User: "0:0", Labels: { [testLabel]: run.id }, HostConfig: { NetworkMode: "host", CapAdd: ["NET_ADMIN"] },
  });
  await container.start();
  const { StatusCode } = await container.wait() as { StatusCode: number };
  const log = (await container.logs({ stdout: true, stderr: true })).toString();
  await container.remove();
  if (StatusCode !== 0) throw new Error(`${command.join(" ")} ended with ${StatusCode}: ${log}`);
};
