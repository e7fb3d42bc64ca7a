/** Starting a stopped member, always read-only, and giving up parameters that it cannot start with. */
import { configurationOf, parametersOf, refusedNote } from "../configuration.ts";
import { archiveDirectory } from "../desired.ts";
import type { ContainerFacts } from "../../ports.ts";
import { parametersHashOf } from "../../postgres/settings.ts";
import { valueOf } from "../observation.ts";
import { action, leftOf, perform, wait, type Rule } from "./context.ts";

/** A server that ended this soon after its start did not serve: its start failed. Milliseconds. */
const failedStartMs = 10_000;
/** Between two starts of a server that keeps failing. Milliseconds. */
const pauseMs = 5_000;
/** Before the start with the last good parameters, which is likely to succeed. Milliseconds. */
const fallbackPauseMs = 1_000;

// Not the parameters' fault, whatever they are. A library that shared_preload_libraries names and the image lacks is:
// the server "could not access file". What is lower than the WAL asks for is raised at the next start.
const otherCauses = /no space left|lock file|permission denied|could not open file|could not access (?!file)|could not load .*pg_hba|is a lower setting than|insufficient parameter settings/i;

/** The server's own words about why it ended: the last line that says FATAL or PANIC. */
export const lastWords = (log: readonly string[]): string | undefined =>
  [...log].reverse().find((line) => /FATAL|PANIC/.test(line))?.replace(/^.*?(FATAL|PANIC):\s*/, "");

/** Whether a container's last start came to nothing by its own doing. */
export const hasFailedStart = ({ finishedAt, startedAt, exitCode }: ContainerFacts): boolean =>
  finishedAt > 0 && exitCode !== 0 && exitCode < 128 && finishedAt - startedAt < failedStartMs;

export const start: Rule = ({ want, seen, cluster, me, lane }) => {
  const container = valueOf(me.container);
  if (container === undefined || container.state === "running") return "satisfied";
  const hasFailed = hasFailedStart(container);
  const parameters = parametersOf(want, cluster, me);
  const words = lastWords(me.log) ?? container.error;
  // Without its words (the log could not be read) nothing is known about the cause.
  // The start may have been made with those of an earlier spec.
  const now = parametersHashOf(parameters.effective);
  const wasTried = (valueOf(me.data)?.tried ?? now) === now;
  if (hasFailed && wasTried && words !== "" && parameters.refusal === undefined && parameters.good !== parameters.wanted
    && Object.keys(want.spec.postgres.parameters).length > 0 && words !== "" && !otherCauses.test(words)) {
    return perform(action("noteParameters", lane, `the start failed with the parameters of the spec: ${words}`, {
      container: container.id, directory: want.dataDirectory, file: refusedNote(parameters.wanted, words),
    }));
  }
  const leftMs = leftOf(parameters.refusal === undefined ? pauseMs : fallbackPauseMs, { since: container.finishedAt, at: seen.at });
  if (hasFailed && leftMs > 0) return wait(`${lane} ended with code ${container.exitCode}: ${words === "" ? `see docker logs ${container.name}` : words}`, "StepFailed", leftMs);
  const made = configurationOf(want, seen, cluster, me);
  if ("missing" in made) return wait(`${lane} waits for ${made.missing}`);
  const because = container.finishedAt === 0 ? "ready to start" : `exited with code ${container.exitCode}`;
  return perform(action("startMember", lane, because, { container: container.id, directory: want.mount, files: made.files, owns: want.archiveVolume === undefined ? [] : [archiveDirectory] }));
};
