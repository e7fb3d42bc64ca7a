/** PostgreSQL as the operator reaches it: over the management bridge, as the superuser. */
import { Conflict, Transient } from "../../src/errors.ts";
import { containerNamed, addressOn, type Model, type SimContainer, type SimServer } from "./model.ts";
import { md5Verifier, verifies } from "../../src/postgres/password.ts";
import type { Boot, Postgres, Target } from "../../src/ports.ts";
import type { Sync } from "./calls.ts";
import { lookAt, lsn } from "./look.ts";
import { checkpoint, promote, reload } from "./server.ts";
import { isHeld } from "./streams.ts";

interface Reached { readonly container: SimContainer; readonly server: SimServer }

function reached(model: Model, { container: id, host, member }: Target): Reached {
  const container = containerNamed(model, id);
  if (container?.state !== "running" || container.server === undefined) throw new Transient(`${member}: PostgreSQL does not answer on its management address`);
  if (addressOn(model, container, "bridge") !== host) throw new Transient(`${member}: nothing answers at ${host}`);
  const { server } = container;
  if (server.trouble !== "none") throw new Transient(`${member}: PostgreSQL does not answer`);
  if (server.isStopping) throw new Transient(`${member}: the database system is shutting down`);
  if (!server.isUp) throw new Transient(`${member}: PostgreSQL is starting`);
  return { container, server };
}

const writable = (model: Model, target: Target): SimServer => {
  const { server } = reached(model, target);
  if (server.inRecovery) throw new Conflict(`${target.member}: the server is read-only now`);
  return server;
};

/** Whether a question to a server stays without any answer. */
export const isSilent = (model: Model, { container: id }: Target): boolean => {
  const container = containerNamed(model, id);
  return container?.state === "paused" || (container?.state === "running" && container.server !== undefined && container.server.trouble !== "none");
};

function promoteBoot(model: Model, target: Target, { epoch, startedAt }: Boot): void {
  const { container, server } = reached(model, target);
  if (!server.inRecovery) return;
  if (server.startedAt !== startedAt || Number(server.loaded.files["pgrs.epoch"] ?? "0") > epoch) throw new Conflict(`promote ${target.member}: it is another boot, or was configured by a later decision`);
  promote(model, container, server);
}

export const postgresCalls = (model: Model): Sync<Postgres> => ({
  look: (target, { accounts }) => {
    const { server } = reached(model, target);
    const verifier = server.database.roles.get("postgres");
    return { ...lookAt(model, server, accounts), passwordAccepted: verifier !== undefined && verifies(verifier, "postgres", target.password) };
  },
  beat: (target) => {
    const { server: { inRecovery, database } } = reached(model, target);
    return inRecovery ? undefined : lsn(database.position);
  },
  promote: (target, boot) => promoteBoot(model, target, boot),
  checkpoint: (target) => checkpoint(writable(model, target)),
  advanceSlot: (target) => { reached(model, target); },
  ensureAccount: (target, { name, password }) => {
    const { database } = writable(model, target);
    database.roles = new Map([...database.roles, [name, md5Verifier(name, password)]]);
    database.position += 100;
  },
  ensureDatabase: (target, { name, owner }) => {
    const { database } = writable(model, target);
    if (!database.roles.has(owner)) throw new Conflict(`make the database ${name}: role ${owner} does not exist`);
    database.databases = new Set([...database.databases, name]);
    database.position += 100;
  },
  createSlot: (target, slot) => { reached(model, target).server.database.slots.add(slot); },
  dropSlot: (target, slot) => {
    const { server } = reached(model, target);
    if (isHeld(model, server, slot)) throw new Conflict(`drop the slot ${slot}: it is in use`);
    server.database.slots.delete(slot);
  },
  reload: (target) => {
    const { container, server } = reached(model, target);
    reload(model, container, server);
  },
});
