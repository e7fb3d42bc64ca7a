/** Where things happen: one resource, its person, and the world around it. */
import { label } from "../../src/api/names.ts";
import type { Key } from "../../src/api/resource.ts";
import type { Model, SimContainer } from "./model.ts";
import type { Random } from "./random.ts";
import type { Api } from "./resources.ts";
import type { PlainSpec } from "./specs.ts";

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
  readonly setOperators: (count: number) => void;
  readonly freezeOperator: () => string | undefined;
  /** Told of what mends itself later. */
  readonly happened: (sentence: string) => void;
  /** What the person has to say yes to in the end, since data is gone for good. */
  readonly losses: { primary: boolean };
}

export type Disturbance = (scene: Scene) => string | undefined;

export const anyOf = <T>(random: Random, list: readonly T[]): T | undefined => list[random.between(0, Math.max(0, list.length - 1))];

/** The containers of the resource. */
export const ours = ({ model, key }: Scene): readonly SimContainer[] =>
  [...model.containers.values()].filter(({ spec: { labels } }) => labels[label.component] !== "other" && labels[label.namespace] === key.namespace && labels[label.name] === key.name);
