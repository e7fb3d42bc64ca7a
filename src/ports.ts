/**
 * The outside world in our own words: what the operator needs of an Engine, of PostgreSQL and of an API server.
 * Types only. Adapters implement them over dockerode, pg and client-node; the simulation implements them in memory.
 *
 * All calls ask for an end state and are safe twice. They throw Transient, Terminal or Conflict (errors.ts), each
 * within the time that its signal allows.
 */
import type { Account, Owner } from "./api/names.ts";
import type { Key, Metadata, Resource, Status } from "./api/resource.ts";
import type { ServerFacts } from "./postgres/look.ts";
import type { Lsn } from "./postgres/lsn.ts";
import type { Traits } from "./postgres/versions.ts";

export interface EngineFacts {
  /** The Engine's version, for messages: "20.10.24". */
  readonly version: string;
  /** Whether it gives NICs the name asked for (`com.docker.network.endpoint.ifname`, from Engine 28, API 1.48). */
  readonly namesNics: boolean;
  /** The default bridge's subnet: where the operator's own connections come from. */
  readonly managementSubnet: string;
}

export interface ImageFacts { readonly id: string; readonly name: string; readonly digest?: string }

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  readonly hostname: string;
  /** Entrypoint and arguments in one. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly { readonly volume: string; readonly path: string }[];
  /** "bridge", "none", or a Docker network that the container joins with `address`. */
  readonly network: string;
  readonly address?: string;
  readonly memoryBytes?: number;
  readonly nanoCpus?: number;
  readonly shmBytes?: number;
  readonly stopTimeoutSeconds: number;
}

export interface Endpoint {
  /** The Docker network's name. */
  readonly network: string;
  /** The address in use; empty while the container does not run, and after a failed attach. */
  readonly address: string;
  /** The fixed address that was asked for; empty when none was. */
  readonly wanted: string;
  readonly mac: string;
}

export interface ContainerFacts {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
  readonly exitCode: number;
  /** The Engine's own words when a start failed, else empty. */
  readonly error: string;
  /** Milliseconds since the epoch; 0 when it never started or never ended. */
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly imageId: string;
  readonly endpoints: readonly Endpoint[];
}

export interface NetworkSpec {
  readonly name: string;
  readonly driver: "bridge" | "macvlan" | "ipvlan";
  readonly parent?: string;
  readonly subnet: string;
  readonly gateway: string;
  readonly internal: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

export interface NetworkFacts {
  readonly name: string;
  readonly id: string;
  readonly driver: string;
  readonly subnet: string;
  readonly gateway: string;
  /** Without a way out of the host. */
  readonly internal: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Running containers on it: name and address without prefix. */
  readonly attached: readonly { readonly container: string; readonly address: string }[];
}

export interface VolumeFacts { readonly name: string; readonly labels: Readonly<Record<string, string>> }

export interface Nic { readonly network: string; readonly address?: string; readonly interfaceName: string; readonly mac: string }

/** A NIC as the member's own network namespace shows it. */
export interface Interface { readonly name: string; readonly mac: string; readonly addresses: readonly string[] }

/** An address that is on no one member for good. */
export interface MovingAddress { readonly interfaceName: string; /** Without prefix. */ readonly address: string }

export interface File { readonly path: string; readonly text: string; /** Octal, 0o600 when left out. */ readonly mode?: number }

export interface ExecResult { readonly exitCode: number; readonly output: string }

export interface Engine {
  facts(signal: AbortSignal): Promise<EngineFacts>;
  /** The image by name or id; undefined when the Engine does not have it. */
  image(name: string, signal: AbortSignal): Promise<ImageFacts | undefined>;
  /** Starts a pull in the background; one at a time for a name. */
  pull(name: string): void;
  /** How the last pull of a name went: undefined when none was started or when it succeeded. */
  pulling(name: string): { readonly state: "running" | "failed"; readonly because: string; readonly at: number } | undefined;

