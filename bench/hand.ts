/**
 * What failover is measured against: a person's own script over the docker and psql command lines. It listens to
 * Docker's events, and when the primary dies it promotes the standby with more WAL, re-points the other, rewinds the
 * old primary and starts it again. It knows beforehand what is the matter, fences by what it was told, writes nothing
 * down, and never looks twice.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { testLabel } from "../test/e2e/engine.ts";
import { postgresVersion } from "./cluster.ts";
import { ordinals, othersThan, type Side } from "./side.ts";

const run = promisify(execFile);
const callMs = 60_000;

const data = "/var/lib/postgresql/data/pgdata";
const image = `pgrs/postgres:${postgresVersion}`;

export interface HandOptions {
  /** Names begin with it, and everything carries it as its label. */
  readonly id: string;
  /** The first two numbers of both networks. */
  readonly block: number;
  /** How long a frozen primary is watched before it is killed. */
  readonly detectionMs: () => number;
  /** Whether a dead primary is started again rather than replaced. */
  readonly restartsInPlace: () => boolean;
}

export interface ByHand extends Side {
  /** From now on commits do not wait for a standby. */
  waitForNobody(): Promise<void>;
}

interface Script extends HandOptions {
  readonly password: string;
  readonly name: (part: string | number) => string;
  readonly lan: (ordinal: number) => string;
  readonly segment: (ordinal: number) => string;
}

const docker = async (...args: readonly string[]): Promise<string> => (await run("docker", [...args], { timeout: callMs })).stdout.trim();

const psql = async ({ lan, password }: Script, ordinal: number, ...statements: readonly string[]): Promise<string> =>
  (await run("psql", ["-XqAt", "-v", "ON_ERROR_STOP=1", "-h", lan(ordinal), "-U", "postgres", "-d", "postgres", ...statements.flatMap((statement) => ["-c", statement])], {
    timeout: callMs, env: { ...process.env, PGPASSWORD: password, PGCONNECT_TIMEOUT: "5" },
  })).stdout.trim();

const upstreamOf = ({ segment, password, name }: Script, from: number, to: number): string =>
  `host=${segment(from)} user=postgres password=${password} dbname=postgres application_name=${name(to)}`;

/** A one-shot container on a member's volume. */
const oneShot = ({ id, name, segment, password }: Script, ordinal: number, command: string): Promise<string> => docker(
  "run", "--rm", "--label", `${testLabel}=${id}`, "--user", "999:999", "--network", name("2_repl"), "--ip", segment(ordinal), "-e", `PGPASSWORD=${password}`,
  "-v", `${name(ordinal)}:/var/lib/postgresql/data`, "--entrypoint", "bash", image, "-ec", command);

// In a file, not on the command line: the recovery that pg_rewind runs must keep as much WAL as the server itself does.
const settings: readonly string[] = [
  "shared_buffers = '128MB'", "listen_addresses = '*'", "wal_log_hints = 'on'", "max_wal_senders = '20'", "wal_keep_size = '256MB'", "wal_receiver_status_interval = '1s'", "wal_retrieve_retry_interval = '1s'",
];

/** On every member, so that a promoted one waits at once. */
const synchronousNames = ({ name }: Script): string => `ANY 1 (${ordinals.map((ordinal) => `"${name(ordinal)}"`).join(",")})`;

async function createMember(script: Script, ordinal: number): Promise<void> {
  const { id, name, lan, segment } = script;
  await docker("create", "--name", name(ordinal), "--label", `${testLabel}=${id}`, "--init", "--stop-signal", "SIGINT", "--user", "999:999",
    "-v", `${name(ordinal)}:/var/lib/postgresql/data`, image, "postgres", "-D", data);
  await docker("network", "connect", "--ip", lan(ordinal), name("1_lan"), name(ordinal));
  await docker("network", "connect", "--ip", segment(ordinal), name("2_repl"), name(ordinal));
}

async function setSynchronousNames(script: Script, names: string): Promise<void> {
  for (const ordinal of ordinals) await psql(script, ordinal, `alter system set synchronous_standby_names = '${names}'`, "select pg_reload_conf()");
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + callMs;
  while (!await holds().catch(() => false)) {
    if (performance.now() > deadline) throw new Error(`${what} did not come about`);
    await pause(50);
  }
}

const streamingOf = async (script: Script, primary: number): Promise<number> =>
  Number(await psql(script, primary, "select count(*) from pg_stat_replication where state = 'streaming'"));

