/**
 * synchronous_standby_names. Source: PostgreSQL documentation, "Replication", parameter synchronous_standby_names;
 * ANY came with 10, a number of synchronous standbys with 9.6, before that the first of the list is the only one.
 */
import type { Traits } from "./versions.ts";

export interface SynchronousChoice {
  readonly mode: "Async" | "Quorum" | "Priority";
  /** application_name of each standby, in order of priority. */
  readonly names: readonly string[];
  /** How many of them have to confirm a commit. */
  readonly count: number;
  readonly traits: Traits;
}

// The server cuts application_name at 63 bytes, so two longer names could mean the same standby.
const bytesMax = 63;

function quoted(name: string): string {
  if (name === "*") throw new RangeError('"*" means every standby, quoted or not; name the standbys');
  if (name === "" || /[^\x20-\x7e]/.test(name) || name.length > bytesMax) {
    throw new RangeError(`${JSON.stringify(name)} can't name a standby: application_name is 1 to ${bytesMax} printable ASCII characters`);
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** What this version can't do of a choice, with what to write instead. */
export function synchronousProblem({ mode, count, traits }: Pick<SynchronousChoice, "mode" | "count" | "traits">): string | undefined {
  if (mode === "Async") return undefined;
  if (mode === "Quorum" && traits.syncNames !== "quorum") return `PostgreSQL ${traits.version} has no quorum of standbys; write mode Priority, or use PostgreSQL 10 or newer`;
  if (count > 1 && traits.syncNames === "one") return `PostgreSQL ${traits.version} waits for one synchronous standby only; write minSync 1, or use PostgreSQL 9.6 or newer`;
  return undefined;
}

/** The value of the setting; "" for none. A RangeError for what synchronousProblem names. */
export function synchronousStandbyNames(choice: SynchronousChoice): string {
  const problem = synchronousProblem(choice);
  if (problem !== undefined) throw new RangeError(problem);
  if (choice.mode === "Async" || choice.names.length === 0) return "";
  if (!Number.isSafeInteger(choice.count) || choice.count < 1) throw new RangeError(`${choice.count} standbys can't be waited for; write 1 or more`);
  const list = choice.names.map(quoted).join(", ");
  if (choice.traits.syncNames === "one") return list;
  if (choice.traits.syncNames === "several") return `${choice.count} (${list})`;
  return `${choice.mode === "Quorum" ? "ANY" : "FIRST"} ${choice.count} (${list})`;
}

/** What a server waits for, whatever version wrote it. */
export interface SynchronousNames {
  readonly method: "ANY" | "FIRST";
  readonly count: number;
  readonly names: readonly string[];
}

const wholeList = /^\s*(?:(?:(ANY|FIRST)\s+)?(\d+)\s*\(([^]*)\)|([^]*))\s*$/i;
const oneName = /\s*(?:"((?:[^"]|"")*)"|([^\s",()]+))\s*(,|$)/y;

/** Reads the setting back; undefined when it is empty, a RangeError when it is no such list. */
export function parseSynchronousStandbyNames(value: string): SynchronousNames | undefined {
  if (value.trim() === "") return undefined;
  const [, method, count, counted, bare] = wholeList.exec(value) ?? [];
  return {
    method: method?.toUpperCase() === "ANY" ? "ANY" : "FIRST",
    count: count === undefined ? 1 : Number(count),
    names: parseNames(counted ?? bare ?? "", value),
  };
}

function parseNames(list: string, value: string): string[] {
  const names: string[] = [];
  oneName.lastIndex = 0;
  for (let separator = ","; separator === ",";) {
    const match = oneName.exec(list);
    if (match === null) throw new RangeError(`${JSON.stringify(value)} is not a list of synchronous standbys`);
    names.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    separator = match[3] ?? "";
  }
  return names;
}
