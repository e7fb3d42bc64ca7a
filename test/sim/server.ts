/**
 * The lives of PostgreSQL servers: they boot read-only when the recovery file is there, seek whom they were told to
 * stream from, are promoted, stop in good order, crash, freeze, and leave behind what a real one leaves.
 */
import { label } from "../../src/api/names.ts";
import { traitsOf } from "../../src/postgres/versions.ts";
import { dataPath, isAlive, isAwake, isFull, volumeOf, type Model, type SimContainer, type SimServer } from "./model.ts";
import { controlOf, fileOf, load, startFailure, synchronousSetting } from "./settings.ts";
import { connect, flow, hangUp, isLinked, streamersOf, upstreamWish } from "./streams.ts";
import { pointAt } from "./wal.ts";

const bootMs = 400;
/** A record of a checkpoint, and of the end of a recovery. */
const recordBytes = 120;

/** Ends a container's processes. */
export function end(model: Model, container: SimContainer, exitCode: number, ...log: readonly string[]): void {
  if (!isAlive(container)) return;
  flow(model);
  const { server } = container;
  if (server !== undefined) {
    leaveState(model, server, exitCode === 0);
    disconnect(model, server);
  }
  Object.assign(container, { state: "exited", exitCode, finishedAt: model.engineNow(), server: undefined, held: undefined, nics: 0 });
  container.log = [...container.log, ...log].slice(-50);
  for (const endpoint of container.endpoints.values()) Object.assign(endpoint, { address: "", nicName: "", added: [] });
  model.onEvent(`container die ${container.spec.name} ${exitCode} ${log.at(-1) ?? ""}`, container.spec.labels);
  for (const told of container.waiting) told();
  container.waiting.clear();
}

/** Breaks all connections with a server, at both ends. */
function disconnect(model: Model, server: SimServer): void {
  for (const standby of streamersOf(model, server)) hangUp(model, standby);
  hangUp(model, server);
  server.tail = undefined;
}

/** What the control file says of a server that ended. */
function leaveState(model: Model, server: SimServer, isClean: boolean): void {
  const { database, inRecovery } = server;
  if (isClean && !inRecovery) return shutDown(model, server);
  database.state = inRecovery ? isClean ? "shutDownInRecovery" : "inRecovery" : "inProduction";
}

/** The last checkpoint, which those that stream receive too. */
function shutDown(model: Model, server: SimServer): void {
  const { database } = server;
  if (database.state === "shutDown") return;
  Object.assign(database, { state: "shutDown", checkpoint: database.position, controlTimeline: database.branch.timeline });
  database.position += recordBytes;
  for (const container of model.containers.values()) {
    const standby = container.server;
    if (standby?.upstream?.server !== server || !isLinked(model, container, standby.upstream) || standby.pace < Number.POSITIVE_INFINITY || isFull(model, standby.volume)) continue;
    Object.assign(standby.database, pointAt(database.branch, database.position));
    Object.assign(standby.upstream, { sent: database.position, flushed: database.position });
  }
}

/** Goes on after a while, if the container has not ended or started anew in between. What is frozen waits. */
export const inThisLife = (model: Model, container: SimContainer, ms: number, run: () => void): void => {
  const { life } = container;
  model.time.after(ms, () => {
    if (container.life !== life || !isAlive(container)) return;
    if (isAwake(container)) run();
    else inThisLife(model, container, 500, run);
  });
};

/** How likely a signal is lost that comes before the server stands in the place of the shell that starts it. */
const lostSignal = 0.05;
const drainMs = 15_000;

/** Asks it to stop. A server in good order ends by itself; what does not is killed when its time is over. */
export function stop(model: Model, container: SimContainer): void {
  if (!isAlive(container)) return;
  if (container.spec.labels[label.component] === "job") return end(model, container, 130);
  const { server, life } = container;
  model.time.after(container.spec.stopTimeoutSeconds * 1_000, () => { if (container.life === life) end(model, container, 137); });
  if (server === undefined || (!server.isUp && !model.random.chance(lostSignal))) return inThisLife(model, container, model.random.between(20, 100), () => end(model, container, 0));
  if (server.isStopping || !server.isUp) return;
  // What stands still reads its signals when it goes on.
  inThisLife(model, container, model.random.between(5, 50), () => {
    flow(model);
    server.isStopping = true;
    model.onDisturbance();
    if (server.inRecovery) inThisLife(model, container, model.random.between(20, 150), () => end(model, container, 0));
    else drain(model, container, server, model.time.now());
  });
}

/** A primary ends when those that stream have all of it, or when it has waited long enough for them. */
function drain(model: Model, container: SimContainer, server: SimServer, since: number): void {
  inThisLife(model, container, model.random.between(30, 150), () => {
    flow(model);
    shutDown(model, server);
    const isBehind = streamersOf(model, server).some(({ upstream }) => upstream !== undefined && upstream.flushed < server.database.position);
    if (isBehind && model.time.now() - since < drainMs) drain(model, container, server, since);
    else end(model, container, 0);
  });
}

