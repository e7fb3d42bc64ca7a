/**
 * What survives a restart: every object, the version counter, and a bounded history of changes, in one SQLite file.
 * A change is on disk before anyone hears of it. The file is locked while it is open, so two servers never share it.
 */
import { chmodSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { explain } from "../errors.ts";
import type { KubeObject } from "./kind.ts";

export interface Key {
  /** `configmaps` or `postgresreplicasets.pgrs.dev`: what is stored together, whatever version it is shown in. */
  readonly resource: string;
  /** Empty for cluster-wide objects. */
  readonly namespace: string;
  readonly name: string;
}

/** One write: without `before` a creation, without `after` a removal. */
export interface Change {
  readonly version: number;
  readonly key: Key;
  readonly before?: KubeObject;
  readonly after?: KubeObject;
}

export interface HistoryBounds { readonly changesMax: number; readonly ageMs: number; readonly charactersMax: number }

/** A file that cannot be used, with a sentence for the person who has to do something about it. */
export class JournalError extends Error { override readonly name = "JournalError"; }

export interface Journal {
  /** The last version that was given out. */
  readonly version: number;
  /** Changes after this version are all in the history. */
  readonly compacted: number;
  objects(): Iterable<{ readonly key: Key; readonly object: KubeObject }>;
  /** Stores all changes or none; they are on disk when it returns. */
  commit(changes: readonly Change[], nowMs: number): void;
  /** Changes after the version, oldest first; of one resource, or of all. */
  since(version: number, resource?: string): readonly Change[];
  /** Forgets history beyond the bounds. */
  trim(bounds: HistoryBounds, nowMs: number): void;
  close(): void;
}

const applicationId = 0x70677273;

/** Raised with every change of the tables, which then gets a step of its own in `migrations`. */
const schemaVersion = 2;

const tables = `
  CREATE TABLE objects (resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID;
  CREATE TABLE history (version INTEGER PRIMARY KEY, at INTEGER NOT NULL, resource TEXT NOT NULL, namespace TEXT NOT NULL,
    name TEXT NOT NULL, size INTEGER NOT NULL, before TEXT, after TEXT);
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO counters VALUES ('version', 0), ('compacted', 0);
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};`;

const numberOf = (row: Record<string, unknown> | undefined, column: string): number => Number(row?.[column] ?? 0);

const inTransaction = (database: DatabaseSync, work: () => void): void => {
  database.exec("BEGIN IMMEDIATE");
  try {
    work();
    database.exec("COMMIT");
  } catch (error) {
    // A failed commit may have ended the transaction already; what matters is that none stays open.
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
};

const hasColumn = (database: DatabaseSync, table: string, column: string): boolean =>
  database.prepare("SELECT 1 FROM pragma_table_info(?) WHERE name = ?").get(table, column) !== undefined;

/** By the format that is found: what leads to the next one. All steps are one transaction, so a file is never half of each. */
const migrations: Readonly<Record<number, (database: DatabaseSync) => void>> = {
  // Files of format 1 are with and without the column.
  1: (database) => {
    if (!hasColumn(database, "history", "size")) database.exec(`ALTER TABLE history ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
      UPDATE history SET size = coalesce(length(before), 0) + coalesce(length(after), 0)`);
  },
};

const migrate = (database: DatabaseSync, found: number): void => inTransaction(database, () => {
  for (let format = found; format < schemaVersion; format += 1) migrations[format]?.(database);
  database.exec(`PRAGMA user_version = ${schemaVersion}`);
});

// Taking the lock, reading and checking all happen here, so that a bad file is refused before anything is served.
const prepare = (database: DatabaseSync, path: string): void => {
  database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE; COMMIT;");
  const found = numberOf(database.prepare("PRAGMA user_version").get(), "user_version");
  const isEmpty = numberOf(database.prepare("SELECT count(*) AS count FROM sqlite_schema").get(), "count") === 0;
  if (found === 0 && isEmpty) { database.exec(`BEGIN IMMEDIATE; ${tables} COMMIT;`); return; }
  if (numberOf(database.prepare("PRAGMA application_id").get(), "application_id") !== applicationId)
    throw new JournalError(`${path} is a database of another program: move it away, or choose another directory`);
  if (found > schemaVersion)
    throw new JournalError(`${path} was written by a newer version of this program (format ${found}, this one reads ${schemaVersion}): use that version`);
  const check = database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  if (check !== "ok") throw new JournalError(`${path} is damaged (${String(check)}): restore it from a copy, or move it away to start empty`);
  if (found < schemaVersion) migrate(database, found);
};

const refusalOf = (path: string, error: unknown): JournalError => {
  if (error instanceof JournalError) return error;
  const message = explain(error);
  if (message.includes("locked")) return new JournalError(`${path} is in use: another control plane runs on this directory`, { cause: error });
  if (/malformed|not a database|disk image/.test(message))
    return new JournalError(`${path} is damaged (${message}): restore it from a copy, or move it away to start empty`, { cause: error });
  if (/no such (table|column)|has no column/.test(message))
    return new JournalError(`${path} was written by another build of this program, and this one cannot read it (${message}): use that build, or move the file away to start empty; it was not changed`, { cause: error });
  return new JournalError(`cannot open ${path}: ${message}`, { cause: error });
};

const parse = (text: unknown): KubeObject | undefined => typeof text === "string" ? JSON.parse(text) as KubeObject : undefined;

const changeOf = (row: Record<string, unknown>): Change => {
  const before = parse(row["before"]);
  const after = parse(row["after"]);
  return {
    version: Number(row["version"]), key: keyOf(row),
    ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }),
  };
};

