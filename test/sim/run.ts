/** One seed, one run: faults and people first, while safety is watched; then peace, in which all has to come to rest. */
import type { Key } from "../../src/api/resource.ts";
import { mend } from "./breakdowns.ts";
import { disturb } from "./disturbances.ts";
import { noFaults, ratesOf } from "./faults.ts";
import { isAlive, membersOf } from "./model.ts";
import { seeded, type Random } from "./random.ts";
import { apply, keyText } from "./resources.ts";
import { isStuck, loose, problemsOf } from "./safety.ts";
import type { Scene } from "./scene.ts";
import { imageOf, simulation, type Simulation } from "./simulation.ts";
import { isAccepted, specOf, type PlainSpec } from "./specs.ts";

export interface Report {
  readonly seed: number;
  /** What was wrong; empty when nothing was. */
  readonly faults: readonly string[];
  readonly story: readonly string[];
  readonly rounds: number;
  /** Virtual time until all was at rest, in peace. */
  readonly settledMs: number;
}

const storm = { least: 8_000, most: 26_000, pauseMax: 3_500 } as const;
/** How long a cluster is given to be made before the storm, in most worlds. */
const calmMs = 20_000;
const peaceMs = 600_000;
/** How long nothing may be written in the end: beyond two looks; or, where something is amiss, beyond any wait and any call that hangs. */
const silenceMs = { fresh: 11_000, same: 70_000 } as const;

const foreign = (sim: Simulation, random: Random, key: Key): readonly (() => void)[] => {
  const { model } = sim;
  const container = { name: "someone", image: "x", hostname: "x", command: [], environment: {}, labels: { "pgrs.dev/installation": "another", "pgrs.dev/namespace": key.namespace, "pgrs.dev/name": key.name, "pgrs.dev/ordinal": "0", "pgrs.dev/component": "other" }, mounts: [], network: "bridge", stopTimeoutSeconds: 10 };
  const blank = { state: "exited", exitCode: 0, error: "", startedAt: 1, finishedAt: 2, endpoints: new Map(), server: undefined, held: undefined, log: [], nics: 0, life: 0, waiting: new Set<() => void>() } as const;
  const name = `${key.namespace}_${key.name}_${random.between(0, 3)}`;
  model.volumes.set("foreign", { name: "foreign", labels: {}, files: new Map(), database: undefined });
  model.containers.set("foreign", { ...blank, id: "foreign", spec: container });
  model.networks.set("foreign", { id: "foreign", name: "foreign", driver: "bridge", subnet: "10.99.0.0/24", gateway: "10.99.0.1", internal: false, labels: {} });
  if (random.chance(0.85)) return [];
  if (random.chance(0.5)) {
    model.volumes.set(name, { name, labels: {}, files: new Map([["precious", "text"]]), database: undefined });
    return [() => { model.volumes.delete(name); }];
  }
  model.containers.set(name, { ...blank, state: random.pick(["exited", "running"]), endpoints: new Map(), id: name, spec: { ...container, name, labels: {} } });
  return [() => { model.containers.delete(name); }];
};

const foreignIntact = ({ model }: Simulation): readonly string[] =>
  ["foreign"].flatMap((name) => model.volumes.has(name) && model.containers.has(name) && model.networks.has(name) ? [] : [`something named ${name} that is not ours is gone`]);

const images = (sim: Simulation, random: Random, version: string): void => {
  const isHere = random.chance(0.7);
  const [name, image] = imageOf(random.chance(0.5) ? `pgrs/postgres:${version}` : `postgres:${version}`, version);
  if (isHere) sim.model.images.set(name, image);
  else if (random.chance(0.8)) sim.model.registry.set(`postgres:${version}`, imageOf(`postgres:${version}`, version)[1]);
};

