/**
 * What there is in the simulated world: containers, volumes, networks and images of one Engine, and the databases on
 * the volumes. Plain state and questions about it; who changes it how is told in engine.ts, networks.ts and server.ts.
 */
import type { ContainerFacts, ContainerSpec, NetworkSpec } from "../../src/ports.ts";
import { label } from "../../src/api/names.ts";
import type { ControlState } from "../../src/postgres/control.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";
import type { Branch, Point } from "./wal.ts";

/** What a complete data directory holds. Positions are plain numbers here. */
export interface Database {
  readonly systemIdentifier: string;
  readonly major: string;
  /** The end of the WAL on its disk. */
  branch: Branch;
  position: number;
  /** How much of it was replayed in this boot. */
  replayed: number;
  /** The highest timeline whose history file it has: a promotion takes the next number. */
  newestTimeline: number;
  /** The timeline in its control file, which may be an older one until the next checkpoint. */
  controlTimeline: number;
  /** Settings that the control file notes, as their last primary had them. */
  control: Readonly<Record<string, number>>;
  /** Name to password verifier. */
  roles: ReadonlyMap<string, string>;
  databases: ReadonlySet<string>;
  readonly slots: Set<string>;
  /** What the control file says, and where its last checkpoint is. */
  state: ControlState;
  checkpoint: number;
  /** A copy that was never started. */
  isCopy: boolean;
}

export interface SimVolume {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** By path below the mount. Those of the data directory begin with `pgdata/`. */
  readonly files: Map<string, string>;
  database: Database | undefined;
  /** The data directory that a copy has replaced. */
  old?: Database | undefined;
  /** Its disk is full. */
  isFull?: boolean;
}

export type Settings = Readonly<Record<string, string>>;

export interface Loaded {
  /** What the files say, and what is in force: some settings wait for a restart. */
  readonly files: Settings;
  readonly running: Settings;
  readonly replicationSubnets: readonly string[];
  readonly problems: readonly { readonly file: "postgresql.conf" | "pg_hba.conf"; readonly error: string }[];
  /** Before 12: as it was at the start. */
  readonly recovery: string;
}

/** A standby's connection to the server that it streams from, as both ends know it. */
export interface Stream {
  readonly server: SimServer;
  readonly address: string;
  readonly slot: string | undefined;
  /** The application_name that it gave. */
  readonly name: string;
  state: "catchup" | "streaming";
  /** Sent, but not yet flushed by the standby: in the sockets. */
  sent: number;
  /** What the upstream knows to be flushed. */
  flushed: number;
  /** When WAL came last, and when the two ends could talk at all. By the timeline. */
  heardAt: number;
  linkedAt: number;
}

export interface SimServer {
  isUp: boolean;
  inRecovery: boolean;
  readonly startedAt: number;
  readonly volume: SimVolume;
  readonly database: Database;
  loadedAt: number;
  loaded: Loaded;
  /** The synchronous names before the last reload: some sessions go by them for a while. */
  former: { readonly names: string; readonly until: number } | undefined;
  upstream: Stream | undefined;
  /** When standbys stopped to stream from it, by name. By the timeline. */
  readonly left: Map<string, number>;
  /** Whether it streamed in this boot, and so knows how much it has received. */
  hasReceived: boolean;
  /** What was in its socket when its stream ended, and still comes. */
  tail: number | undefined;
  /** It is shutting down: nobody is served any more. */
  isStopping: boolean;
  isSeeking: boolean;
  /** deaf: the operator gets no answer, clients do. stuck: its processes stand still, while the container runs. */
  trouble: "none" | "deaf" | "stuck";
  /** Bytes a millisecond that it takes in. */
  pace: number;
}

export interface SimEndpoint {
  readonly network: string;
  readonly networkId: string;
  readonly wanted: string;
  readonly interfaceName: string;
  readonly wantedMac: string;
  address: string;
  mac: string;
  nicName: string;
  /** Addresses that were put on the NIC; gone when the container ends. */
  added: readonly string[];
}

export interface SimContainer {
  readonly id: string;
  readonly spec: ContainerSpec;
  state: ContainerFacts["state"];
  exitCode: number;
  error: string;
  startedAt: number;
  finishedAt: number;
  readonly endpoints: Map<string, SimEndpoint>;
  server: SimServer | undefined;
  /** The slot that a running base backup holds, and where. */
  held: { readonly server: SimServer; readonly slot: string } | undefined;
  log: readonly string[];
  nics: number;
  /** Counts starts: what was begun in an earlier life is of no concern. */
  life: number;
  /** Told when it ends. */
  readonly waiting: Set<() => void>;
}

