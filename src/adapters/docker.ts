/**
 * The Docker Engine behind the port that the operator knows (ports.ts). It asks for end states, takes "already so" for
 * success, and speaks of failures in our words. It must never touch what carries no label of ours, never believe a
 * recorded endpoint that has no address, and never wait without a limit. Works with Engine 20.10 (API 1.41) and newer;
 * what only a newer one can is used where it is there.
 */
import { reason } from "../api/conditions.ts";
import { Terminal, Transient } from "../errors.ts";
import type { Clock, ContainerFacts, Engine, EngineFacts, Interface, Logger } from "../ports.ts";
import type { Abilities } from "./docker-bodies.ts";
import { apiAtLeast, engineCalls, type Asking, type Calls, type Where } from "./docker-calls.ts";
import { containerCalls } from "./docker-containers.ts";
import { followEvents, type EventWatcher } from "./docker-events.ts";
import { execCalls } from "./docker-exec.ts";
import { networkFacts } from "./docker-facts.ts";
import { fileCalls } from "./docker-files.ts";
import { imageCalls, pullLimits, type PullLimits } from "./docker-images.ts";
import { parseInterfaces, readingCommand, separator } from "./docker-interfaces.ts";
import { inspectNetwork, networkCalls, volumeCalls, type NamesIn } from "./docker-networks.ts";

export type { EventWatcher, OwnerKey } from "./docker-events.ts";

export interface DockerOptions extends Where {
  readonly log: Logger;
  readonly clock: Clock;
  readonly pullLimits?: PullLimits;
}

export interface DockerEngine extends Engine {
  /** May be handed on by itself. */
  readonly exec: Engine["exec"];
  /** Tells of changes to things with our labels until the signal aborts; reconnects by itself. */
  events(watcher: EventWatcher, signal: AbortSignal): Promise<void>;
  /** Throws when the Engine does not answer. */
  ping(signal: AbortSignal): Promise<void>;
  /** Lets go of the kept connections. */
  close(): void;
}

const nicNamesApi = "1.48";
const interfacesKept = 1024;

/** Reads a container's NICs once for each start and each change of its endpoints. */
const interfaceReader = (exec: Engine["exec"]): Engine["interfaces"] => {
  const kept = new Map<string, { readonly stamp: string; readonly interfaces: readonly Interface[] }>();
  return async (container: ContainerFacts, signal) => {
    const stamp = JSON.stringify([container.startedAt, container.endpoints]);
    const before = kept.get(container.id);
    if (before?.stamp === stamp) return before.interfaces;
    const { output } = await exec(container.id, readingCommand, "", signal);
    if (!output.includes(separator)) throw new Transient(`read the NICs of ${container.name}: ${output.slice(0, 200).trim()}`);
    const interfaces = parseInterfaces(output);
    kept.delete(container.id);
    kept.set(container.id, { stamp, interfaces });
    const oldest = kept.size > interfacesKept ? kept.keys().next().value : undefined;
    if (oldest !== undefined) kept.delete(oldest);
    return interfaces;
  };
};

const nameReader = (exec: Engine["exec"]): NamesIn => async (container, signal) =>
  (await exec(container, ["ls", "/sys/class/net"], "", signal)).output.split(/\s+/);

const factsReader = (calls: Calls): ((signal: AbortSignal) => Promise<EngineFacts>) => calls.remembered(async (signal) => {
  const { version, api } = await calls.version(signal);
  const bridge = await calls.call("look at the Engine's default bridge", signal, (docker, abortSignal) => inspectNetwork(docker, "bridge", abortSignal), { read: true });
  if (bridge === undefined) {
    throw new Terminal("this Engine runs without its default bridge network, over which the operator reaches the members; take `\"bridge\": \"none\"` out of its daemon.json", { reason: reason.NetworkMissing });
  }
  return { version, namesNics: apiAtLeast(api, nicNamesApi), managementSubnet: networkFacts(bridge).subnet };
});

const abilitiesReader = (calls: Calls): ((signal: AbortSignal) => Promise<Abilities>) => calls.remembered(async (signal) => {
  const { api } = await calls.version(signal);
  const { LoggingDriver } = await calls.call("ask the Engine's settings", signal, (docker, abortSignal) => (docker as unknown as Asking).info({ abortSignal }), { read: true });
  return { namesNics: apiAtLeast(api, nicNamesApi), loggingDriver: LoggingDriver ?? "" };
});

export const dockerEngine = ({ log, clock, pullLimits: limits = pullLimits, ...where }: DockerOptions): DockerEngine => {
  const calls = engineCalls(where);
  const abilities = abilitiesReader(calls);
  const running = execCalls(calls);
  return {
    facts: factsReader(calls),
    ...containerCalls(calls, abilities),
    ...networkCalls(calls, { abilities, namesIn: nameReader(running.exec) }),
    ...volumeCalls(calls),
    ...fileCalls(calls),
    ...running,
    ...imageCalls(calls, { clock, log, limits }),
    interfaces: interfaceReader(running.exec),
    events: (watcher, signal) => followEvents({ calls, clock, log }, watcher, signal),
    ping: async (signal) => { await calls.call("ping the Engine", signal, (docker, abortSignal) => (docker as unknown as Asking).ping({ abortSignal }), { limitMs: 5000 }); },
    close: calls.close,
  };
};
