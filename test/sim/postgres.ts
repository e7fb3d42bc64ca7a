/** PostgreSQL as the operator reaches it: over the management bridge, as the superuser. */
import { Conflict, Transient } from "../../src/errors.ts";
import { dataPath, containerNamed, addressOn, type Model, type SimServer } from "./model.ts";
import { md5Verifier, verifies } from "../../src/postgres/password.ts";
import { formatLsn } from "../../src/postgres/lsn.ts";
import type { Boot, Postgres, Target } from "../../src/ports.ts";
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

function promote(model: Model, target: Target, { epoch, startedAt }: Boot): void {
  const server = reached(model, target);
  if (!server.inRecovery) return;
  const { database, volume } = server;
  if (server.startedAt !== startedAt || Number(server.loaded.files["pgrs.epoch"] ?? "0") > epoch) throw new Conflict(`promote ${target.member}: it is another boot, or was configured by a later decision`);
  const promised = model.acknowledged.get(database.systemIdentifier) ?? 0;
  if (database.position < promised) model.onBreach(`${target.member} is promoted at ${database.position}, without commits that were acknowledged up to ${promised}`);
  database.history = [...database.history, { timeline: database.timeline, end: database.position }];
  // The first timeline that nobody else has used (PostgreSQL looks for the newest history file that it can find).
  database.timeline += 1;
  database.state = "inProduction";
  database.checkpoint = database.position;
  server.inRecovery = false;
  server.upstream = undefined;
  volume.files.delete(`${dataPath}/standby.signal`);
  volume.files.delete(`${dataPath}/recovery.conf`);
}

export const postgresCalls = (model: Model): Sync<Postgres> => ({
  look: (target, { accounts }) => {
    const server = reached(model, target);
    const verifier = server.database.roles.get("postgres");
    return { ...lookAt(model, server, accounts), passwordAccepted: verifier !== undefined && verifies(verifier, "postgres", target.password) };
  },
  beat: (target) => {
    const { inRecovery, database } = reached(model, target);
    return inRecovery ? undefined : formatLsn(BigInt(database.position));
  },
  promote: (target, boot) => promote(model, target, boot),
  checkpoint: (target) => { const { database } = writable(model, target); database.checkpoint = database.position; },
  advanceSlot: (target) => { reached(model, target); },
  ensureAccount: (target, { name, password }) => { writable(model, target).database.roles.set(name, md5Verifier(name, password)); },
  ensureDatabase: (target, { name, owner }) => {
    const { database } = writable(model, target);
    if (!database.roles.has(owner)) throw new Conflict(`make the database ${name}: role ${owner} does not exist`);
    database.databases.add(name);
  },
  createSlot: (target, slot) => { reached(model, target).database.slots.add(slot); },
  dropSlot: (target, slot) => {
    const server = reached(model, target);
    if (isHeld(model, server, slot)) throw new Conflict(`drop the slot ${slot}: it is in use`);
    server.database.slots.delete(slot);
  },
  reload: (target) => reload(model, reached(model, target)),
});
