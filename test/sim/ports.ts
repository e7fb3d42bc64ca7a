/** The ports of ports.ts over the simulated world, for one life of the operator and one resource. */
import { isOurs } from "../../src/api/names.ts";
import type { Key, Resource } from "../../src/api/resource.ts";
import { Transient } from "../../src/errors.ts";
import type { Engine, Logger, LookWish, Postgres, Pulse, Resources, Target, World } from "../../src/ports.ts";
import type { Sync } from "./calls.ts";
import { perform, type Trouble } from "./faults.ts";
import { containerNamed, isAlive, type Model } from "./model.ts";
import { isSilent } from "./postgres.ts";
import type { Round } from "./safety.ts";
import { flow } from "./streams.ts";

const engineReads = ["facts", "image", "containersOf", "volumesOf", "networksOf", "container", "volume", "network", "readFile", "readDirectory", "interfaces", "logs"] as const;
const engineWrites = ["createNetwork", "removeNetwork", "createVolume", "removeVolume", "createContainer", "removeContainer", "start", "stop", "kill", "attach", "detach", "addAddress", "removeAddress", "putFiles", "own", "exec"] as const;
const postgresWrites = ["promote", "checkpoint", "advanceSlot", "ensureAccount", "ensureDatabase", "createSlot", "dropSlot", "reload"] as const;
const resourceReads = ["get", "secret"] as const;
const resourceWrites = ["saveStatus", "setFinalizers", "note", "createSecret", "updateSecret"] as const;

export interface Seams {
  readonly model: Model;
  readonly engine: Sync<Engine>;
  readonly postgres: Sync<Postgres>;
  readonly resources: Sync<Resources>;
  readonly trouble: Trouble;
  readonly pulse: Pulse;
  readonly log: Logger;
  readonly installation: string;
  readonly newPassword: () => string;
  readonly now: () => number;
  /** Called before something is written, with the round it belongs to. */
  readonly onWrite: (what: string, args: readonly unknown[], round: Round) => void;
  /** Called after each effect, done or refused. */
  readonly onEffect: (what: string, args: readonly unknown[], round: Round | undefined) => void;
  /** Called when a round begins. */
  readonly onRound: (key: Key, resource: Resource | undefined) => Round;
  readonly rival: (key: Key) => void;
}

type Function = (...args: readonly unknown[]) => unknown;

/** Whether something of that name belongs to the resource, or is not there at all. */
const isForeign = (model: Model, key: Key & { readonly installation: string }, what: string, name: string): boolean => {
  const labels = what.endsWith("Volume") ? model.volumes.get(name)?.labels : what.endsWith("Network") ? model.networks.get(name)?.labels : containerNamed(model, name)?.spec.labels;
  return labels !== undefined && !isOurs(key, labels);
};

const touches = new Set(["removeNetwork", "removeVolume", "removeContainer", "start", "stop", "kill", "attach", "detach", "addAddress", "removeAddress", "putFiles", "own", "exec", "readFile", "readDirectory"]);

/** A call's halves: files are put one after the other, and a program can die in between. */
const halfOf = (what: string, run: Function, args: readonly unknown[]): (() => void) | undefined =>
  what !== "putFiles" ? undefined : () => { run(args[0], args[1], (args[2] as readonly unknown[]).slice(0, 1)); };

/** The adapter's own limits for a question to a server. Milliseconds. */
const answerMs = { look: 5_000, other: 10_000 } as const;

const limitOf = (name: string, args: readonly unknown[]): number => name === "look" ? (args[1] as LookWish).limitMs ?? answerMs.look : answerMs.other;

/** What an Engine takes for a change. Milliseconds. */
const engineMs = { least: 5, most: 60 } as const;

/** How long a call to stop a container waits for its end. Milliseconds. */
const stopMs = 4_000;

/** Waits for the end of a container that was asked to stop, but not for ever. */
const ended = ({ model, trouble: { time } }: Seams, id: string): Promise<void> => new Promise((resolve) => {
  const container = containerNamed(model, id);
  if (container === undefined || !isAlive(container)) return resolve();
  const cancel = time.after(stopMs, resolve);
  container.waiting.add(() => { cancel(); resolve(); });
});

/** The world of a resource, and a bell to ring when a round of it begins. */
export function portsOf(seams: Seams, key: Key): { readonly world: World; readonly beginRound: () => void } {
  const { model, trouble, installation } = seams;
  let round: Round | undefined;

  const port = (side: string, calls: object, names: readonly string[], isWrite: boolean): Record<string, Function> => Object.fromEntries(names.map((name) => {
    const run = (calls as Record<string, Function>)[name] as Function;
    const perform_ = (...given: readonly unknown[]): Promise<unknown> => {
      const args = given.slice(0, -1);
      const current = round;
      const effect = (): unknown => {
        flow(model);
        if (touches.has(name) && isForeign(model, { ...key, installation }, name, String(args[0]))) model.onBreach(`${name} of ${String(args[0])}, which is not ours`);
        if (isWrite && current !== undefined) seams.onWrite(`${side}.${name}`, args, current);
        try { return run(...args); } finally { if (isWrite) seams.onEffect(`${side}.${name}`, args, current); }
      };
      const silentMs = side === "postgres" ? () => isSilent(model, args[0] as Target) ? limitOf(name, args) : undefined : undefined;
      return perform(trouble, { what: `${side}.${name}`, isWrite, effect, half: halfOf(name, run, args), silentMs, ...(side === "engine" && isWrite ? { takesMs: trouble.random.between(engineMs.least, engineMs.most) } : {}), signal: given.at(-1) as AbortSignal });
    };
    return [name, name !== "stop" ? perform_ : async (...given: readonly unknown[]) => { await perform_(...given); await ended(seams, String(given[0])); }];
  }));

  const resources = { ...port("resources", seams.resources, resourceReads, false), ...port("resources", seams.resources, resourceWrites, true) } as unknown as Resources;
  const world: World = {
    engine: {
      ...port("engine", seams.engine, engineReads, false), ...port("engine", seams.engine, engineWrites, true),
      pull: (name: string) => { if (!trouble.life.isDead) seams.engine.pull(name); }, pulling: (name: string) => seams.engine.pulling(name),
    } as unknown as Engine,
    postgres: { ...port("postgres", seams.postgres, ["look", "beat"], false), ...port("postgres", seams.postgres, postgresWrites, true) } as unknown as Postgres,
    resources: {
      ...resources,
      get: async (asked, signal) => {
        const found = await resources.get(asked, signal) as Resource | undefined;
        round ??= seams.onRound(asked, found);
        return found;
      },
      saveStatus: async (resource, status, signal) => {
        if (trouble.random.chance(trouble.rates().rival) && !trouble.life.isDead) seams.rival(key);
        return resources.saveStatus(resource, status, signal);
      },
    },
    pulse: seams.pulse,
    clock: { now: seams.now }, log: seams.log, installation, newPassword: seams.newPassword,
  };
  return { world, beginRound: () => { round = undefined; } };
}

/** What a caller sees of a side that is down. */
export const unreachable = (what: string): Error => what.startsWith("engine.")
  ? new Transient(`${what}: nothing listens on the Docker socket; is the Engine running?`, { reason: "EngineUnreachable" })
  : new Transient(`${what}: no answer`);
