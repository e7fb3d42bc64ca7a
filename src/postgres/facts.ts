/**
 * What a server said about itself, as look.ts asked it: the typed form, and the reading of the JSON. Times are
 * milliseconds since 1970 by the server's own clock; positions are texts (lsn.ts). A part that a version can't tell
 * is undefined, never a guess.
 */
import type { Lsn } from "./lsn.ts";

export interface WalSender {
  readonly applicationName: string;
  /** Undefined for a connection through a socket. */
  readonly clientAddress?: string | undefined;
  /** startup, catchup, streaming, backup or stopping. */
  readonly state?: string | undefined;
  /** async, potential, sync or quorum. */
  readonly syncState?: string | undefined;
  readonly sentLsn?: Lsn | undefined;
  readonly writeLsn?: Lsn | undefined;
  readonly flushLsn?: Lsn | undefined;
  readonly replayLsn?: Lsn | undefined;
  /** Since the standby's last reply; from 12 on. */
  readonly replyAgeMs?: number | undefined;
}

export interface WalReceiver {
  readonly status: string;
  readonly senderHost?: string | undefined;
  readonly senderPort?: number | undefined;
  readonly slotName?: string | undefined;
  readonly receivedLsn?: Lsn | undefined;
  readonly receivedTimeline?: number | undefined;
  /** Since the primary's last message. */
  readonly messageAgeMs?: number | undefined;
}

export interface Slot {
  readonly name: string;
  readonly active: boolean;
  readonly restartLsn?: Lsn | undefined;
  readonly retainedBytes?: number | undefined;
  /** reserved, extended, unreserved or lost; from 13 on. */
  readonly walStatus?: string | undefined;
}

export interface RoleFacts {
  readonly name: string;
  /** A secret: compare it (password.ts), never log it. Undefined: the role has no password. */
  readonly verifier?: string | undefined;
  readonly canLogin: boolean;
  readonly superuser: boolean;
  readonly replication: boolean;
}

export interface Archiver {
  readonly archivedCount: number;
  readonly lastArchivedWal?: string | undefined;
  readonly lastArchivedAt?: number | undefined;
  readonly failedCount: number;
  readonly lastFailedWal?: string | undefined;
  readonly lastFailedAt?: number | undefined;
}

/** A line of a configuration file that the server would not take, or that can match nothing (hostssl without TLS). */
export interface FileProblem {
  readonly file: "postgresql.conf" | "pg_hba.conf";
  readonly line?: number | undefined;
  readonly name?: string | undefined;
  readonly error: string;
}

/** A timeline that was left, and the position at which the next one begins. */
export interface TimelineEnd { readonly timeline: number; readonly end: Lsn }

export interface ServerFacts {
  readonly inRecovery: boolean;
  /** From 9.6 on. */
  readonly systemIdentifier?: string | undefined;
  /** The highest timeline that it has written, received or replayed; of a standby from 9.6 on. */
  readonly timeline?: number | undefined;
  /** As server_version_num: 170010. */
  readonly versionNumber: number;
  readonly startedAt: number;
  readonly answeredAt: number;
  /** Of a primary. */
  readonly flushLsn?: Lsn | undefined;
  readonly currentLsn?: Lsn | undefined;
  /** Of a standby. */
  readonly receivedLsn?: Lsn | undefined;
  readonly replayedLsn?: Lsn | undefined;
  readonly replayPaused?: boolean | undefined;
  /** Whether it has yet to replay WAL that lies on its own disk, so that its positions are not its last; from 10 on. */
  readonly replaying?: boolean | undefined;
  readonly lastReplayAt?: number | undefined;
  /** What the server has loaded, not what lies in the file. */
  readonly configHash?: string | undefined;
  readonly parametersHash?: string | undefined;
  /** From 9.5 on; empty before. */
  readonly pendingRestart: readonly string[];
  /** Set by ALTER SYSTEM, over what the operator wrote. */
  readonly alteredSettings: readonly string[];
  /** What the files hold and the server can't take; from 9.5 (pg_hba.conf: 10) on, empty before. */
  readonly fileProblems: readonly FileProblem[];
  readonly settings: Readonly<Record<string, string>>;
  readonly senders: readonly WalSender[];
  readonly receiver?: WalReceiver | undefined;
  readonly slots: readonly Slot[];
  /** Of a primary, those asked for that exist. */
  readonly roles?: readonly RoleFacts[] | undefined;
  readonly databases: readonly string[];
  readonly archiver?: Archiver | undefined;
  /** md5 of the file recovery.conf; undefined from 12 on, and when there is none. What is loaded of it no statement tells. */
  readonly recoveryHash?: string | undefined;
  /** The number of the decision about the primary by which its loaded configuration was written. */
  readonly epoch?: number | undefined;
  /** When its configuration was loaded last. */
  readonly loadedAt: number;
  /** Where each timeline before its own ended; undefined where that is not known. */
  readonly history: readonly TimelineEnd[] | undefined;
  /** Whether an earlier data directory lies beside the one in use. */
  readonly keepsOld: boolean;
  /** The texts of the files pgrs/refused and pgrs/good of the data directory. */
  readonly refused?: string | undefined;
  readonly good?: string | undefined;
}

