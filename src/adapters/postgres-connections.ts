/**
 * One kept connection for each server and password, opened when it is first needed, closed after a minute without use
 * and with the first sign of trouble. A query that is given up takes its connection with it: nothing else ends it.
 */
import { Socket } from "node:net";
import { Client } from "pg";
import { isBroken } from "./postgres-errors.ts";
import { orAborted } from "./waiting.ts";

export interface Address { readonly container: string; readonly host: string; readonly password: string }

export interface Connections {
  /** The first column of the statement's first row; undefined without rows. */
  readonly ask: (address: Address, question: Question, signal: AbortSignal) => Promise<unknown>;
  readonly close: () => void;
}

export interface Question {
  readonly sql: string;
  /** look and beat: two kept connections, since a sign of life must not wait behind a long look. aside: one made for it, for what takes long. */
  readonly line: "look" | "beat" | "aside";
}

interface Connection { readonly client: Client; readonly socket: Socket; readonly ready: Promise<unknown>; readonly drop: () => void }

export const superuser = "postgres";
export const maintenanceDatabase = "postgres";
export const applicationName = "pgrs-operator";
const connectTimeoutMs = 2000;
const idleMs = 60_000;
const connectionsMax = 1024;
const statementTimeoutMs = 90_000;

const options = (settings: Readonly<Record<string, string | number>>): string => Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`).join(" ");

const settings = {
  search_path: "pg_catalog", default_transaction_read_only: "off", statement_timeout: statementTimeoutMs, lock_timeout: 5000,
  client_min_messages: "error", log_statement: "none", log_min_duration_statement: -1, log_min_error_statement: "panic",
};

/**
 * Settings of the operator's own sessions, whatever the server's are: no schema that a user could plant functions in,
 * nothing read-only by default, and no statement of ours in the log, where a verifier would be kept. A look reports
 * the server's synchronous_commit, so only `lasting` ones have their own: they must not wait for a standby that may
 * be missing.
 */
export const sessionOptions = { look: options(settings), lasting: options({ ...settings, synchronous_commit: "local" }) } as const;
export type Session = keyof typeof sessionOptions;

interface Opening { readonly port: number; readonly session: Session; readonly onGone: () => void }

const open = ({ host, password }: Address, { port, session, onGone }: Opening): Connection => {
  const socket = new Socket();
  const client = new Client({
    host, port, password, user: superuser, database: maintenanceDatabase, application_name: applicationName,
    options: sessionOptions[session], connectionTimeoutMillis: connectTimeoutMs, keepAlive: true, stream: () => socket,
  });
  const drop = (): void => { onGone(); socket.destroy(); };
  // Without a listener, a server that goes away between two queries would end the program.
  client.on("error", drop);
  client.on("end", onGone);
  const ready = client.connect();
  ready.catch(drop);
  return { client, socket, ready, drop };
};

const keyOf = ({ container, host, password }: Address, line: string): string => JSON.stringify([container, host, password, line]);

const query = async ({ client, ready, drop }: Connection, sql: string, signal: AbortSignal): Promise<unknown> => {
  const run = async (): Promise<unknown> => {
    await ready;
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: "array" });
    return rows[0]?.[0];
  };
  try {
    return await orAborted(run(), signal);
  } catch (error) {
    if (signal.aborted || isBroken(error)) drop();
    throw error;
  }
};

export const postgresConnections = ({ port }: { readonly port: number }): Connections => {
  const kept = new Map<string, Connection>();

  const keep = (address: Address, line: string): Connection => {
    const key = keyOf(address, line);
    const known = kept.get(key);
    if (known !== undefined) return known;
    const connection = open(address, { port, session: "look", onGone: () => { if (kept.get(key) === connection) kept.delete(key); } });
    kept.set(key, connection);
    if (kept.size > connectionsMax) kept.values().next().value?.drop();
    // Only the connection that sleeps is closed: a query under way has the socket's traffic, or its caller's limit.
    connection.socket.setTimeout(idleMs, connection.drop);
    return connection;
  };

  const askKept = async (address: Address, { sql, line }: Question, signal: AbortSignal): Promise<unknown> => {
    const known = kept.has(keyOf(address, line));
    try {
      return await query(keep(address, line), sql, signal);
    } catch (error) {
      // The server may have restarted since the connection's last use.
      if (!known || signal.aborted || !isBroken(error)) throw error;
      return query(keep(address, line), sql, signal);
    }
  };

  const askAside = async (address: Address, sql: string, signal: AbortSignal): Promise<unknown> => {
    const connection = open(address, { port, session: "lasting", onGone: () => undefined });
    try {
      return await query(connection, sql, signal);
    } finally {
      connection.drop();
    }
  };

  const ask: Connections["ask"] = (address, question, signal) => question.line === "aside" ? askAside(address, question.sql, signal) : askKept(address, question, signal);

  return { ask, close: () => { for (const { drop } of [...kept.values()]) drop(); } };
};
