/** Whose signs of life are asked for between the rounds: the recorded primary's, while its container runs. */
import type { Target } from "../ports.ts";
import { clusterOf, isAlive } from "./cluster.ts";
import type { Desired } from "./desired.ts";
import { bootOf, valueOf, type Observation } from "./observation.ts";

const usualMs = 1_000;
/** So many questions fit into the time that a silent primary is given. */
const questionsMin = 3;

/** From one question to the next. Milliseconds. */
export const pulseMs = ({ spec }: Desired): number => Math.min(usualMs, spec.failover.detectionSeconds * 1_000 / questionsMin);

export function pulseOf(want: Desired, seen: Observation): { readonly boot: string; readonly target: Target; readonly everyMs: number } | undefined {
  const { primary } = clusterOf(want, seen);
  const container = primary === undefined ? undefined : valueOf(primary.container);
  if (primary?.target === undefined || container === undefined || !isAlive(container) || want.deleting) return undefined;
  return { boot: bootOf(container), target: primary.target, everyMs: pulseMs(want) };
}