  /** All containers (members and jobs; helpers of the adapter's own are not told of), volumes and networks with this owner's labels (uid not compared). */
  containersOf(owner: Owner, signal: AbortSignal): Promise<readonly ContainerFacts[]>;
  volumesOf(owner: Owner, signal: AbortSignal): Promise<readonly VolumeFacts[]>;
  networksOf(owner: Owner, signal: AbortSignal): Promise<readonly NetworkFacts[]>;
  container(name: string, signal: AbortSignal): Promise<ContainerFacts | undefined>;
  volume(name: string, signal: AbortSignal): Promise<VolumeFacts | undefined>;
  network(name: string, signal: AbortSignal): Promise<NetworkFacts | undefined>;

  createNetwork(spec: NetworkSpec, signal: AbortSignal): Promise<void>;
  removeNetwork(name: string, signal: AbortSignal): Promise<void>;
  createVolume(name: string, labels: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  removeVolume(name: string, signal: AbortSignal): Promise<void>;
  createContainer(spec: ContainerSpec, signal: AbortSignal): Promise<string>;
  /** Removes a container that does not run, with the anonymous volumes of its image; named ones stay. */
  removeContainer(id: string, signal: AbortSignal): Promise<void>;
  start(id: string, signal: AbortSignal): Promise<void>;
  /**
   * Asks PostgreSQL to stop (SIGINT); the Engine kills after the container's own stop time-out. Resolves at the end, or
   * after a few seconds while the Engine goes on: what still runs is seen to run. Asked again meanwhile it joins in.
   */
  stop(id: string, signal: AbortSignal): Promise<void>;
  /** Kills, paused or not. Resolves when the container has ended. */
  kill(id: string, signal: AbortSignal): Promise<void>;
  attach(container: string, nic: Nic, signal: AbortSignal): Promise<void>;
  detach(container: string, network: string, signal: AbortSignal): Promise<void>;
  /**
   * Puts an address (/32) on a NIC of a running container of ours, until it is taken off or the container ends, and
   * tells the neighbours, so that they look for it nowhere else. Asked again, it tells them again.
   */
  addAddress(container: string, address: MovingAddress, signal: AbortSignal): Promise<void>;
  removeAddress(container: string, address: MovingAddress, signal: AbortSignal): Promise<void>;

  /** Puts files, owned by user 999, below an absolute directory of a container, running or not. */
  putFiles(container: string, directory: string, files: readonly File[], signal: AbortSignal): Promise<void>;
  /** Makes a directory of a container, such as the root of a new volume, belong to user 999. */
  own(container: string, directory: string, signal: AbortSignal): Promise<void>;
  /** A file's bytes; undefined when it is not there. At most 1 MiB. */
  readFile(container: string, path: string, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** The files of a directory, by name, those of directories in it left out; undefined when it is not there. At most 1 MiB in all. */
  readDirectory(container: string, path: string, signal: AbortSignal): Promise<ReadonlyMap<string, Uint8Array> | undefined>;
  /** Runs a program as user 999 in a running container. */
  exec(container: string, command: readonly string[], input: string, signal: AbortSignal): Promise<ExecResult>;
  /**
   * The NICs inside a running container's network namespace, with addresses that were added there. Read once for each
   * start and each change of endpoints and addresses that is ours; what others do in there shows after `maxAgeMs`.
   */
  interfaces(container: ContainerFacts, options: { readonly maxAgeMs?: number }, signal: AbortSignal): Promise<readonly Interface[]>;
  /** The last lines that a container wrote, oldest first. */
  logs(container: string, lines: number, signal: AbortSignal): Promise<readonly string[]>;
}

/** Where a member's PostgreSQL is, and who we are to it. */
export interface Target {
  readonly member: string;
  readonly container: string;
  /** The address on the management bridge. */
  readonly host: string;
  readonly traits: Traits;
  readonly password: string;
}

export interface Look extends ServerFacts {
  /** False when the password was refused and the look went through the container's own socket instead. */
  readonly passwordAccepted: boolean;
}

export interface AccountWish { readonly name: string; readonly password: string; readonly attributes: "SUPERUSER" | "REPLICATION" | "LOGIN" }

export interface LookWish {
  /** The role names whose password verifiers are wanted. */
  readonly accounts: readonly string[];
  /** How long to wait for the answer at most; the adapter's own limit when left out. Milliseconds. */
  readonly limitMs?: number;
}

/** Which life of a server is meant: a stale decision must not reach the one that followed it. */
export interface Boot {
  /** The decision's number. A server that was configured by a later one refuses. */
  readonly epoch: number;
  /** When the server that was looked at started, by its own clock. Milliseconds since the epoch. */
  readonly startedAt: number;
}

export interface Postgres {
  /** One look at a server. */
  look(target: Target, wish: LookWish, signal: AbortSignal): Promise<Look>;
  /** The lightest question there is, on a kept connection: the flush position of a primary, undefined of a standby. */
  beat(target: Target, signal: AbortSignal): Promise<Lsn | undefined>;
  /** Makes that very boot of the server writable. Conflict when it is another boot, or configured by a later epoch. */
  promote(target: Target, boot: Boot, signal: AbortSignal): Promise<void>;
  checkpoint(target: Target, signal: AbortSignal): Promise<void>;
  ensureAccount(target: Target, account: AccountWish, signal: AbortSignal): Promise<void>;
  ensureDatabase(target: Target, database: { readonly name: string; readonly owner: string }, signal: AbortSignal): Promise<void>;
  createSlot(target: Target, slot: string, signal: AbortSignal): Promise<void>;
  dropSlot(target: Target, slot: string, signal: AbortSignal): Promise<void>;
  /** Moves a slot that nobody uses forward to a position (11 and newer), so that a standby keeps no more WAL than another one needs. */
  advanceSlot(target: Target, slot: string, to: Lsn, signal: AbortSignal): Promise<void>;
  reload(target: Target, signal: AbortSignal): Promise<void>;
}

export interface EventNote { readonly type: "Normal" | "Warning"; readonly reason: string; readonly message: string }

export interface Resources {
  /** The resource as the API server has it now; undefined when it is gone. Not from a cache. */
  get(key: Key, signal: AbortSignal): Promise<unknown>;
  /** Writes the status. Conflict when the resource is no longer at `metadata.resourceVersion`. Returns the new metadata. */
  saveStatus(resource: Resource, status: Status, signal: AbortSignal): Promise<Metadata>;
  /** Returns the new metadata. Conflict as above. */
  setFinalizers(resource: Resource, finalizers: readonly string[], signal: AbortSignal): Promise<Metadata>;
  note(resource: Resource, event: EventNote, signal: AbortSignal): Promise<void>;
  /** The decoded data of a Secret; undefined when it is not there. */
  secret(key: Key, signal: AbortSignal): Promise<Readonly<Record<string, string>> | undefined>;
  /** Makes a Secret owned by the resource. Conflict when one of that name is there. */
  createSecret(resource: Resource, name: string, data: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  /** Sets keys of a Secret that is there; other keys stay. */
  updateSecret(key: Key, data: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
}

/** What is known of a server that is asked again and again. */
export interface Heard {
  /** How long it has not answered: since its last answer, or since it was first asked. Milliseconds. */
  readonly silentMs: number;
  /** Whether it answered at all since it was first asked. */
  readonly answered: boolean;
  /** The last flush position that it told. */
  readonly position: Lsn | undefined;
}

/** Asks the primary of each resource about every second, and has a round run as soon as an answer fails to come. */
export interface Pulse {
  /** Whom to ask for this resource from now on; nobody when undefined. Asked to follow the same one again, it goes on. */
  follow(key: Key, primary: { readonly boot: string; readonly target: Target; readonly everyMs: number } | undefined): void;
  /** Undefined when this boot is not being asked. */
  heard(boot: string): Heard | undefined;
  /** What the member that was asked last for this resource told last, be it gone by now. */
  last(key: Key): { readonly member: string; readonly position: Lsn } | undefined;
}

export interface Clock { /** Milliseconds since the epoch. */ now(): number }

export interface Logger {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  with(fields: Readonly<Record<string, unknown>>): Logger;
}

export interface World {
  readonly engine: Engine;
  readonly postgres: Postgres;
  readonly resources: Resources;
  readonly pulse: Pulse;
  readonly clock: Clock;
  readonly log: Logger;
  /** The uid of the control plane's kube-system namespace. */
  readonly installation: string;
  /** A new password. Injected, since nothing else may be random. */
  readonly newPassword: () => string;
}

export type { Account };
