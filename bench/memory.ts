/**
 * How much memory the operator's rounds leave behind for many resources: `node --expose-gc bench/memory.ts N` prints one
 * line of JSON. Each resource has a loop and a simulated world of its own in this one process, and all of them stay,
 * so the figure is more than an operator with so many resources would take.
 */
import type { Key } from "../src/api/resource.ts";
import { seeded } from "../test/sim/random.ts";
import { apply, keyText } from "../test/sim/resources.ts";
import { imageOf, simulation, type Simulation } from "../test/sim/simulation.ts";
import { postgresVersion, resourceOf } from "./cluster.ts";

export interface MemoryFigures { readonly resources: number; readonly ready: number; readonly residentKib: number; readonly heapKib: number }

/** In virtual time. */
const patienceMs = 120_000;
const stepMs = 1_000;
/** Rounds at the goal after it is ready. */
const restMs = 20_000;

const isReady = ({ api }: Simulation, key: Key): boolean =>
  api.objects.get(keyText(key))?.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;

async function settled(index: number): Promise<readonly [Simulation, Key]> {
  const key: Key = { namespace: "default", name: `bench${String(index)}` };
  const sim = simulation({ random: seeded(index), keys: [key] });
  sim.setWriting(false);
  sim.model.images.set(...imageOf(`postgres:${postgresVersion}`, postgresVersion));
  apply(sim.api, key, resourceOf(key.name, index).spec);
  sim.begin();
  while (!isReady(sim, key) && sim.time.now() < patienceMs) await sim.time.passUntil(sim.time.now() + stepMs);
  await sim.time.passUntil(sim.time.now() + restMs);
  return [sim, key];
}

async function measure(count: number): Promise<MemoryFigures> {
  const all: (readonly [Simulation, Key])[] = [];
  for (let index = 0; index < count; index += 1) all.push(await settled(index));
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  return { resources: count, ready: all.filter(([sim, key]) => isReady(sim, key)).length, residentKib: Math.round(rss / 1024), heapKib: Math.round(heapUsed / 1024) };
}

console.log(JSON.stringify(await measure(Number(process.argv[2] ?? "1"))));
process.exit(0);