/** Networks, volumes, initdb, two base backups, and three members that run. */
async function setUp(script: Script): Promise<void> {
  const { id, name, password, block } = script;
  const label = ["--label", `${testLabel}=${id}`];
  await docker("network", "create", ...label, "--subnet", `10.202.${String(2 * block)}.0/24`, "--gateway", `10.202.${String(2 * block)}.254`, name("1_lan"));
  await docker("network", "create", ...label, "--internal", "--subnet", `10.202.${String(2 * block + 1)}.0/24`, "--gateway", `10.202.${String(2 * block + 1)}.254`, name("2_repl"));
  for (const ordinal of ordinals) await docker("volume", "create", ...label, name(ordinal));
  await oneShot(script, 0, [
    `echo "$PGPASSWORD" > /tmp/superuser`, `initdb -D ${data} -U postgres --pwfile=/tmp/superuser --auth-local=peer --auth-host=scram-sha-256 --data-checksums`,
    `printf 'host all all all scram-sha-256\\nhost replication all all scram-sha-256\\n' >> ${data}/pg_hba.conf`,
    `cat >> ${data}/postgresql.auto.conf <<'END'\n${settings.join("\n")}\nEND`,
  ].join("\n"));
  await createMember(script, 0);
  await docker("start", name(0));
  await until("the first primary", async () => await psql(script, 0, "select pg_is_in_recovery()") === "f");
  await psql(script, 0, "set synchronous_commit = local", `create role app login password '${password}'`, "create database app owner app");
  for (const ordinal of othersThan(0)) {
    await oneShot(script, ordinal, `pg_basebackup -D ${data} -d '${upstreamOf(script, 0, ordinal)}' -R -X stream -c fast && chmod 700 ${data}`);
    await createMember(script, ordinal);
    await docker("start", name(ordinal));
  }
  await until("streaming", async () => await streamingOf(script, 0) === 2);
  await setSynchronousNames(script, synchronousNames(script));
}

/** More WAL first. */
const byWal = async (script: Script, candidates: readonly number[]): Promise<readonly number[]> => {
  const received = await Promise.all(candidates.map(async (ordinal) => ({ ordinal, bytes: Number(await psql(script, ordinal, "select pg_last_wal_receive_lsn() - '0/0'")) })));
  return received.toSorted((one, other) => other.bytes - one.bytes).map(({ ordinal }) => ordinal);
};

const repoint = async (script: Script, ordinal: number, primary: number): Promise<void> => {
  await psql(script, ordinal, `alter system set primary_conninfo = '${upstreamOf(script, primary, ordinal)}'`, "select pg_reload_conf()");
};

async function failOver(script: Script, from: number): Promise<number> {
  const [target = from, ...rest] = await byWal(script, othersThan(from));
  await psql(script, target, "select pg_promote(true, 10)");
  await Promise.all(rest.map((other) => repoint(script, other, target)));
  await oneShot(script, from, `pg_rewind --target-pgdata=${data} --source-server='${upstreamOf(script, target, from)}' --write-recovery-conf`);
  await docker("start", script.name(from));
  return target;
}

async function handOver(script: Script, from: number, to: number): Promise<void> {
  const { name } = script;
  await psql(script, from, `alter system set primary_conninfo = '${upstreamOf(script, to, from)}'`, "checkpoint");
  await docker("exec", name(from), "touch", `${data}/standby.signal`);
  await docker("stop", "--time", "60", name(from));
  await psql(script, to, "select pg_promote(true, 10)");
  await Promise.all(othersThan(from).filter((other) => other !== to).map((other) => repoint(script, other, to)));
  await docker("start", name(from));
}

/** Lines of docker events about the script's containers: "die NAME", "pause NAME". */
async function listen({ id }: Script, onEvent: (action: string, container: string) => void): Promise<ChildProcess> {
  const events = spawn("docker", ["events", "--filter", "type=container", "--filter", `label=${testLabel}=${id}`, "--format", "{{.Action}} {{.Actor.Attributes.name}}"], { stdio: ["ignore", "pipe", "inherit"] });
  createInterface({ input: events.stdout }).on("line", (line) => {
    const [action = "", container = ""] = line.split(" ");
    onEvent(action, container);
  });
  await once(events, "spawn");
  return events;
}

/** Sets the cluster up, and looks after it until it is closed. */
export async function byHand(options: HandOptions): Promise<ByHand> {
  const { id, block } = options;
  const script: Script = {
    ...options, password: randomBytes(18).toString("base64url"), name: (part) => `${id}_${String(part)}`,
    lan: (ordinal) => `10.202.${String(2 * block)}.${String(11 + ordinal)}`, segment: (ordinal) => `10.202.${String(2 * block + 1)}.${String(11 + ordinal)}`,
  };
  await setUp(script);
  let primary = 0;
  let work: Promise<unknown> = Promise.resolve();
  let isExpected = false;
  const events = await listen(script, (action, container) => {
    const isPrimary = container === script.name(primary);
    if (action === "pause" && isPrimary) work = pause(script.detectionMs()).then(() => docker("kill", container));
    if (action !== "die" || !isPrimary || isExpected) return;
    const from = primary;
    if (options.restartsInPlace()) {
      work = docker("start", container);
    } else {
      work = work.then(() => failOver(script, from)).then((target) => { primary = target; });
    }
    work.catch((error: unknown) => { console.log(`  the script gave up: ${String(error)}`); });
  });
  const hosts = ordinals.map(script.lan);
  return {
    hosts, containerOf: script.name,
    application: { hosts, user: "app", password: script.password, database: "app" },
    superuser: { hosts, user: "postgres", password: script.password, database: "postgres" },
    switchTo: async (to) => {
      const from = primary;
      isExpected = true;
      work = handOver(script, from, to).then(() => { primary = to; isExpected = false; });
      await work;
    },
    settled: async () => {
      await work;
      await until("streaming", async () => await streamingOf(script, primary) === 2);
    },
    waitForNobody: () => setSynchronousNames(script, ""),
    close: async () => {
      events.kill("SIGTERM");
      await once(events, "exit");
    },
  };
}
