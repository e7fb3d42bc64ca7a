/**
 * PostgreSQL behind the port that the operator knows (ports.ts): over the management network as the superuser, or,
 * where its password is refused or the network does not carry us, through the container's own socket with psql. It
 * must never put a password into a statement or an argument, never wait for a synchronous standby, and never report
 * done what it has not seen done.
 */
import { randomBytes } from "node:crypto";
import pRetry from "p-retry";
import { Conflict, Terminal, Transient } from "../errors.ts";
import type { AccountWish, Boot, Engine, Logger, Postgres, Target } from "../ports.ts";
import { lookSql, parseLook } from "../postgres/look.ts";
import { md5Verifier, scramVerifier } from "../postgres/password.ts";
import { advanceSlot, allowRewind, beat, checkpoint, createSlot, dropSlot, ensureDatabase, ensureRole, literal, promote, promoteProgram, reload, type RoleAttribute } from "../postgres/sql.ts";
import { dataDirectoryOf } from "../postgres/versions.ts";
import { applicationName, maintenanceDatabase, postgresConnections, sessionOptions, superuser, type Connections, type Session } from "./postgres-connections.ts";
import { codeOf, isRefused, isUnreached, PsqlError, translateSql } from "./postgres-errors.ts";
import { orAborted } from "./waiting.ts";

export interface PostgresOptions {
  readonly exec: Engine["exec"];
  readonly log: Logger;
  readonly port?: number;
}

interface Asked { readonly value: unknown; readonly passwordAccepted: boolean }
interface Statement { readonly what: string; readonly sql: string; readonly limitMs: number; readonly line?: "aside" | "beat" }
type Ask = (target: Target, statement: Statement, signal: AbortSignal) => Promise<Asked>;

const portDefault = 5432;
const lookLimitMs = 3500;
/** The same for a server whose last look ran out of time: it must not hold up each look at all the others. */
const slowLookLimitMs = 1000;
const writeLimitMs = 15_000;
const longLimitMs = 90_000;
/** After a server could not be reached over the network, so many asks go through its socket before the next try. */
const detours = 10;
const detoursKept = 1024;
const saltBytes = 16;
const beatLimitMs = 1000;
/** How the promoting program says that it is another boot than was meant. */
const staleCode = 3;

const psql = (session: Session): readonly string[] => ["psql", "-X", "-q", "-At", "-w", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose",
  "-d", `dbname=${maintenanceDatabase} user=${superuser} application_name=${applicationName} options='${sessionOptions[session]}'`, "-f", "-"];

/** What psql wrote as an error. */
const psqlError = (output: string): PsqlError => {
  const [, code, words] = /(?:ERROR|FATAL|PANIC): {1,2}([0-9A-Z]{5}): (.*)/.exec(output) ?? [];
  return new PsqlError(words ?? output.trim().slice(0, 500), code);
};

/** Through the container's socket as the system's user postgres. The statement comes by standard input: arguments can be seen. */
const askInside = async (exec: Engine["exec"], target: Target, { sql, line }: Statement, signal: AbortSignal): Promise<unknown> => {
  const { exitCode, output } = await exec(target.container, psql(line === "aside" ? "lasting" : "look"), `${sql};\n`, signal);
  if (exitCode !== 0) throw psqlError(output);
  const first = output.trim();
  return first === "" ? undefined : first;
};

const placeOf = ({ container, host }: Target): string => `${container} ${host}`;

