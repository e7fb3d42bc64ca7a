/** One look at the world, taken at one moment. What could not be seen says so: unknown is not absent. */
import type { Account, Owner } from "../api/names.ts";
import type { Lsn } from "../postgres/lsn.ts";
import type { ControlFacts } from "../postgres/control.ts";
import type { ContainerFacts, EngineFacts, Heard, ImageFacts, Interface, Look, NetworkFacts, Target, VolumeFacts } from "../ports.ts";

export type Sighting<T> =
  | { readonly seen: "present"; readonly value: T }
  | { readonly seen: "absent" }
  | { readonly seen: "unknown"; readonly because: string };

export const present = <T>(value: T): Sighting<T> => ({ seen: "present", value });
export const absent: Sighting<never> = { seen: "absent" };
export const unknown = (because: string): Sighting<never> => ({ seen: "unknown", because });

/** The value of a sighting, or undefined. Only for questions where absent and unknown have the same answer. */
export const valueOf = <T>(sighting: Sighting<T>): T | undefined => sighting.seen === "present" ? sighting.value : undefined;

/** A username and password, from a Secret. */
export interface Login {
  readonly username: string;
  readonly password: string;
  /** How the application's Secret tells clients to connect: its members, and the whole. */
  readonly hosts?: string;
  readonly uri?: string;
}

/** `unknown` while no writable primary could be asked, or the Secret could not be read. */
export type AccountState = "current" | "differs" | "missing" | "unknown";

/** What a stopped member's volume holds. Absent: no complete data directory. */
export interface DataFacts extends Omit<ControlFacts, "major"> {
  /** As PG_VERSION has it. */
  readonly major: string;
  /** Whether a rewind was begun and not completed: such data starts nothing any more. */
  readonly isTorn: boolean;
  /** Whether it is a copy that was never started: it was taken of a running primary, and looks like one. */
  readonly isCopy: boolean;
  /** Whether it was seen to have gone on where the primary did not. */
  readonly isDiverged: boolean;
  /** The user parameters of the last configuration known to start, as text, and the refused one, if any. */
  readonly good: string | undefined;
  readonly refused: string | undefined;
  /** Hash of the parameters that a start which failed was made with; looked at after such a start only. */
  readonly tried?: string | undefined;
}

export interface MemberSighting {
  readonly ordinal: number;
  readonly volume: Sighting<VolumeFacts>;
  readonly container: Sighting<ContainerFacts>;
  readonly job: Sighting<ContainerFacts & { readonly log: readonly string[] }>;
  /** Looked at while the container is there and does not run. */
  readonly data: Sighting<DataFacts>;
  /** Looked at while the container runs. */
  readonly server: Sighting<Look>;
  readonly interfaces: Sighting<readonly Interface[]>;
  /** The last lines of a container that has ended. */
  readonly log: readonly string[];
  readonly target: Target | undefined;
  /** Of a member whose signs of life are asked for: the recorded primary. */
  readonly heard: Heard | undefined;
}

/** One life of a container: what was heard of an earlier one says nothing about this one. */
export const bootOf = ({ id, startedAt }: Pick<ContainerFacts, "id" | "startedAt">): string => `${id}@${startedAt}`;

export interface Observation {
  /** The only clock reading of a round. Milliseconds since the epoch. */
  readonly at: number;
  readonly owner: Owner;
  readonly engine: Sighting<EngineFacts>;
  /** The image that members run: the first of the candidates that the Engine has. */
  readonly image: Sighting<ImageFacts>;
  readonly pulling: { readonly state: "running" | "failed"; readonly because: string; readonly at: number } | undefined;
  /** By the network's name in the spec. */
  readonly networks: Readonly<Record<string, Sighting<NetworkFacts>>>;
  /** Docker networks with our labels that no longer stand in the spec. */
  readonly staleNetworks: readonly NetworkFacts[];
  readonly archive: Sighting<VolumeFacts>;
  /** Every ordinal that is wanted or that has left something. Ascending. */
  readonly members: readonly MemberSighting[];
  /** The last position that the member which was asked for signs of life told. */
  readonly lastTold: { readonly member: string; readonly position: Lsn } | undefined;
  /** How the primary's password verifiers compare with the Secrets. */
  readonly accounts: Readonly<Record<Account, AccountState>>;
  readonly secrets: { readonly superuser: Sighting<Login>; readonly replication: Sighting<Login>; readonly app: Sighting<Login> };
}