const keyOf = (row: Record<string, unknown>): Key =>
  ({ resource: String(row["resource"]), namespace: String(row["namespace"]), name: String(row["name"]) });

/** All statements are prepared at once: that fails when a table is not as this version expects it. */
const statementsOf = (database: DatabaseSync) => {
  const columns = "version, resource, namespace, name, before, after";
  return {
    commit: committer(database),
    sinceAll: database.prepare(`SELECT ${columns} FROM history WHERE version > ? ORDER BY version`),
    sinceOne: database.prepare(`SELECT ${columns} FROM history WHERE version > ? AND resource = ? ORDER BY version`),
  };
};

const open = (path: string) => {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    chmodSync(path, 0o600);
    prepare(database, path);
    return { database, ...statementsOf(database) };
  } catch (error) {
    database?.close();
    throw refusalOf(path, error);
  }
};

const counterOf = (database: DatabaseSync, name: string) =>
  numberOf(database.prepare("SELECT value FROM counters WHERE name = ?").get(name), "value");

const committer = (database: DatabaseSync) => {
  const put = database.prepare("INSERT OR REPLACE INTO objects (resource, namespace, name, body) VALUES (?, ?, ?, ?)");
  const remove = database.prepare("DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?");
  const remember = database.prepare("INSERT INTO history (version, at, resource, namespace, name, size, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  const count = database.prepare("UPDATE counters SET value = ? WHERE name = 'version'");
  return (changes: readonly Change[], nowMs: number): void => inTransaction(database, () => {
    for (const { version, key: { resource, namespace, name }, before, after } of changes) {
      const text = after === undefined ? null : JSON.stringify(after);
      if (text === null) remove.run(resource, namespace, name);
      else put.run(resource, namespace, name, text);
      const old = before === undefined ? null : JSON.stringify(before);
      remember.run(version, nowMs, resource, namespace, name, (old?.length ?? 0) + (text?.length ?? 0), old, text);
      count.run(version);
    }
  });
};

// The last version that must go, by age, by number, and by size, whichever is the newest.
const trimBelow = (database: DatabaseSync, { changesMax, ageMs, charactersMax }: HistoryBounds, nowMs: number): number => {
  const old = database.prepare("SELECT coalesce(max(version), 0) AS version FROM history WHERE at < ?").get(nowMs - ageMs);
  const surplus = database.prepare("SELECT coalesce((SELECT version FROM history ORDER BY version DESC LIMIT 1 OFFSET ?), 0) AS version").get(changesMax);
  const large = database.prepare(`SELECT coalesce(max(version), 0) AS version FROM (SELECT version,
    sum(size) OVER (ORDER BY version DESC) AS size FROM history) WHERE size > ?`).get(charactersMax);
  return Math.max(...[old, surplus, large].map((row) => numberOf(row, "version")));
};

/** Opens or creates the file; throws a JournalError when it cannot be trusted or another server holds it. */
export const openJournal = (path: string): Journal => {
  const { database, commit, sinceAll, sinceOne } = open(path);
  let version = counterOf(database, "version");
  let compacted = counterOf(database, "compacted");
  return {
    get version() { return version; },
    get compacted() { return compacted; },
    *objects() {
      for (const row of database.prepare("SELECT resource, namespace, name, body FROM objects").iterate()) {
        const object = parse(row["body"]);
        if (object !== undefined) yield { key: keyOf(row), object };
      }
    },
    commit: (changes, nowMs) => { commit(changes, nowMs); version = changes.at(-1)?.version ?? version; },
    since: (after, resource) => (resource === undefined ? sinceAll.all(after) : sinceOne.all(after, resource)).map(changeOf),
    trim: (bounds, nowMs) => {
      const below = trimBelow(database, bounds, nowMs);
      if (below <= compacted) return;
      inTransaction(database, () => {
        database.prepare("DELETE FROM history WHERE version <= ?").run(below);
        database.prepare("UPDATE counters SET value = ? WHERE name = 'compacted'").run(below);
      });
      compacted = below;
    },
    close: () => database.close(),
  };
};