type Row = Readonly<Record<string, unknown>>;

const wrong = (name: string, wanted: string, value: unknown): TypeError =>
  new TypeError(`the server's answer has no ${wanted} ${name}, but ${JSON.stringify(value) ?? "nothing"}`.slice(0, 300));

const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value);

function maybeText(row: Row, name: string): string | undefined {
  const value = row[name] ?? undefined;
  if (value === undefined || typeof value === "string") return value;
  throw wrong(name, "text", value);
}

function maybeNumber(row: Row, name: string): number | undefined {
  const value = row[name] ?? undefined;
  if (value === undefined || (typeof value === "number" && Number.isFinite(value))) return value;
  throw wrong(name, "number", value);
}

function maybeFlag(row: Row, name: string): boolean | undefined {
  const value = row[name] ?? undefined;
  if (value === undefined || typeof value === "boolean") return value;
  throw wrong(name, "truth value", value);
}

const need = <T>(read: (row: Row, name: string) => T | undefined, row: Row, name: string): T => {
  const value = read(row, name);
  if (value === undefined) throw wrong(name, "value", row[name]);
  return value;
};

// json_agg of no rows is null.
function rows(row: Row, name: string): readonly Row[] {
  const value = row[name] ?? [];
  if (Array.isArray(value) && value.every(isRow)) return value;
  throw wrong(name, "list", value);
}

const texts = (row: Row, name: string): string[] => rows(row, name).map((each) => need(maybeText, each, "name"));

// Files travel as hexadecimal: what lies in them need not be valid text.
function maybeFile(row: Row, name: string): string | undefined {
  const hex = maybeText(row, name);
  return hex === undefined ? undefined : Buffer.from(hex, "hex").toString("utf8");
}

/** The first timeline has no history, and needs none. */
function historyIn(row: Row): readonly TimelineEnd[] | undefined {
  const text = maybeFile(row, "history");
  return text === undefined ? maybeNumber(row, "timeline") === 1 ? [] : undefined : parseHistory(text);
}

/** A setting that holds a whole number, as text. */
const maybeInteger = (row: Row, name: string): number | undefined => {
  const text = maybeText(row, name);
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
};

/** A timeline history file: a line for each timeline that was left (PostgreSQL source, src/backend/access/transam/timeline.c). */
export const parseHistory = (text: string): readonly TimelineEnd[] => text.split("\n").flatMap((line) => {
  const [, timeline, end] = /^\s*(\d+)\s+([0-9A-Fa-f]+\/[0-9A-Fa-f]+)/.exec(line) ?? [];
  return timeline === undefined || end === undefined ? [] : [{ timeline: Number(timeline), end }];
});

const walSender = (row: Row): WalSender => ({
  applicationName: need(maybeText, row, "application_name"),
  clientAddress: maybeText(row, "client_address"),
  state: maybeText(row, "state"),
  syncState: maybeText(row, "sync_state"),
  sentLsn: maybeText(row, "sent"),
  writeLsn: maybeText(row, "written"),
  flushLsn: maybeText(row, "flushed"),
  replayLsn: maybeText(row, "replayed"),
  replyAgeMs: maybeNumber(row, "reply_age_ms"),
});

const walReceiver = (row: Row): WalReceiver => ({
  status: need(maybeText, row, "status"),
  senderHost: maybeText(row, "sender_host"),
  senderPort: maybeNumber(row, "sender_port"),
  slotName: maybeText(row, "slot_name"),
  receivedLsn: maybeText(row, "received"),
  receivedTimeline: maybeNumber(row, "timeline"),
  messageAgeMs: maybeNumber(row, "message_age_ms"),
});

