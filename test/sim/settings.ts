/** Configuration as a server reads it: the very files that the planner wrote, with what it takes, refuses, or leaves for the next start. */
import { parseSynchronousStandbyNames, type SynchronousNames } from "../../src/postgres/standby-names.ts";
import { dataPath, type Database, type Loaded, type Model, type Settings, type SimContainer, type SimVolume } from "./model.ts";

export const sensitive: Settings = { max_connections: "100", max_worker_processes: "8", max_wal_senders: "10", max_prepared_transactions: "0", max_locks_per_transaction: "64" };

/** Settings that only a restart changes. */
export const atStart = new Set([...Object.keys(sensitive), "shared_buffers", "wal_level", "archive_mode", "wal_log_hints", "max_replication_slots", "listen_addresses", "port"]);

/** The same texts are read over and over: each is parsed once. */
const once = <T>(parse: (text: string) => T): ((text: string) => T) => {
  const parsed = new Map<string, T>();
  return (text) => {
    const known = parsed.get(text);
    if (known !== undefined) return known;
    const made = parse(text);
    if (parsed.size > 2_000) parsed.clear();
    parsed.set(text, made);
    return made;
  };
};

/** The settings of a file, as the server's own scanner would read them. */
export const parseSettings = once((text) => Object.fromEntries(text.split("\n").flatMap((line) => {
    const [, name, value = ""] = /^([A-Za-z0-9_.]+)\s*=\s*'(.*)'$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, value.replace(/\\(\d{3})|''|\\\\/g, (whole, octal: string | undefined) => octal === undefined ? whole.slice(1) : String.fromCharCode(parseInt(octal, 8)))] as const];
})));

const quoted = /(\w+)=('(?:[^'\\]|\\.)*'|\S+)/g;

export const parseConninfo = once((text) =>
  Object.fromEntries([...text.matchAll(quoted)].map(([, name = "", value = ""]) => [name, value.startsWith("'") ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value])));

/** What the server has against settings, as it would say it; undefined when it takes them. */
export const refusalOf = (settings: Settings): string | undefined => {
  const unknown = Object.keys(settings).find((name) => name.startsWith("no_such"));
  if (unknown !== undefined) return `unrecognized configuration parameter "${unknown}"`;
  const [name, value] = Object.entries(settings).find(([, one]) => one === "nonsense") ?? [];
  return name === undefined ? undefined : `invalid value for parameter "${name}": "${value ?? ""}"`;
};

export const fileOf = (volume: SimVolume, name: string): string | undefined => volume.files.get(`${dataPath}/${name}`);

export function load(volume: SimVolume, before: Loaded | undefined): Loaded {
  const files = parseSettings(fileOf(volume, "postgresql.conf") ?? "");
  const refusal = refusalOf(files);
  const hba = fileOf(volume, "pg_hba.conf") ?? "";
  const badLine = hba.split("\n").find((line) => line.endsWith(" ldap"));
  const replicationSubnets = [...hba.matchAll(/^host replication "replicator" (\S+)/gm)].map(([, subnet = ""]) => subnet);
  if (before === undefined) return { files, running: files, replicationSubnets, problems: [], recovery: fileOf(volume, "recovery.conf") ?? "" };
  const problems: Loaded["problems"] = [
    ...(refusal === undefined ? [] : [{ file: "postgresql.conf", error: refusal } as const]), ...(badLine === undefined ? [] : [{ file: "pg_hba.conf", error: "invalid line" } as const]),
  ];
  const held = [...atStart].flatMap((name) => before.running[name] === undefined ? [] : [[name, before.running[name]] as const]);
  return {
    ...(refusal === undefined ? { files, running: { ...files, ...Object.fromEntries(held) } } : { files: before.files, running: before.running }),
    replicationSubnets: badLine === undefined ? replicationSubnets : before.replicationSubnets, problems, recovery: before.recovery,
  };
}

export const numberOf = (settings: Settings, name: string): number => Number(settings[name] ?? sensitive[name] ?? 0);

export const controlOf = (settings: Settings): Readonly<Record<string, number>> => Object.fromEntries(Object.keys(sensitive).map((name) => [name, numberOf(settings, name)]));

export const isTooLow = (settings: Settings, control: Readonly<Record<string, number>>): string | undefined =>
  Object.keys(control).find((name) => numberOf(settings, name) < (control[name] ?? 0));

const parsedNames = once(parseSynchronousStandbyNames);

/** Whom a server waits for, by a setting's value. */
export const namesIn = (value: string): SynchronousNames | undefined => value === "" ? undefined : parsedNames(value);

export const synchronousSetting = ({ running }: Loaded): string => running["synchronous_standby_names"] ?? "";

/** As a server says it that is asked to replay WAL of a primary with higher settings. */
export const tooLow = ({ major, control }: Database, settings: Settings, name: string): readonly string[] => Number(major) >= 14
  ? ["FATAL:  recovery aborted because of insufficient parameter settings", `DETAIL:  ${name} = ${numberOf(settings, name)} is a lower setting than on the primary server, where its value was ${control[name] ?? 0}.`]
  : [`FATAL:  hot standby is not possible because ${name} = ${numberOf(settings, name)} is a lower setting than on the master server (its value was ${control[name] ?? 0})`];

/** Why a server ends as soon as it starts, as its last lines of log; undefined when it goes on. */
export function startFailure(model: Model, container: SimContainer, volume: SimVolume, database: Database, inRecovery: boolean): readonly string[] | undefined {
  const image = [...model.images.values()].find(({ id }) => id === container.spec.image);
  if (image?.major !== database.major) return ["FATAL:  database files are incompatible with server"];
  const { files } = load(volume, undefined);
  const refusal = refusalOf(files);
  if (refusal !== undefined) return [`LOG:  ${refusal}`, `FATAL:  configuration file "${dataPath}/postgresql.conf" contains errors`];
  if (files["shared_buffers"] === "9000GB") return ["FATAL:  could not map anonymous shared memory: Cannot allocate memory"];
  if (fileOf(volume, "pg_hba.conf")?.includes(" ldap") === true) return [`FATAL:  could not load ${container.spec.environment["PGDATA"] ?? ""}/pg_hba.conf`];
  const low = isTooLow(files, database.control);
  return low !== undefined && inRecovery ? tooLow(database, files, low) : undefined;
}
