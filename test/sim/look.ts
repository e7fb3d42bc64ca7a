/** What a server says about itself, in the words of the one statement that the operator asks. */
import { md5 } from "../../src/postgres/digest.ts";
import { keepsOldNote } from "../../src/postgres/look.ts";
import { formatLsn } from "../../src/postgres/lsn.ts";
import { traitsOf } from "../../src/postgres/versions.ts";
import type { Look } from "../../src/ports.ts";
import { dataPath, type Model, type SimServer } from "./model.ts";
import { atStart, fileOf, numberOf, sensitive, synchronousSetting } from "./settings.ts";
import { isHeld, sendersOf } from "./streams.ts";
import { historyOf, pointAt } from "./wal.ts";

export const lsn = (position: number): string => formatLsn(BigInt(position));

const versionNumber = (major: string): number => major.startsWith("9.") ? 90_000 + Number(major.slice(2)) * 100 : Number(major) * 10_000 + 4;

/** Of a standby: what it receives, or else the newest of what lies on its disk. */
export function timelineOf({ database: { branch, position, controlTimeline }, inRecovery, upstream }: SimServer): number {
  if (!inRecovery) return branch.timeline;
  const tip = upstream?.server.database.branch;
  if (tip === undefined) return Math.max(branch.timeline, controlTimeline);
  return position >= tip.start ? tip.timeline : pointAt(tip, position).branch.timeline;
}

/** The positions of a standby that anybody can know of. */
export const knownPosition = ({ database: { position, replayed }, hasReceived }: SimServer): number => hasReceived ? position : replayed;

const settingsOf = ({ loaded }: SimServer): Readonly<Record<string, string>> =>
  ({ ...Object.fromEntries(Object.keys(sensitive).map((name) => [name, String(numberOf(loaded.running, name))])), synchronous_standby_names: synchronousSetting(loaded) });

export function lookAt(model: Model, server: SimServer, accounts: readonly string[]): Look {
  const { database, loaded, inRecovery, volume, upstream } = server;
  const traits = traitsOf(database.major);
  const recovery = fileOf(volume, "recovery.conf");
  const here = lsn(database.position);
  return {
    inRecovery, systemIdentifier: database.systemIdentifier, timeline: timelineOf(server), versionNumber: versionNumber(database.major),
    startedAt: server.startedAt, answeredAt: model.engineNow(),
    ...(inRecovery ? { replayedLsn: lsn(database.replayed), replaying: database.replayed < database.position, ...(server.hasReceived ? { receivedLsn: here } : {}) } : { flushLsn: here, currentLsn: here }),
    configHash: loaded.files["pgrs.config_hash"], parametersHash: loaded.files["pgrs.parameters_hash"],
    pendingRestart: [...atStart].filter((name) => loaded.files[name] !== loaded.running[name]).sort(), alteredSettings: [], fileProblems: loaded.problems,
    settings: settingsOf(server),
    loadedAt: server.loadedAt, epoch: Number(loaded.files["pgrs.epoch"] ?? "0"), keepsOld: volume.files.has(`${dataPath}/${keepsOldNote}`),
    history: historyOf(database.branch).map(({ timeline, end }) => ({ timeline, end: lsn(end) })),
    ...(upstream === undefined ? {} : { receiver: { status: "streaming", receivedTimeline: timelineOf(server), messageAgeMs: model.time.now() - upstream.heardAt } }),
    senders: sendersOf(model, server).map(({ name, state, address, sync, sent, flushed, standby }) => ({
      applicationName: name, clientAddress: address, state, syncState: sync, sentLsn: lsn(sent), writeLsn: lsn(flushed), flushLsn: lsn(flushed), replayLsn: lsn(Math.min(flushed, standby.database.replayed)),
    })),
    slots: [...database.slots].sort().map((name) => ({ name, active: isHeld(model, server, name) })),
    ...(inRecovery ? {} : { roles: accounts.flatMap((name) => database.roles.has(name) ? [{ name, verifier: database.roles.get(name), canLogin: true, superuser: name === "postgres", replication: name === "replicator" }] : []) }),
    databases: [...database.databases].sort(),
    ...(traits.recovery === "recovery.conf" && recovery !== undefined ? { recoveryHash: md5(recovery) } : {}),
    refused: fileOf(volume, "pgrs/refused"), good: fileOf(volume, "pgrs/good"), passwordAccepted: true,
  };
}
