/**
 * The statements that the operator runs, each safe to run twice, and the quoting under them. A password is never
 * part of one: roles get verifiers (password.ts). Source: PostgreSQL documentation, "Lexical Structure" and "System
 * Administration Functions".
 */
import type { Traits } from "./versions.ts";

// Longer names are cut by the server with no more than a notice, and two could then be one.
const identifierBytesMax = 63;

const refuseNul = (text: string): void => {
  if (text.includes("\0")) throw new RangeError("SQL text can't hold a NUL character");
};

/** A string constant. The E form is used for backslashes, so that standard_conforming_strings makes no difference. */
export function literal(text: string): string {
  refuseNul(text);
  const doubled = text.replaceAll("'", "''");
  return text.includes("\\") ? `E'${doubled.replaceAll("\\", "\\\\")}'` : `'${doubled}'`;
}

/** A quoted name. */
export function identifier(name: string): string {
  refuseNul(name);
  const bytes = new TextEncoder().encode(name).length;
  if (bytes === 0 || bytes > identifierBytesMax) throw new RangeError(`${JSON.stringify(name)} can't be a name in PostgreSQL: write 1 to ${identifierBytesMax} bytes`);
  return `"${name.replaceAll('"', '""')}"`;
}

export type RoleAttribute = "LOGIN" | "SUPERUSER" | "REPLICATION" | "CREATEDB" | "CREATEROLE";

export interface Role {
  readonly name: string;
  /** As password.ts makes them; a server of 10 or newer would take any other text for the password itself. */
  readonly verifier: string;
  readonly attributes: readonly RoleAttribute[];
}

/** Makes a role or brings its password and attributes up to date; attributes that are not named stay. */
export function ensureRole({ name, verifier, attributes }: Role): string {
  if (!/^(SCRAM-SHA-256\$|md5[0-9a-f]{32}$)/.test(verifier)) throw new RangeError(`the role ${name} needs a password verifier, not a password`);
  // The operator's own roles must not wait for a synchronous standby that can't connect before they exist.
  const body = [
    "BEGIN",
    "PERFORM pg_catalog.set_config('synchronous_commit', 'local', true);",
    `IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = ${literal(name)}) THEN CREATE ROLE ${identifier(name)}; END IF;`,
    `ALTER ROLE ${identifier(name)} WITH ${[...attributes, `PASSWORD ${literal(verifier)}`].join(" ")};`,
    "END",
  ].join(" ");
  return `DO ${literal(body)}`;
}

/**
 * Makes a database. It can't be conditional (CREATE DATABASE runs in no block), so the caller looks first, and
 * takes error 42P04, duplicate_database, for done.
 */
export const ensureDatabase = ({ name, owner }: { readonly name: string; readonly owner: string }): string =>
  `CREATE DATABASE ${identifier(name)} OWNER ${identifier(owner)}`;

/** Makes a physical slot that keeps WAL from now on (9.6 and newer; before, from its first use). Undefined without slots. */
export function createSlot(traits: Traits, name: string): string | undefined {
  if (!traits.slots) return undefined;
  const call = `pg_catalog.pg_create_physical_replication_slot(${literal(name)}${traits.slotsReserveAtOnce ? ", true" : ""})`;
  return `SELECT ${call} WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_replication_slots WHERE slot_name = ${literal(name)})`;
}

/** Drops a physical slot. One in use is refused by the server, which is right: its standby would be cut off. */
export const dropSlot = (name: string): string =>
  `SELECT pg_catalog.pg_drop_replication_slot(slot_name) FROM pg_catalog.pg_replication_slots WHERE slot_name = ${literal(name)} AND slot_type = 'physical'`;

/**
 * Promotes the boot that is meant, and no other; answers promoted: true when done within its 60 seconds, null when it
 * is another boot or was configured by a later epoch. Undefined where only `pg_ctl promote` can (before 12).
 */
export const promote = (traits: Traits, { epoch, startedAt }: { readonly epoch: number; readonly startedAt: number }): string | undefined => traits.promoteBySql
  ? `SELECT CASE WHEN (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000)::bigint = ${startedAt} AND coalesce(pg_catalog.current_setting('pgrs.epoch', true), '0')::bigint <= ${epoch} THEN pg_catalog.pg_promote(true, 60) END AS promoted`
  : undefined;

/**
 * The same for versions before 12, as a program: the data directory's postmaster.pid has the time of the start in its
 * third line, in seconds (PostgreSQL source, src/include/utils/pidfile.h), and its configuration the epoch. Ends with
 * code 3 when it is another boot or a later epoch.
 */
export const promoteProgram = (dataDirectory: string, { epoch, startedAt }: { readonly epoch: number; readonly startedAt: number }): readonly string[] => ["sh", "-c", [
  `cd ${dataDirectory}`,
  // The two times are taken one after the other.
  `started=$(sed -n 3p postmaster.pid); [ "$started" -ge ${Math.floor(startedAt / 1000) - 2} ] && [ "$started" -le ${Math.ceil(startedAt / 1000) + 2} ] || exit 3`,
  `epoch=$(sed -n "s/^pgrs.epoch = '\\([0-9]*\\)'$/\\1/p" postgresql.conf); [ "\${epoch:-0}" -le ${epoch} ] || exit 3`,
  `exec pg_ctl promote -D ${dataDirectory} -w`,
].join("\n")];

/** The lightest question: where a primary has flushed to; null of a standby. */
export const beat = (traits: Traits): string => {
  const flushed = traits.functions === "wal" ? "pg_current_wal_flush_lsn" : traits.controlFunctions ? "pg_current_xlog_flush_location" : "pg_current_xlog_location";
  return `SELECT CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.${flushed}()::text END`;
};

/** Moves a slot forward, never back; undefined before 11. */
export const advanceSlot = (traits: Traits, name: string, to: string): string | undefined => traits.advancesSlots
  ? `SELECT 1 FROM pg_catalog.pg_replication_slots AS s, LATERAL pg_catalog.pg_replication_slot_advance(s.slot_name, ${literal(to)}::pg_lsn) WHERE s.slot_name = ${literal(name)} AND NOT s.active AND s.restart_lsn < ${literal(to)}::pg_lsn`
  : undefined;

/** What pg_rewind calls, for a role that is no superuser (11 and newer). Source: PostgreSQL documentation, "pg_rewind", Notes. */
export const allowRewind = (traits: Traits, role: string): readonly string[] => traits.rewindsWithoutSuperuser
  ? ["pg_ls_dir(text, boolean, boolean)", "pg_stat_file(text, boolean)", "pg_read_binary_file(text)", "pg_read_binary_file(text, bigint, bigint, boolean)"]
    .map((name) => `GRANT EXECUTE ON FUNCTION pg_catalog.${name} TO ${identifier(role)}`)
  : [];

export const reload = "SELECT pg_catalog.pg_reload_conf()";

export const checkpoint = "CHECKPOINT";
