/**
 * Real PostgreSQL servers for tests: on loopback, in a temporary directory, never as root, ended by their own
 * process id. POSTGRES_BIN_DIRECTORIES names program directories (separated by colons) besides the system's own.
 */
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { Client } from "pg";
import { lookSql, parseLook, type ServerFacts } from "../../src/postgres/look.ts";
import { memberConfiguration, type MemberConfiguration, type MemberInput } from "../../src/postgres/settings.ts";
import { traitsOf, versionOf, type Traits } from "../../src/postgres/versions.ts";

export const superuserPassword = "it's \\ a:secret";

const run = promisify(execFile);
const patienceMs = 60_000;

/** Looks again until it holds; what it last saw is the error. */
export async function eventually<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    let seen: T | undefined;
    let failure: unknown;
    try {
      seen = await look();
      if (holds(seen)) return seen;
    } catch (error) {
      failure = error;
    }
    if (Date.now() > deadline) throw new Error(`never came true; last seen: ${JSON.stringify(seen)?.slice(0, 4000)}`, { cause: failure });
    await pause(50);
  }
}

export interface Programs { readonly directory: string; readonly traits: Traits }

const versionIn = async (directory: string): Promise<string> => {
  const { stdout } = await run(join(directory, "postgres"), ["--version"], serverUser());
  const [, first = "", second = ""] = /(\d+)\.(\d+)/.exec(stdout) ?? [];
  return versionOf(Number(first) * 10_000 + (Number(first) < 10 ? Number(second) * 100 : 0));
};

/** The servers that this machine has. */
export async function programsHere(): Promise<Programs[]> {
  const system = "/usr/lib/postgresql";
  const own = existsSync(system) ? readdirSync(system).map((version) => join(system, version, "bin")) : [];
  const more = (process.env["POSTGRES_BIN_DIRECTORIES"] ?? "").split(":").filter((path) => path !== "");
  const directories = [...new Set([...own, ...more])].filter((path) => existsSync(join(path, "postgres")) && existsSync(join(path, "initdb")));
  return Promise.all(directories.map(async (directory) => ({ directory, traits: traitsOf(await versionIn(directory)) })));
}

// PostgreSQL refuses to run as root.
function serverUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync("/etc/passwd", "utf8").split("\n").map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ?? users.find(([name]) => name === "nobody");
  assert.ok(user !== undefined, "no user to run PostgreSQL as");
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await promisify(probe.close.bind(probe))();
  return port;
}

/** What a test says of a member; the rest is what every server here has in common. */
export type Wanted = Partial<Omit<MemberInput, "traits" | "dataDirectory">>;

/** One member's data directory and, when started, its server. */
export class TestServer {
  readonly programs: Programs;
  readonly name: string;
  readonly directory: string;
  readonly port: number;
  log = "";
  #child: ChildProcess | undefined;
  #clients: Client[] = [];

  constructor(programs: Programs, name: string, place: { directory: string; port: number }) {
    this.programs = programs;
    this.name = name;
    this.directory = place.directory;
    this.port = place.port;
  }

  get data(): string { return join(this.directory, "pgdata"); }
  get passfile(): string { return join(this.directory, "passfile"); }
  get traits(): Traits { return this.programs.traits; }

  static async create(programs: Programs, name: string): Promise<TestServer> {
    const directory = mkdtempSync(join(tmpdir(), "pgrs-test-"));
    const server = new TestServer(programs, name, { directory, port: await freePort() });
    server.own(directory);
    return server;
  }

  own(path: string): void {
    const { uid, gid } = serverUser();
    if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
  }

  write(path: string, text: string | Uint8Array): void {
    if (!existsSync(dirname(path))) { mkdirSync(dirname(path), { mode: 0o700 }); this.own(dirname(path)); }
    writeFileSync(path, text, { mode: 0o600 });
    this.own(path);
  }