const asker = (connections: Connections, exec: Engine["exec"], log: Logger): Ask => {
  const leftInside = new Map<string, number>();

  /** Whether this ask goes inside at once, since the network did not carry the last ones. */
  const takesDetour = (target: Target): boolean => {
    if (target.host === "") return true;
    const left = leftInside.get(placeOf(target)) ?? 0;
    if (left > 0) leftInside.set(placeOf(target), left - 1);
    return left > 0;
  };
  const rememberDetour = (target: Target): void => {
    leftInside.delete(placeOf(target));
    leftInside.set(placeOf(target), detours);
    const oldest = leftInside.size > detoursKept ? leftInside.keys().next().value : undefined;
    if (oldest !== undefined) leftInside.delete(oldest);
  };

  return async (target, statement, signal) => {
    const { what, sql, limitMs, line = "look" } = statement;
    const limit = AbortSignal.timeout(limitMs);
    const either = AbortSignal.any([signal, limit]);
    const label = `${what} on ${target.member}`;
    const inside = (): Promise<unknown> => orAborted(askInside(exec, target, statement, either), either);
    const isDetour = takesDetour(target);
    try {
      if (isDetour) return { value: await inside(), passwordAccepted: true };
      try {
        return { value: await connections.ask(target, { sql, line }, either), passwordAccepted: true };
      } catch (error) {
        if (either.aborted || !(isRefused(error) || isUnreached(error))) throw error;
        if (isUnreached(error)) rememberDetour(target);
        log.debug("asking through the container's socket", { member: target.member, because: codeOf(error) });
        return { value: await inside(), passwordAccepted: !isRefused(error) };
      }
    } catch (error) {
      // A network that swallows everything looks like a server that hangs: the next sign of life is asked for inside.
      if (line === "beat" && either.aborted && !isDetour) rememberDetour(target);
      if (signal.aborted) throw new Transient(`${label}: given up before PostgreSQL answered`, { cause: error });
      if (limit.aborted) throw new Transient(`${label}: PostgreSQL did not answer within ${limitMs / 1000} s`, { cause: error });
      throw translateSql(label, error);
    }
  };
};

const attributesOf: Readonly<Record<AccountWish["attributes"], readonly RoleAttribute[]>> = {
  SUPERUSER: ["LOGIN", "SUPERUSER"], REPLICATION: ["LOGIN", "REPLICATION"], LOGIN: ["LOGIN"],
};

const verifierOf = ({ traits }: Target, { name, password }: AccountWish): string => {
  try {
    return traits.passwordEncryption === "md5" ? md5Verifier(name, password) : scramVerifier(password, randomBytes(saltBytes));
  } catch (error) {
    throw new Terminal(`set the password of ${name}: the Secret's password can't be used`, { cause: error });
  }
};

const stateOf = (error: unknown): string => codeOf((error as { cause?: unknown }).cause);

/** Takes errors of these SQLSTATEs for done. */
const orDone = async (asked: Promise<Asked>, states: readonly string[]): Promise<Asked | undefined> => {
  try { return await asked; } catch (error) {
    if (!states.includes(stateOf(error))) throw error;
    return undefined;
  }
};

const isTrue = (value: unknown): boolean => value === true || value === "t";

const slowKept = 1024;

/** Remembers whether the server ran out of time. */
const remembering = async (slow: Set<string>, { container }: Target, asked: Promise<Asked>): Promise<Asked> => {
  try {
    const answer = await asked;
    slow.delete(container);
    return answer;
  } catch (error) {
    if (slow.size >= slowKept) slow.clear();
    slow.add(container);
    throw error;
  }
};

const promoter = (ask: Ask, exec: Engine["exec"]): Postgres["promote"] => {
  const inRecovery = async (target: Target, signal: AbortSignal): Promise<boolean> =>
    isTrue((await ask(target, { what: "see the promotion", sql: "SELECT pg_catalog.pg_is_in_recovery()", limitMs: lookLimitMs }, signal)).value);

  const stale = (target: Target, { epoch }: Boot): Conflict =>
    new Conflict(`promote ${target.member}: it is not the server that was looked at any more, or was configured by a later decision than ${epoch}`);

  const bySql = async (target: Target, sql: string, boot: Boot, signal: AbortSignal): Promise<void> => {
    // 55000, object_not_in_prerequisite_state: it is no standby, so it is promoted already.
    const answer = await orDone(ask(target, { what: "promote", sql, limitMs: longLimitMs, line: "aside" }, signal), ["55000"]);
    if (answer !== undefined && (answer.value === null || answer.value === undefined)) throw stale(target, boot);
  };

  const byProgram = async (target: Target, boot: Boot, signal: AbortSignal): Promise<void> => {
    const { exitCode, output } = await exec(target.container, promoteProgram(dataDirectoryOf(target.traits), boot), "", signal);
    if (exitCode === staleCode) throw stale(target, boot);
    if (exitCode !== 0 && !/not in standby mode/.test(output)) throw new Transient(`promote ${target.member}: pg_ctl failed: ${output.trim().slice(0, 500)}`);
  };

  return async (target, boot, signal) => {
    const sql = promote(target.traits, boot);
    if (!await inRecovery(target, signal)) return;
    await (sql === undefined ? byProgram(target, boot, signal) : bySql(target, sql, boot, signal));
    // Before 10, pg_ctl does not wait for it.
    await pRetry(async () => {
      if (await inRecovery(target, signal)) throw new Transient(`promote ${target.member}: it is still in recovery`);
    }, { retries: 8, minTimeout: 50, maxTimeout: 2000, signal, shouldRetry: ({ error }) => error instanceof Transient });
  };
};

