/**
 * Containers: made, started, stopped and removed so that asking twice is asking once. What is there under a wanted
 * name and is not ours is never touched.
 */
import type Docker from "dockerode";
import { isOurs, label, type Owner } from "../api/names.ts";
import { reason } from "../api/conditions.ts";
import { Conflict, Terminal } from "../errors.ts";
import type { ContainerFacts, ContainerSpec, Engine } from "../ports.ts";
import { containerBody, type Abilities } from "./docker-bodies.ts";
import type { Calls } from "./docker-calls.ts";
import { answered, failureOf, statusOf, translate } from "./docker-errors.ts";
import { containerFacts } from "./docker-facts.ts";

type Part = Pick<Engine, "containersOf" | "container" | "createContainer" | "removeContainer" | "start" | "stop" | "kill">;
type Labels = Readonly<Record<string, string>>;

const createLimitMs = 120_000;
const startLimitMs = 120_000;
// Over the container's own stop time-out: the Engine's kill and clean-up after it.
const stopSlackMs = 30_000;
const stopTimeoutSecondsDefault = 10;

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
const livingFacts = async (docker: Docker, infos: readonly Docker.ContainerInspectInfo[], abortSignal: AbortSignal): Promise<readonly ContainerFacts[]> => {
  const stopped = infos.filter(({ State }) => !State.Running && !State.Paused);
  if (stopped.length === 0) return infos.map((info) => containerFacts(info));
  const ids = new Map((await docker.listNetworks({ abortSignal })).map(({ Name, Id }) => [Name, Id]));
  return infos.map((info) => stopped.includes(info) ? containerFacts(info, ids) : containerFacts(info));
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

const containerLooks = ({ call }: Calls, running = runningFacts()): Pick<Part, "containersOf" | "container"> => ({
  containersOf: (owner, signal) => call(`list the containers of ${owner.namespace}/${owner.name}`, signal, async (docker, abortSignal) => {
    const listed = await docker.listContainers({ all: true, filters: { ...ownedBy(owner) }, abortSignal });
    const known = listed.map((one) => running.of(one)).filter((facts) => facts !== undefined);
    const others = listed.filter((one) => running.of(one) === undefined);
    // Between list and inspect one may go: then it is absent, not unknown.
    const infos = await Promise.all(others.map(({ Id }) => inspectContainer(docker, Id, abortSignal)));
    const facts = await livingFacts(docker, infos.filter((info) => info !== undefined), abortSignal);
    for (const one of others) running.keep(one, facts.find(({ id }) => id === one.Id));
    return [...known, ...facts].toSorted((a, b) => a.name.localeCompare(b.name));
  }, { read: true }),

  container: (name, signal) => call(`look at container ${name}`, signal, async (docker, abortSignal): Promise<ContainerFacts | undefined> => {
    const info = await inspectContainer(docker, name, abortSignal);
    return info && (await livingFacts(docker, [info], abortSignal))[0];
  }, { read: true }),
});

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

// A signal was sent; that the container has ended is another matter, and what fencing is about.
const untilEnded = async (docker: Docker, id: string, abortSignal: AbortSignal): Promise<void> => {
  await orAbsent(docker.getContainer(id).wait({ condition: "not-running", abortSignal }), /no such container/i);
};

export const containerCalls = (calls: Calls, abilities: (signal: AbortSignal) => Promise<Abilities>): Part => ({
  ...containerLooks(calls),

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

  stop: async (id, signal) => {
    const what = `stop container ${id.slice(0, 12)}`;
    const info = await calls.call(what, signal, (docker, abortSignal) => inspectContainer(docker, id, abortSignal), { read: true });
    if (info === undefined) return;
    await calls.call(what, signal, async (docker, abortSignal) => {
      try {
        await docker.getContainer(info.Id).stop({ abortSignal });
      } catch (error) {
        if (!answered(error, 304) && !answered(error, 404)) throw error;
      }
    }, { slow: true, limitMs: stopLimitMs(info) });
  },

  kill: (id, signal) => calls.call(`kill container ${id.slice(0, 12)}`, signal, async (docker, abortSignal) => {
    try {
      await docker.getContainer(encodeURIComponent(id)).kill({ signal: "SIGKILL", abortSignal });
    } catch (error) {
      if (answered(error, 404)) return;
      if (!answered(error, 409, /is not running/)) throw error;
    }
    await untilEnded(docker, encodeURIComponent(id), abortSignal);
  }, { slow: true }),
});
