/**
 * One statement that tells all the operator watches of a server, on a primary and on a standby: one round trip per
 * second and member, and one moment that all of it is about. Source: PostgreSQL documentation, "System
 * Administration Functions", "System Information Functions", "The Cumulative Statistics System", "System Views".
 */
import { literal } from "./sql.ts";
import type { Traits } from "./versions.ts";

export { parseHistory, parseLook } from "./facts.ts";
export type { TimelineEnd, Archiver, FileProblem, RoleFacts, ServerFacts, Slot, WalReceiver, WalSender } from "./facts.ts";

/** Settings whose running values are reported. */
const watched: readonly string[] = [
  "max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions", "max_locks_per_transaction",
  "synchronous_standby_names", "synchronous_commit", "archive_mode", "wal_level", "wal_log_hints", "data_checksums",
];

// Refusals and good configurations are short; a file that grew without bound must not travel every second.
const fileBytesMax = 65_536;

/** Lies in a data directory that was copied anew, as long as the one before it is kept beside it. */
export const keepsOldNote = "pgrs/old";

const list = (query: string): string => `(SELECT json_agg(one) FROM (${query}) AS one)`;
const epochMs = (time: string): string => `(extract(epoch FROM ${time}) * 1000)::bigint`;
const ageMs = (time: string): string => epochMs(`clock_timestamp() - ${time}`);

const walNames = (traits: Traits): { readonly lsn: string; readonly wal: string; readonly file: string } =>
  traits.functions === "wal" ? { lsn: "lsn", wal: "wal", file: "walfile" } : { lsn: "location", wal: "xlog", file: "xlogfile" };

/** The statement. It answers one row with one column, look, for parseLook. `roles` are those whose verifiers are wanted. */
export function lookSql(traits: Traits, { roles = [] }: { readonly roles?: readonly string[] } = {}): string {
  const columns = {
    in_recovery: "standby",
    version_number: "current_setting('server_version_num')::int",
    started_at: epochMs("pg_postmaster_start_time()"),
    answered_at: epochMs("clock_timestamp()"),
    ...identity(traits),
    ...positions(traits),
    ...loaded(traits),
    senders: senders(traits),
    receiver: receiver(traits),
    slots: slots(traits),
    roles_asked: "NOT standby",
    roles: roles.length === 0 ? "NULL" : `CASE WHEN NOT standby THEN ${rolesNamed(roles)} END`,
    databases: list("SELECT datname AS name FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1"),
    archiver: traits.slots ? archiver : "NULL",
    recovery_hash: traits.recovery === "recovery.conf" ? fileIfAny(traits, "recovery.conf", (bytes) => `md5(${bytes})`) : "NULL",
    history: traits.controlFunctions ? history(traits) : "NULL",
    keeps_old: fileIfAny(traits, keepsOldNote, (bytes) => `encode(${bytes}, 'hex')`),
    refused: fileIfAny(traits, "pgrs/refused", (bytes) => `encode(${bytes}, 'hex')`),
    good: fileIfAny(traits, "pgrs/good", (bytes) => `encode(${bytes}, 'hex')`),
  };
  const select = Object.entries(columns).map(([name, expression]) => `${expression} AS ${name}`).join(",\n  ");
  // OFFSET 0 keeps the planner from asking pg_is_in_recovery() once per use, with answers that could differ.
  return `SELECT row_to_json(seen) AS look FROM (SELECT\n  ${select}\nFROM (SELECT pg_is_in_recovery() AS standby OFFSET 0) AS state) AS seen`;
}

const identity = (traits: Traits): Readonly<Record<string, string>> => ({
  system_identifier: traits.controlFunctions ? "(SELECT system_identifier::text FROM pg_control_system())" : "NULL::text",
  timeline: timelineOf(traits),
});

function positions(traits: Traits): Readonly<Record<string, string>> {
  const { lsn, wal } = walNames(traits);
  const flushed = traits.controlFunctions ? `pg_current_${wal}_flush_${lsn}()` : `pg_current_${wal}_${lsn}()`;
  return {
    flush_lsn: `CASE WHEN NOT standby THEN ${flushed}::text END`,
    current_lsn: `CASE WHEN NOT standby THEN pg_current_${wal}_${lsn}()::text END`,
    received_lsn: `CASE WHEN standby THEN pg_last_${wal}_receive_${lsn}()::text END`,
    replayed_lsn: `CASE WHEN standby THEN pg_last_${wal}_replay_${lsn}()::text END`,
    replay_paused: `CASE WHEN standby THEN pg_is_${wal}_replay_paused() END`,
    replaying: traits.functions === "wal" ? `CASE WHEN standby THEN ${replaying} END` : "NULL::boolean",
    last_replay_at: `CASE WHEN standby THEN ${epochMs("pg_last_xact_replay_timestamp()")} END`,
  };
}

// The first timeline has no history; the file of any other lists all before it. A standby has it too, once it follows.
function history(traits: Traits): string {
  const { wal } = walNames(traits);
  const name = `upper(lpad(to_hex(${timelineOf(traits)}), 8, '0'))`;
  return `encode(pg_read_binary_file('pg_${wal}/' || ${name} || '.history', 0, ${fileBytesMax}, true), 'hex')`;
}

