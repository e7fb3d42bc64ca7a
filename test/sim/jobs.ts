/** One-shot containers: initdb and base backups, which take their time and can fail on the way. */
import { label } from "../../src/api/names.ts";
import { md5Verifier } from "../../src/postgres/password.ts";
import { dataPath, serialOf, volumeOf, type Database, type Model, type SimContainer, type SimVolume } from "./model.ts";
import { admit, end, inThisLife } from "./server.ts";

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

function initdb(model: Model, container: SimContainer, volume: SimVolume): void {
  const password = volume.files.get(".superuser")?.trim();
  if (password === undefined) return fail(model, container, "initdb: error: could not open file \".superuser\" for reading: No such file or directory");
  later(model, container, () => {
    if (model.isDiskFull) return end(model, container, 1, "initdb: error: could not write: No space left on device");
    const major = [...model.images.values()].find(({ id }) => id === container.spec.image)?.major ?? "";
    volume.files.delete(".superuser");
    const holder = [...model.volumes.values()].find((other) => other.database !== undefined && sameOwner(other.labels, volume.labels));
    if (holder !== undefined) model.onBreach(`${container.spec.name} made a new cluster while ${holder.name} holds data`);
    moveInPlace(model, container, volume, {
      systemIdentifier: `7${serialOf(model)}`, major, timeline: 1, position: firstPosition, history: [],
      control: settled(container.spec.command.join(" ")), roles: new Map([["postgres", md5Verifier("postgres", password)]]), databases: new Set(["postgres"]), slots: new Set(),
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

function basebackup(model: Model, container: SimContainer, volume: SimVolume): void {
  const connection = container.spec.environment["CONNECTION"] ?? "";
  const slot = /--slot=(\S+)/.exec(container.spec.command.join(" "))?.[1];
  const admitted = admit(model, container, connection, slot);
  if (typeof admitted === "string") return fail(model, container, `pg_basebackup: error: ${admitted}`);
  const { server } = admitted;
  container.held = slot === undefined ? undefined : { server, slot };
  later(model, container, () => {
    if (model.isDiskFull) return end(model, container, 1, "pg_basebackup: error: could not write to file: No space left on device");
    const again = admit(model, container, connection, slot);
    if (typeof again === "string" || again.server !== server) return end(model, container, 1, "pg_basebackup: error: could not receive data from WAL stream");
    const { database } = server;
    const copied = [...server.volume.files].filter(([path]) => path.startsWith(`${dataPath}/`) && !/standby\.signal$|recovery\.conf$/.test(path));
    moveInPlace(model, container, volume, {
      ...database, roles: new Map(database.roles), databases: new Set(database.databases), slots: new Set(),
    }, new Map(copied));
  });
}

/** What a one-shot container does once it is started. */
export function runJob(model: Model, container: SimContainer): void {
  const volume = volumeOf(model, container);
  if (volume === undefined) return fail(model, container, "no volume");
  if (container.spec.labels[label.job] === "initdb") initdb(model, container, volume);
  else basebackup(model, container, volume);
}
