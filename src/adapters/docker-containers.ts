/**
 * Containers: made, started, stopped and removed so that asking twice is asking once. What is there under a wanted
 * name and is not ours is never touched.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { isOurs, label, type Owner } from "../api/names.ts";
import { reason } from "../api/conditions.ts";
import { Conflict, explain, Terminal } from "../errors.ts";
import type { ContainerFacts, ContainerSpec, Engine, Logger } from "../ports.ts";
import { containerBody, type Abilities } from "./docker-bodies.ts";
import type { Calls } from "./docker-calls.ts";
import { answered, failureOf, statusOf, translate } from "./docker-errors.ts";
import type { Death, Deaths } from "./docker-deaths.ts";
import { containerFacts } from "./docker-facts.ts";
import { isLate } from "./waiting.ts";

type Part = Pick<Engine, "containersOf" | "container" | "createContainer" | "removeContainer" | "start" | "stop" | "kill">;
type Labels = Readonly<Record<string, string>>;

const createLimitMs = 120_000;
const startLimitMs = 120_000;
// Over the container's own stop time-out: the Engine's kill and clean-up after it.
const stopSlackMs = 30_000;
const stopTimeoutSecondsDefault = 10;
const stopPatienceMs = 3_000;

/** The label filter that selects what an owner has. */
export const ownedBy = (owner: Owner): { readonly label: string[] } => ({
  label: [`${label.installation}=${owner.installation}`, `${label.namespace}=${owner.namespace}`, `${label.name}=${owner.name}`],
});

// A container has its image's labels as well.
const hasLabels = (found: Labels, wanted: Labels): boolean => Object.entries(wanted).every(([name, value]) => found[name] === value);

/** The owner that labels name; what carries none has the empty one, which is nobody's. */
export const ownerIn = (labels: Labels): Omit<Owner, "uid"> =>
  ({ installation: labels[label.installation] ?? "", namespace: labels[label.namespace] ?? "", name: labels[label.name] ?? "" });

/** What a taken name means, by the labels of what has it. Undefined when it is what was asked for. */
export const takenName = (what: string, wanted: Labels, found: Labels): Terminal | Conflict | undefined => {
  if (!isOurs(ownerIn(wanted), found)) {
    return new Terminal(`${what}: the name is taken by something that is not ours; remove or rename that`, { reason: reason.NameTaken });
  }
  return hasLabels(found, wanted) ? undefined : new Conflict(`${what}: one of an earlier configuration is still there`);
};

/** The answer, or undefined where the Engine says that there is no such thing. */
export const orAbsent = async <T>(asked: Promise<T>, text: RegExp): Promise<T | undefined> => {
  try { return await asked; } catch (error) {
    if (answered(error, 404, text)) return undefined;
    throw error;
  }
};

export const inspectContainer = (docker: Docker, name: string, abortSignal: AbortSignal): Promise<Docker.ContainerInspectInfo | undefined> =>
  orAbsent(docker.getContainer(encodeURIComponent(name)).inspect({ abortSignal }), /no such container/i);

/**
 * Facts without endpoints on networks that are gone. A stopped container keeps an endpoint on a network that was
 * removed, by the network's id: one made anew under the same name is another, and a start would miss the old one.
 */
const livingFacts = async (docker: Docker, info: Docker.ContainerInspectInfo, abortSignal: AbortSignal): Promise<ContainerFacts> => {
  if (info.State.Running || info.State.Paused) return containerFacts(info);
  return containerFacts(info, new Map((await docker.listNetworks({ abortSignal })).map(({ Name, Id }) => [Name, Id])));
};

/** How long an inspection of a container that is known to have ended may take. */
const endedLimitMs = 25;
const knownMax = 20_000;

const endedFacts = (before: ContainerFacts, { exitCode, at }: Death): ContainerFacts =>
  ({ ...before, state: "exited", exitCode, finishedAt: at, endpoints: before.endpoints.map((endpoint) => ({ ...endpoint, address: "" })) });

type Look = (docker: Docker, id: string, abortSignal: AbortSignal) => Promise<ContainerFacts | undefined>;

/** Facts of a container: by inspection, or from what its death was told by where that is held up. One that has gone is absent. */
const looker = (deaths: Deaths): Look => {
  const known = new Map<string, ContainerFacts>();

  const inspected: Look = async (docker, id, abortSignal) => {
    const info = await inspectContainer(docker, id, abortSignal);
    const facts = info && await livingFacts(docker, info, abortSignal);
    if (known.size >= knownMax) known.clear();
    if (facts !== undefined) known.set(facts.id, facts).set(facts.name, facts);
    return facts;
  };

  return async (docker, id, abortSignal) => {
    const inspection = inspected(docker, id, abortSignal);
    const before = known.get(id);
    const death = before === undefined ? undefined : deaths.of(before.id);
    const holds = before !== undefined && death !== undefined && death.at >= before.startedAt;
    return holds && await isLate(inspection, endedLimitMs) ? endedFacts(before, death) : inspection;
  };
};

