/**
 * Everything that the operator can do to the world, as data with a reason. A new kind is one entry in Details;
 * the compiler then refuses to build until act/ has its performer and the simulated world its effect.
 */
import type { Account } from "../api/names.ts";
import type { Status } from "../api/resource.ts";
import type { Lsn } from "../postgres/lsn.ts";
import type { AccountWish, Boot, ContainerSpec, File, NetworkSpec, Nic, Target } from "../ports.ts";

export interface Details {
  addFinalizer: Record<never, never>;
  removeFinalizer: Record<never, never>;
  createSecret: { readonly account: Account; readonly secret: string; readonly data: Readonly<Record<string, string>> };
  /** Brings up to date how the application's Secret tells clients to connect; its username and password stay. */
  updateSecret: { readonly secret: string; readonly data: Readonly<Record<string, string>> };
  /** Writes status.primary by compare-and-swap, before anything is done about it, with the evidence and the promise. */
  recordPrimary: { readonly ordinal: number; readonly epoch: number; readonly change: Pick<Status, "lastFailover" | "synchronous" | "switchover" | "observedSwitchoverToken"> };
  /** Notes how a switchover ended without a change of primary. */
  recordSwitchover: { readonly switchover: NonNullable<Status["switchover"]> };
  /** Writes what is promised about acknowledged commits, before the server is told less; nothing when undefined. */
  recordSynchronous: { readonly synchronous: Status["synchronous"] };
  pullImage: { readonly image: string };
  createNetwork: { readonly network: NetworkSpec };
  removeNetwork: { readonly network: string };
  createVolume: { readonly volume: string; readonly labels: Readonly<Record<string, string>> };
  removeVolume: { readonly volume: string };
  createContainer: { readonly container: ContainerSpec };
  removeContainer: { readonly container: string };
  attachNic: { readonly container: string; readonly nic: Nic };
  detachNic: { readonly container: string; readonly network: string };
  /** Creates and starts a one-shot container, with files put on its volume first. */
  startJob: { readonly container: ContainerSpec; readonly files: readonly File[]; readonly directory: string };
  /** Puts the configuration in place, the recovery file included, then starts: every boot is read-only. */
  startMember: {
    readonly container: string; readonly files: readonly File[]; readonly directory: string;
    /** Directories that a new volume gives to root, and the server has to write to. */
    readonly owns: readonly string[];
  };
  stopMember: { readonly container: string };
  /** Kills, and sees it ended: what has to be certain before another is promoted. */
  fenceMember: { readonly container: string };
  /** An address that follows the primary: on its NIC, or off another's. */
  addAddress: { readonly container: string; readonly interfaceName: string; readonly address: string };
  removeAddress: { readonly container: string; readonly interfaceName: string; readonly address: string };
  /** Lets the image check the settings, then puts them in place and reloads. */
  configure: {
    readonly target: Target; readonly files: readonly File[]; readonly directory: string;
    /** Present when the user's parameters change, and so have to be checked first. */
    readonly check?: { readonly hash: string };
  };
  /** Notes on the member's volume that parameters are known to start, or refused. */
  noteParameters: { readonly container: string; readonly directory: string; readonly file: File };
  /** Does nothing when the recorded primary is another by now, or the server is not the one that was looked at. */
  promote: {
    readonly target: Target; readonly ordinal: number; readonly boot: Boot;
    /** The former primary's container, which must not run. Left out when it runs as a standby of this epoch already. */
    readonly fenced: string | undefined;
  };
  checkpoint: { readonly target: Target };
  /** Removes the data directory that was kept beside the one in use. */
  removeOldData: { readonly container: string; readonly mount: string; readonly dataDirectory: string };
  ensureAccount: { readonly target: Target; readonly account: AccountWish };
  ensureDatabase: { readonly target: Target; readonly database: string; readonly owner: string };
  createSlot: { readonly target: Target; readonly slot: string };
  dropSlot: { readonly target: Target; readonly slot: string };
  advanceSlot: { readonly target: Target; readonly slot: string; readonly to: Lsn };
}

export type Kind = keyof Details;

export type Action<K extends Kind = Kind> = {
  [P in K]: Readonly<Details[P]> & {
    readonly kind: P;
    /** Actions of one lane run one after the other; the lane stops at its first failure. Lanes run side by side. */
    readonly lane: string;
    /** Why, in words an operator understands. */
    readonly because: string;
  }
}[K];

/** `demo-1 createContainer: absent`. What a plan looks like to people; it never shows details, which may be secret. */
export const describe = ({ lane, kind, because }: Pick<Action, "lane" | "kind" | "because">): string => `${lane} ${kind}: ${because}`;

/** Something that is waited for. `reason` is a condition's reason when the wait is not plain progress. */
export interface Waiting { readonly lane: string; readonly because: string; readonly reason?: string; readonly lookAgainAfterMs?: number }

export interface Plan {
  readonly actions: readonly Action[];
  readonly waitingFor: readonly Waiting[];
  /** When to look again although nothing happened. */
  readonly lookAgainAfterMs: number;
  /** The row of the failover table that decided, when it decided anything but to go on. */
  readonly rule?: string;
}

export type Step =
  | { readonly do: readonly Action[] }
  | { readonly wait: string; readonly reason?: string; readonly lookAgainAfterMs?: number }
  | "satisfied";
