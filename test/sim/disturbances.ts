/** What happens to a cluster from outside: things break, people pull wires, and specs are edited half-way. */
import { label } from "../../src/api/names.ts";
import type { Key } from "../../src/api/resource.ts";
import { membersOf, ordinalOf, writersOf, type Model, type SimContainer } from "./model.ts";
import { disconnect } from "./networks.ts";
import type { Random } from "./random.ts";
import { apply, keyText, remove, type Api } from "./resources.ts";
import { end } from "./server.ts";
import { editOf, type PlainSpec } from "./specs.ts";

export interface Scene {
  readonly model: Model;
  readonly api: Api;
  readonly random: Random;
  readonly key: Key;
  /** The spec that the person has in their file. */
  readonly wish: { spec: PlainSpec };
  readonly outage: { engine: boolean; api: boolean; postgres: boolean };
  readonly shiftClock: (ms: number) => void;
  readonly wiped: Set<string>;
  /** docker start, by a person. */
  readonly start: (id: string) => void;
}

type Disturbance = (scene: Scene) => string | undefined;

const anyOf = <T>(random: Random, list: readonly T[]): T | undefined => list[random.between(0, Math.max(0, list.length - 1))];

const ours = ({ model, key }: Scene): readonly SimContainer[] =>
  [...model.containers.values()].filter(({ spec: { labels } }) => labels[label.component] !== "other" && labels[label.namespace] === key.namespace && labels[label.name] === key.name);

const killOne: Disturbance = (scene) => {
  const victim = anyOf(scene.random, ours(scene).filter(({ state }) => state === "running"));
  if (victim === undefined) return undefined;
  const exitCode = scene.random.pick([137, 137, 1, 0]);
  end(scene.model, victim, exitCode, exitCode === 1 ? "PANIC:  could not write to file: No space left on device" : "");
  return `${victim.spec.name} ends with code ${exitCode}`;
};

const removeOne: Disturbance = (scene) => {
  const victim = anyOf(scene.random, ours(scene));
  if (victim === undefined) return undefined;
  end(scene.model, victim, 137);
  scene.model.containers.delete(victim.id);
  scene.model.onEvent("container destroy", victim.spec.labels);
  return `${victim.spec.name} is removed by hand`;
};

const loseCopy: Disturbance = (scene) => {
  const primary = scene.api.objects.get(keyText(scene.key))?.status.primary?.ordinal;
  const victim = anyOf(scene.random, membersOf(scene.model, scene.key).filter((one) => primary !== undefined && ordinalOf(one) !== primary && writersOf(scene.model, scene.key).length > 0));
  const volume = victim?.spec.mounts[0]?.volume;
  if (victim === undefined || volume === undefined || ours(scene).some((one) => one !== victim && one.spec.mounts[0]?.volume === volume)) return undefined;
  end(scene.model, victim, 137);
  scene.model.containers.delete(victim.id);
  scene.model.volumes.delete(volume);
  scene.model.onEvent("container destroy", victim.spec.labels);
  return `${victim.spec.name} and its volume are removed by hand`;
};

const startByHand: Disturbance = (scene) => {
  const stopped = membersOf(scene.model, scene.key).find(({ state, spec }) => state !== "running" && scene.model.volumes.get(spec.mounts[0]?.volume ?? "")?.database !== undefined);
  if (stopped === undefined || ours(scene).some((one) => one.state === "running" && one.spec.mounts[0]?.volume === stopped.spec.mounts[0]?.volume)) return undefined;
  try { scene.start(stopped.id); } catch { /* the Engine tells the person why not */ }
  return `${stopped.spec.name} is started by hand`;
};

const pullWire: Disturbance = (scene) => {
  const victim = anyOf(scene.random, ours(scene).filter(({ endpoints }) => endpoints.size > 1));
  const network = victim === undefined ? undefined : anyOf(scene.random, [...victim.endpoints.keys()].filter((name) => name !== "bridge"));
  if (victim === undefined || network === undefined) return undefined;
  disconnect(scene.model, victim, network);
  return `${victim.spec.name} loses its NIC on ${network}`;
};

const dropNetwork: Disturbance = (scene) => {
  const network = anyOf(scene.random, [...scene.model.networks.values()].filter(({ labels }) => labels[label.name] === scene.key.name));
  if (network === undefined) return undefined;
  for (const container of scene.model.containers.values()) if (container.state === "running") disconnect(scene.model, container, network.name);
  scene.model.networks.delete(network.name);
  return `the network ${network.name} is removed by hand`;
};

const edit: Disturbance = (scene) => {
  const [what, spec] = editOf(scene.random, scene.wish.spec);
  scene.wish.spec = spec;
  apply(scene.api, scene.key, spec);
  return what;
};

const deleteIt: Disturbance = (scene) => {
  if (scene.random.chance(0.5)) return undefined;
  if (scene.api.objects.has(keyText(scene.key))) {
    remove(scene.api, scene.key);
    return "kubectl delete";
  }
  apply(scene.api, scene.key, scene.wish.spec);
  return "kubectl apply, again";
};

const outage = (side: "engine" | "api" | "postgres"): Disturbance => (scene) => {
  if (scene.outage[side]) return undefined;
  scene.outage[side] = true;
  const ms = scene.random.between(500, 25_000);
  scene.model.time.after(ms, () => { scene.outage[side] = false; });
  return `${side} can't be reached for ${ms} ms`;
};

const fullDisk: Disturbance = ({ model, random }) => {
  if (model.isDiskFull) return undefined;
  model.isDiskFull = true;
  model.time.after(random.between(1_000, 20_000), () => { model.isDiskFull = false; });
  return "the disk is full for a while";
};

const shiftClock: Disturbance = ({ random, shiftClock: shift }) => {
  const ms = random.pick([-3_600_000, -20_000, 20_000, 3_600_000]);
  shift(ms);
  return `the wall clock jumps by ${ms} ms`;
};

/** The control plane's memory is lost: the resource comes back without what the operator had recorded. */
const wipeStatus: Disturbance = ({ api, key, wiped, random }) => {
  const found = api.objects.get(keyText(key));
  if (found === undefined || random.chance(0.7)) return undefined;
  wiped.add(keyText(key));
  api.objects.set(keyText(key), Object.freeze({ ...found, status: {}, metadata: { ...found.metadata, resourceVersion: String(api.version += 1) } }));
  return "the recorded status is lost";
};

const all: readonly [Disturbance, ...Disturbance[]] = [
  killOne, killOne, killOne, removeOne, loseCopy, startByHand, pullWire, pullWire, dropNetwork, edit, edit, edit, edit, deleteIt,
  outage("engine"), outage("api"), outage("postgres"), fullDisk, shiftClock, wipeStatus,
];

/** One of them, at random; what happened, or undefined when there was nothing to happen to. */
export const disturb = (scene: Scene): string | undefined => scene.random.pick(all)(scene);
