/**
 * PostgreSQL's texts: configuration files, connection strings, statements, and what its answers mean, for every
 * version that is supported. All of it is pure: text in, text out. Nothing in this folder may await, read a clock,
 * a random number or an environment, open a connection, or log; a secret that passes through ends only in the text
 * that was asked for.
 *
 * This file is the one place that knows how versions differ. The other files ask a trait, never a version number.
 * Source: PostgreSQL documentation, appendix "Release Notes", and "recovery.conf file merged into postgresql.conf".
 */

/** What differs between the versions, as far as the operator meets it. */
export interface Traits {
  /** As the spec writes it: "9.6", "17". */
  readonly version: string;
  /** As server_version_num counts, without the minor release: 90600, 170000. */
  readonly number: number;
  /** What directories and images are named by, and what PG_VERSION holds: "9.6", "17". */
  readonly major: string;
  /** The file that makes a start read-only. Settings moved from recovery.conf into postgresql.conf in 12. */
  readonly recovery: "recovery.conf" | "standby.signal";
  /** pg_promote() exists; before it, `pg_ctl promote`. */
  readonly promoteBySql: boolean;
  /** primary_conninfo and primary_slot_name follow a reload; before, a restart is needed. */
  readonly reloadsConninfo: boolean;
  /** What synchronous_standby_names can say: ANY n, or the first n, or only the first one. */
  readonly syncNames: "quorum" | "several" | "one";
  /** Replication slots exist, and wal_log_hints, pg_stat_archiver and postgresql.auto.conf with them. */
  readonly slots: boolean;
  /** A slot can keep WAL from the moment it is made (immediately_reserve). */
  readonly slotsReserveAtOnce: boolean;
  /** max_slot_wal_keep_size bounds what a slot keeps, and the slot view tells wal_status. */
  readonly slotsAreBounded: boolean;
  /** A slot that nobody uses can be moved forward (pg_replication_slot_advance). */
  readonly advancesSlots: boolean;
  /** pg_rewind works for a role that may run a few functions; before, only for a superuser. */
  readonly rewindsWithoutSuperuser: boolean;
  /** libpq knows the keyword passfile. */
  readonly passfile: boolean;
  /** The best kind of password verifier that the server stores and checks. */
  readonly passwordEncryption: "scram-sha-256" | "md5";
  /** How WAL functions and columns are named: pg_current_wal_lsn or pg_current_xlog_location. */
  readonly functions: "wal" | "xlog";
  /** Setting and unit that keep WAL without a slot. */
  readonly walKeep: "wal_keep_size" | "wal_keep_segments";
  /** The wal_level that standbys need at least. */
  readonly walLevel: "replica" | "hot_standby";
  /** initdb leaves a wal_level that no standby starts on. */
  readonly initdbIsMinimal: boolean;
  /** pg_settings.pending_restart and pg_file_settings exist, archive_mode can be always, cluster_name exists. */
  readonly pendingRestart: boolean;
  /** pg_control_system() and its sisters, pg_stat_wal_receiver, and current_setting with missing_ok exist. */
  readonly controlFunctions: boolean;
  /** pg_hba_file_rules exists. */
  readonly hbaView: boolean;
  /** pg_stat_wal_receiver tells sender_host and sender_port; before, only its conninfo does. */
  readonly senderColumns: boolean;
  /** pg_stat_wal_receiver says flushed_lsn for what was received_lsn. */
  readonly flushedColumn: boolean;
  /** pg_stat_replication tells reply_time. */
  readonly replyTime: boolean;
  /** allow_alter_system exists. */
  readonly allowAlterSystem: boolean;
  /** Images of this version have their volume one level higher, with a directory per major below it. */
  readonly volumeAboveMajor: boolean;
}

/** Every version that a spec can name, oldest first. */
export const supportedVersions: readonly string[] =
  ["9.3", "9.4", "9.5", "9.6", "10", "11", "12", "13", "14", "15", "16", "17", "18"];

// Before 10 the first two numbers name a major version (9.6 is 90600), since then the first alone (17 is 170000).
const numberOf = (version: string): number => {
  const [first = 0, second = 0] = version.split(".").map(Number);
  return first * 10_000 + second * 100;
};

const traits = new Map<string, Traits>();

/** The traits of a supported version; a RangeError with a sentence for any other. */
export function traitsOf(version: string): Traits {
  const known = traits.get(version) ?? deriveTraits(version);
  traits.set(version, known);
  return known;
}

function deriveTraits(version: string): Traits {
  if (!supportedVersions.includes(version)) {
    throw new RangeError(`PostgreSQL ${JSON.stringify(version)} is not supported; write one of ${supportedVersions.join(", ")}`);
  }
  const number = numberOf(version);
  const since = (first: string): boolean => number >= numberOf(first);
  return {
    version,
    number,
    major: version,
    recovery: since("12") ? "standby.signal" : "recovery.conf",
    promoteBySql: since("12"),
    reloadsConninfo: since("13"),
    syncNames: since("10") ? "quorum" : since("9.6") ? "several" : "one",
    slots: since("9.4"),
    slotsReserveAtOnce: since("9.6"),
    slotsAreBounded: since("13"),
    advancesSlots: since("11"),
    rewindsWithoutSuperuser: since("11"),
    passfile: since("10"),
    passwordEncryption: since("10") ? "scram-sha-256" : "md5",
    functions: since("10") ? "wal" : "xlog",
    walKeep: since("13") ? "wal_keep_size" : "wal_keep_segments",
    walLevel: since("9.6") ? "replica" : "hot_standby",
    initdbIsMinimal: !since("10"),
    pendingRestart: since("9.5"),
    controlFunctions: since("9.6"),
    hbaView: since("10"),
    senderColumns: since("11"),
    flushedColumn: since("13"),
    replyTime: since("12"),
    allowAlterSystem: since("17"),
    volumeAboveMajor: since("18"),
  };
}

/** The version that a server_version_num belongs to: 170010 is "17", 90624 is "9.6". */
export function versionOf(serverVersionNumber: number): string {
  const first = Math.floor(serverVersionNumber / 10_000);
  return first >= 10 ? String(first) : `${first}.${Math.floor(serverVersionNumber / 100) % 100}`;
}

/** Where the data volume is mounted in a member's container. Source: README of the official image, "PGDATA". */
export const mountPathOf = (traits: Traits): string =>
  traits.volumeAboveMajor ? "/var/lib/postgresql" : "/var/lib/postgresql/data";

/** A directory below the mount, so that a copy can be made beside it and moved in place when it is complete. */
export const dataDirectoryOf = (traits: Traits): string => `${mountPathOf(traits)}/pgdata`;
