/**
 * A PostgreSQL server as far as the operator can tell it from a real one: it reads the very files that the planner
 * wrote, boots read-only when the recovery file is there, streams from the address it was told, and refuses bad settings.
 */
import { parseAddress, parseSubnet } from "../../src/api/addresses.ts";
import { md5 } from "../../src/postgres/digest.ts";
import { formatLsn } from "../../src/postgres/lsn.ts";
import { verifies } from "../../src/postgres/password.ts";
import { parseSynchronousStandbyNames } from "../../src/postgres/standby-names.ts";
import { traitsOf } from "../../src/postgres/versions.ts";
import { keepsOldNote } from "../../src/postgres/look.ts";
import type { Look } from "../../src/ports.ts";
import { canFollow, dataPath, reach, volumeOf, type Database, type Loaded, type Model, type Settings, type SimContainer, type SimServer, type SimVolume } from "./model.ts";

const sensitive: Settings = { max_connections: "100", max_worker_processes: "8", max_wal_senders: "10", max_prepared_transactions: "0", max_locks_per_transaction: "64" };

/** Settings that only a restart changes. */
const atStart = new Set([...Object.keys(sensitive), "shared_buffers", "wal_level", "archive_mode", "wal_log_hints", "max_replication_slots", "listen_addresses", "port"]);

const bootMs = 400;

/** The same texts are read over and over: each is parsed once. */
const once = (parse: (text: string) => Settings): ((text: string) => Settings) => {
  const parsed = new Map<string, Settings>();
  return (text) => {
    const settings = parsed.get(text) ?? parse(text);
    if (parsed.size > 2_000) parsed.clear();
    parsed.set(text, settings);
    return settings;
  };
};

/** The settings of a file, as the server's own scanner would read them. */
export const parseSettings = once((text) => Object.fromEntries(text.split("\n").flatMap((line) => {
    const [, name, value = ""] = /^([A-Za-z0-9_.]+)\s*=\s*'(.*)'$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, value.replace(/\\(\d{3})|''|\\\\/g, (whole, octal: string | undefined) => octal === undefined ? whole.slice(1) : String.fromCharCode(parseInt(octal, 8)))] as const];
})));

const quoted = /(\w+)=('(?:[^'\\]|\\.)*'|\S+)/g;

export const parseConninfo = once((text) =>
  Object.fromEntries([...text.matchAll(quoted)].map(([, name = "", value = ""]) => [name, value.startsWith("'") ? value.slice(1, -1).replace(/\\(.)/g, "$1") : value])));

/** What the server has against settings, as it would say it; undefined when it takes them. */
export const refusalOf = (settings: Settings): string | undefined => {
  const unknown = Object.keys(settings).find((name) => name.startsWith("no_such"));
  if (unknown !== undefined) return `unrecognized configuration parameter "${unknown}"`;
  const [name, value] = Object.entries(settings).find(([, one]) => one === "nonsense") ?? [];
  return name === undefined ? undefined : `invalid value for parameter "${name}": "${value ?? ""}"`;
};

const fileOf = (volume: SimVolume, name: string): string | undefined => volume.files.get(`${dataPath}/${name}`);

function load(volume: SimVolume, before: Loaded | undefined): Loaded {
  const files = parseSettings(fileOf(volume, "postgresql.conf") ?? "");
  const refusal = refusalOf(files);
  const hba = fileOf(volume, "pg_hba.conf") ?? "";
  const badLine = hba.split("\n").find((line) => line.endsWith(" ldap"));
  const replicationSubnets = [...hba.matchAll(/^host replication "replicator" (\S+)/gm)].map(([, subnet = ""]) => subnet);
  if (before === undefined) return { files, running: files, replicationSubnets, problems: [], recovery: fileOf(volume, "recovery.conf") ?? "" };
  const problems: Loaded["problems"] = [
    ...(refusal === undefined ? [] : [{ file: "postgresql.conf", error: refusal } as const]), ...(badLine === undefined ? [] : [{ file: "pg_hba.conf", error: "invalid line" } as const]),
  ];
  const held = [...atStart].flatMap((name) => before.running[name] === undefined ? [] : [[name, before.running[name]] as const]);
  return {
    ...(refusal === undefined ? { files, running: { ...files, ...Object.fromEntries(held) } } : { files: before.files, running: before.running }),
    replicationSubnets: badLine === undefined ? replicationSubnets : before.replicationSubnets, problems, recovery: before.recovery,
  };
}

