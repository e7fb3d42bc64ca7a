/**
 * What happened on the Engine to things of ours, as it happens. Events are hints: they say whom to look at, never what
 * is. After each new connection, and whenever it is not clear whom an event is about, everything must be looked at.
 * Events of exec are not asked for, and those of helpers not told: the operator's own doings must not wake it.
 */
import type Docker from "dockerode";
import pRetry from "p-retry";
import { label, type Owner } from "../api/names.ts";
import { explain, Transient } from "../errors.ts";
import type { Clock, Logger } from "../ports.ts";
import type { Calls } from "./docker-calls.ts";
import { inspectContainer, ownerIn } from "./docker-containers.ts";
import type { Deaths } from "./docker-deaths.ts";
import { linesOf } from "./docker-lines.ts";
import { inspectNetwork } from "./docker-networks.ts";

export type OwnerKey = Omit<Owner, "uid">;

export interface EventWatcher {
  /** Something of this resource changed; `event` is for the log: "container die". */
  onChange(key: OwnerKey, event: string): void;
  /** Connected, for the first time or again, or an event could not be placed: look at everything. */
  onConnected(): void;
}

interface Event {
  readonly Type: "container" | "network" | "volume";
  readonly Action: string;
  readonly timeNano: number;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

const filters = JSON.stringify({
  type: ["container", "network", "volume"],
  event: ["create", "start", "die", "oom", "destroy", "pause", "unpause", "rename", "connect", "disconnect"],
});
const openLimitMs = 15_000;
const lookLimitMs = 10_000;
/** A connection that held this long was a good one: the next attempt starts without delay. */
const goodMs = 10_000;
const knownMax = 20_000;

type Labels = Readonly<Record<string, string>>;
const keyIn = (labels: Labels): OwnerKey | undefined => labels[label.installation] === undefined ? undefined : ownerIn(labels);

/** Whom ids belong to, since events of networks and volumes carry no labels, and the dead can't be asked. */
class Register {
  readonly #keys = new Map<string, OwnerKey>();