// A standby that has just followed a switch knows the new timeline before any of its checkpoints does; and one that
// lost its primary knows it from nothing but the segments that it has received.
function timelineOf(traits: Traits): string {
  const { lsn, wal, file } = walNames(traits);
  const written = `('x' || substr(pg_${file}_name(pg_current_${wal}_${lsn}()), 1, 8))::bit(32)::int`;
  const segments = `(SELECT max(('x' || substr(name, 1, 8))::bit(32)::int) FROM pg_ls_dir('pg_${wal}') AS name WHERE name ~ '^[0-9A-F]{24}$')`;
  const followed = `coalesce((SELECT received_tli FROM pg_stat_wal_receiver), greatest((SELECT timeline_id FROM pg_control_checkpoint()), (SELECT min_recovery_end_timeline FROM pg_control_recovery()), ${segments}))`;
  return `CASE WHEN standby THEN ${traits.controlFunctions ? followed : "NULL::int"} ELSE ${written} END`;
}

// A server in recovery answers before it has replayed all that its disk holds. When that is done, its startup process
// waits: for a stream, or for its next try to find one (RecoveryWalAll until 12).
const replaying = `NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE backend_type = 'startup' AND wait_event IN ('RecoveryWalAll', 'RecoveryWalStream', 'RecoveryRetrieveRetryInterval'))`;

function loaded(traits: Traits): Readonly<Record<string, string>> {
  // Before 9.6 a setting that is nowhere set raises an error, and then the whole look fails: right for a server that
  // runs without the operator's configuration, since nothing it says would be about a member.
  const custom = (name: string): string => `current_setting('${name}'${traits.controlFunctions ? ", true" : ""})`;
  const flags = [
    traits.pendingRestart ? "pending_restart" : "false AS pending_restart",
    "coalesce(sourcefile LIKE '%/postgresql.auto.conf', false) AS altered",
  ].join(", ");
  const wanted = `name IN (${watched.map(literal).join(", ")})`;
  return {
    epoch: custom("pgrs.epoch"),
    loaded_at: epochMs("pg_conf_load_time()"),
    config_hash: custom("pgrs.config_hash"),
    parameters_hash: custom("pgrs.parameters_hash"),
    settings: list(`SELECT * FROM (SELECT name, setting, ${flags}, ${wanted} AS watched FROM pg_settings) AS s WHERE watched OR pending_restart OR altered ORDER BY name`),
    file_errors: traits.pendingRestart ? list("SELECT sourceline AS line, name, error FROM pg_file_settings WHERE error IS NOT NULL") : "NULL",
    hba_errors: traits.hbaView ? list("SELECT line_number AS line, error FROM pg_hba_file_rules WHERE error IS NOT NULL") : "NULL",
  };
}

function senders(traits: Traits): string {
  const { lsn } = walNames(traits);
  const reply = traits.replyTime ? ageMs("reply_time") : "NULL::bigint";
  return list(`SELECT application_name, host(client_addr) AS client_address, state, sync_state, sent_${lsn}::text AS sent, write_${lsn}::text AS written, flush_${lsn}::text AS flushed, replay_${lsn}::text AS replayed, ${reply} AS reply_age_ms FROM pg_stat_replication ORDER BY application_name, pid`);
}

function receiver(traits: Traits): string {
  if (!traits.controlFunctions) return "NULL";
  const word = (name: string): string => `substring(conninfo from '(?:^| )${name}=([^ ]*)')`;
  const [host, port] = traits.senderColumns ? ["sender_host", "sender_port"] : [word("host"), `${word("port")}::int`];
  const received = traits.flushedColumn ? "flushed_lsn" : "received_lsn";
  return list(`SELECT status, ${host} AS sender_host, ${port} AS sender_port, slot_name, ${received}::text AS received, received_tli AS timeline, ${ageMs("last_msg_receipt_time")} AS message_age_ms FROM pg_stat_wal_receiver`);
}

function slots(traits: Traits): string {
  if (!traits.slots) return "NULL";
  const { lsn, wal } = walNames(traits);
  const difference = traits.functions === "wal" ? "pg_wal_lsn_diff" : "pg_xlog_location_diff";
  const here = `CASE WHEN standby THEN pg_last_${wal}_replay_${lsn}() ELSE pg_current_${wal}_${lsn}() END`;
  const status = traits.slotsAreBounded ? "wal_status" : "NULL::text AS wal_status";
  return list(`SELECT slot_name AS name, active, restart_lsn::text AS restart_lsn, ${difference}(${here}, restart_lsn)::bigint AS retained_bytes, ${status} FROM pg_replication_slots WHERE slot_type = 'physical' ORDER BY slot_name`);
}

const rolesNamed = (names: readonly string[]): string =>
  list(`SELECT rolname AS name, rolpassword AS verifier, rolcanlogin AS can_login, rolsuper AS superuser, rolreplication AS replication FROM pg_authid WHERE rolname IN (${names.map(literal).join(", ")}) ORDER BY rolname`);

const archiver = list(`SELECT archived_count, last_archived_wal, ${epochMs("last_archived_time")} AS last_archived_at, failed_count, last_failed_wal, ${epochMs("last_failed_time")} AS last_failed_at FROM pg_stat_archiver`);

// missing_ok came with 9.5. Before it each directory is listed first: the cost is nothing, and the race harmless.
function fileIfAny(traits: Traits, path: string, use: (bytes: string) => string): string {
  if (traits.pendingRestart) return use(`pg_read_binary_file(${literal(path)}, 0, ${fileBytesMax}, true)`);
  const parts = path.split("/");
  const read = use(`pg_read_binary_file(${literal(path)}, 0, ${fileBytesMax})`);
  return parts.reduceRight((inner, part, at) => {
    const directory = parts.slice(0, at).join("/") || ".";
    return `CASE WHEN EXISTS (SELECT 1 FROM pg_ls_dir(${literal(directory)}) AS entry WHERE entry = ${literal(part)}) THEN ${inner} END`;
  }, read);
}
