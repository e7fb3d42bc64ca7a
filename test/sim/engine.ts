/** The simulated Engine: containers, volumes, files and images. Each call does at once what a real one does in its time. */
import { isOurs, label } from "../../src/api/names.ts";
import { Conflict, Terminal, Transient } from "../../src/errors.ts";
import type { ContainerFacts, ContainerSpec, Engine } from "../../src/ports.ts";
import type { Sync } from "./calls.ts";
import type { ControlState } from "../../src/postgres/control.ts";
import { keepsOldNote } from "../../src/postgres/look.ts";
import { containerNamed, dataPath, isAlive, isFull, serialOf, volumeOf, type Database, type Model, type SimContainer, type SimVolume } from "./model.ts";
import { discardOld, runJob } from "./jobs.ts";
import { connectAll, endpointFor, isOursLike, networkCalls } from "./networks.ts";
import { boot, end, stop } from "./server.ts";
import { parseSettings, refusalOf } from "./settings.ts";

const facts = (model: Model, container: SimContainer): ContainerFacts => {
  const { id, spec, state, exitCode, error, startedAt, finishedAt, endpoints } = container;
  // An endpoint on a network that was made anew under its old name is none.
  const valid = [...endpoints.values()].filter(({ network, networkId }) => model.networks.get(network)?.id === networkId);
  return {
    id, name: spec.name, labels: spec.labels, state, exitCode, error, startedAt, finishedAt, imageId: spec.image,
    endpoints: valid.map(({ network, address, wanted, mac }) => ({ network, address, wanted, mac })).sort((one, other) => one.network < other.network ? -1 : 1),
  };
};

function create(model: Model, spec: ContainerSpec): string {
  const found = containerNamed(model, spec.name);
  if (found !== undefined) {
    if (!isOursLike(spec.labels, found.spec.labels)) throw new Terminal(`create container ${spec.name}: the name is taken by something that is not ours`, { reason: "NameTaken" });
    if (Object.entries(spec.labels).some(([name, value]) => found.spec.labels[name] !== value)) throw new Conflict(`create container ${spec.name}: one of an earlier configuration is still there`);
    return found.id;
  }
  for (const { volume } of spec.mounts) if (!model.volumes.has(volume)) throw new Conflict(`create container ${spec.name}: the volume ${volume} is gone`);
  if (![...model.images.values()].some(({ id }) => id === spec.image)) throw new Terminal(`create container ${spec.name}: no such image`, { reason: "ImageUnavailable" });
  const container: SimContainer = {
    id: serialOf(model), spec, state: "created", exitCode: 0, error: "", startedAt: 0, finishedAt: 0, endpoints: new Map(), server: undefined, held: undefined, log: [], nics: 0, life: 0, waiting: new Set(),
  };
  if (spec.network !== "none") {
    if (!model.networks.has(spec.network)) throw new Conflict(`create container ${spec.name}: network ${spec.network} not found`, { reason: "NetworkMissing" });
    container.endpoints.set(spec.network, endpointFor(model, spec.network, { interfaceName: "", mac: "", ...(spec.address === undefined ? {} : { address: spec.address }) }));
  }
  model.containers.set(container.id, container);
  model.onEvent("container create", spec.labels);
  return container.id;
}

const dataMount = (container: SimContainer): string | undefined => container.spec.mounts.find(({ path }) => path !== "/archive")?.volume;

function start(model: Model, id: string): void {
  const container = containerNamed(model, id);
  if (container === undefined) throw new Conflict(`start container ${id}: the container is gone`);
  if (isAlive(container)) return;
  const other = [...model.containers.values()].find((one) => one !== container && isAlive(one) && dataMount(one) === dataMount(container));
  // A job that fills an empty volume leaves alone what it finds on it.
  const isHarmless = ["initdb", "basebackup"].includes(container.spec.labels[label.job] ?? "");
  if (other !== undefined && !isHarmless) model.onOverlap(`${container.spec.name} starts on the volume that ${other.spec.name} is at work on`);
  Object.assign(container, { state: "running", error: "", nics: 0, life: container.life + 1 });
  const refusal = connectAll(model, container);
  if (refusal !== undefined) {
    for (const endpoint of container.endpoints.values()) Object.assign(endpoint, { address: "", nicName: "" });
    Object.assign(container, { state: container.startedAt === 0 ? "created" : "exited", exitCode: 128, error: refusal });
    if (/not found/.test(refusal)) throw new Conflict(`start container ${container.spec.name}: ${refusal}`, { reason: "NetworkMissing" });
    throw new Terminal(`start container ${container.spec.name}: ${refusal}`, { reason: "AddressConflict" });
  }
  Object.assign(container, { startedAt: model.engineNow(), exitCode: 0 });
  model.onEvent("container start", container.spec.labels);
  if (other !== undefined && !isHarmless) return end(model, container, 1, "FATAL:  could not lock the data directory");
  if (container.spec.labels[label.component] === "job") runJob(model, container);
  else if (container.spec.labels[label.component] === "member") boot(model, container);
}

