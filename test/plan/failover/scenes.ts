/** Worlds around a primary that is lost, said by what differs from a cluster at its goal. */
import type { Status } from "../../../src/api/resource.ts";
import type { Heard } from "../../../src/ports.ts";
import type { Lsn } from "../../../src/postgres/lsn.ts";
import { clusterOf } from "../../../src/plan/cluster.ts";
import { verdictOf, type Verdict } from "../../../src/plan/failover/failover.ts";
import { absent, atGoal, container, member, networks, now, server, silent, stopped, unknown, wanting, type Scene } from "../../builders.ts";

export type Spec = Readonly<Record<string, unknown>>;
export type Change = (scene: Scene) => Scene;

export const asyncGoal = atGoal({ spec: { networks } });
/** Each commit waits for one of demo-1 and demo-2. */
export const syncGoal = atGoal({ spec: { networks, replication: { mode: "Quorum", minSync: 1 } } });

/** One thing after the other. */
export const after = (scene: Scene, ...changes: readonly Change[]): Scene => changes.reduce((done, change) => change(done), scene);

export const spec = (change: Spec): Change => (scene) => wanting(scene, { spec: change });
export const failover = (change: Spec): Change => spec({ failover: change });
export const status = (change: Partial<Status>): Change => (scene) => wanting(scene, { status: { ...scene.want.status, ...change } });
/** The status without something. */
export const forgetting = (name: keyof Status): Change => (scene) =>
  wanting(scene, { status: Object.fromEntries(Object.entries(scene.want.status).filter(([key]) => key !== name)) });
export const primary = (change: Partial<NonNullable<Status["primary"]>>): Change => (scene) => {
  const { primary: before } = scene.want.status;
  return before === undefined ? scene : status({ primary: { ...before, ...change } })(scene);
};

const secondsAgo = (seconds: number): string => new Date(now - seconds * 1_000).toISOString();

/** The primary has been seen not to accept writes for so long. */
export const downFor = (seconds: number): Change => primary({ downSince: secondsAgo(seconds) });

export const failedOver = (seconds: number, cause = "Crash"): Change => status({ lastFailover: { at: secondsAgo(seconds), epoch: 1, cause, rule: "crash", to: 0, candidates: [] } });

/** Killed: its container has ended, its data looks like that of a primary. */
export const killed = (ordinal = 0): Change => (scene) => stopped(scene, ordinal, { exitCode: 137 });
/** Asked to stop, it wrote its last checkpoint. */
export const ended = (ordinal = 0): Change => (scene) => stopped(scene, ordinal);
/** Its volume and its container are gone. */
export const wiped = (ordinal = 0): Change => (scene) => member(stopped(scene, ordinal), ordinal, { volume: absent, container: absent, data: absent });
/** Its container cannot be looked at. */
export const hidden = (ordinal = 0): Change => (scene) => member(scene, ordinal, { container: unknown("timed out"), server: absent, interfaces: absent, target: undefined });

const hearing = (ordinal: number, change: Partial<Heard>): Change => (scene) => member(scene, ordinal, { heard: { silentMs: 300, answered: true, position: "0/5000000", ...change } });

/** It runs, and has not answered for so long. */
export const quietFor = (seconds: number, ordinal = 0): Change => (scene) => after(silent(scene, ordinal), hearing(ordinal, { silentMs: seconds * 1_000 }));
/** It runs, and never answered since it was started. */
export const unanswered = (ordinal = 0): Change => (scene) => after(silent(scene, ordinal), hearing(ordinal, { silentMs: 60_000, answered: false, position: undefined }));
export const pausedFor = (seconds: number, ordinal = 0): Change => (scene) =>
  after(member(scene, ordinal, { server: absent, interfaces: absent }), (one) => container(one, ordinal, { state: "paused" }), hearing(ordinal, { silentMs: seconds * 1_000 }));
/** It has booted, read-only, and is to be promoted. */
export const booted = (ordinal = 0): Change => (scene) => server(scene, ordinal, { inRecovery: true, senders: [] });

/** What a standby has, as it says itself. */
export const has = (ordinal: number, position: Lsn, timeline = 2): Change => (scene) => server(scene, ordinal, { receivedLsn: position, replayedLsn: position, timeline });
export const unseen = (ordinal: number): Change => (scene) => member(scene, ordinal, { server: unknown("timed out") });
/** A standby's connection to the primary, with the age of its last message. */
export const hears = (ordinal: number, messageAgeMs: number): Change => (scene) => server(scene, ordinal, { receiver: { status: "streaming", messageAgeMs } });

export const asked = (toOrdinal: number, token = "again"): Change => spec({ switchover: { toOrdinal, token } });

export const verdict = ({ want, seen }: Scene): Verdict => verdictOf({ want, seen, cluster: clusterOf(want, seen) });
