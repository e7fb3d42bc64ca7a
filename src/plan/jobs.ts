/** The one-shot containers that fill a volume: initdb, and pg_basebackup. Both work beside the data directory and move it in place when it is complete. */
import { hashOf, jobName, label, labelsOf, memberName, slotName, volumeName } from "../api/names.ts";
import type { ContainerFacts, File, ImageFacts } from "../ports.ts";
import { conninfo, pgpass } from "../postgres/conninfo.ts";
import { keepsOldNote } from "../postgres/look.ts";
import type { Lsn } from "../postgres/lsn.ts";
import { settlingArguments } from "../postgres/settings.ts";
import type { Action } from "./action.ts";
import type { Desired } from "./desired.ts";
import type { Login } from "./observation.ts";

/** recopy: a base backup beside data that is there, which is kept until the copy streams. */
export type JobKind = "initdb" | "basebackup" | "rewind" | "recopy";

/** On the volume beside the data directory while a rewind is at work on it: what it leaves half-done must never start. */
export const rewindingNote = "rewinding";

/** In the data directory of a member that was seen to have gone on where the primary did not. */
export const divergedNote = "pgrs/diverged";

/** What a rewind prints of the former primary's data before it changes it: the end of its WAL. */
const endOfWal = "pgrs: end of WAL";

// A failed job leaves no half-made copy behind: with a full disk that would keep it full.
const script = (mount: string, steps: readonly string[], moves: readonly string[] = ["mv pgdata.new pgdata"]): readonly string[] => ["sh", "-c", [
  "set -eu", `cd ${mount}`, "rm -rf pgdata.new", "trap '[ $? -eq 0 ] || rm -rf pgdata.new' EXIT", ...steps, ...moves, "sync .",
].join("\n")];

/** A job that is started once more, because its end was not seen, leaves what it made. */
const hasData = "[ ! -e pgdata ] || { rm -f .superuser; exit 0; }";

export interface JobInput {
  readonly want: Desired;
  readonly ordinal: number;
  readonly image: ImageFacts;
  readonly attempt: number;
  /** When it is made. Milliseconds since the epoch. */
  readonly at: number;
  /** How far an earlier attempt came before the disk was full, in percent. */
  readonly fullAt?: number | undefined;
  readonly because: string;
}

const containerOf = ({ want, ordinal, image, attempt, at, fullAt }: JobInput, kind: JobKind, command: readonly string[], network: string, address?: string) => ({
  name: jobName(want.owner, ordinal), image: image.id, hostname: `${memberName(want.owner.name, ordinal)}-${kind}`,
  command, environment: { PGDATA: want.dataDirectory, LC_ALL: "C" },
  labels: labelsOf(want.owner, "job", { [label.ordinal]: String(ordinal), [label.job]: kind, [label.attempt]: String(attempt), [label.madeAt]: String(at), ...(fullAt === undefined ? {} : { [label.fullAt]: String(fullAt) }) }),
  mounts: [{ volume: volumeName(want.owner, ordinal), path: want.mount }],
  network, stopTimeoutSeconds: 10, ...(address === undefined ? {} : { address }),
});

/** initdb for the first primary. The superuser's password goes in by a file that the job removes. */
export function initdbJob(input: JobInput, superuser: Login): Action<"startJob"> {
  const { want, ordinal, because } = input;
  const { locale, dataChecksums } = want.spec.bootstrap.initdb;
  const checksums = dataChecksums ? "--data-checksums" : want.traits.number >= 180000 ? "--no-data-checksums" : "";
  const host = want.traits.passwordEncryption;
  const command = script(want.mount, [hasData,
    `initdb -D pgdata.new -U postgres --pwfile=.superuser --auth-local=peer --auth-host=${host} --encoding=UTF8 --locale=${locale} ${checksums}`,
    "rm -f .superuser", ...settle(want)]);
  return {
    kind: "startJob", lane: memberName(want.owner.name, ordinal), because, directory: want.mount,
    files: [{ path: ".superuser", text: `${superuser.password}\n` }],
    container: containerOf(input, "initdb", command, "none"),
  };
}

/**
 * A first boot in recovery refuses settings below those that initdb wrote into the WAL. Where the spec asks for less,
 * the server runs once for itself with the spec's values, and so writes them down.
 */
const settle = ({ traits, spec }: Desired): readonly string[] => {
  const settings = settlingArguments(traits, spec.postgres.parameters);
  return settings.length === 0 ? [] : [`postgres --single -D pgdata.new ${settings.map(quoted).join(" ")} postgres </dev/null`];
};

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** The password file of a standby. Its name changes with the password, so a new password is a changed connection string. */
export const passfileOf = ({ username, password }: Login): File => ({
  path: `pgpass.${hashOf([username, password]).slice(0, 8)}`,
  text: pgpass([{ host: "*", port: "*", database: "*", user: username, password }]),
});

interface Source { readonly host: string }

/** A job that connects to the primary, over the replication network and from the member's own address. */
function connected(input: JobInput, kind: JobKind, command: readonly string[], { host, database }: Source & { readonly database?: string }, replication: Login): Action<"startJob"> {
  const { want, ordinal, because } = input;
  const passfile = passfileOf(replication);
  const connection = conninfo({
    host, port: 5432, user: replication.username, applicationName: `${memberName(want.owner.name, ordinal)}-${kind}`, passfile: `${want.mount}/${passfile.path}`,
    connectTimeoutSeconds: 5, ...(database === undefined ? {} : { extra: { dbname: database } }),
  });
  const network = want.replicationNetwork ?? want.networks[0];
  const container = containerOf(input, kind, command, network?.docker ?? "bridge", network?.addresses[ordinal]);
  return {
    kind: "startJob", lane: memberName(want.owner.name, ordinal), because, directory: want.mount, files: [passfile],
    container: { ...container, environment: { ...container.environment, CONNECTION: connection } },
  };
}

