/** Waiting for a state, by looking again and again until a deadline. Never a pause that hopes. */
import { setTimeout as pause } from "node:timers/promises";

/** What is wrong still, in words; undefined when nothing is. */
export type Objection = string | undefined;
export type Look = () => Promise<Objection>;

/** Thrown by a look: no waiting will help. */
export class Hopeless extends Error { override readonly name = "Hopeless"; }

const betweenLooksMs = 150;

/** Looks until nothing is wrong. Throws what was wrong last when the seconds are over. A look that fails counts as wrong. */
export async function eventually(what: string, look: Look, withinSeconds: number): Promise<void> {
  const deadline = performance.now() + withinSeconds * 1_000;
  for (;;) {
    const objection = await look().catch((error: unknown) => {
      if (error instanceof Hopeless) throw error;
      return error instanceof Error ? error.message : String(error);
    });
    if (objection === undefined) return;
    if (performance.now() > deadline) throw new Error(`${what}, within ${String(withinSeconds)} s: ${objection}`);
    await pause(betweenLooksMs);
  }
}

/** Looks all the while, and throws as soon as something is wrong: for what must never happen in these seconds. */
export async function throughout(what: string, look: Look, seconds: number): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const objection = await look();
    if (objection !== undefined) throw new Error(`${what}, for ${String(seconds)} s: ${objection}`);
    await pause(betweenLooksMs);
  }
}
