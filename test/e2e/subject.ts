/** One PostgresReplicaSet under test: what the API server says of it, what the Engine has of it, and its servers' answers. */
import type Docker from "dockerode";
import { containerName, label, volumeName } from "../../src/api/names.ts";
import type { Resource } from "../../src/api/resource.ts";
import { demultiplex } from "../../src/adapters/docker-exec.ts";
import { namespace, type Cluster } from "./cluster.ts";
import { eventually, type Objection } from "./eventually.ts";
import { checkAlive } from "./program.ts";

/** A state to be in: an objection while it is not reached. */
export type Check = (subject: Subject) => Promise<Objection>;

export interface Holdings { readonly containers: readonly string[]; readonly volumes: readonly string[]; readonly networks: readonly string[] }

export interface Subject {
  readonly cluster: Cluster;
  readonly name: string;
  /** The resource; throws when it is not there. */
  get(): Promise<Resource>;
  container(ordinal: number): string;
  volume(ordinal: number): string;
  inspect(ordinal: number): Promise<Docker.ContainerInspectInfo>;
  /** Runs psql inside the member, as the superuser over its own socket. */
  sql(ordinal: number, statement: string, database?: string): Promise<string>;
  /** All that carries this resource's labels, by name. */
  holdings(): Promise<Holdings>;
  /** Waits until all checks hold at once. */
  becomes(checks: Check | readonly Check[], withinSeconds?: number): Promise<void>;
}

const execSeconds = 30;

/** Runs a program in a container as user postgres, and throws its words when it fails. */
export async function execIn(docker: Docker, container: string, command: readonly string[]): Promise<string> {
  const exec = await docker.getContainer(container).exec({ Cmd: [...command], User: "999", AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({});
  const limit = setTimeout(() => { stream.destroy(new Error(`${container}: ${command.join(" ")} did not end within ${String(execSeconds)} s`)); }, execSeconds * 1_000);
  try {
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    const output = demultiplex(Buffer.concat(parts)).payload.toString("utf8").trim();
    const { ExitCode: code } = await exec.inspect();
    if (code !== 0) throw new Error(`${container}: ${output}`);
    return output;
  } finally {
    clearTimeout(limit);
  }
}

const reachSeconds = 120;

export function subjectOf(cluster: Cluster, name: string): Subject {
  const key = { namespace, name };
  const filters = { label: [`${label.installation}=${cluster.installation}`, `${label.name}=${name}`] };
  const get = async (): Promise<Resource> => {
    const found = await cluster.resource(name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };
  const subject: Subject = {
    cluster, name, get,
    container: (ordinal) => containerName(key, ordinal),
    volume: (ordinal) => volumeName(key, ordinal),
    inspect: (ordinal) => cluster.docker.getContainer(containerName(key, ordinal)).inspect(),
    sql: (ordinal, statement, database = "postgres") =>
      execIn(cluster.docker, containerName(key, ordinal), ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database, "-c", statement]),
    holdings: async () => {
      const [containers, volumes, networks] = await Promise.all([
        cluster.docker.listContainers({ all: true, filters }), cluster.docker.listVolumes({ filters }), cluster.docker.listNetworks({ filters }),
      ]);
      return {
        containers: containers.map(({ Names }) => (Names[0] ?? "").replace("/", "")).sort(),
        volumes: (volumes.Volumes ?? []).map(({ Name }) => Name).sort(), networks: networks.map(({ Name }) => Name).sort(),
      };
    },
    becomes: async (checks, withinSeconds = reachSeconds) => {
      const all = typeof checks === "function" ? [checks] : checks;
      await eventually(name, async () => {
        await checkAlive(cluster.program);
        for (const check of all) {
          const objection = await check(subject);
          if (objection !== undefined) return objection;
        }
        return undefined;
      }, withinSeconds);
    },
  };
  return subject;
}