  note(id: string, labels: Labels | null | undefined): OwnerKey | undefined {
    const key = keyIn(labels ?? {});
    if (key !== undefined) this.#keys.set(id, key);
    const oldest = this.#keys.size > knownMax ? this.#keys.keys().next().value : undefined;
    if (oldest !== undefined) this.#keys.delete(oldest);
    return key;
  }
  get(id: string): OwnerKey | undefined { return this.#keys.get(id); }
  forget(id: string): void { this.#keys.delete(id); }
}

const fill = async (docker: Docker, register: Register, abortSignal: AbortSignal): Promise<void> => {
  const ours = { label: [label.installation] };
  const [containers, networks, { Volumes }] = await Promise.all([
    docker.listContainers({ all: true, filters: ours, abortSignal }), docker.listNetworks({ filters: ours, abortSignal }), docker.listVolumes({ filters: ours, abortSignal }),
  ]);
  for (const { Id, Labels } of containers) register.note(Id, Labels);
  for (const { Id, Labels } of networks) register.note(Id, Labels);
  for (const { Name, Labels } of Volumes ?? []) register.note(Name, Labels);
};

/** The labels of something that the register does not know; undefined when it is gone. */
const labelsOf = async (docker: Docker, type: Event["Type"], id: string, abortSignal: AbortSignal): Promise<Labels | undefined> => {
  if (type === "container") return (await inspectContainer(docker, id, abortSignal))?.Config.Labels;
  if (type === "network") return (await inspectNetwork(docker, id, abortSignal))?.Labels;
  const { Volumes } = await docker.listVolumes({ filters: { name: [id], label: [label.installation] }, abortSignal });
  return (Volumes ?? []).find(({ Name }) => Name === id)?.Labels;
};

interface Follow { readonly calls: Calls; readonly register: Register; readonly signal: AbortSignal }

const ownerOf = async ({ calls, register, signal }: Follow, type: Event["Type"], id: string, gone: boolean): Promise<OwnerKey | undefined> => {
  const known = register.get(id);
  if (known !== undefined || gone) return known;
  const labels = await calls.call(`look whose ${type} ${id} is`, signal, (docker, abortSignal) => labelsOf(docker, type, id, abortSignal), { read: true, limitMs: lookLimitMs });
  return register.note(id, labels);
};

/** Whom an event is about: for a network's, both the container's owner and the network's. */
const ownersOf = async (follow: Follow, { Type, Action, Actor }: Event): Promise<readonly OwnerKey[]> => {
  const { register } = follow;
  const gone = Action === "destroy";
  const other = Type === "network" ? Actor.Attributes.container : undefined;
  const owners = [
    (Type === "container" ? register.note(Actor.ID, Actor.Attributes) : undefined) ?? await ownerOf(follow, Type, Actor.ID, gone),
    other === undefined || other === "" ? undefined : await ownerOf(follow, "container", other, false),
  ].filter((key) => key !== undefined);
  if (gone) register.forget(Actor.ID);
  return owners.filter((key, index) => owners.findIndex((one) => one.namespace === key.namespace && one.name === key.name && one.installation === key.installation) === index);
};

interface Options { readonly calls: Calls; readonly clock: Clock; readonly deaths: Deaths; readonly log: Logger }

const record = (deaths: Deaths, { Type, Action, Actor, timeNano }: Event): void => {
  if (Type !== "container") return;
  if (Action === "die") deaths.note(Actor.ID, { exitCode: Number(Actor.Attributes.exitCode ?? "255"), at: Math.floor(timeNano / 1e6) });
  if (Action === "start" || Action === "destroy") deaths.started(Actor.ID);
};

/** Follows one connection to its end. Returns when it was a good one, throws when it broke at once. */
const followOnce = async ({ calls, clock, deaths, log }: Options, watcher: EventWatcher, signal: AbortSignal): Promise<void> => {
  const register = new Register();
  const { stream, close } = await calls.open("follow the Engine's events", signal, (docker, abortSignal) => docker.getEvents({ filters, abortSignal }), openLimitMs);
  const since = clock.now();
  try {
    // Subscribed first, listed second: what happens in between waits in the stream.
    await calls.call("list what is ours", signal, (docker, abortSignal) => fill(docker, register, abortSignal), { read: true });
    log.debug("following the Engine's events");
    watcher.onConnected();
    for await (const line of linesOf(stream)) {
      const event = JSON.parse(line) as Event;
      if (event.Actor.Attributes[label.component] === "helper") continue;
      record(deaths, event);
      try {
        for (const key of await ownersOf({ calls, register, signal }, event)) watcher.onChange(key, `${event.Type} ${event.Action}`);
      } catch (error) {
        if (signal.aborted) return;
        log.debug("an event could not be placed; looking at everything", { event: `${event.Type} ${event.Action}`, because: explain(error) });
        watcher.onConnected();
      }
    }
  } finally {
    close();
    deaths.forget();
    calls.forget();
  }
  if (!signal.aborted && clock.now() - since < goodMs) throw new Transient("the Engine ended its events at once");
};

/** Follows until the signal aborts, and resolves then. Reconnects by itself, at first at once, then ever more slowly. */
export const followEvents = async (options: Options, watcher: EventWatcher, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    try {
      await pRetry(() => followOnce(options, watcher, signal), {
        retries: Number.POSITIVE_INFINITY, minTimeout: 200, maxTimeout: 10_000, randomize: true, signal,
        onFailedAttempt: ({ error, attemptNumber }) => {
          const because = explain(error);
          if (attemptNumber === 1) options.log.info("lost the Engine's events; trying again until it answers", { because });
          else options.log.debug("no events from the Engine yet", { because, attempt: attemptNumber });
        },
      });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
};
