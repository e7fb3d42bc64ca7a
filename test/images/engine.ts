/** Containers for the image tests: short-lived, restricted like a member, labelled so that a sweep finds them. */
import { randomUUID } from "node:crypto";
import Docker from "dockerode";

export const docker = new Docker();
const runId = randomUUID().slice(0, 8);
export const labels: Readonly<Record<string, string>> = { "pgrs.test": `images-${runId}` };

/** What a member's container is allowed: a plain user, no capability, no way to get one. */
const restricted = { Init: true, CapDrop: ["ALL"], SecurityOpt: ["no-new-privileges"] };

interface Job {
  readonly image: string;
  readonly command: readonly string[];
  readonly volume?: string;
  readonly network?: string;
  readonly environment?: readonly string[];
}

const create = ({ image, command, volume, network, environment = [] }: Job): Promise<Docker.Container> => docker.createContainer({
  Image: image, User: "999:999", Cmd: [...command], Env: [...environment], Labels: labels, StopTimeout: 60,
  HostConfig: { ...restricted, NetworkMode: network ?? "none", ...(volume === undefined ? {} : { Binds: [`${volume}:/var/lib/postgresql/data`] }) },
});

const text = async (container: Docker.Container): Promise<string> => {
  const raw = await container.logs({ stdout: true, stderr: true });
  let out = "";
  for (let at = 0; at + 8 <= raw.length; at += 8 + raw.readUInt32BE(at + 4)) out += raw.toString("utf8", at + 8, at + 8 + raw.readUInt32BE(at + 4));
  return out;
};

/** Runs a command to its end and gives what it printed; a failure carries that. */
export const runToEnd = async (job: Job): Promise<string> => {
  const container = await create(job);
  try {
    await container.start();
    const { StatusCode: code } = await container.wait() as { readonly StatusCode: number };
    const printed = await text(container);
    if (code !== 0) throw new Error(`${job.command.join(" ")} exited with ${String(code)}: ${printed}`);
    return printed;
  } finally {
    await container.remove({ force: true, v: true });
  }
};

export interface Server { readonly container: Docker.Container; readonly address: string; stop(): Promise<number> }

/** Starts the image's own command on a volume; `stop` gives the exit code after the image's own stop signal. */
export const startServer = async (job: Job): Promise<Server> => {
  const container = await create(job);
  await container.start();
  const { NetworkSettings } = await container.inspect();
  return {
    container, address: NetworkSettings.Networks[job.network ?? ""]?.IPAddress ?? "",
    stop: async () => { await container.stop(); return (await container.inspect()).State.ExitCode; },
  };
};

/** Removes all that this run made. */
export const sweep = async (): Promise<void> => {
  const filters = { label: [`pgrs.test=images-${runId}`] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) await docker.getContainer(Id).remove({ force: true, v: true });
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove();
  for (const { Name } of (await docker.listVolumes({ filters })).Volumes) await docker.getVolume(Name).remove();
};