const remove = (model: Model, id: string): void => {
  const container = containerNamed(model, id);
  if (container === undefined) return;
  if (isAlive(container)) throw new Conflict(`remove container ${container.spec.name}: the container still runs`);
  model.containers.delete(container.id);
  model.onEvent("container destroy", container.spec.labels);
};

/** The volume and the path on it that a container's path means. */
function place(model: Model, id: string, path: string): { readonly volume: SimVolume; readonly path: string } {
  const container = containerNamed(model, id);
  if (container === undefined) throw new Conflict(`files of ${id}: the container is gone`);
  const mount = container.spec.mounts.find((one) => path === one.path || path.startsWith(`${one.path}/`));
  const volume = mount === undefined ? undefined : model.volumes.get(mount.volume);
  if (mount === undefined || volume === undefined) throw new Conflict(`files of ${container.spec.name}: ${path} is not there`);
  return { volume, path: path.slice(mount.path.length + 1) };
}

const stateNumbers: Readonly<Record<ControlState, number>> = { other: 0, shutDown: 1, shutDownInRecovery: 2, inRecovery: 5, inProduction: 6 };

const catalogs: Readonly<Record<string, number>> = { 11: 201809051, 12: 201909212, 13: 202007201, 15: 202209061, 17: 202406281, 18: 202506291 };

const controlFile = ({ systemIdentifier, major, state, checkpoint, controlTimeline }: Database): Uint8Array => {
  const bytes = Buffer.alloc(512);
  bytes.writeBigUInt64LE(BigInt(systemIdentifier), 0);
  bytes.writeUInt32LE(1_300, 8);
  bytes.writeUInt32LE(catalogs[major] ?? 0, 12);
  bytes.writeUInt32LE(stateNumbers[state], 16);
  bytes.writeBigUInt64LE(BigInt(checkpoint), 32);
  bytes.writeUInt32LE(controlTimeline, 48);
  return bytes;
};

function readFile(model: Model, id: string, path: string): Uint8Array | undefined {
  const { volume, path: at } = place(model, id, path);
  const { database } = volume;
  if (database !== undefined && at === `${dataPath}/PG_VERSION`) return Buffer.from(`${database.major}\n`);
  if (database !== undefined && at === `${dataPath}/global/pg_control`) return controlFile(database);
  if (database?.isCopy === true && at === `${dataPath}/backup_label`) return Buffer.from("START WAL LOCATION\n");
  const text = volume.files.get(at);
  return text === undefined ? undefined : Buffer.from(text);
}

/** The programs that the operator runs inside a member: `postgres -C`, and the removal of data that was kept. */
function exec(model: Model, id: string, command: readonly string[]): { readonly exitCode: number; readonly output: string } {
  const container = containerNamed(model, id);
  const volume = container === undefined ? undefined : volumeOf(model, container);
  if (container?.state !== "running" || volume === undefined) throw new Conflict(`run ${command[0] ?? ""}: the container does not run just now`);
  if (command.join(" ").includes("pgdata.old")) {
    volume.files.delete(`${dataPath}/${keepsOldNote}`);
    discardOld(model, volume);
    return { exitCode: 0, output: "" };
  }
  const file = command.find((word) => word.startsWith("--config-file="))?.slice("--config-file=".length);
  const text = file === undefined ? undefined : readFile(model, id, file);
  if (text === undefined) return { exitCode: 1, output: `postgres: could not access the server configuration file "${file ?? ""}"` };
  const refusal = refusalOf(parseSettings(Buffer.from(text).toString("utf8")));
  return refusal === undefined ? { exitCode: 0, output: file ?? "" }
    : { exitCode: 1, output: `2026-01-01 00:00:00.000 UTC [7] LOG:  ${refusal}\n2026-01-01 00:00:00.000 UTC [7] FATAL:  configuration file "${file ?? ""}" contains errors\n` };
}

