/** Faults that are measured, done to the primary of either side in the same way. */
import type Docker from "dockerode";
import type { Side } from "./side.ts";

export interface Fault {
  readonly name: string;
  /** Detection that was asked for, which is not counted: nothing can be quicker. */
  readonly detectionMs: number;
  readonly inflict: (side: Side, primary: number) => Promise<void>;
}

/** SIGKILL to the server's first process alone, from inside its container. It is the eldest of its name. */
const killPostmaster = async (docker: Docker, container: string): Promise<void> => {
  const command = "cd /proc; for pid in $(printf '%s\\n' [0-9]* | sort -n); do [ \"$(cat $pid/comm)\" = postgres ] && kill -9 $pid && exit; done";
  const exec = await docker.getContainer(container).exec({ Cmd: ["bash", "-c", command], User: "999" });
  await exec.start({ Detach: true });
};

export const containerKilled = (docker: Docker): Fault => ({
  name: "container killed with -9", detectionMs: 0,
  inflict: async ({ containerOf }, primary) => { await docker.getContainer(containerOf(primary)).kill({ signal: "SIGKILL" }); },
});

export const postgresKilled = (docker: Docker): Fault => ({
  name: "postgres killed with -9 inside", detectionMs: 0, inflict: ({ containerOf }, primary) => killPostmaster(docker, containerOf(primary)),
});

export const frozen = (docker: Docker, detectionSeconds: number): Fault => ({
  name: `frozen, detectionSeconds ${String(detectionSeconds)}`, detectionMs: detectionSeconds * 1_000,
  inflict: async ({ containerOf }, primary) => { await docker.getContainer(containerOf(primary)).pause(); },
});

export const switched: Fault = { name: "switchover", detectionMs: 0, inflict: (side, primary) => side.switchTo((primary + 1) % side.hosts.length) };
