/**
 * The Docker Engine behind the port that the operator knows (ports.ts). It asks for end states, takes "already so" for
 * success, and speaks of failures in our words. It must never touch what carries no label of ours, never believe a
 * recorded endpoint that has no address, and never wait without a limit. Works with Engine 20.10 (API 1.41) and newer;
 * what only a newer one can is used where it is there.
 */
import { reason } from "../api/conditions.ts";
import { Terminal } from "../errors.ts";
import type { Clock, Engine, EngineFacts, Logger } from "../ports.ts";
import { addressCalls } from "./docker-addresses.ts";
import type { Abilities } from "./docker-bodies.ts";
import { apiAtLeast, engineCalls, type Asking, type Calls, type Where } from "./docker-calls.ts";
import { containerCalls } from "./docker-containers.ts";
import { deathRegister } from "./docker-deaths.ts";
import { followEvents, type EventWatcher } from "./docker-events.ts";
import { execCalls } from "./docker-exec.ts";
import { networkFacts } from "./docker-facts.ts";
import { fileCalls } from "./docker-files.ts";
import { imageCalls, pullLimits, type PullLimits } from "./docker-images.ts";
import { interfaceReader } from "./docker-interfaces.ts";
import { inspectNetwork, networkCalls, volumeCalls, type NamesIn } from "./docker-networks.ts";
import { toolsImage } from "./docker-tools.ts";

export type { EventWatcher, OwnerKey } from "./docker-events.ts";

export interface DockerOptions extends Where {
  readonly log: Logger;
  readonly clock: Clock;
  readonly pullLimits?: PullLimits;
  /** Builds pgrs/tools on this Engine. */
  readonly buildTools?: () => Promise<unknown>;
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

export const dockerEngine = ({ log, clock, pullLimits: limits = pullLimits, buildTools, ...where }: DockerOptions): DockerEngine => {
  const calls = engineCalls(where);
  const abilities = abilitiesReader(calls);
  const deaths = deathRegister();
  const running = execCalls(calls);
  const reader = interfaceReader(running.exec, clock);
  const containers = containerCalls(calls, { abilities, deaths, log });
  const { withoutHelpers, ...addresses } = addressCalls(calls, { tools: toolsImage({ clock, log, build: buildTools }), onChange: reader.changed });
  return {
    facts: factsReader(calls),
    ...containers,
    containersOf: async (owner, signal) => withoutHelpers(await containers.containersOf(owner, signal)),
    ...addresses,
    ...networkCalls(calls, { abilities, namesIn: nameReader(running.exec) }),
    ...volumeCalls(calls),
    ...fileCalls(calls),
    ...running,
    ...imageCalls(calls, { clock, log, limits }),
    interfaces: reader.interfaces,
    events: (watcher, signal) => followEvents({ calls, clock, deaths, log }, watcher, signal),
    ping: async (signal) => { await calls.call("ping the Engine", signal, (docker, abortSignal) => (docker as unknown as Asking).ping({ abortSignal }), { limitMs: 5000 }); },
    close: calls.close,
  };
};