const pullMs = 3_000;

function pull(model: Model, name: string): void {
  if (model.pulls.get(name)?.state === "running") return;
  model.pulls.set(name, { state: "running", because: "", at: model.engineNow() });
  model.time.after(pullMs, () => {
    const image = model.registry.get(name);
    if (image === undefined) { model.pulls.set(name, { state: "failed", because: "no registry answered", at: model.engineNow() }); return; }
    model.pulls.delete(name);
    model.images.set(name, image);
  });
}

function removeVolume(model: Model, name: string): void {
  const user = [...model.containers.values()].find(({ spec }) => spec.mounts.some(({ volume }) => volume === name));
  if (user !== undefined) throw new Conflict(`remove volume ${name}: a container still uses the volume`);
  const volume = model.volumes.get(name);
  model.volumes.delete(name);
  if (volume === undefined) return;
  for (const database of [volume.database, volume.old]) if (database !== undefined) model.onDiscard(`the volume ${name}`, volume, database);
  model.onEvent("volume destroy", volume.labels);
}

export const engineCalls = (model: Model): Sync<Engine> => ({
  ...networkCalls(model),
  facts: () => ({ version: model.namesNics ? "28.5.2" : "20.10.24", namesNics: model.namesNics, managementSubnet: model.networks.get("bridge")?.subnet ?? "" }),
  image: (name) => {
    const image = model.images.get(name);
    return image && { id: image.id, name };
  },
  pull: (name) => pull(model, name),
  pulling: (name) => model.pulls.get(name),
  containersOf: (owner) => [...model.containers.values()].filter(({ spec }) => isOurs(owner, spec.labels)).map((one) => facts(model, one)),
  volumesOf: (owner) => [...model.volumes.values()].filter(({ labels }) => isOurs(owner, labels)).map(({ name, labels }) => ({ name, labels })),
  container: (name) => {
    const found = containerNamed(model, name);
    return found && facts(model, found);
  },
  volume: (name) => {
    const found = model.volumes.get(name);
    return found && { name, labels: found.labels };
  },
  createVolume: (name, labels) => {
    const found = model.volumes.get(name);
    if (found !== undefined && !isOursLike(labels, found.labels)) throw new Terminal(`create volume ${name}: the name is taken by something that is not ours`, { reason: "NameTaken" });
    if (found === undefined) model.volumes.set(name, { name, labels, files: new Map(), database: undefined });
  },
  removeVolume: (name) => removeVolume(model, name),
  createContainer: (spec) => create(model, spec),
  removeContainer: (id) => remove(model, id),
  start: (id) => start(model, id),
  stop: (id) => {
    const container = containerNamed(model, id);
    if (container !== undefined) stop(model, container);
  },
  kill: (id) => {
    const container = containerNamed(model, id);
    if (container !== undefined) end(model, container, 137);
  },
  putFiles: (id, directory, files) => {
    for (const file of files) {
      const { volume, path } = place(model, id, `${directory}/${file.path}`);
      if (isFull(model, volume)) throw new Transient(`put ${path}: no space left on device`);
      volume.files.set(path, file.text);
    }
  },
  own: (id, directory) => { place(model, id, directory); },
  readFile: (id, path) => readFile(model, id, path),
  readDirectory: (id, path) => {
    const { volume, path: at } = place(model, id, path);
    const inside = [...volume.files].filter(([file]) => file.startsWith(`${at}/`) && !file.slice(at.length + 1).includes("/"));
    return inside.length === 0 ? undefined : new Map(inside.map(([file, text]) => [file.slice(at.length + 1), Buffer.from(text)]));
  },
  exec: (id, command) => exec(model, id, command),
  logs: (id, lines) => {
    const container = containerNamed(model, id);
    if (container === undefined) throw new Transient(`logs of ${id}: the container is gone`);
    return container.log.slice(-lines);
  },
});