/** The spec to end with: mostly one that PostgreSQL takes, sometimes nothing, sometimes asleep. */
function settle(sim: Simulation, random: Random, scene: Scene): void {
  // A person takes the fence away and, where data is gone, says that what is left will do.
  const { fencedOrdinals: _, ...rest } = scene.wish.spec;
  let spec: PlainSpec = { ...rest, ...(scene.losses.primary ? { replicas: 4 } : {}), reconcilePolicy: "Apply", failover: { ...rest.failover, mode: "Automatic", ...(scene.losses.primary || random.chance(0.3) ? { whenNoCandidate: "PromoteAfter", promoteAfterSeconds: 5 } : {}) } };
  const { version, parameters = {} } = spec.postgres;
  spec = { ...spec, postgres: { version, ...(isAccepted(spec) || random.chance(0.3) ? { parameters } : {}) } };
  scene.wish.spec = spec;
  const found = sim.api.objects.get(keyText(scene.key));
  if (found === undefined && random.chance(0.5)) return;
  apply(sim.api, scene.key, spec);
}

const conditionOf = (sim: Simulation, key: Key, type: string) => sim.api.objects.get(keyText(key))?.status.conditions?.find((one) => one.type === type);

/** Why a resource is not where it should be in the end. */
function unsettled(sim: Simulation, { key, wish: { spec } }: Scene): readonly string[] {
  const { model, api } = sim;
  const resource = api.objects.get(keyText(key));
  if (resource === undefined) return [...model.containers.values()].filter(({ spec: { labels } }) => labels["pgrs.dev/installation"] === "installation-1" && labels["pgrs.dev/name"] === key.name).map(({ spec: { name } }) => `${name} is left although its resource is gone`);
  if (resource.metadata.deletionTimestamp !== undefined) return ["the resource is still being deleted"];
  if (resource.metadata.generation !== resource.status.observedGeneration) return ["the last edit was not observed"];
  if (resource.spec.replicas === 0) {
    return membersOf(model, key).filter(isAlive).map(({ spec: { name } }) => `${name} still runs`)
      .concat(conditionOf(sim, key, "Ready")?.reason === "Hibernated" ? [] : ["the condition Ready does not say Hibernated"]);
  }
  // Less than the primary had is either held up, or refused by a member that starts without having seen it.
  const isLowered = /is a lower setting|lowering it/.test(conditionOf(sim, key, "ConfigApplied")?.message ?? "");
  const wanted = isAccepted(spec) && !isLowered ? resource.spec : { ...resource.spec, postgres: { ...resource.spec.postgres, parameters: {} } };
  // An Engine before 28 counts NICs as it likes; where no start can give the wanted names, the condition says so.
  const isMisnamed = !model.namesNics && conditionOf(sim, key, "NetworksAttached")?.reason === "NameMismatch";
  const problems = [...problemsOf(model, key, wanted, resource.status), ...loose(model, api, key, resource)].filter((problem) => !isMisnamed || !/'s NIC on|have the address/.test(problem));
  const ready = conditionOf(sim, key, "Ready");
  if (isStuck(model, key)) return ready?.status === "True" ? ["Ready is True, while a standby can't follow"] : [];
  const config = conditionOf(sim, key, "ConfigApplied");
  if (!isAccepted(spec)) return [...problems, ...config?.reason === "InvalidParameter" ? [] : [`ConfigApplied says ${config?.reason ?? "nothing"}, not InvalidParameter`]];
  return isLowered || isMisnamed || ready?.status === "True" ? problems : [...problems, `Ready is ${ready?.status ?? "absent"}: ${ready?.reason ?? ""}: ${ready?.message ?? ""}`];
}

async function stormy(sim: Simulation, random: Random, scenes: readonly [Scene, ...Scene[]]): Promise<void> {
  const isMade = random.chance(0.7);
  sim.begin();
  if (isMade) await sim.time.passUntil(calmMs, () => sim.breaches.length > 0 || scenes.every(({ key }) => conditionOf(sim, key, "Ready")?.status === "True"));
  const until = sim.time.now() + random.between(storm.least, storm.most);
  sim.setRates(ratesOf(random));
  const happen = (): void => {
    if (sim.time.now() >= until) return;
    const scene = random.pick(scenes);
    const what = disturb(scene);
    if (what !== undefined) { sim.tell(`* ${scene.key.name}: ${what}`); sim.disturbed(); sim.inspect(); }
    sim.time.after(random.between(1, storm.pauseMax), happen);
  };
  sim.time.after(random.between(1, isMade ? 3_000 : 12_000), happen);
  await sim.time.passUntil(until, () => sim.breaches.length > 0);
}

/** Lets peace last until nothing was written for a while; what is wrong if that takes too long, or ends badly. */
async function peaceful(sim: Simulation, scenes: readonly Scene[], quietMs: number): Promise<readonly string[]> {
  const until = sim.time.now() + peaceMs;
  let writes = -1;
  let quietSince = sim.time.now();
  while (sim.time.now() < until && sim.breaches.length === 0) {
    await sim.time.passUntil(sim.time.now() + 2_000, () => sim.breaches.length > 0);
    if (sim.writes.count !== writes || sim.isFrozen()) quietSince = sim.time.now();
    writes = sim.writes.count;
    const quietForMs = sim.time.now() - quietSince;
    const amiss = quietForMs >= quietMs ? scenes.flatMap((scene) => unsettled(sim, scene)) : [];
    if (quietForMs >= silenceMs.same || (quietForMs >= quietMs && amiss.length === 0)) return amiss;
  }
  return sim.breaches.length > 0 ? [] : [`no rest after ${peaceMs / 1000} s`, ...scenes.flatMap((scene) => unsettled(sim, scene))];
}

/** The last plan and conditions, for whoever reads the story. */
function last({ api, tell }: Simulation, key: Key): void {
  const { plan = [], conditions = [], members = [] } = api.objects.get(keyText(key))?.status ?? {};
  for (const line of plan) tell(`plan ${line}`);
  for (const { name, state, role, message = "" } of members) tell(`member ${name} ${role} ${state} ${message}`);
  for (const { type, status, reason, message } of conditions) tell(`condition ${type} ${status} ${reason}: ${message}`);
}

/** The same world, told or not: only what is told can be looked through for secrets. */
export async function run(seed: number, { isTold }: { readonly isTold: boolean }): Promise<Report> {
  const random = seeded(seed);
  const keys: readonly Key[] = random.chance(0.1) ? [{ namespace: "default", name: "demo" }, { namespace: "default", name: "other" }] : [{ namespace: "default", name: "demo" }];
  const sim = simulation({ random, keys, isTold, namesNics: random.chance(0.6) });
  const scenes = keys.map((key, index): Scene => ({
    model: sim.model, api: sim.api, random, key, wish: { spec: specOf(random, String(11 + index)) }, outage: sim.outage, shiftClock: sim.shiftClock, wiped: sim.wiped, start: sim.start,
    setOperators: sim.setOperators, freezeOperator: sim.freezeOperator, losses: { primary: false }, happened: (sentence) => { sim.tell(`* ${sentence}`); sim.disturbed(); sim.inspect(); },
  })) as [Scene, ...Scene[]];
  const cures = scenes.flatMap(({ key, wish }) => { images(sim, random, wish.spec.postgres.version); return foreign(sim, random, key); });
  for (const { key, wish } of scenes) {
    sim.tell(`kubectl apply ${JSON.stringify(wish.spec)}`);
    apply(sim.api, key, wish.spec);
  }
  await stormy(sim, random, scenes);
  sim.tell("peace");
  sim.setRates(noFaults);
  Object.assign(sim.outage, { engine: false, api: false, postgres: false });
  mend(sim.model);
  const isFresh = random.chance(0.9);
  if (isFresh) sim.setOperators(0);
  sim.setOperators(1);
  sim.setWriting(false);
  sim.disturbed();
  for (const cure of cures) cure();
  for (const scene of scenes) {
    const { version } = scene.wish.spec.postgres;
    sim.model.images.set(...imageOf(`postgres:${version}`, version));
    settle(sim, random, scene);
  }
  const peaceAt = sim.time.now();
  const wrong = sim.breaches.length > 0 ? [] : await peaceful(sim, scenes, silenceMs[isFresh ? "fresh" : "same"]);
  for (const { key } of scenes) last(sim, key);
  await sim.end();
  return { seed, faults: [...sim.breaches, ...wrong, ...foreignIntact(sim)], story: sim.story, rounds: sim.counts.rounds, settledMs: sim.time.now() - peaceAt };
}
