/** Rounds for a resource at its goal: how long each takes, and what it writes to the Engine, PostgreSQL and the API server. */
import type { Key } from "../src/api/resource.ts";
import type { World } from "../src/ports.ts";
import { reconcile } from "../src/reconcile.ts";

export interface GoalFigures {
  readonly tookMs: readonly number[];
  /** Calls that may change something, by name; empty at the goal. */
  readonly writes: readonly string[];
}

/** All that only looks. Whatever else is called is counted as a write. */
const looks: ReadonlySet<string> = new Set([
  "engine.facts", "engine.image", "engine.pulling", "engine.containersOf", "engine.volumesOf", "engine.networksOf", "engine.container",
  "engine.volume", "engine.network", "engine.readFile", "engine.interfaces", "engine.logs", "postgres.look", "resources.get", "resources.secret",
]);

const counting = <T extends object>(name: string, port: T, writes: string[]): T => new Proxy(port, {
  get: (target, property, receiver) => {
    const value: unknown = Reflect.get(target, property, receiver);
    if (typeof value !== "function") return value;
    const call = `${name}.${String(property)}`;
    return (...args: unknown[]): unknown => {
      if (!looks.has(call)) writes.push(call);
      return Reflect.apply(value, target, args);
    };
  },
});

/** A first round fills what is remembered between rounds and is not counted. */
export async function roundsAtGoal(key: Key, world: World, rounds: number, signal: AbortSignal): Promise<GoalFigures> {
  const writes: string[] = [];
  const counted: World = {
    ...world, engine: counting("engine", world.engine, writes), postgres: counting("postgres", world.postgres, writes), resources: counting("resources", world.resources, writes),
  };
  const tookMs: number[] = [];
  await reconcile(key, counted, signal);
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now();
    await reconcile(key, counted, signal);
    tookMs.push(performance.now() - startedAt);
  }
  return { tookMs, writes };
}
