/** PostgreSQL's refusals, by SQLSTATE, in our own words. Source: PostgreSQL documentation, "PostgreSQL Error Codes". */
import { reason } from "../api/conditions.ts";
import { Conflict, Terminal, Transient } from "../errors.ts";

/** An error whose words came from psql, with the SQLSTATE where there was one. */
export class PsqlError extends Error {
  override readonly name = "PsqlError";
  readonly code: string | undefined;
  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

/** The SQLSTATE, or the system's name of a network error. */
export const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : "";
};

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Whether the server answered and refused us: another password, no such role, no line for us in pg_hba.conf. */
export const isRefused = (error: unknown): boolean => /^28/.test(codeOf(error)) || /^SASL|client password must be/i.test(wordsOf(error));

/** Whether no connection came about, though nothing says that the server is down. */
export const isUnreached = (error: unknown): boolean =>
  /^(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EHOSTDOWN|EADDRNOTAVAIL|ENOTFOUND|EAI_AGAIN)$/.test(codeOf(error)) || /timeout expired|timeout exceeded when trying to connect/.test(wordsOf(error));

/** Whether a connection that was there broke. */
export const isBroken = (error: unknown): boolean =>
  /^(ECONNRESET|EPIPE|57P01|57P02|08003|08006)$/.test(codeOf(error)) || /Connection terminated|not queryable|Client has encountered a connection error|This socket has been ended/.test(wordsOf(error));

const isStarting = (error: unknown): boolean =>
  /^(57P03|ECONNREFUSED)$/.test(codeOf(error)) || /the database system is (starting up|not yet accepting connections)|Is the server running (locally|on)/i.test(wordsOf(error));

interface Rule { readonly matches: (error: unknown) => boolean; readonly failure: (what: string, cause: unknown) => Transient | Terminal | Conflict }

const bySqlState = (states: RegExp): Rule["matches"] => (error) => states.test(codeOf(error));

const rules: readonly Rule[] = [
  { matches: isStarting, failure: (what, cause) => new Transient(`${what}: PostgreSQL is starting`, { cause }) },
  { matches: isBroken, failure: (what, cause) => new Transient(`${what}: PostgreSQL broke the connection off`, { cause }) },
  { matches: isUnreached, failure: (what, cause) => new Transient(`${what}: PostgreSQL does not answer on its management address`, { cause }) },
  { matches: isRefused, failure: (what, cause) => new Terminal(`${what}: PostgreSQL refuses the operator; let the Secret hold the superuser's password`, { cause, reason: reason.CredentialsMissing }) },
  { matches: bySqlState(/^53100$/), failure: (what, cause) => new Transient(`${what}: the disk is full; free some space on it`, { cause, reason: reason.DiskFull }) },
  { matches: bySqlState(/^53300$/), failure: (what, cause) => new Transient(`${what}: all connections are taken; raise max_connections or close some`, { cause }) },
  { matches: bySqlState(/^57014$/), failure: (what, cause) => new Transient(`${what}: it took too long`, { cause }) },
  { matches: bySqlState(/^25006$/), failure: (what, cause) => new Conflict(`${what}: the server is read-only now`, { cause }) },
  { matches: bySqlState(/^55006$/), failure: (what, cause) => new Conflict(`${what}: it is in use`, { cause }) },
  // Syntax, names, values, privileges, versions: the same statement will not fare better.
  { matches: bySqlState(/^(22|23|42|0A|3D|2B)/), failure: (what, cause) => new Terminal(`${what}: PostgreSQL refused`, { cause }) },
];

/** Translates whatever a connection, pg or psql threw; our own failures pass. */
export const translateSql = (what: string, error: unknown): Transient | Terminal | Conflict => {
  if (error instanceof Transient || error instanceof Terminal || error instanceof Conflict) return error;
  const rule = rules.find(({ matches }) => matches(error));
  return rule?.failure(what, error) ?? new Transient(`${what}: PostgreSQL answered with an error`, { cause: error });
};
