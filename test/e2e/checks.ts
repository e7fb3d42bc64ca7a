/** The vocabulary of the scenarios: states to be in, each judged by what is really there and not by the operator's word alone. */
import { execFile } from "node:child_process";
import { isDeepStrictEqual, promisify } from "node:util";
import type { ConditionType, Reason } from "../../src/api/conditions.ts";
import { memberName } from "../../src/api/names.ts";
import { valueIn } from "./manifest.ts";
import type { Check, Holdings, Subject } from "./subject.ts";

const run = promisify(execFile);

interface Verdict { readonly status: "True" | "False" | "Unknown"; readonly reason?: Reason; readonly message?: RegExp }

/** The condition is as said, and speaks of the newest generation. */
export const condition = (type: ConditionType, { status, reason, message }: Verdict): Check => async (subject) => {
  const { metadata, status: { conditions = [] } } = await subject.get().then((found) => ({ ...found, status: found.status ?? {} }));
  const found = conditions.find((one) => one.type === type);
  const said = found === undefined ? `${type} is not there` : `${type} is ${found.status} (${found.reason}): ${found.message}`;
  const holds = found?.status === status && (reason === undefined || found.reason === reason) && (message === undefined || message.test(found.message));
  if (!holds) return said;
  return found.observedGeneration === metadata.generation ? undefined : `${said}, but of generation ${String(found.observedGeneration)} and not ${String(metadata.generation)}`;
};

export const isReady: Check = condition("Ready", { status: "True", reason: "AllMembersReady" });

/** As many members exist and are ready. */
export const hasMembers = (count: number): Check => async (subject) => {
  const { status } = await subject.get();
  const found = [status.replicas, status.readyReplicas];
  return isDeepStrictEqual(found, [count, count]) ? undefined : `${String(status.readyReplicas)} of ${String(status.replicas)} members are ready, ${String(count)} are wanted`;
};

const equal = (what: string, found: unknown, wanted: unknown): string | undefined =>
  isDeepStrictEqual(found, wanted) ? undefined : `${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`;

const rows = (text: string): readonly string[] => text === "" ? [] : text.split("\n");

export const primaryOf = async (subject: Subject): Promise<number> => {
  const { status } = await subject.get();
  if (status.primary === undefined) throw new Error("no primary is recorded");
  return status.primary.ordinal;
};

/** Exactly these ordinals stream from the recorded primary, as its own walsenders say. */
export const streams = (...ordinals: readonly number[]): Check => async (subject) => {
  const found = rows(await subject.sql(await primaryOf(subject), "select application_name from pg_stat_replication where state = 'streaming' order by 1"));
  return equal("standbys that stream", found, ordinals.map((ordinal) => memberName(subject.name, ordinal)));
};

/** The recorded primary has exactly these physical slots. */
export const slotsAre = (...slots: readonly string[]): Check => async (subject) =>
  equal("slots", rows(await subject.sql(await primaryOf(subject), "select slot_name from pg_replication_slots order by 1")), slots);

/** Every running member answers, and only the recorded primary accepts writes. */
export const hasOneWriter: Check = async (subject) => {
  const primary = await primaryOf(subject);
  const { status } = await subject.get();
  const running = (status.members ?? []).filter(({ state }) => state === "Running" || state === "Streaming");
  const writers = await Promise.all(running.map(async ({ ordinal }) => await subject.sql(ordinal, "select pg_is_in_recovery()") === "f" ? [ordinal] : []));
  return equal("members that accept writes", writers.flat(), [primary]);
};

export const systemIs = (identifier: string): Check => async (subject) => equal("system identifier", (await subject.get()).status.systemIdentifier, identifier);

/** How many containers, volumes and networks there are of the resource. */
export const holds = (wanted: { readonly [K in keyof Holdings]: number }): Check => async (subject) => {
  const found = await subject.holdings();
  return equal("things on the Engine", { containers: found.containers.length, volumes: found.volumes.length, networks: found.networks.length }, wanted)
    ?.concat(` (${JSON.stringify(found)})`);
};

export const nothingLeft: Check = holds({ containers: 0, volumes: 0, networks: 0 });

export const isGone: Check = async ({ cluster, name }) => await cluster.resource(name) === undefined ? undefined : `${name} is there still`;

/** The NIC has its name and address inside the member's own network namespace, and Docker gives it that address too. */
export const nicAttached = (ordinal: number, interfaceName: string, address: string): Check => async (subject) => {
  const objection = await hasAddress(ordinal, interfaceName, address)(subject);
  if (objection !== undefined) return objection;
  const { NetworkSettings } = await subject.inspect(ordinal);
  const known = Object.values(NetworkSettings.Networks).some((endpoint) => endpoint.IPAddress === address);
  return known ? undefined : `Docker knows of no endpoint ${address}`;
};

/** The member's own namespace shows the address, which Docker may know nothing of. */
export const hasAddress = (ordinal: number, interfaceName: string, address: string): Check => async (subject) => {
  const { State } = await subject.inspect(ordinal);
  if (!State.Running) return `${memberName(subject.name, ordinal)} does not run`;
  const { stdout } = await run("nsenter", ["--target", String(State.Pid), "--net", "ip", "-4", "-o", "address", "show", "dev", interfaceName]);
  return stdout.includes(` ${address}/`) ? undefined : `${interfaceName} of ${memberName(subject.name, ordinal)} is: ${stdout.trim()}`;
};

export interface Life { readonly id: string; readonly startedAt: string; readonly pid: number }

export const lifeOf = async (subject: Subject, ordinal: number): Promise<Life> => {
  const { Id, State } = await subject.inspect(ordinal);
  return { id: Id, startedAt: State.StartedAt, pid: State.Pid };
};

export const livesOf = (subject: Subject, ...ordinals: readonly number[]): Promise<readonly Life[]> => Promise.all(ordinals.map((ordinal) => lifeOf(subject, ordinal)));

export const notRestarted = (ordinal: number, before: Life): Check => async (subject) => equal(`life of ${memberName(subject.name, ordinal)}`, await lifeOf(subject, ordinal), before);

export const notRecreated = (ordinal: number, before: Life): Check => async (subject) => equal(`container of ${memberName(subject.name, ordinal)}`, (await lifeOf(subject, ordinal)).id, before.id);

/** A statement answers so on the member. */
export const answers = (ordinal: number, statement: string, wanted: string, database?: string): Check => async (subject) =>
  equal(`${memberName(subject.name, ordinal)}: ${statement}`, await subject.sql(ordinal, statement, database), wanted);

/** The address that clients of the primary's first Client network use, out of the status. */
export const addressOf = async (subject: Subject, ordinal: number, network: string): Promise<string> => {
  const { status } = await subject.get();
  return valueIn(status.members?.find((member) => member.ordinal === ordinal)?.interfaces?.find((one) => one.network === network)?.address, `an address of ${memberName(subject.name, ordinal)} on ${network}`).split("/")[0] ?? "";
};