const slot = (row: Row): Slot => ({
  name: need(maybeText, row, "name"),
  active: need(maybeFlag, row, "active"),
  restartLsn: maybeText(row, "restart_lsn"),
  retainedBytes: maybeNumber(row, "retained_bytes"),
  walStatus: maybeText(row, "wal_status"),
});

const roleFacts = (row: Row): RoleFacts => ({
  name: need(maybeText, row, "name"),
  verifier: maybeText(row, "verifier"),
  canLogin: need(maybeFlag, row, "can_login"),
  superuser: need(maybeFlag, row, "superuser"),
  replication: need(maybeFlag, row, "replication"),
});

const archiverFacts = (row: Row): Archiver => ({
  archivedCount: need(maybeNumber, row, "archived_count"),
  lastArchivedWal: maybeText(row, "last_archived_wal"),
  lastArchivedAt: maybeNumber(row, "last_archived_at"),
  failedCount: need(maybeNumber, row, "failed_count"),
  lastFailedWal: maybeText(row, "last_failed_wal"),
  lastFailedAt: maybeNumber(row, "last_failed_at"),
});

// pg_file_settings also gives an error for what waits for a restart; that is no mistake in the file.
const fileProblems = (row: Row, pendingRestart: readonly string[]): FileProblem[] => [
  ...rows(row, "file_errors").map((each): FileProblem => ({ file: "postgresql.conf", line: maybeNumber(each, "line"), name: maybeText(each, "name"), error: need(maybeText, each, "error") }))
    .filter(({ name }) => name === undefined || !pendingRestart.includes(name)),
  ...rows(row, "hba_errors").map((each): FileProblem => ({ file: "pg_hba.conf", line: maybeNumber(each, "line"), error: need(maybeText, each, "error") })),
];

/** Reads the answer to lookSql; a TypeError for anything else, so that half an answer never counts as one. */
export function parseLook(json: unknown): ServerFacts {
  if (!isRow(json)) throw wrong("look", "object", json);
  const settings = rows(json, "settings");
  const named = (flag: string): string[] => settings.filter((each) => maybeFlag(each, flag) === true).map((each) => need(maybeText, each, "name"));
  const pendingRestart = named("pending_restart");
  const [receiver] = rows(json, "receiver");
  const [archiver] = rows(json, "archiver");
  return {
    inRecovery: need(maybeFlag, json, "in_recovery"),
    systemIdentifier: maybeText(json, "system_identifier"),
    timeline: maybeNumber(json, "timeline"),
    versionNumber: need(maybeNumber, json, "version_number"),
    startedAt: need(maybeNumber, json, "started_at"),
    answeredAt: need(maybeNumber, json, "answered_at"),
    flushLsn: maybeText(json, "flush_lsn"),
    currentLsn: maybeText(json, "current_lsn"),
    receivedLsn: maybeText(json, "received_lsn"),
    replayedLsn: maybeText(json, "replayed_lsn"),
    replayPaused: maybeFlag(json, "replay_paused"),
    replaying: maybeFlag(json, "replaying"),
    lastReplayAt: maybeNumber(json, "last_replay_at"),
    configHash: maybeText(json, "config_hash"),
    parametersHash: maybeText(json, "parameters_hash"),
    pendingRestart,
    alteredSettings: named("altered"),
    fileProblems: fileProblems(json, pendingRestart),
    settings: Object.fromEntries(settings.map((each) => [need(maybeText, each, "name"), maybeText(each, "setting") ?? ""])),
    senders: rows(json, "senders").map(walSender),
    receiver: receiver && walReceiver(receiver),
    slots: rows(json, "slots").map(slot),
    roles: json["roles_asked"] === true ? rows(json, "roles").map(roleFacts) : undefined,
    databases: texts(json, "databases"),
    archiver: archiver && archiverFacts(archiver),
    recoveryHash: maybeText(json, "recovery_hash"),
    epoch: maybeInteger(json, "epoch"),
    loadedAt: need(maybeNumber, json, "loaded_at"),
    history: historyIn(json),
    keepsOld: maybeFile(json, "keeps_old") !== undefined,
    refused: maybeFile(json, "refused"),
    good: maybeFile(json, "good"),
  };
}