  async program(name: string, args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await run(join(this.programs.directory, name), args, { ...serverUser(), cwd: this.directory, env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } });
    return stdout + stderr;
  }

  /** How a command ends that finds the server's programs in its path, as in a container. */
  async exitCodeOf([program = "", ...args]: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<number> {
    const child = spawn(program, args, { ...serverUser(), cwd: this.directory, stdio: ["ignore", "pipe", "pipe"], env: { PATH: `${this.programs.directory}:/usr/bin:/bin`, LC_ALL: "C", ...environment } });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => { this.log = (this.log + bytes.toString()).slice(-100_000); });
    const [code] = await once(child, "close") as [number | null];
    return code ?? -1;
  }

  async initdb(): Promise<void> {
    const pwfile = join(this.directory, "pwfile");
    this.write(pwfile, superuserPassword);
    await this.program("initdb", ["-D", this.data, "-U", "postgres", "--pwfile", pwfile, "-A", this.traits.passfile ? "scram-sha-256" : "md5", "-E", "UTF8", "--locale=C", "-N"]);
  }

  /** Runs statements in single-user mode, on a data directory without a recovery file. */
  async single(sql: string, args: readonly string[] = []): Promise<string> {
    const child = spawn(join(this.programs.directory, "postgres"), ["--single", "-D", this.data, ...args, "postgres"],
      { ...serverUser(), cwd: this.directory, stdio: ["pipe", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes: Buffer) => { output += bytes.toString(); });
    child.stdin.end(`${sql}\n`);
    const [code] = await once(child, "close") as [number | null];
    assert.equal(code, 0, output);
    return output;
  }

  /** The same data beside it; both have to be stopped. */
  async copy(name: string): Promise<TestServer> {
    const other = await TestServer.create(this.programs, name);
    await run("cp", ["-a", this.data, other.data]);
    return other;
  }

  configure(wanted: Wanted): MemberConfiguration {
    const configuration = memberConfiguration({
      traits: this.traits, member: this.name, dataDirectory: this.data, parameters: {}, hba: [], synchronousStandbyNames: "", epoch: 1,
      managementSubnets: ["127.0.0.1/32"], replicationSubnets: ["127.0.0.1/32"], clientSubnets: ["127.0.0.1/32"], ...wanted,
    });
    const local: Readonly<Record<string, string>> = { port: String(this.port), listen_addresses: "127.0.0.1", unix_socket_directories: this.directory };
    for (const [file, text] of Object.entries(configuration.files)) {
      this.write(join(this.data, file), text.replace(/^(port|listen_addresses|unix_socket_directories) = .*$/gm, (_, name: string) => `${name} = '${local[name] ?? ""}'`));
    }
    return configuration;
  }

  spawn(): ChildProcess {
    const args = ["-D", this.data, "-c", "fsync=off"];
    const child = spawn(join(this.programs.directory, "postgres"), args, { ...serverUser(), cwd: this.directory, stdio: ["ignore", "ignore", "pipe"], env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } });
    child.stderr.on("data", (bytes: Buffer) => { this.log = (this.log + bytes.toString()).slice(-100_000); });
    return this.#child = child;
  }

  async start(): Promise<void> {
    const child = this.spawn();
    try {
      await eventually(async () => {
        assert.equal(child.exitCode, null, this.log);
        return this.connect();
      }, () => true);
    } catch (error) {
      throw new Error(`${this.name} did not start: ${this.log}`, { cause: error });
    }
  }

  async connect(target: { user?: string; password?: string; database?: string } = {}): Promise<Client> {
    const client = new Client({ host: "127.0.0.1", port: this.port, user: "postgres", password: superuserPassword, database: "postgres", connectionTimeoutMillis: 5000, ...target });
    client.on("error", () => undefined); // a server that is stopped says so on idle connections
    await client.connect();
    this.#clients.push(client);
    return client;
  }

  async query(sql: string): Promise<Record<string, unknown>[]> {
    const client = this.#clients[0] ?? await this.connect();
    return (await client.query<Record<string, unknown>>(sql)).rows;
  }

  async look(roles: readonly string[] = []): Promise<ServerFacts> {
    const [row] = await this.query(lookSql(this.traits, { roles }));
    return parseLook(row?.["look"]);
  }

  /** Ends it without a word to its data: what lies there afterwards looks as after a crash. */
  async crash(): Promise<void> {
    await this.stop("SIGQUIT");
  }

  async stop(signal: "SIGINT" | "SIGQUIT" = "SIGINT"): Promise<void> {
    const clients = this.#clients;
    this.#clients = [];
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    const timer = setTimeout(() => { child.kill("SIGQUIT"); }, patienceMs);
    child.kill(signal);
    await gone;
    clearTimeout(timer);
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
