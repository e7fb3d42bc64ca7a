/** Stories without faults: what a person does, and every plan that follows until all is at rest. */
import type { Key } from "../../src/api/resource.ts";
import { membersOf, ordinalOf } from "./model.ts";
import { disconnect } from "./networks.ts";
import { seeded } from "./random.ts";
import { apply, keyText, remove } from "./resources.ts";
import { end } from "./server.ts";
import { imageOf, simulation, type Simulation } from "./simulation.ts";
import type { PlainSpec } from "./specs.ts";

const key: Key = { namespace: "default", name: "demo" };

const spec: PlainSpec = {
  replicas: 2, postgres: { version: "17" },
  networks: [
    { name: "lan", purpose: "Client", interfaceName: "eth1", subnet: "192.168.11.0/24", addressPool: { start: "192.168.11.101", size: 8 } },
    { name: "repl", purpose: "Replication", interfaceName: "eth2", subnet: "10.10.0.0/24", addressPool: { start: "10.10.0.1", size: 8 } },
  ],
};

interface Stage { readonly sim: Simulation; readonly apply: (spec: PlainSpec) => void; readonly container: (ordinal: number) => ReturnType<typeof membersOf>[number] }
interface Step { readonly what: string; readonly do: (stage: Stage) => void }

const edited = (change: Partial<PlainSpec>): PlainSpec => ({ ...spec, ...change });
const applied = (what: string, wish: PlainSpec): Step => ({ what, do: ({ apply: kubectl }) => kubectl(wish) });
const made = applied("kubectl apply", spec);
const deletion: Step = { what: "kubectl delete", do: ({ sim }) => remove(sim.api, key) };

/** By name: what people do, one thing after the other, each when all is at rest. */
export const stories: Readonly<Record<string, readonly Step[]>> = {
  "first-apply": [made],
  "without-networks": [applied("kubectl apply", { replicas: 2, postgres: { version: "13" } })],
  "recovery-conf": [applied("kubectl apply", edited({ postgres: { version: "11" } }))],
  "synchronous": [applied("kubectl apply", edited({ replicas: 3, replication: { mode: "Quorum", minSync: 1 } }))],
  "archive": [applied("kubectl apply", edited({ archive: { command: "cp %p /archive/%f" } }))],
  "scale-up": [made, applied("kubectl scale --replicas=3", edited({ replicas: 3 }))],
  "scale-down": [applied("kubectl apply", edited({ replicas: 3 })), applied("kubectl scale --replicas=1", edited({ replicas: 1 }))],
  "standby-killed": [made, { what: "docker kill default_demo_1", do: ({ sim, container }) => end(sim.model, container(1), 137) }],
  "primary-killed": [made, { what: "docker kill default_demo_0", do: ({ sim, container }) => end(sim.model, container(0), 137) }],
  "standby-removed": [made, { what: "docker rm -f default_demo_1; docker volume rm default_demo_1", do: ({ sim, container }) => {
    const { id } = container(1);
    end(sim.model, container(1), 137);
    sim.model.containers.delete(id);
    sim.model.volumes.delete("default_demo_1");
  } }],
  "nic-detached": [made, { what: "docker network disconnect pgrs_default_demo_02_repl default_demo_1", do: ({ sim, container }) => disconnect(sim.model, container(1), "pgrs_default_demo_02_repl") }],
  "parameter-reload": [made, applied("work_mem: 8MB", edited({ postgres: { version: "17", parameters: { work_mem: "8MB" } } }))],
  "parameter-restart": [applied("kubectl apply", edited({ replicas: 3 })), applied("shared_buffers: 64MB", edited({ replicas: 3, postgres: { version: "17", parameters: { shared_buffers: "64MB" } } }))],
  "parameter-refused": [made, applied("work_mem: nonsense", edited({ postgres: { version: "17", parameters: { work_mem: "nonsense" } } }))],
  "parameter-that-fails-at-start": [applied("kubectl apply", edited({ replicas: 3, postgres: { version: "17", parameters: { work_mem: "8MB" } } })),
    applied("shared_buffers: 9000GB", edited({ replicas: 3, postgres: { version: "17", parameters: { shared_buffers: "9000GB" } } }))],
  "hibernate": [made, applied("replicas: 0", edited({ replicas: 0 })), applied("replicas: 2", spec)],
  "delete-retain-and-apply-again": [made, deletion, applied("kubectl apply, again", spec)],
  "delete": [applied("kubectl apply", edited({ deletionPolicy: "Delete" })), deletion],
  "paused": [applied("kubectl apply", edited({ reconcilePolicy: "Paused" })), applied("reconcilePolicy: Apply", spec)],
  "engine-down": [made, { what: "the Engine is stopped, and so are all containers", do: ({ sim }) => {
    for (const container of sim.model.containers.values()) end(sim.model, container, 0);
    sim.outage.engine = true;
    sim.time.after(20_000, () => { sim.outage.engine = false; sim.tell("the Engine is back"); });
  } }],
  "network-added-and-removed": [made, applied("a network more", edited({ networks: [...spec.networks ?? [], { name: "backup", interfaceName: "eth3", subnet: "10.20.0.0/24", addressPool: { start: "10.20.0.1", size: 8 } }] })), applied("it goes again", spec)],
  "networks-of-its-own": [applied("kubectl apply", edited({ networks: [] })), applied("a LAN, and a network for replication", spec)],
};

const restMs = 30_000;
const longestMs = 300_000;

/** Plays a story; its lines are what people do, each new plan, and what it all came to. */
export async function tell(steps: readonly Step[]): Promise<readonly string[]> {
  const lines: string[] = [];
  let last = "";
  const sim = simulation({
    random: seeded(1), keys: [key],
    onStatus: (_, { plan = [], conditions = [] }) => {
      const ready = conditions.find(({ type }) => type === "Ready");
      const said = [...plan.map((line) => `  ${line}`), `  = Ready ${ready?.status ?? ""} ${ready?.reason ?? ""}`];
      if (said.join("\n") !== last) lines.push(...said, "");
      last = said.join("\n");
    },
  });
  sim.model.images.set(...imageOf("pgrs/postgres:17", "17"));
  for (const version of ["11", "13"]) sim.model.images.set(...imageOf(`pgrs/postgres:${version}`, version));
  sim.setWriting(false);
  const stage: Stage = {
    sim, apply: (wish) => apply(sim.api, key, wish),
    container: (ordinal) => {
      const found = membersOf(sim.model, key).find((one) => ordinalOf(one) === ordinal);
      if (found === undefined) throw new Error(`there is no member ${ordinal}`);
      return found;
    },
  };
  for (const [index, step] of steps.entries()) {
    lines.push(`$ ${step.what}`, "");
    step.do(stage);
    if (index === 0) sim.begin();
    await untilQuiet(sim);
    if (!sim.api.objects.has(keyText(key))) lines.push(`  the resource is gone; volumes: ${[...sim.model.volumes.keys()].sort().join(", ") || "none"}`, "");
  }
  await sim.end();
  return [...lines.slice(0, -1), ...sim.breaches.map((breach) => `BREACH ${breach}`)];
}

async function untilQuiet(sim: Simulation): Promise<void> {
  const until = sim.time.now() + longestMs;
  let writes = -1;
  let since = sim.time.now();
  while (sim.time.now() < until && sim.time.now() - since < restMs) {
    await sim.time.passUntil(sim.time.now() + 5_000);
    if (sim.writes.count !== writes) since = sim.time.now();
    writes = sim.writes.count;
  }
}