const runningKept = 1024;

/**
 * What an inspection said of a running container holds as long as the list says the same: a start gives it other
 * endpoints, and makes it young again. At rest a look is then one list, and an inspection a minute or an hour.
 */
const runningFacts = () => {
  const kept = new Map<string, { readonly stamp: string; readonly facts: ContainerFacts }>();
  const stampOf = ({ State, Status, Labels, NetworkSettings }: Docker.ContainerInfo): string => JSON.stringify([State, Status, Labels, NetworkSettings]);
  return {
    of: (listed: Docker.ContainerInfo): ContainerFacts | undefined => {
      const known = kept.get(listed.Id);
      return known?.stamp === stampOf(listed) ? known.facts : undefined;
    },
    keep: (listed: Docker.ContainerInfo, facts: ContainerFacts | undefined): void => {
      kept.delete(listed.Id);
      if (facts?.state === "running" && listed.State === "running") kept.set(listed.Id, { stamp: stampOf(listed), facts });
      const oldest = kept.size > runningKept ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
    },
  };
};

const containerLooks = ({ call }: Calls, deaths: Deaths, running = runningFacts()): Pick<Part, "containersOf" | "container"> => {
  const look = looker(deaths);
  // The list goes on saying that a container runs for as long as the Engine takes its network down.
  const knownToRun = (listed: Docker.ContainerInfo): ContainerFacts | undefined => deaths.of(listed.Id) === undefined ? running.of(listed) : undefined;

  const lookAt = async (docker: Docker, listed: Docker.ContainerInfo, abortSignal: AbortSignal): Promise<ContainerFacts | undefined> => {
    const known = knownToRun(listed);
    if (known !== undefined) return known;
    const facts = await look(docker, listed.Id, abortSignal);
    running.keep(listed, facts);
    return facts;
  };

  return {
    containersOf: (owner, signal) => call(`list the containers of ${owner.namespace}/${owner.name}`, signal, async (docker, abortSignal) => {
      const listed = await docker.listContainers({ all: true, filters: { ...ownedBy(owner) }, abortSignal });
      // Between list and inspection one may go: then it is absent, not unknown.
      const facts = await Promise.all(listed.map((one) => lookAt(docker, one, abortSignal)));
      return facts.filter((one) => one !== undefined).toSorted((a, b) => a.name.localeCompare(b.name));
    }, { read: true }),

    container: (name, signal) => call(`look at container ${name}`, signal, (docker, abortSignal) => look(docker, name, abortSignal), { read: true }),
  };
};

// A mount of a missing volume would make one without labels: empty, and nobody's.
const requireVolumes = async (docker: Docker, { name, mounts }: ContainerSpec, abortSignal: AbortSignal): Promise<void> => {
  for (const { volume } of mounts) {
    const found = await orAbsent(docker.getVolume(encodeURIComponent(volume)).inspect({ abortSignal }), /no such volume/i);
    if (found === undefined) throw new Conflict(`create container ${name}: the volume ${volume} is gone`);
  }
};

const create = async (docker: Docker, spec: ContainerSpec, abilities: Abilities, abortSignal: AbortSignal): Promise<string> => {
  const what = `create container ${spec.name}`;
  await requireVolumes(docker, spec, abortSignal);
  try {
    const { id } = await docker.createContainer({ ...containerBody(spec, abilities), abortSignal });
    return id;
  } catch (error) {
    if (!answered(error, 409, /is already in use by container/)) throw error;
    const found = await inspectContainer(docker, spec.name, abortSignal);
    if (found === undefined) throw new Conflict(`${what}: one of that name is being removed`, { cause: error });
    const taken = takenName(what, spec.labels, found.Config.Labels ?? {});
    if (taken !== undefined) throw taken;
    return found.Id;
  }
};

// The answer to a failed start tells less than the container itself remembers.
const startFailure = async (docker: Docker, id: string, error: unknown, abortSignal: AbortSignal): Promise<Error | undefined> => {
  const translated = translate(`start container ${id.slice(0, 12)}`, error);
  if (statusOf(error) === undefined) return translated;
  const info = await inspectContainer(docker, id, abortSignal).catch(() => undefined);
  if (info?.State.Running === true) return undefined;
  const words = info?.State.Error ?? "";
  return failureOf(`start container ${info?.Name.slice(1) ?? id}`, words, new Error(words)) ?? translated;
};

