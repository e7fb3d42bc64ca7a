/**
 * WAL on its way: who may stream from whom, what arrives and when, and what clients are told is safe. It flows between
 * any two things that happen, by random amounts, so that each of them finds the standbys somewhere else.
 */
import { parseAddress, parseSubnet } from "../../src/api/addresses.ts";
import { verifies } from "../../src/postgres/password.ts";
import { traitsOf } from "../../src/postgres/versions.ts";
import { acceptsWrites, isAwake, isFull, reach, volumeOf, type Model, type SimContainer, type SimServer, type SimVolume, type Stream } from "./model.ts";
import { fileOf, isTooLow, namesIn, parseConninfo, parseSettings, synchronousSetting, tooLow } from "./settings.ts";
import { contains, pointAt } from "./wal.ts";

export const upstreamWish = ({ database, loaded }: SimServer): { readonly conninfo: string; readonly slot: string | undefined } => {
  const traits = traitsOf(database.major);
  const from = traits.recovery === "recovery.conf" ? parseSettings(loaded.recovery) : loaded.running;
  return { conninfo: from["primary_conninfo"] ?? "", slot: from["primary_slot_name"] };
};

const isInside = (subnets: readonly string[], address: string): boolean => subnets.some((subnet) => {
  const range = parseSubnet(subnet);
  const number = parseAddress(address);
  return range !== undefined && number !== undefined && number >= range.first && number <= range.last;
});

/** The password that a client would take from a volume's password file. */
export const passwordIn = (volume: SimVolume, path: string | undefined): string | undefined => {
  const name = path?.split("/").at(-1);
  const line = name === undefined ? undefined : volume.files.get(name);
  return line?.trim().split(":").slice(4).join(":").replace(/\\(.)/g, "$1");
};

/** Why a client can't stream from there; the server when it can. */
export function admit(model: Model, client: SimContainer, conninfo: string, slot: string | undefined): { readonly server: SimServer; readonly address: string } | string {
  const { host = "", user = "", passfile, password } = parseConninfo(conninfo);
  const found = reach(model, client, host);
  const server = found?.container.server;
  const volume = volumeOf(model, client);
  if (found === undefined || server === undefined || !server.isUp || server.isStopping || !isAwake(found.container) || volume === undefined) return `connection to server at "${host}" failed: Connection refused`;
  if (!isInside(server.loaded.replicationSubnets, found.address)) return `no pg_hba.conf entry for replication connection from host "${found.address}"`;
  const secret = passfile === undefined ? password : passwordIn(volume, passfile);
  const verifier = server.database.roles.get(user);
  if (secret === undefined || verifier === undefined || !verifies(verifier, user, secret)) return `password authentication failed for user "${user}"`;
  if (slot !== undefined && !server.database.slots.has(slot)) return `replication slot "${slot}" does not exist`;
  if (slot !== undefined && isHeld(model, server, slot, client)) return `replication slot "${slot}" is active`;
  return { server, address: found.address };
}

/** Whether a slot is in use, by another than `except`. */
export const isHeld = (model: Model, server: SimServer, slot: string, except?: SimContainer): boolean =>
  [...model.containers.values()].some((other) => other !== except && ((other.server?.upstream?.server === server && other.server.upstream.slot === slot) || (other.held?.server === server && other.held.slot === slot && other.state === "running")));

