/** Faults that are measured, done to the primary of either side in the same way. */
import type Docker from "dockerode";
import { freeze, kill, killPostgres } from "../test/e2e/faults.ts";
import type { Side } from "./side.ts";

export interface Fault {
  readonly name: string;
  /** Detection that was asked for, which is not counted: nothing can be quicker. */
  readonly detectionMs: number;
  readonly inflict: (side: Side, primary: number) => Promise<void>;
}

export const containerKilled = (docker: Docker): Fault => ({
  name: "container killed with -9", detectionMs: 0, inflict: ({ containerOf }, primary) => kill(docker, containerOf(primary)),
});

export const postgresKilled = (docker: Docker): Fault => ({
  name: "postgres killed with -9 inside", detectionMs: 0, inflict: ({ containerOf }, primary) => killPostgres(docker, containerOf(primary)),
});

export const frozen = (docker: Docker, detectionSeconds: number): Fault => ({
  name: `frozen, detectionSeconds ${String(detectionSeconds)}`, detectionMs: detectionSeconds * 1_000,
  inflict: ({ containerOf }, primary) => freeze(docker, containerOf(primary)),
});

export const switched: Fault = { name: "switchover", detectionMs: 0, inflict: (side, primary) => side.switchTo((primary + 1) % side.hosts.length) };
