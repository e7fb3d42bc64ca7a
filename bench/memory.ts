/**
 * How much memory the operator's loop takes with many resources, in a world that is simulated in the same process:
 * `node --expose-gc bench/memory.ts N` prints one line of JSON. What the simulated world takes is part of the figure.
 */
import type { Key } from "../src/api/resource.ts";
import { seeded } from "../test/sim/random.ts";
import { apply, keyText } from "../test/sim/resources.ts";
import { imageOf, simulation } from "../test/sim/simulation.ts";
import type { PlainSpec } from "../test/sim/specs.ts";
import { postgresVersion, resourceOf } from "./cluster.ts";

export interface MemoryFigures { readonly resources: number; readonly ready: number; readonly residentKib: number; readonly heapKib: number }

const patienceMs = 120_000;
const stepMs = 1_000;
/** Rounds at the goal after all are ready, in virtual time. */
const restMs = 10_000;

// Without slots: the simulated world takes slots of one name for one and the same, whatever the cluster.
const specOf = (index: number) => ({ ...resourceOf("", index).spec, replication: { slots: false } } as unknown as PlainSpec);

async function measure(count: number): Promise<MemoryFigures> {
  const keys: readonly Key[] = Array.from({ length: count }, (_, index) => ({ namespace: "default", name: `bench${String(index)}` }));
  const sim = simulation({ random: seeded(1), keys });
  sim.setWriting(false);
  sim.model.images.set(...imageOf(`postgres:${postgresVersion}`, postgresVersion));
  for (const [index, key] of keys.entries()) apply(sim.api, key, specOf(index));
  const ready = (): number => keys.filter((key) => sim.api.objects.get(keyText(key))?.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True")).length;
  sim.begin();
  while (ready() < count && sim.time.now() < patienceMs) await sim.time.passUntil(sim.time.now() + stepMs);
  await sim.time.passUntil(sim.time.now() + restMs);
  globalThis.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  const figures = { resources: count, ready: ready(), residentKib: Math.round(rss / 1024), heapKib: Math.round(heapUsed / 1024) };
  await sim.end();
  return figures;
}

console.log(JSON.stringify(await measure(Number(process.argv[2] ?? "1"))));
process.exit(0);