/**
 * pg_basebackup for a standby, over the replication network, with the standby's own slot and address. Its
 * application_name is not the standby's: a copy streams WAL too, and must never count as a synchronous standby.
 */
export function basebackupJob(input: JobInput, from: Source, replication: Login): Action<"startJob"> {
  return connected(input, "basebackup", script(input.want.mount, [hasData, ...copySteps(input)]), from, replication);
}

const copySteps = ({ want, ordinal }: JobInput): readonly string[] => {
  const slot = want.spec.replication.slots && want.traits.number >= 90600 ? `--slot=${slotName(ordinal)}` : "";
  return ["mkdir -m 700 pgdata.new",
    `pg_basebackup --pgdata=pgdata.new --dbname="$CONNECTION" --wal-method=stream ${slot} --checkpoint=fast --no-password --progress`];
};

/**
 * The same where data is there already: that is moved aside when the copy is complete, and a note in the copy says so.
 * What was kept from an earlier time goes first: the room may be needed.
 */
export function recopyJob(input: JobInput, from: Source, replication: Login): Action<"startJob"> {
  const steps = ["[ ! -e pgdata ] || rm -rf pgdata.old", ...copySteps(input), "mkdir -p pgdata.new/pgrs", `echo kept > pgdata.new/${keepsOldNote}`];
  return connected(input, "recopy", script(input.want.mount, steps, ["[ ! -e pgdata ] || mv pgdata pgdata.old", "mv pgdata.new pgdata", `rm -f ${rewindingNote}`]), from, replication);
}

/** How a rewind ends that the image has no programs for, or that pg_rewind could not see the need of. */
export const cannotRewind = 78;

/**
 * pg_rewind of data that went on where the primary did not. A server that crashed is recovered first, as pg_rewind
 * itself would (from 13), so that the end of its WAL can be told: what lies behind the branch is lost. Source:
 * PostgreSQL documentation, "pg_rewind".
 */
export function rewindJob(input: JobInput, { timeline, ...from }: Source & { readonly timeline: number | undefined }, replication: Login): Action<"startJob"> {
  const { mount } = input.want;
  const needs = (program: string): string => `command -v ${program} >/dev/null || { echo 'error: the image has no ${program}' >&2; exit ${cannotRewind}; }`;
  const command = ["sh", "-c", [
    "set -eu", `cd ${mount}`, needs("pg_controldata"), `touch ${rewindingNote}`,
    `rm -f pgdata/${divergedNote} pgdata/standby.signal pgdata/recovery.conf pgdata/recovery.signal pgdata/postmaster.pid`,
    "state() { LC_ALL=C pg_controldata pgdata | sed -n \"s/^$1: *//p\"; }",
    "case \"$(state 'Database cluster state')\" in 'shut down'*) ;; *) postgres --single -F -D pgdata template1 </dev/null >/dev/null ;; esac",
    `echo "${endOfWal} $(state 'Latest checkpoint location')"`, needs("pg_rewind"),
    // Two that were promoted apart count on from the same timeline; pg_rewind would take the two for one.
    `[ "$(state "Latest checkpoint's TimeLineID")" != ${timeline ?? 0} ] || { echo 'error: it was on a timeline with the number of the primary'"'"'s, and began it elsewhere' >&2; exit ${cannotRewind}; }`,
    "pg_rewind --target-pgdata=pgdata --source-server=\"$CONNECTION\"",
    `rm -f ${rewindingNote}`, "sync .",
  ].join("\n")];
  return connected(input, "rewind", command, { ...from, database: "postgres" }, replication);
}

/** Where the WAL of rewound data ended, from what the job printed. */
export const endOfWalIn = (log: readonly string[]): Lsn | undefined =>
  log.map((line) => new RegExp(`${endOfWal} ([0-9A-F]+/[0-9A-F]+)`).exec(line)?.[1]).find((lsn) => lsn !== undefined);

/** How far a base backup says it is, from its last lines: "45%" or undefined. */
export const progressOf = (log: readonly string[]): string | undefined =>
  [...log.join("\n").matchAll(/(\d{1,3})%/g)].at(-1)?.[0];

const percentOf = (log: readonly string[]): number | undefined => {
  const progress = progressOf(log);
  return progress === undefined ? undefined : Number.parseInt(progress, 10);
};

export const hasFilledDisk = (log: readonly string[]): boolean => /no space left/i.test(log.join(" "));

/**
 * How far a job, or an attempt before it, came until the disk was full: in percent, 100 when it did not say. Undefined
 * once a job is further, or complete. So what is told of a full disk is steady while attempts come and go.
 */
export function fullAtOf({ labels, state, exitCode, log }: Pick<ContainerFacts, "labels" | "state" | "exitCode"> & { readonly log: readonly string[] }): number | undefined {
  const earlier = labels[label.fullAt] === undefined ? undefined : Number(labels[label.fullAt]);
  const hasEnded = state !== "running" && state !== "created";
  const percent = percentOf(log);
  if (hasEnded && exitCode === 0) return undefined;
  if (hasEnded && hasFilledDisk(log)) return Math.max(earlier ?? 0, percent ?? 100);
  return earlier !== undefined && (percent ?? 0) <= earlier ? earlier : undefined;
}