/** One try of a standby to stream. What ends the standby itself is returned, as its last lines. */
export function connect(model: Model, container: SimContainer, server: SimServer): readonly string[] | undefined {
  const { conninfo, slot } = upstreamWish(server);
  const { database } = server;
  const admitted = conninfo === "" || isFull(model, server.volume) ? "nothing to do" : admit(model, container, conninfo, slot);
  if (typeof admitted === "string") return undefined;
  const { server: upstream, address } = admitted;
  if (upstream.database.systemIdentifier !== database.systemIdentifier) return undefined;
  // The history files are fetched first, whether it can follow or not.
  database.newestTimeline = Math.max(database.newestTimeline, upstream.database.branch.timeline);
  // On another branch it asks again and again, and is told that its position is not in the history.
  if (!contains(upstream.database, database)) return undefined;
  if (isTooLow(server.loaded.running, upstream.database.control) !== undefined) return tooLow(upstream.database, server.loaded.running, isTooLow(server.loaded.running, upstream.database.control) ?? "");
  const now = model.time.now();
  database.control = upstream.database.control;
  const { application_name: name = "" } = parseConninfo(conninfo);
  Object.assign(server, { hasReceived: true, tail: undefined });
  server.upstream = { server: upstream, address, slot, name, state: "catchup", sent: database.position, flushed: database.position, heardAt: now, linkedAt: now };
  return undefined;
}

/** Ends a standby's stream. What lies in its socket still arrives. */
export function hangUp(model: Model, standby: SimServer): void {
  const { upstream, database } = standby;
  if (upstream === undefined) return;
  upstream.server.left.set(upstream.name, model.time.now());
  standby.tail = upstream.sent > database.position ? model.random.between(database.position, upstream.sent) : undefined;
  if (standby.tail !== undefined && model.random.chance(0.5)) standby.tail = upstream.sent;
  standby.upstream = undefined;
}

/** Servers that stream from this one. */
export const streamersOf = (model: Model, server: SimServer): readonly SimServer[] => {
  const found: SimServer[] = [];
  for (const other of model.containers.values()) if (other.server?.upstream?.server === server) found.push(other.server);
  return found;
};

const socketBytes = 300_000;
/** wal_sender_timeout and wal_receiver_timeout. */
const silenceMs = 15_000;

const holderOf = (model: Model, server: SimServer): SimContainer | undefined => {
  for (const container of model.containers.values()) if (container.server === server) return container;
  return undefined;
};

/** Whether two ends of a stream can talk just now. */
export function isLinked(model: Model, container: SimContainer, { server, address }: Stream): boolean {
  const other = holderOf(model, server);
  if (other === undefined || !isAwake(container) || !isAwake(other)) return false;
  const { host = "" } = parseConninfo(container.server === undefined ? "" : upstreamWish(container.server).conninfo);
  const found = reach(model, container, host);
  return found?.container === other && found.address === address;
}

/** A standby takes in what has come up to `to`, on its upstream's way there. */
function take(server: SimServer, from: SimServer, to: number): void {
  const { database } = server;
  if (to <= database.position) return;
  Object.assign(database, pointAt(from.database.branch, to));
}

const part = (model: Model, least: number, most: number): number => model.random.chance(0.7) ? most : least + Math.floor((most - least) * model.random.next());

function receive(model: Model, container: SimContainer, server: SimServer, ms: number): void {
  const { database, upstream } = server;
  const room = Math.floor(server.pace * ms);
  if (server.tail !== undefined) {
    database.position = part(model, database.position, Math.min(server.tail, database.position + room));
    if (database.position >= server.tail) server.tail = undefined;
  }
  if (upstream !== undefined) {
    const from = upstream.server.database;
    if (isLinked(model, container, upstream)) {
      const now = model.time.now();
      const before = database.position;
      upstream.linkedAt = now;
      upstream.sent = Math.max(upstream.sent, Math.min(from.position, before + Math.max(socketBytes, room)));
      if (!isFull(model, server.volume)) take(server, upstream.server, part(model, before, Math.min(upstream.sent, before + room)));
      upstream.flushed = database.position;
      if (database.position > before) upstream.heardAt = now;
      if (upstream.sent >= from.position) upstream.state = "streaming";
      if (database.position >= from.position) Object.assign(database, { roles: from.roles, databases: from.databases });
    } else if (model.time.now() - upstream.linkedAt > silenceMs) {
      hangUp(model, server);
      model.onDisturbance();
    }
  }
  if (isAwake(container) && database.replayed < database.position) database.replayed = part(model, database.replayed, database.position);
}

/** More than this is not written while commits wait: there are only so many clients. */
const waitingBytesMax = 150_000;

