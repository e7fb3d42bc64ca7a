/** PostgreSQL as the operator reaches it: over the management bridge, as the superuser. */
import { Conflict, Transient } from "../../src/errors.ts";
import { dataPath, containerNamed, isNewer, addressOn, type Model, type SimServer } from "./model.ts";
import { md5Verifier, verifies } from "../../src/postgres/password.ts";
import type { Postgres, Target } from "../../src/ports.ts";
import type { Sync } from "./calls.ts";
import { isHeld, lookAt, reload } from "./server.ts";

function reached(model: Model, { container: id, host, member }: Target): SimServer {
  const container = containerNamed(model, id);
  if (container?.state !== "running" || container.server === undefined) throw new Transient(`${member}: PostgreSQL does not answer on its management address`);
  if (addressOn(model, container, "bridge") !== host) throw new Transient(`${member}: nothing answers at ${host}`);
  if (!container.server.isUp) throw new Transient(`${member}: PostgreSQL is starting`);
  return container.server;
}

const writable = (model: Model, target: Target): SimServer => {
  const server = reached(model, target);
  if (server.inRecovery) throw new Conflict(`${target.member}: the server is read-only now`);
  return server;
};

function promote(model: Model, target: Target): void {
  const server = reached(model, target);
  if (!server.inRecovery) return;
  const { database, volume } = server;
  for (const other of model.volumes.values()) {
    if (other.database === undefined || other.database.systemIdentifier !== database.systemIdentifier) continue;
    if (isNewer(other.database, database)) model.onBreach(`${target.member} is promoted at timeline ${database.timeline}, ${database.position}, behind ${other.name} at ${other.database.timeline}, ${other.database.position}`);
  }
  if (database.position < (model.acknowledged.get(database.systemIdentifier) ?? 0)) model.onBreach(`${target.member} is promoted without commits that were acknowledged`);
  database.history = [...database.history, { timeline: database.timeline, end: database.position }];
  database.timeline += 1;
  server.inRecovery = false;
  server.upstream = undefined;
  volume.files.delete(`${dataPath}/standby.signal`);
  volume.files.delete(`${dataPath}/recovery.conf`);
}

export const postgresCalls = (model: Model): Sync<Postgres> => ({
  look: (target, accounts) => {
    const server = reached(model, target);
    const verifier = server.database.roles.get("postgres");
    return { ...lookAt(model, server, accounts), passwordAccepted: verifier !== undefined && verifies(verifier, "postgres", target.password) };
  },
  promote: (target) => promote(model, target),
  ensureAccount: (target, { name, password }) => { writable(model, target).database.roles.set(name, md5Verifier(name, password)); },
  ensureDatabase: (target, { name, owner }) => {
    const { database } = writable(model, target);
    if (!database.roles.has(owner)) throw new Conflict(`make the database ${name}: role ${owner} does not exist`);
    database.databases.add(name);
  },
  createSlot: (target, slot) => { writable(model, target).database.slots.add(slot); },
  dropSlot: (target, slot) => {
    const server = writable(model, target);
    if (isHeld(model, server, slot)) throw new Conflict(`drop the slot ${slot}: it is in use`);
    server.database.slots.delete(slot);
  },
  reload: (target) => reload(reached(model, target)),
});
