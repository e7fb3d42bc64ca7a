/** A client's connection to one member, opened so that a dead address is found out soon, and told when it breaks. */
import { Socket } from "node:net";
import { Client } from "pg";

export interface Route { readonly hosts: readonly string[]; readonly user: string; readonly password: string; readonly database: string }

export interface Session {
  readonly host: string;
  /** The first column of the first row. Throws, and ends the session, when no answer comes in time. */
  ask(statement: { readonly name: string; readonly text: string; readonly values?: readonly unknown[] }): Promise<unknown>;
  close(): void;
}

/** By one clock for all: the machine's, which also other processes read. */
export const now = (): number => Number(process.hrtime.bigint()) / 1e6;

// On one machine a connection takes well under a millisecond; the server's own start of a session takes longer under load.
const connectMs = 150;
const startMs = 3_000;
/** As a client would set tcp_user_timeout: nobody waits for ever on a connection whose other end has gone. */
const answerMs = 15_000;

/** Rejects when the time is over, or when the socket closes: then no answer will come. */
const within = async <T>(socket: Socket, limitMs: number, what: string, work: Promise<T>): Promise<T> => {
  const { promise, reject } = Promise.withResolvers<never>();
  const limit = setTimeout(() => { reject(new Error(`${what} took more than ${String(limitMs)} ms`)); }, limitMs);
  const onClose = (): void => { reject(new Error(`${what}: the connection broke`)); };
  socket.once("close", onClose);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(limit);
    socket.off("close", onClose);
  }
};

export async function openSession({ user, password, database }: Omit<Route, "hosts">, host: string, applicationName: string): Promise<Session> {
  const socket = new Socket();
  socket.setNoDelay(true);
  const limit = setTimeout(() => { if (socket.connecting) socket.destroy(); }, connectMs);
  const client = new Client({ host, user, password, database, application_name: applicationName, stream: () => socket });
  // Without a listener, a server that goes away between two statements would end the test.
  client.on("error", () => socket.destroy());
  try {
    await within(socket, startMs, `a session on ${host}`, client.connect());
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(limit);
  }
  return {
    host,
    ask: async ({ name, text, values = [] }) => {
      try {
        const { rows } = await within(socket, answerMs, `${name} on ${host}`, client.query<unknown[]>({ name, text, values: [...values], rowMode: "array" }));
        return rows[0]?.[0];
      } catch (error) {
        socket.destroy();
        throw error;
      }
    },
    close: () => { socket.destroy(); },
  };
}

const isInRecovery = { name: "in-recovery", text: "select pg_is_in_recovery()" };
export const acceptsWrites = async (session: Session): Promise<boolean> => await session.ask(isInRecovery) === false;
