// Waits for a resource to be Ready, telling a person what each member does meanwhile.
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "../src/api/resource.ts";
import type { Resource } from "../src/api/resource.ts";
import type { Kubectl } from "./kubectl.ts";

const heartbeatMs = 5_000;
/** A step may stall and recover by itself; a resource that stays Stalled for this long needs a person. */
const stallPatienceMs = 15_000;

type Condition = NonNullable<Resource["status"]["conditions"]>[number];

export const conditionOf = ({ status }: Resource, type: string): Condition | undefined =>
  status.conditions?.find((condition) => condition.type === type);

/** Whether the operator has seen this very spec and calls it Ready. */
export const isReady = (resource: Resource): boolean => {
  const ready = conditionOf(resource, "Ready");
  return ready?.status === "True" && (ready.observedGeneration ?? 0) >= resource.metadata.generation;
};

/** One line for each member, and one for the longest work under way. */
export const progressLines = ({ status }: Resource): ReadonlyMap<string, string> => {
  const members = (status.members ?? []).map(({ name, role, state, message }): [string, string] =>
    [name, `${name}: ${role} ${state}${message === undefined || message === "" ? "" : ` (${message})`}`]);
  const { operation } = status;
  return new Map(operation === undefined ? members : [...members, ["operation", `${operation.type} ${operation.step}: ${operation.message}`]]);
};

/** Why nothing goes on, for a person: the messages of the conditions that are not as they should be. */
export const objections = (resource: Resource): readonly string[] => (resource.status.conditions ?? [])
  .filter(({ type, status }) => type === "Reconciling" ? false : type === "Stalled" ? status === "True" : status === "False")
  .map(({ type, reason, message }) => `${type} (${reason}): ${message}`);

/**
 * Resolves with the resource once it is Ready. Fails with the operator's own words when it stays Stalled, or when the
 * time is over.
 */
export const waitForReady = async (kubectl: Kubectl, target: string, waitSeconds: number, say: (line: string) => void): Promise<Resource> => {
  const said = new Map<string, string>();
  const done = new AbortController();
  const startedAt = Date.now();
  let latest: Resource | undefined;
  let saidAt = startedAt;
  let stalledAt: number | undefined;
  const speak = (line: string): void => { saidAt = Date.now(); say(line); };
  const onObject = (object: unknown): void => {
    latest = parse(object).resource;
    stalledAt = conditionOf(latest, "Stalled")?.status === "True" ? stalledAt ?? Date.now() : undefined;
    for (const [key, line] of progressLines(latest)) {
      if (said.get(key) !== line) speak(`  ${line}`);
      said.set(key, line);
    }
    if (isReady(latest)) done.abort();
  };
  const giveUp = (why: string): Error => new Error([why, ...latest === undefined ? [] : objections(latest)].join("\n  "));
  const patience = async (): Promise<never> => {
    for (;;) {
      await sleep(500, undefined, { signal: done.signal });
      if (Date.now() - saidAt > heartbeatMs) speak(`  waiting for ${target}: ${String(Math.round((Date.now() - startedAt) / 1000))} s`);
      if (stalledAt !== undefined && Date.now() - stalledAt > stallPatienceMs) throw giveUp(`${target} is stalled`);
      if (Date.now() - startedAt > waitSeconds * 1000) throw giveUp(`${target} was not Ready within ${String(waitSeconds)} s`);
    }
  };
  const watching = async (): Promise<never> => {
    for (;;) {
      await kubectl.watch(["get", target], onObject, done.signal);
      await sleep(500, undefined, { signal: done.signal }); // the server closed the watch: look again
    }
  };
  try {
    return await Promise.race([patience(), watching()]);
  } catch (error) {
    if (latest !== undefined && isReady(latest)) return latest;
    throw error;
  } finally {
    done.abort();
  }
};
