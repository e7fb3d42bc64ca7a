/**
 * A member's complete configuration as text: postgresql.conf, pg_hba.conf, pg_ident.conf, and the file that makes
 * every start read-only. Complete means that nothing of an earlier file shines through, so that what runs can be
 * told by one fingerprint. Source: PostgreSQL documentation, "Setting Parameters", "Replication", and for versions
 * before 12 "Recovery Configuration".
 */
import { conninfo } from "./conninfo.ts";
import { fingerprint } from "./digest.ts";
import { renderHba } from "./hba.ts";
import { parameterProblem } from "./owned-parameters.ts";
import type { Traits } from "./versions.ts";

export { isOwned, ownedParameterProblem, ownedParameters, parameterProblem, parameterProblems } from "./owned-parameters.ts";

/**
 * A standby refuses to start, or stops replaying, with any of these lower than its primary had it when it wrote the
 * WAL. So they rise on standbys first and fall on the primary first. Source: "Hot Standby", "Administrator's Overview".
 */
export const standbySensitive: readonly string[] =
  ["max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction"];

// What initdb leaves in the control file; max_prepared_transactions is 0 there, and nothing is lower.
const initdbLeaves: Readonly<Record<string, number>> = { max_connections: 100, max_worker_processes: 8, max_wal_senders: 10, max_locks_per_transaction: 64 };

/** What a server runs with where the spec says nothing about one of `standbySensitive`. */
export const standbySensitiveDefaults: Readonly<Record<string, number>> = { ...initdbLeaves, max_prepared_transactions: 0, max_wal_senders: 20 };

/**
 * Arguments for `postgres --single`, run once between initdb and the first start (with no input: it starts, notes
 * the settings in the control file and ends). Empty when no such run is needed. Since every start is a standby's,
 * the first one would otherwise refuse what is set lower than initdb had it, and before 10 the wal_level of initdb.
 */
export function settlingArguments(traits: Traits, parameters: Readonly<Record<string, string>>): string[] {
  const lower = Object.entries(parameters).map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name, value]) => /^\d+$/.test(value) && Number(value) < (initdbLeaves[name] ?? 0)).toSorted();
  const level = traits.initdbIsMinimal ? [["wal_level", traits.walLevel] as const] : [];
  return [...level, ...lower].flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

export interface Upstream {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly slot?: string | undefined;
  /** Holds the password where libpq knows the key word (10 and newer). */
  readonly passfile: string;
  /** Used before 10, where the password has to stand in recovery.conf. */
  readonly password?: string | undefined;
}

export interface MemberInput {
  readonly traits: Traits;
  /** The member's name, which is also its application_name. */
  readonly member: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** The user's lines of pg_hba.conf. */
  readonly hba: readonly string[];
  readonly managementSubnets: readonly string[];
  readonly replicationSubnets: readonly string[];
  readonly clientSubnets: readonly string[];
  /** Left out for the member that is, or is to be, the primary. */
  readonly upstream?: Upstream | undefined;
  readonly synchronousStandbyNames: string;
  /** The number of the decision about the primary; a promotion by an earlier one is refused. */
  readonly epoch: number;
  readonly archive?: { readonly mode: "On" | "Always"; readonly command: string } | undefined;
  /** What a slot may keep at most (13 and newer). */
  readonly maxKeepBytes?: number | undefined;
  readonly dataDirectory: string;
  /** The role of the operator, "postgres" when left out. */
  readonly superuser?: string | undefined;
  /** The role of standbys, "replicator" when left out. */
  readonly replicationUser?: string | undefined;
}

export interface MemberConfiguration {
  /** File name, in the data directory, -> text. Before 10 the recovery file may hold a password. */
  readonly files: Readonly<Record<string, string>>;
  /** Of all files. The server tells it back as pgrs.config_hash. */
  readonly hash: string;
  /** Of the user's parameters alone. The server tells it back as pgrs.parameters_hash. */
  readonly parametersHash: string;
}

type Settings = Readonly<Record<string, string>>;

const isPlain = /^[\x20-\x26\x28-\x5b\x5d-\x7e]*$/;