const stopLimitMs = (info: Docker.ContainerInspectInfo): number =>
  ((info.Config as { StopTimeout?: number }).StopTimeout ?? stopTimeoutSecondsDefault) * 1000 + stopSlackMs;

interface Stopping { readonly ended: Promise<void>; /** How many wait for it. */ waiting: number }

/**
 * A stop can take minutes, and who asks for it has others to look after. So the Engine is asked once, its answer is
 * waited for a little, and it goes on alone. Who asks again meanwhile waits for the same stop.
 */
const stopCall = (calls: Calls, { deaths, log }: Pick<Options, "deaths" | "log">): Part["stop"] => {
  const stops = new Map<string, Stopping>();

  const begin = (what: string, info: Docker.ContainerInspectInfo): Stopping => {
    const limitMs = stopLimitMs(info);
    const ended = calls.call(what, AbortSignal.timeout(limitMs), async (docker, abortSignal) => {
      try {
        await docker.getContainer(info.Id).stop({ abortSignal });
      } catch (error) {
        if (!answered(error, 304) && !answered(error, 404)) throw error;
      }
    }, { slow: true, limitMs });
    const stop: Stopping = { ended, waiting: 0 };
    stops.set(info.Id, stop);
    ended.catch((error: unknown) => {
      if (stop.waiting === 0) log.info("a stop failed that nobody waits for any more", { container: info.Name.slice(1), because: explain(error) });
    }).finally(() => stops.delete(info.Id));
    return stop;
  };

  return async (id, signal) => {
    const what = `stop container ${id.slice(0, 12)}`;
    const info = await calls.call(what, signal, (docker, abortSignal) => inspectContainer(docker, id, abortSignal), { read: true });
    if (info === undefined) return;
    const stop = stops.get(info.Id) ?? begin(what, info);
    stop.waiting += 1;
    try {
      const over = new AbortController();
      // Stop and kill are answered when the network is down as well, which a failover need not wait for.
      await calls.call(what, signal, () => Promise.race([stop.ended, sleep(stopPatienceMs, undefined, { ref: false }), deaths.next(info.Id, over.signal)]).finally(() => over.abort()), { slow: true });
    } finally {
      stop.waiting -= 1;
    }
  };
};

/** A signal that was sent is one thing; that the container has ended is another, and what fencing is about. */
const killCall = async (docker: Docker, id: string, { deaths, abortSignal }: { readonly deaths: Deaths; readonly abortSignal: AbortSignal }): Promise<void> => {
  const kill = async (): Promise<void> => {
    try {
      await docker.getContainer(encodeURIComponent(id)).kill({ signal: "SIGKILL", abortSignal });
    } catch (error) {
      if (answered(error, 404)) return;
      if (!answered(error, 409, /is not running/)) throw error;
    }
    await orAbsent(docker.getContainer(encodeURIComponent(id)).wait({ condition: "not-running", abortSignal }), /no such container/i);
  };
  const over = new AbortController();
  await Promise.race([kill(), deaths.next(id, over.signal)]).finally(() => over.abort());
};

interface Options { readonly abilities: (signal: AbortSignal) => Promise<Abilities>; readonly deaths: Deaths; readonly log: Logger }

export const containerCalls = (calls: Calls, { abilities, deaths, log }: Options): Part => ({
  ...containerLooks(calls, deaths),
  stop: stopCall(calls, { deaths, log }),

  createContainer: async (spec, signal) => {
    const able = await abilities(signal);
    return calls.call(`create container ${spec.name}`, signal, (docker, abortSignal) => create(docker, spec, able, abortSignal), { slow: true, limitMs: createLimitMs });
  },

  removeContainer: (id, signal) => calls.call(`remove container ${id.slice(0, 12)}`, signal, async (docker, abortSignal) => {
    try {
      await docker.getContainer(encodeURIComponent(id)).remove({ v: true, abortSignal } as object);
    } catch (error) {
      if (!answered(error, 404) && !answered(error, 409, /already in progress/)) throw error;
    }
  }, { slow: true, limitMs: createLimitMs }),

  start: (id, signal) => calls.call(`start container ${id.slice(0, 12)}`, signal, async (docker, abortSignal) => {
    try {
      await docker.getContainer(encodeURIComponent(id)).start({ abortSignal });
    } catch (error) {
      const failure = answered(error, 304) ? undefined : await startFailure(docker, id, error, abortSignal);
      if (failure !== undefined) throw failure;
    }
  }, { slow: true, limitMs: startLimitMs }),

  kill: (id, signal) => calls.call(`kill container ${id.slice(0, 12)}`, signal, (docker, abortSignal) => killCall(docker, id, { deaths, abortSignal }), { slow: true }),
});