/** The boot command of a member, from the recovery file to the first connection. */
export function boot(model: Model, container: SimContainer): void {
  const volume = volumeOf(model, container);
  const database = volume?.database;
  const fail = (log: readonly string[]): void => inThisLife(model, container, model.random.between(200, 500), () => end(model, container, 1, ...log));
  if (volume === undefined || database === undefined) return fail([`sh: cannot create ${dataPath}: No such file or directory`]);
  const traits = traitsOf(database.major);
  if (container.spec.command.join(" ").includes(`/${traits.recovery}`) && fileOf(volume, traits.recovery) === undefined) {
    volume.files.set(`${dataPath}/${traits.recovery}`, traits.recovery === "recovery.conf" ? "standby_mode = 'on'\n" : "");
  }
  const inRecovery = fileOf(volume, traits.recovery) !== undefined;
  if (!inRecovery) model.onBreach(`${container.spec.name} boots without ${traits.recovery}: it would accept writes`);
  if (isFull(model, volume)) return fail(["FATAL:  could not write lock file \"postmaster.pid\": No space left on device"]);
  const failure = startFailure(model, container, volume, database, inRecovery);
  if (failure !== undefined) return fail(failure);
  const server: SimServer = {
    isUp: false, inRecovery, startedAt: model.engineNow(), volume, database, loaded: load(volume, undefined), loadedAt: model.engineNow(), former: undefined,
    upstream: undefined, left: new Map(), hasReceived: false, tail: undefined, isStopping: false, isSeeking: false, trouble: "none", pace: Number.POSITIVE_INFINITY,
  };
  container.server = server;
  Object.assign(database, { isCopy: false, state: "inRecovery", replayed: Math.min(database.checkpoint, database.position) });
  inThisLife(model, container, bootMs + model.random.between(0, 600), () => {
    flow(model);
    server.isUp = true;
    seek(model, container, server, model.random.between(1, 100));
  });
}

/** Tries to stream, again and again, until it does. */
export function seek(model: Model, container: SimContainer, server: SimServer, afterMs = model.random.between(300, 1_000)): void {
  if (server.isSeeking) return;
  server.isSeeking = true;
  inThisLife(model, container, afterMs, () => {
    server.isSeeking = false;
    if (!server.inRecovery || server.isStopping || server.upstream !== undefined) return;
    flow(model);
    const isReady = server.isUp && server.database.replayed >= server.database.position;
    const last = isReady ? connect(model, container, server) : undefined;
    if (last !== undefined) { model.onDisturbance(); return end(model, container, 1, ...last); }
    if (server.upstream === undefined) seek(model, container, server);
  });
}

/** Makes it writable: it goes on, on a branch of its own, from the end of all that it has received. */
export function promote(model: Model, container: SimContainer, server: SimServer): void {
  flow(model);
  const { database, volume } = server;
  model.onPromotion(container, server);
  const { branch, position, newestTimeline } = database;
  const timeline = Math.max(newestTimeline, branch.timeline) + 1;
  Object.assign(database, { branch: { timeline, parent: branch, start: position }, position: position + recordBytes, replayed: position + recordBytes, newestTimeline: timeline, state: "inProduction", control: controlOf(server.loaded.running) });
  Object.assign(server, { inRecovery: false, upstream: undefined, tail: undefined, hasReceived: false });
  volume.files.delete(`${dataPath}/standby.signal`);
  volume.files.delete(`${dataPath}/recovery.conf`);
}

export function checkpoint({ database }: SimServer): void {
  Object.assign(database, { checkpoint: database.position, controlTimeline: database.branch.timeline });
}

export function reload(model: Model, container: SimContainer, server: SimServer): void {
  flow(model);
  const before = { wish: upstreamWish(server), names: synchronousSetting(server.loaded) };
  server.loaded = load(server.volume, server.loaded);
  server.loadedAt = model.engineNow();
  if (synchronousSetting(server.loaded) !== before.names) server.former = { names: before.names, until: model.time.now() + model.random.between(0, 1_500) };
  const { conninfo, slot } = upstreamWish(server);
  if (!server.inRecovery || (conninfo === before.wish.conninfo && slot === before.wish.slot)) return;
  hangUp(model, server);
  server.isSeeking = false;
  seek(model, container, server, model.random.between(1, 100));
}

/** One of its processes was killed: it starts anew by itself, in the same container, as what it was. */
export function restartInside(model: Model, container: SimContainer, server: SimServer): void {
  flow(model);
  disconnect(model, server);
  Object.assign(server, { isUp: false, hasReceived: false, tail: undefined });
  inThisLife(model, container, model.random.between(300, 2_500), () => { flow(model); server.isUp = true; model.onDisturbance(); });
}

/** What a server does every second besides. */
export function tick(model: Model): void {
  flow(model);
  for (const container of model.containers.values()) {
    const { server } = container;
    if (server?.isUp !== true || !isAwake(container)) continue;
    if (server.inRecovery && server.upstream === undefined) seek(model, container, server);
    if (model.random.chance(model.checkpointRate)) checkpoint(server);
  }
}