const numberOf = (settings: Settings, name: string): number => Number(settings[name] ?? sensitive[name] ?? 0);

const controlOf = (settings: Settings): Readonly<Record<string, number>> => Object.fromEntries(Object.keys(sensitive).map((name) => [name, numberOf(settings, name)]));

const isTooLow = (settings: Settings, control: Readonly<Record<string, number>>): string | undefined =>
  Object.keys(control).find((name) => numberOf(settings, name) < (control[name] ?? 0));

/** Ends a container's process. */
export function end(model: Model, container: SimContainer, exitCode: number, ...log: readonly string[]): void {
  if (container.state !== "running") return;
  const { server } = container;
  if (server !== undefined) leaveState(model, server, exitCode === 0);
  Object.assign(container, { state: "exited", exitCode, finishedAt: model.engineNow(), server: undefined, held: undefined, nics: 0 });
  container.log = [...container.log, ...log].slice(-50);
  for (const endpoint of container.endpoints.values()) Object.assign(endpoint, { address: "", nicName: "" });
  for (const other of model.containers.values()) if (other.server?.upstream?.server === server) dropUpstream(other);
  model.onEvent(`container die ${container.spec.name} ${exitCode} ${log.at(-1) ?? ""}`, container.spec.labels);
}

/** What the control file says of a server that ended. A clean stop sends all that was written to those that stream, its last checkpoint too. */
function leaveState(model: Model, server: SimServer, isClean: boolean): void {
  const { database, inRecovery } = server;
  database.state = inRecovery ? isClean ? "shutDownInRecovery" : "inRecovery" : isClean ? "shutDown" : "inProduction";
  if (!isClean || inRecovery) return;
  database.checkpoint = database.position;
  database.position += checkpointBytes;
  for (const other of streamersOf(model, server)) follow(other, server);
}

const checkpointBytes = 120;

const dropUpstream = ({ server }: SimContainer): void => { if (server !== undefined) server.upstream = undefined; };

/** Servers that stream from this one. */
export const streamersOf = (model: Model, server: SimServer): readonly SimServer[] =>
  [...model.containers.values()].flatMap((other) => other.server?.upstream?.server === server ? [other.server] : []);

const follow = (standby: SimServer, upstream: SimServer): void => {
  Object.assign(standby.database, { timeline: upstream.database.timeline, position: upstream.database.position, history: upstream.database.history });
};

/** As a server says it that is asked to replay WAL of a primary with higher settings. */
const tooLow = ({ major, control }: Database, settings: Settings, name: string): readonly string[] => Number(major) >= 14
  ? ["FATAL:  recovery aborted because of insufficient parameter settings", `DETAIL:  ${name} = ${numberOf(settings, name)} is a lower setting than on the primary server, where its value was ${control[name] ?? 0}.`]
  : [`FATAL:  hot standby is not possible because ${name} = ${numberOf(settings, name)} is a lower setting than on the master server (its value was ${control[name] ?? 0})`];

/** Why a server ends as soon as it starts, as its last lines of log; undefined when it goes on. */
function startFailure(model: Model, container: SimContainer, volume: SimVolume, database: Database, inRecovery: boolean): readonly string[] | undefined {
  const image = [...model.images.values()].find(({ id }) => id === container.spec.image);
  if (image?.major !== database.major) return ["FATAL:  database files are incompatible with server"];
  const { files } = load(volume, undefined);
  const refusal = refusalOf(files);
  if (refusal !== undefined) return [`LOG:  ${refusal}`, `FATAL:  configuration file "${dataPath}/postgresql.conf" contains errors`];
  if (files["shared_buffers"] === "9000GB") return ["FATAL:  could not map anonymous shared memory: Cannot allocate memory"];
  if (fileOf(volume, "pg_hba.conf")?.includes(" ldap") === true) return [`FATAL:  could not load ${container.spec.environment["PGDATA"] ?? ""}/pg_hba.conf`];
  const low = isTooLow(files, database.control);
  return low !== undefined && inRecovery ? tooLow(database, files, low) : undefined;
}

