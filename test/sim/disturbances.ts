/** What happens to a cluster from outside: things break, people pull wires, and specs are edited half-way. */
import { label } from "../../src/api/names.ts";
import { isAlive, membersOf, ordinalOf, writersOf } from "./model.ts";
import { breakdowns } from "./breakdowns.ts";
import { anyOf, ours, type Disturbance, type Scene } from "./scene.ts";
import { disconnect } from "./networks.ts";
import { apply, keyText, remove } from "./resources.ts";
import { end } from "./server.ts";
import { editOf } from "./specs.ts";
import { flow } from "./streams.ts";

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
  const stopped = membersOf(scene.model, scene.key).find((one) => !isAlive(one) && scene.model.volumes.get(one.spec.mounts[0]?.volume ?? "")?.database !== undefined);
  if (stopped === undefined || ours(scene).some((one) => isAlive(one) && one.spec.mounts[0]?.volume === stopped.spec.mounts[0]?.volume)) return undefined;
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
  for (const container of scene.model.containers.values()) if (isAlive(container)) disconnect(scene.model, container, network.name);
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

/** The primary's data is gone, and at least one other member has some. */
const losePrimary: Disturbance = (scene) => {
  const { model, key, losses } = scene;
  const [primary] = writersOf(model, key);
  const volume = primary?.spec.mounts[0]?.volume;
  const others = primary === undefined ? [] : membersOf(model, key).filter((one) => one !== primary && one.server?.upstream?.state === "streaming");
  if (primary === undefined || volume === undefined || others.length === 0 || losses.primary || scene.random.chance(0.5)) return undefined;
  losses.primary = true;
  end(model, primary, 137);
  model.containers.delete(primary.id);
  model.volumes.delete(volume);
  model.onEvent("container destroy", primary.spec.labels);
  return `${primary.spec.name}, the primary, and its volume are removed by hand`;
};

const twoOperators: Disturbance = ({ setOperators, random, model, happened }) => {
  setOperators(2);
  model.time.after(random.between(2_000, 30_000), () => { setOperators(1); happened("one operator again"); });
  return "a second operator is started by mistake";
};

const freezeOperator: Disturbance = (scene) => scene.freezeOperator();

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
  ...breakdowns, removeOne, loseCopy, losePrimary, startByHand, pullWire, pullWire, dropNetwork, edit, edit, edit, edit, edit, deleteIt,
  outage("engine"), outage("api"), outage("postgres"), shiftClock, wipeStatus, twoOperators, freezeOperator,
];

/** One of them, at random; what happened, or undefined when there was nothing to happen to. */
export const disturb = (scene: Scene): string | undefined => {
  flow(scene.model);
  return scene.random.pick(all)(scene);
};
