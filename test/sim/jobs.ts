/** One-shot containers: initdb and base backups, which take their time and can fail on the way. */
import { label } from "../../src/api/names.ts";
import { cannotRewind, divergedNote, rewindingNote } from "../../src/plan/jobs.ts";
import { keepsOldNote } from "../../src/postgres/look.ts";
import { formatLsn } from "../../src/postgres/lsn.ts";
import { md5Verifier } from "../../src/postgres/password.ts";
import { dataPath, isFull, serialOf, volumeOf, type Database, type Model, type SimContainer, type SimServer, type SimVolume } from "./model.ts";
import { end, inThisLife } from "./server.ts";
import { admit, flow } from "./streams.ts";
import type { Branch } from "./wal.ts";

const shortestMs = 800;
const longestMs = 5_000;
const firstPosition = 0x1_500_000;

/** Moves what was made beside the data directory into its place; into it, where one is there already. */
function moveInPlace(model: Model, container: SimContainer, volume: SimVolume, database: Database, files: ReadonlyMap<string, string>): void {
  if (volume.database !== undefined) model.onBreach(`${container.spec.name} ran over a data directory that is complete`);
  if (![...volume.files.keys()].some((path) => path.startsWith(`${dataPath}/`))) {
    volume.database = database;
    for (const [path, text] of files) volume.files.set(path, text);
  }
  end(model, container, 0);
}

/** The work itself, or what is found wrong before it begins. */
const later = (model: Model, container: SimContainer, run: () => void): void => inThisLife(model, container, model.random.between(shortestMs, longestMs), run);
const fail = (model: Model, container: SimContainer, words: string): void => inThisLife(model, container, model.random.between(200, 600), () => end(model, container, 1, words));

/** The data is there already. */
const done = (model: Model, container: SimContainer): void => inThisLife(model, container, model.random.between(50, 200), () => end(model, container, 0));

function initdb(model: Model, container: SimContainer, volume: SimVolume): void {
  const password = volume.files.get(".superuser")?.trim();
  if (volume.database !== undefined) return done(model, container);
  if (password === undefined) return fail(model, container, "initdb: error: could not open file \".superuser\" for reading: No such file or directory");
  later(model, container, () => {
    if (isFull(model, volume)) return end(model, container, 1, "initdb: error: could not write: No space left on device");
    const major = [...model.images.values()].find(({ id }) => id === container.spec.image)?.major ?? "";
    volume.files.delete(".superuser");
    const holder = [...model.volumes.values()].find((other) => other.database !== undefined && sameOwner(other.labels, volume.labels));
    if (holder !== undefined) model.onBreach(`${container.spec.name} made a new cluster while ${holder.name} holds data`);
    const systemIdentifier = `7${serialOf(model)}`;
    const branch: Branch = { timeline: 1, parent: undefined, start: 0 };
    model.acknowledged.set(systemIdentifier, { branch, position: firstPosition });
    moveInPlace(model, container, volume, {
      systemIdentifier, major, branch, position: firstPosition, replayed: firstPosition, newestTimeline: 1, controlTimeline: 1,
      control: settled(container.spec.command.join(" ")), roles: new Map([["postgres", md5Verifier("postgres", password)]]), databases: new Set(["postgres"]), slots: new Set(),
      state: "shutDown", checkpoint: firstPosition, isCopy: false,
    }, new Map([[`${dataPath}/postgresql.conf`, ""], [`${dataPath}/pg_hba.conf`, ""]]));
  });
}

/** What the control file holds after initdb, and after the settling run behind it. */
const settled = (command: string): Readonly<Record<string, number>> => ({
  max_connections: 100, max_worker_processes: 8, max_wal_senders: 10, max_prepared_transactions: 0, max_locks_per_transaction: 64,
  ...Object.fromEntries([...command.matchAll(/'(max_\w+)=(\d+)'/g)].map(([, name = "", value]) => [name, Number(value)])),
});