export const postgres = ({ exec, log, port = portDefault }: PostgresOptions): Postgres & { readonly close: () => void } => {
  const connections = postgresConnections({ port });
  const ask = asker(connections, exec, log);

  const slow = new Set<string>();

  return {
    look: async (target, { accounts, limitMs = slow.has(target.container) ? slowLookLimitMs : lookLimitMs }, signal) => {
      const { value, passwordAccepted } = await remembering(slow, target, ask(target, { what: "look", sql: lookSql(target.traits, { roles: accounts }), limitMs }, signal));
      try {
        return { ...parseLook(typeof value === "string" ? JSON.parse(value) : value), passwordAccepted };
      } catch (error) {
        throw new Transient(`look on ${target.member}: its answer can't be understood`, { cause: error });
      }
    },
    beat: async (target, signal) => {
      const { value } = await ask(target, { what: "ask for a sign of life", sql: beat(target.traits), limitMs: beatLimitMs, line: "beat" }, signal);
      return typeof value === "string" && value !== "" ? value : undefined;
    },
    promote: promoter(ask, exec),
    checkpoint: async (target, signal) => {
      await ask(target, { what: "write a checkpoint", sql: checkpoint, limitMs: longLimitMs, line: "aside" }, signal);
    },
    ensureAccount: async (target, account, signal) => {
      const sql = ensureRole({ name: account.name, verifier: verifierOf(target, account), attributes: attributesOf[account.attributes] });
      const rights = account.attributes === "REPLICATION" ? allowRewind(target.traits, account.name) : [];
      for (const statement of [sql, ...rights]) await ask(target, { what: `set up the role ${account.name}`, sql: statement, limitMs: writeLimitMs, line: "aside" }, signal);
    },
    ensureDatabase: async (target, database, signal) => {
      const what = `make the database ${database.name}`;
      const { value } = await ask(target, { what, sql: `SELECT 1 FROM pg_catalog.pg_database WHERE datname = ${literal(database.name)}`, limitMs: writeLimitMs }, signal);
      if (value !== undefined) return;
      await orDone(ask(target, { what, sql: ensureDatabase(database), limitMs: longLimitMs, line: "aside" }, signal), ["42P04"]);
    },
    createSlot: async (target, slot, signal) => {
      const sql = createSlot(target.traits, slot);
      if (sql !== undefined) await orDone(ask(target, { what: `make the slot ${slot}`, sql, limitMs: writeLimitMs }, signal), ["42710"]);
    },
    dropSlot: async (target, slot, signal) => {
      if (target.traits.slots) await orDone(ask(target, { what: `drop the slot ${slot}`, sql: dropSlot(slot), limitMs: writeLimitMs }, signal), ["42704"]);
    },
    advanceSlot: async (target, slot, to, signal) => {
      const sql = advanceSlot(target.traits, slot, to);
      if (sql !== undefined) await ask(target, { what: `move the slot ${slot}`, sql, limitMs: writeLimitMs }, signal);
    },
    reload: async (target, signal) => {
      await ask(target, { what: "reload the configuration", sql: reload, limitMs: writeLimitMs }, signal);
    },
    close: connections.close,
  };
};