function write(model: Model, server: SimServer, ms: number): void {
  const { database, volume } = server;
  if (!model.isWriting || isFull(model, volume)) return;
  const wanted = Math.floor(model.bytesPerMs * ms * 2 * model.random.next());
  const { branch, position } = model.acknowledged.get(database.systemIdentifier) ?? { branch: database.branch, position: database.position };
  const isWaiting = namesIn(synchronousSetting(server.loaded)) !== undefined;
  const room = isWaiting ? Math.max(0, Math.max(database.branch.start, branch === database.branch ? position : 0) + waitingBytesMax - database.position) : wanted;
  database.position += Math.min(wanted, room);
}

/** Up to where a commit counts as safe by a list of names. */
function confirmed(model: Model, server: SimServer, setting: string): number {
  const { database } = server;
  const names = namesIn(setting);
  if (names === undefined) return database.position;
  const flushed = new Map<string, number>();
  for (const { upstream, database: { branch } } of streamersOf(model, server)) {
    if (upstream?.state === "streaming" && names.names.includes(upstream.name)) flushed.set(upstream.name, branch === database.branch ? upstream.flushed : 0);
  }
  const inOrder = names.method === "FIRST" ? names.names.flatMap((name) => flushed.get(name) ?? []).slice(0, names.count) : [...flushed.values()];
  return Math.min(database.position, inOrder.sort((one, other) => other - one)[names.count - 1] ?? 0);
}

/** Tells clients that their commits are safe. For a while after a reload, some sessions go by what was before. */
function acknowledge(model: Model, server: SimServer): void {
  const { database, former } = server;
  const known = model.acknowledged.get(database.systemIdentifier);
  const now = model.time.now();
  const safe = Math.max(confirmed(model, server, synchronousSetting(server.loaded)), former !== undefined && former.until > now ? confirmed(model, server, former.names) : 0);
  if (safe <= database.branch.start && database.branch.parent !== undefined) return;
  if (known === undefined || (known.branch === database.branch ? known.position < safe : contains(database, known))) model.acknowledged.set(database.systemIdentifier, { branch: database.branch, position: safe });
}

/** What happened since this was asked last: clients wrote, WAL flew, commits were acknowledged. */
export function flow(model: Model): void {
  const ms = model.time.now() - model.flownUntil;
  if (ms <= 0) return;
  model.flownUntil = model.time.now();
  const all: SimContainer[] = [];
  for (const container of model.containers.values()) if (container.server?.isUp === true) all.push(container);
  for (const container of all) if (container.server !== undefined && acceptsWrites(container)) write(model, container.server, ms);
  for (const container of all) if (container.server?.inRecovery === true) receive(model, container, container.server, ms);
  for (const container of all) if (container.server !== undefined && acceptsWrites(container)) acknowledge(model, container.server);
}

export interface Sender { readonly name: string; readonly state: string; readonly address: string; readonly sync: string; readonly standby: SimServer; readonly flushed: number; readonly sent: number }

/** Names of standbys that stream, with how the server counts them. */
export function sendersOf(model: Model, server: SimServer): readonly Sender[] {
  const standbys = streamersOf(model, server);
  const wanted = server.inRecovery ? undefined : namesIn(synchronousSetting(server.loaded));
  const inOrder = (wanted?.names ?? []).filter((name) => standbys.some(({ upstream }) => upstream?.name === name && upstream.state === "streaming"));
  const syncOf = (name: string): string => wanted === undefined || !inOrder.includes(name) ? "async"
    : wanted.method === "ANY" ? "quorum" : inOrder.indexOf(name) < wanted.count ? "sync" : "potential";
  return standbys.flatMap((standby) => standby.upstream === undefined ? [] : [{
    name: standby.upstream.name, state: standby.upstream.state, address: standby.upstream.address, sync: syncOf(standby.upstream.name), standby, flushed: standby.upstream.flushed, sent: standby.upstream.sent,
  }]);
}

export { fileOf };