/** A value as postgresql.conf and recovery.conf take it, whatever it holds. */
export function settingValue(value: string): string {
  if (isPlain.test(value)) return `'${value}'`;
  if (value.includes("\0")) throw new RangeError("a setting can't hold a NUL character");
  const octal = value.replace(/['\\]/g, "$&$&").replace(/[\x01-\x1f\x7f]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
  return `'${octal}'`;
}

const rendered = (settings: Settings): string[] =>
  Object.keys(settings).toSorted().map((name) => `${name} = ${settingValue(settings[name] ?? "")}`);

const bytesPerMegabyte = 1024 * 1024;

// What initdb writes because the built-in value is poor, what replication needs, and answers soon enough for failover.
function defaults(traits: Traits): Settings {
  return {
    shared_buffers: "128MB",
    default_text_search_config: "pg_catalog.english",
    lc_messages: "C",
    log_destination: "stderr",
    log_line_prefix: "%m [%p] %q%u@%d ",
    password_encryption: traits.passwordEncryption === "md5" ? "on" : traits.passwordEncryption,
    wal_level: traits.walLevel,
    max_wal_senders: String(standbySensitiveDefaults["max_wal_senders"]),
    ...(traits.slots ? { max_replication_slots: "20", wal_log_hints: "on" } : {}),
    ...(traits.walKeep === "wal_keep_size" ? { wal_keep_size: "256MB" } : { wal_keep_segments: "16" }),
    wal_sender_timeout: "15s",
    wal_receiver_timeout: "15s",
    wal_receiver_status_interval: "1s",
    ...(traits.pendingRestart ? { wal_retrieve_retry_interval: "1s" } : {}),
    ...(traits.allowAlterSystem ? { allow_alter_system: "off" } : {}),
  };
}

function upstreamSettings({ traits, member, upstream }: MemberInput): Settings {
  if (upstream === undefined) return traits.recovery === "recovery.conf" ? {} : { primary_conninfo: "", primary_slot_name: "" };
  const { host, port, user, slot, passfile, password } = upstream;
  const secret = traits.passfile ? { passfile } : password === undefined ? {} : { password };
  return {
    primary_conninfo: conninfo({ host, port, user, applicationName: member, connectTimeoutSeconds: 5, ...secret }),
    ...(traits.slots ? slot === undefined ? {} : { primary_slot_name: slot } : {}),
  };
}

function owned(input: MemberInput): Settings {
  const { traits, member, archive, maxKeepBytes, dataDirectory } = input;
  return {
    data_directory: dataDirectory,
    hba_file: `${dataDirectory}/pg_hba.conf`,
    ident_file: `${dataDirectory}/pg_ident.conf`,
    listen_addresses: "*",
    port: "5432",
    unix_socket_directories: "/var/run/postgresql",
    hot_standby: "on",
    synchronous_standby_names: input.synchronousStandbyNames,
    archive_mode: archive === undefined ? "off" : archive.mode === "Always" && traits.pendingRestart ? "always" : "on",
    archive_command: archive?.command ?? "",
    ...(traits.pendingRestart ? { cluster_name: member } : {}),
    ...(traits.slotsAreBounded && maxKeepBytes !== undefined ? { max_slot_wal_keep_size: `${Math.ceil(maxKeepBytes / bytesPerMegabyte)}MB` } : {}),
    ...(traits.recovery === "standby.signal" ? { recovery_target_timeline: "latest", ...upstreamSettings(input) } : {}),
  };
}

// What validation would have refused is left out here as well: an object can be older than a rule.
const userParameters = (parameters: Settings): Settings => Object.fromEntries(
  Object.entries(parameters).filter(([name, value]) => parameterProblem(name, value) === undefined)
    .map(([name, value]): [string, string] => [name.toLowerCase(), value]).toSorted());

/** The fingerprint of a user's parameters; how they are ordered, and what is not theirs to set, make no difference. */
export const parametersHashOf = (parameters: Settings): string => {
  const known = hashes.get(parameters) ?? fingerprint(Object.entries(userParameters(parameters)).flat());
  hashes.set(parameters, known);
  return known;
};

const hashes = new WeakMap<Settings, string>();

const without = (settings: Settings, other: Settings): Settings =>
  Object.fromEntries(Object.entries(settings).filter(([name]) => !Object.hasOwn(other, name)));

function postgresqlConf(input: MemberInput, parameters: Settings, parametersHash: string): string {
  const kept = owned(input);
  return [
    `# Written by the PostgresReplicaSet operator for ${input.member}; what is changed here is overwritten.`,
    "",
    "# Defaults, which spec.postgres.parameters can change",
    ...rendered(without(without(defaults(input.traits), parameters), kept)),
    "",
    "# From spec.postgres.parameters",
    ...rendered(without(parameters, kept)),
    "",
    "# Kept by the operator",
    ...rendered({ ...kept, "pgrs.epoch": String(input.epoch), "pgrs.parameters_hash": parametersHash }),
    "",
  ].join("\n");
}

function recoveryFile(input: MemberInput): string {
  const why = "# Written by the PostgresReplicaSet operator: every start is read-only until the operator promotes this member.";
  if (input.traits.recovery === "standby.signal") return `${why}\n`;
  return [why, ...rendered({ standby_mode: "on", recovery_target_timeline: "latest", ...upstreamSettings(input) }), ""].join("\n");
}

/** Everything that a member's data directory has to hold before it starts, and how to recognise it when it runs. */
export function memberConfiguration(input: MemberInput): MemberConfiguration {
  const { traits, superuser = "postgres", replicationUser = "replicator" } = input;
  const parameters = userParameters(input.parameters);
  const parametersHash = parametersHashOf(parameters);
  const unmarked: Settings = {
    "postgresql.conf": postgresqlConf(input, parameters, parametersHash),
    "pg_hba.conf": renderHba({ ...input, superuser, replicationUser, lines: input.hba }),
    "pg_ident.conf": "# Written by the PostgresReplicaSet operator; what is changed here is overwritten.\n",
    // Read last of all, and brought along by a base backup: a forgotten ALTER SYSTEM in it could promote a member.
    ...(traits.slots ? { "postgresql.auto.conf": "# Written by the PostgresReplicaSet operator; settings go to spec.postgres.parameters.\n" } : {}),
    [traits.recovery]: recoveryFile(input),
  };
  const hash = fingerprint(Object.entries(unmarked).toSorted(([a], [b]) => a < b ? -1 : 1).flat());
  const files = { ...unmarked, "postgresql.conf": `${unmarked["postgresql.conf"] ?? ""}pgrs.config_hash = ${settingValue(hash)}\n` };
  return { files, hash, parametersHash };
}
