/**
 * A socket in front of the Engine's own, between it and the operator under test. Cutting it is what the operator sees
 * when dockerd stops; the Engine itself, which others share, runs on.
 */
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";

export interface EngineSocket {
  readonly path: string;
  /** Breaks every connection off and refuses new ones. */
  cut(): Promise<void>;
  mend(): Promise<void>;
}

/** The Engine of the tests: DOCKER_HOST's, or the usual socket. */
export const engineSocketPath = (): string => {
  const host = process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock";
  if (!host.startsWith("unix://")) throw new Error(`these tests look into the namespaces of containers and so need an Engine on this machine, not ${host}`);
  return host.slice("unix://".length);
};

export async function openEngineSocket(path: string): Promise<EngineSocket> {
  const open = new Set<Socket>();
  let server: Server | undefined;
  const remember = (socket: Socket): void => {
    open.add(socket);
    socket.on("error", () => socket.destroy()).on("close", () => open.delete(socket));
  };
  const carry = (client: Socket): void => {
    // Half-open: a client ends what it sends to a program long before the program ends what it says.
    const engine = connect({ path: engineSocketPath(), allowHalfOpen: true });
    for (const socket of [client, engine]) remember(socket);
    client.pipe(engine).pipe(client);
    client.on("close", () => engine.destroy());
    engine.on("close", () => client.destroy());
  };
  const mend = async (): Promise<void> => {
    await rm(path, { force: true });
    server = createServer({ allowHalfOpen: true }, carry).listen(path);
    await once(server, "listening");
  };
  await mend();
  return {
    path, mend,
    cut: async () => {
      const closed = server?.close();
      for (const socket of open) socket.destroy();
      if (closed?.listening === true) await once(closed, "close");
      await rm(path, { force: true });
    },
  };
}
