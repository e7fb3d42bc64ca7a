/** The one-shot containers that fill a volume: initdb, and pg_basebackup. Both work beside the data directory and move it in place when it is complete. */
import { hashOf, jobName, label, labelsOf, memberName, slotName, volumeName } from "../api/names.ts";
import type { ContainerFacts, File, ImageFacts } from "../ports.ts";
import { conninfo, pgpass } from "../postgres/conninfo.ts";
import { settlingArguments } from "../postgres/settings.ts";
import type { Action } from "./action.ts";
import type { Desired } from "./desired.ts";
import type { Login } from "./observation.ts";

export type JobKind = "initdb" | "basebackup";

// A failed job leaves no half-made copy behind: with a full disk that would keep it full.
const script = (mount: string, ...steps: readonly string[]): readonly string[] => ["sh", "-c", [
  "set -eu", `cd ${mount}`, "rm -rf pgdata.new", "trap '[ $? -eq 0 ] || rm -rf pgdata.new' EXIT", ...steps, "mv pgdata.new pgdata", "sync .",
].join("\n")];

export interface JobInput {
  readonly want: Desired;
  readonly ordinal: number;
  readonly image: ImageFacts;
  readonly attempt: number;
  /** How far an earlier attempt came before the disk was full, in percent. */
  readonly fullAt?: number | undefined;
  readonly because: string;
}

const containerOf = ({ want, ordinal, image, attempt, fullAt }: JobInput, kind: JobKind, command: readonly string[], network: string, address?: string) => ({
  name: jobName(want.owner, ordinal), image: image.id, hostname: `${memberName(want.owner.name, ordinal)}-${kind}`,
  command, environment: { PGDATA: want.dataDirectory, LC_ALL: "C" },
  labels: labelsOf(want.owner, "job", { [label.ordinal]: String(ordinal), [label.job]: kind, [label.attempt]: String(attempt), ...(fullAt === undefined ? {} : { [label.fullAt]: String(fullAt) }) }),
  mounts: [{ volume: volumeName(want.owner, ordinal), path: want.mount }],
  network, stopTimeoutSeconds: 10, ...(address === undefined ? {} : { address }),
});

/** initdb for the first primary. The superuser's password goes in by a file that the job removes. */
export function initdbJob(input: JobInput, superuser: Login): Action<"startJob"> {
  const { want, ordinal, because } = input;
  const { locale, dataChecksums } = want.spec.bootstrap.initdb;
  const checksums = dataChecksums ? "--data-checksums" : want.traits.number >= 180000 ? "--no-data-checksums" : "";
  const host = want.traits.passwordEncryption;
  const command = script(want.mount,
    `initdb -D pgdata.new -U postgres --pwfile=.superuser --auth-local=peer --auth-host=${host} --encoding=UTF8 --locale=${locale} ${checksums}`,
    "rm -f .superuser", ...settle(want));
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

/**
 * pg_basebackup for a standby, over the replication network, with the standby's own slot and address. Its
 * application_name is not the standby's: a copy streams WAL too, and must never count as a synchronous standby.
 */
export function basebackupJob(input: JobInput, from: { readonly host: string }, replication: Login): Action<"startJob"> {
  const { want, ordinal, because } = input;
  const passfile = passfileOf(replication);
  const connection = conninfo({
    host: from.host, port: 5432, user: replication.username, applicationName: `${memberName(want.owner.name, ordinal)}-basebackup`, passfile: `${want.mount}/${passfile.path}`,
  });
  const slot = want.spec.replication.slots && want.traits.number >= 90600 ? `--slot=${slotName(ordinal)}` : "";
  const command = script(want.mount, "mkdir -m 700 pgdata.new",
    `pg_basebackup --pgdata=pgdata.new --dbname="$CONNECTION" --wal-method=stream ${slot} --checkpoint=fast --no-password --progress`);
  const network = want.replicationNetwork ?? want.networks[0];
  const container = containerOf(input, "basebackup", command, network?.docker ?? "bridge", network?.addresses[ordinal]);
  return {
    kind: "startJob", lane: memberName(want.owner.name, ordinal), because, directory: want.mount, files: [passfile],
    container: { ...container, environment: { ...container.environment, CONNECTION: connection } },
  };
}

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
