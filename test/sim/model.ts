/**
 * What there is in the simulated world: containers, volumes, networks and images of one Engine, and the databases on
 * the volumes. Plain state and questions about it; who changes it how is told in engine.ts, networks.ts and server.ts.
 */
import type { ContainerFacts, ContainerSpec, NetworkSpec } from "../../src/ports.ts";
import { label } from "../../src/api/names.ts";
import type { ControlState } from "../../src/postgres/control.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** What a complete data directory holds. Positions are plain numbers here. */
export interface Database {
  readonly systemIdentifier: string;
  readonly major: string;
  timeline: number;
  position: number;
  /** Where each earlier timeline ended. */
  history: readonly { readonly timeline: number; readonly end: number }[];
  /** Settings that the control file notes, as their last primary had them. */
  control: Readonly<Record<string, number>>;
  /** Name to password verifier. */
  readonly roles: Map<string, string>;
  readonly databases: Set<string>;
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

export interface SimServer {
  isUp: boolean;
  inRecovery: boolean;
  readonly startedAt: number;
  readonly volume: SimVolume;
  readonly database: Database;
  loadedAt: number;
  loaded: Loaded;
  /** The server that this one streams from. */
  upstream: { readonly server: SimServer; readonly address: string; readonly slot: string | undefined; state: "catchup" | "streaming" } | undefined;
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
  /** What was committed to clients after standbys confirmed it, by system identifier. */
  readonly acknowledged: Map<string, number>;
  serial: number;
  /** Told of everything that the Engine would send an event about, with the labels of what it is about. */
  onEvent: (what: string, labels: Readonly<Record<string, string>>) => void;
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

/** The address with which a running container is on a network; undefined when it is not. */
export const addressOn = (model: Model, container: SimContainer, network: string): string | undefined => {
  const endpoint = container.endpoints.get(network);
  return container.state === "running" && endpoint !== undefined && endpoint.networkId === model.networks.get(network)?.id && endpoint.address !== "" ? endpoint.address : undefined;
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

export const writersOf = (model: Model, owned: Owned): readonly SimContainer[] =>
  membersOf(model, owned).filter(({ server }) => server?.isUp === true && !server.inRecovery);

/** Whether one database is further than another: a newer timeline, or more of the same one. */
export const isNewer = (one: Database, other: Database): boolean =>
  one.timeline > other.timeline || (one.timeline === other.timeline && one.position > other.position);

/** Whether a standby at `one` can go on from `other`: nothing that it has was written on another branch. */
export const canFollow = (one: Database, other: Database): boolean => {
  if (one.systemIdentifier !== other.systemIdentifier || one.timeline > other.timeline) return false;
  if (one.timeline === other.timeline) return one.position <= other.position;
  const branch = other.history.find(({ timeline }) => timeline === one.timeline);
  return branch !== undefined && one.position <= branch.end;
};