export interface SimNetwork extends NetworkSpec { readonly id: string }

export interface SimImage { readonly id: string; readonly major: string }

export interface Model {
  readonly time: Timeline;
  readonly random: Random;
  readonly containers: Map<string, SimContainer>;
  readonly volumes: Map<string, SimVolume>;
  readonly networks: Map<string, SimNetwork>;
  readonly images: Map<string, SimImage>;
  readonly pulls: Map<string, { readonly state: "running" | "failed"; readonly because: string; readonly at: number }>;
  /** Names that a registry would answer for. */
  readonly registry: Map<string, SimImage>;
  readonly namesNics: boolean;
  /** The Engine's wall clock, ahead of or behind the operator's. */
  engineNow: () => number;
  isDiskFull: boolean;
  /** Clients write. */
  isWriting: boolean;
  bytesPerMs: number;
  /** How likely a checkpoint is in a second. */
  checkpointRate: number;
  /** Up to when WAL has flown. */
  flownUntil: number;
  /** Up to where clients were told that their commits are safe, by system identifier. */
  readonly acknowledged: Map<string, Point>;
  serial: number;
  /** Told of everything that the Engine would send an event about, with the labels of what it is about. */
  onEvent: (what: string, labels: Readonly<Record<string, string>>) => void;
  /** Told of what changed without the operator's doing. */
  onDisturbance: () => void;
  /** Told right before a server becomes writable. */
  onPromotion: (container: SimContainer, server: SimServer) => void;
  /** Told of data that the operator gave up: of a volume, or of a directory on it. */
  onDiscard: (what: string, volume: SimVolume, database: Database) => void;
  /** Told when a container starts on a volume that another is at work on. */
  onOverlap: (sentence: string) => void;
  /** Told of every breach of safety. */
  onBreach: (sentence: string) => void;
}

export const dataPath = "pgdata";

/** A number of its own, as text. */
export const serialOf = (model: Model): string => String(model.serial += 1).padStart(12, "0");

export const containerNamed = (model: Model, nameOrId: string): SimContainer | undefined =>
  model.containers.get(nameOrId) ?? [...model.containers.values()].find(({ spec }) => spec.name === nameOrId);

export const volumeOf = (model: Model, { spec }: SimContainer): SimVolume | undefined => {
  const mount = spec.mounts.find(({ path }) => path !== "/archive");
  return mount === undefined ? undefined : model.volumes.get(mount.volume);
};

/** Whether it holds what it holds: its processes exist, frozen or not. */
export const isAlive = ({ state }: SimContainer): boolean => state === "running" || state === "paused";

/** The address with which a running container is on a network; undefined when it is not. */
export const addressOn = (model: Model, container: SimContainer, network: string): string | undefined => {
  const endpoint = container.endpoints.get(network);
  return isAlive(container) && endpoint !== undefined && endpoint.networkId === model.networks.get(network)?.id && endpoint.address !== "" ? endpoint.address : undefined;
};

/** Which running container has an address that `from` reaches directly, and from which address it does. */
export function reach(model: Model, from: SimContainer, host: string): { readonly container: SimContainer; readonly address: string } | undefined {
  for (const network of from.endpoints.keys()) {
    const address = addressOn(model, from, network);
    if (address === undefined) continue;
    for (const container of model.containers.values()) {
      if (container !== from && addressOn(model, container, network) === host) return { container, address };
    }
  }
  return undefined;
}

export interface Owned { readonly namespace: string; readonly name: string }

/** The members' containers of a resource. */
export const membersOf = (model: Model, { namespace, name }: Owned): readonly SimContainer[] =>
  [...model.containers.values()].filter(({ spec: { labels } }) => labels[label.namespace] === namespace && labels[label.name] === name && labels[label.component] === "member");

export const ordinalOf = ({ spec }: SimContainer): number => Number(spec.labels[label.ordinal]);

/** Whether its processes do anything. */
export const isAwake = ({ state, server }: SimContainer): boolean => state === "running" && server?.trouble !== "stuck";

/** Whether clients can write to it just now. */
export const acceptsWrites = (container: SimContainer): boolean => {
  const { server } = container;
  return server !== undefined && server.isUp && !server.inRecovery && !server.isStopping && isAwake(container);
};

export const writersOf = (model: Model, owned: Owned): readonly SimContainer[] => membersOf(model, owned).filter(acceptsWrites);

export const isFull = (model: Model, volume: SimVolume): boolean => model.isDiskFull || volume.isFull === true;