/** Goes on after a while, if the container has not ended or started anew in between. */
export const inThisLife = (model: Model, container: SimContainer, ms: number, run: () => void): void => {
  const { life } = container;
  model.time.after(ms, () => { if (container.life === life && container.state === "running") run(); });
};

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
  const failure = startFailure(model, container, volume, database, inRecovery);
  if (failure !== undefined) return fail(failure);
  const server: SimServer = { isUp: false, inRecovery, startedAt: model.engineNow(), volume, database, loaded: load(volume, undefined), loadedAt: model.engineNow(), upstream: undefined };
  container.server = server;
  Object.assign(database, { isCopy: false, state: "inRecovery" });
  inThisLife(model, container, bootMs + model.random.between(0, 600), () => { server.isUp = true; });
}

const upstreamWish = ({ database, loaded }: SimServer): { readonly conninfo: string; readonly slot: string | undefined } => {
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
  if (found === undefined || server === undefined || !server.isUp || volume === undefined) return `connection to server at "${host}" failed: Connection refused`;
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

/** One look of a standby at its upstream: connects, goes on streaming, or falls off. */
function receive(model: Model, container: SimContainer, server: SimServer): void {
  const { conninfo, slot } = upstreamWish(server);
  const admitted = conninfo === "" ? "nothing to connect to" : admit(model, container, conninfo, slot);
  if (typeof admitted === "string" || !canFollow(server.database, admitted.server.database)) { server.upstream = undefined; return; }
  const low = isTooLow(server.loaded.running, admitted.server.database.control);
  if (low !== undefined) return end(model, container, 1, ...tooLow(admitted.server.database, server.loaded.running, low));
  const isSame = server.upstream?.server === admitted.server && server.upstream.address === admitted.address && server.upstream.slot === slot;
  server.upstream = { server: admitted.server, address: admitted.address, slot, state: isSame ? "streaming" : "catchup" };
  server.database.control = admitted.server.database.control;
  for (const [name, verifier] of admitted.server.database.roles) server.database.roles.set(name, verifier);
  for (const name of admitted.server.database.databases) server.database.databases.add(name);
  follow(server, admitted.server);
}

/** Names of standbys that stream, with how the server counts them. */
export function sendersOf(model: Model, server: SimServer): readonly { readonly name: string; readonly state: string; readonly address: string; readonly sync: string; readonly standby: SimServer }[] {
  const senders = streamersOf(model, server).map((standby) => {
    const { application_name: name = "" } = parseConninfo(upstreamWish(standby).conninfo);
    return { name, standby, address: standby.upstream?.address ?? "", state: standby.upstream?.state ?? "catchup" };
  });
  const wanted = server.inRecovery ? undefined : parseSynchronousStandbyNames(server.loaded.running["synchronous_standby_names"] ?? "");
  const inOrder = (wanted?.names ?? []).filter((name) => senders.some((one) => one.name === name && one.state === "streaming"));
  const syncOf = (name: string): string => wanted === undefined || !inOrder.includes(name) ? "async"
    : wanted.method === "ANY" ? "quorum" : inOrder.indexOf(name) < wanted.count ? "sync" : "potential";
  return senders.map((sender) => ({ ...sender, sync: syncOf(sender.name) }));
}

/** A second of all servers' lives: writes on primaries, WAL to standbys, acknowledgements to clients. */
export function tick(model: Model, isWriting: boolean): void {
  for (const container of model.containers.values()) {
    const { server } = container;
    if (server === undefined || !server.isUp) continue;
    if (server.inRecovery) { receive(model, container, server); continue; }
    server.database.control = controlOf(server.loaded.running);
    if (isWriting) server.database.position += model.random.between(0, 5_000);
    if (model.random.chance(0.05)) server.database.checkpoint = server.database.position;
  }
  for (const { server } of model.containers.values()) {
    if (server?.isUp !== true || server.inRecovery) continue;
    const { systemIdentifier, position } = server.database;
    const wanted = parseSynchronousStandbyNames(server.loaded.running["synchronous_standby_names"] ?? "");
    const confirmed = sendersOf(model, server).filter(({ name, state }) => state === "streaming" && wanted?.names.includes(name) === true).map(({ standby }) => standby.database.position).sort((a, b) => b - a);
    if (wanted === undefined) continue; // nobody confirms it, and nobody promised that it is kept
    const safe = Math.min(position, confirmed[wanted.count - 1] ?? 0);
    model.acknowledged.set(systemIdentifier, Math.max(model.acknowledged.get(systemIdentifier) ?? 0, safe));
  }
}

export const reload = (model: Model, server: SimServer): void => {
  server.loaded = load(server.volume, server.loaded);
  server.loadedAt = model.engineNow();
};

const lsn = (position: number): string => formatLsn(BigInt(position));

const versionNumber = (major: string): number => major.startsWith("9.") ? 90_000 + Number(major.slice(2)) * 100 : Number(major) * 10_000 + 4;

/** What a server says about itself. */
export function lookAt(model: Model, server: SimServer, accounts: readonly string[]): Look {
  const { database, loaded, inRecovery, volume, upstream } = server;
  const traits = traitsOf(database.major);
  const recovery = fileOf(volume, "recovery.conf");
  const here = lsn(database.position);
  return {
    inRecovery, systemIdentifier: database.systemIdentifier, timeline: database.timeline, versionNumber: versionNumber(database.major),
    startedAt: server.startedAt, answeredAt: model.engineNow(),
    ...(inRecovery ? { replayedLsn: here, ...(upstream === undefined ? {} : { receivedLsn: here }) } : { flushLsn: here, currentLsn: here }),
    configHash: loaded.files["pgrs.config_hash"], parametersHash: loaded.files["pgrs.parameters_hash"],
    pendingRestart: [...atStart].filter((name) => loaded.files[name] !== loaded.running[name]).sort(), alteredSettings: [], fileProblems: loaded.problems,
    settings: { ...Object.fromEntries(Object.keys(sensitive).map((name) => [name, String(numberOf(loaded.running, name))])), synchronous_standby_names: loaded.running["synchronous_standby_names"] ?? "" },
    loadedAt: server.loadedAt, epoch: Number(loaded.files["pgrs.epoch"] ?? "0"), keepsOld: volume.files.has(`${dataPath}/${keepsOldNote}`),
    history: database.history.map(({ timeline, end: left }) => ({ timeline, end: lsn(left) })),
    ...(upstream === undefined ? {} : { receiver: { status: "streaming", messageAgeMs: 0 } }),
    senders: sendersOf(model, server).map(({ name, state, address, sync, standby }) => {
      const at = lsn(standby.database.position);
      return { applicationName: name, clientAddress: address, state, syncState: sync, sentLsn: at, writeLsn: at, flushLsn: at, replayLsn: at };
    }),
    slots: [...database.slots].sort().map((name) => ({ name, active: isHeld(model, server, name) })),
    ...(inRecovery ? {} : { roles: accounts.flatMap((name) => database.roles.has(name) ? [{ name, verifier: database.roles.get(name), canLogin: true, superuser: name === "postgres", replication: name === "replicator" }] : []) }),
    databases: [...database.databases].sort(),
    ...(traits.recovery === "recovery.conf" && recovery !== undefined ? { recoveryHash: md5(recovery) } : {}),
    refused: fileOf(volume, "pgrs/refused"), good: fileOf(volume, "pgrs/good"), passwordAccepted: true,
  };
}