const sameOwner = (one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean =>
  [label.installation, label.namespace, label.name].every((name) => one[name] === other[name]);

/** The files of a server's data directory as a copy gets them. */
const filesOf = ({ volume }: SimServer): ReadonlyMap<string, string> =>
  new Map([...volume.files].filter(([path]) => path.startsWith(`${dataPath}/`) && !/standby\.signal$|recovery\.conf$/.test(path)));

/** What a copy holds. A running server's control file says that it is in production, and a label that it is a copy. */
const copyOf = ({ database, inRecovery }: SimServer): Database => ({
  ...database, slots: new Set(), state: "inProduction", isCopy: true,
  ...(inRecovery ? {} : { checkpoint: database.position, controlTimeline: database.branch.timeline }),
});

function basebackup(model: Model, container: SimContainer, volume: SimVolume, isBeside: boolean): void {
  if (volume.database !== undefined && !isBeside) return done(model, container);
  const connection = container.spec.environment["CONNECTION"] ?? "";
  const slot = /--slot=(\S+)/.exec(container.spec.command.join(" "))?.[1];
  const admitted = admit(model, container, connection, slot);
  if (typeof admitted === "string") return fail(model, container, `pg_basebackup: error: ${admitted}`);
  const { server } = admitted;
  container.held = slot === undefined ? undefined : { server, slot };
  // What was kept from an earlier time goes first.
  if (isBeside && volume.database !== undefined) discardOld(model, volume);
  later(model, container, () => {
    if (isFull(model, volume)) return end(model, container, 1, "pg_basebackup: error: could not write to file: No space left on device");
    const again = admit(model, container, connection, slot);
    if (typeof again === "string" || again.server !== server) return end(model, container, 1, "pg_basebackup: error: could not receive data from WAL stream");
    flow(model);
    const kept = isBeside ? volume.database ?? volume.old : undefined;
    if (isBeside) clear(volume);
    volume.old = kept;
    moveInPlace(model, container, volume, copyOf(server), new Map([...filesOf(server), ...isBeside ? [[`${dataPath}/${keepsOldNote}`, "kept"] as const] : []]));
  });
}

/** The data directory that was kept beside the one in use goes. */
export function discardOld(model: Model, volume: SimVolume): void {
  const { old } = volume;
  volume.old = undefined;
  if (old !== undefined) model.onDiscard(`the old data on ${volume.name}`, volume, old);
}

/** Moves what the data directory holds aside. */
function clear(volume: SimVolume): void {
  volume.database = undefined;
  for (const path of [...volume.files.keys()]) if (path.startsWith(`${dataPath}/`) || path === rewindingNote) volume.files.delete(path);
}

const rewindable = new Set(["15", "17", "18"]);
const recordBytes = 120;

function rewind(model: Model, container: SimContainer, volume: SimVolume): void {
  const { database } = volume;
  const connection = container.spec.environment["CONNECTION"] ?? "";
  if (database === undefined) return fail(model, container, "pg_controldata: fatal: could not open file");
  volume.files.set(rewindingNote, "");
  volume.files.delete(`${dataPath}/${divergedNote}`);
  if (database.state !== "shutDown") {
    Object.assign(database, { state: "shutDown", checkpoint: database.position, controlTimeline: database.branch.timeline });
    database.position += recordBytes;
  }
  container.log = [`pgrs: end of WAL ${formatLsn(BigInt(database.checkpoint))}`];
  if (!rewindable.has(database.major)) return inThisLife(model, container, model.random.between(200, 600), () => end(model, container, cannotRewind, "error: the image has no pg_rewind"));
  const sameTimeline = /TimeLineID"\)" != (\d+)/.exec(container.spec.command.join(" "))?.[1];
  if (sameTimeline === String(database.controlTimeline)) return inThisLife(model, container, model.random.between(200, 600), () => end(model, container, cannotRewind, "error: it was on a timeline with the number of the primary's, and began it elsewhere"));
  later(model, container, () => {
    const admitted = admit(model, container, connection, undefined);
    if (typeof admitted === "string") return end(model, container, 1, `pg_rewind: error: ${admitted}`);
    flow(model);
    const { server } = admitted;
    // By the numbers in the control files, which say nothing of the branch.
    if (server.database.controlTimeline === database.controlTimeline) {
      container.log = [...container.log, "pg_rewind: source and target cluster are on the same timeline", "pg_rewind: no rewind required"];
      volume.files.delete(rewindingNote);
      return end(model, container, 0);
    }
    if (isFull(model, volume) || model.random.chance(0.1)) return end(model, container, 1, "pg_rewind: error: could not write to file: No space left on device");
    clear(volume);
    moveInPlace(model, container, volume, copyOf(server), filesOf(server));
    model.onDiscard(`the data on ${volume.name} before its rewind`, volume, database);
  });
}

/** What a one-shot container does once it is started. */
export function runJob(model: Model, container: SimContainer): void {
  const volume = volumeOf(model, container);
  if (volume === undefined) return fail(model, container, "no volume");
  const kind = container.spec.labels[label.job];
  if (kind === "initdb") initdb(model, container, volume);
  else if (kind === "rewind") rewind(model, container, volume);
  else basebackup(model, container, volume, kind === "recopy");
}
