/** Things that stand in the operator's way, as other people's containers, volumes and disks do. All carry the run's label. */
import { execFile } from "node:child_process";
import { chown, chmod, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type Docker from "dockerode";
import { label, labelsOf } from "../../src/api/names.ts";
import { dataDirectoryOf, mountPathOf, traitsOf } from "../../src/postgres/versions.ts";
import { namespace, type Cluster } from "./cluster.ts";
import type { Subject } from "./subject.ts";

const run = promisify(execFile);
const toolsImage = "pgrs/tools:latest";
const postgresImage = "pgrs/postgres:17";
const traits = traitsOf("17");
const postgresUser = 999;

/** A container of that name that only sleeps. */
export async function sleeperNamed({ docker, testLabels }: Cluster, name: string, host: Docker.HostConfig = {}, networking: Docker.EndpointsConfig = {}): Promise<Docker.Container> {
  const container = await docker.createContainer({
    name, Image: toolsImage, Entrypoint: ["sleep"], Cmd: ["3600"], Labels: { ...testLabels }, HostConfig: { Init: true, ...host }, NetworkingConfig: { EndpointsConfig: networking },
  });
  await container.start();
  return container;
}

export interface Occupied { readonly name: string; readonly prefix: string; readonly address: string; release(): Promise<void> }

/** A network of somebody else, with a container on it that has the address. */
export async function occupyAddress(cluster: Cluster, { network, prefix, host }: { readonly network: string; readonly prefix: string; readonly host: string }): Promise<Occupied> {
  const address = `${prefix}.${host}`;
  await cluster.docker.createNetwork({ Name: network, Labels: { ...cluster.testLabels }, IPAM: { Config: [{ Subnet: `${prefix}.0/24`, Gateway: `${prefix}.254` }] } });
  const holder = await sleeperNamed(cluster, `${network}_holder`, { NetworkMode: network }, { [network]: { IPAMConfig: { IPv4Address: address } } });
  return { name: network, prefix, address, release: async () => { await holder.remove({ force: true }); } };
}

/** The volume of a member, made beforehand with the operator's own labels, so that it is taken up; on a disk of its own where a path is given. */
export async function ownVolume(subject: Subject, ordinal: number, path?: string): Promise<void> {
  const { cluster, name } = subject;
  const { metadata: { uid } } = await subject.get();
  const labels = labelsOf({ installation: cluster.installation, namespace, name, uid }, "volume", { [label.ordinal]: String(ordinal), ...cluster.testLabels });
  await cluster.docker.createVolume({ Name: subject.volume(ordinal), Labels: { ...labels }, ...(path === undefined ? {} : { DriverOpts: { type: "none", o: "bind", device: path } }) });
}

/** Fills a member's volume with a cluster of another system identifier, and says which. */
export async function foreignDataIn(subject: Subject, ordinal: number): Promise<string> {
  const { cluster } = subject;
  const data = dataDirectoryOf(traits);
  const container = await cluster.docker.createContainer({
    Image: postgresImage, User: String(postgresUser), Entrypoint: ["sh", "-c"], Cmd: [`initdb -D ${data} -U postgres >&2 && pg_controldata ${data}`],
    Labels: { ...cluster.testLabels }, HostConfig: { NetworkMode: "none", Binds: [`${subject.volume(ordinal)}:${mountPathOf(traits)}`] },
  });
  await container.start();
  const { StatusCode: code } = await container.wait() as { StatusCode: number };
  const log = (await container.logs({ stdout: true, stderr: true })).toString("utf8");
  await container.remove();
  const identifier = /system identifier:\s+(\d+)/.exec(log)?.[1];
  if (code !== 0 || identifier === undefined) throw new Error(`initdb: ${log}`);
  return identifier;
}

export interface Disk { readonly path: string; grow(size: string): Promise<void>; close(): Promise<void> }

/** A disk of a few megabytes, in memory, which belongs to user postgres. */
export async function openSmallDisk({ home }: Cluster, size: string): Promise<Disk> {
  const path = join(home, "disk");
  await mkdir(path);
  await run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path]);
  await chown(path, postgresUser, postgresUser);
  await chmod(path, 0o700);
  return {
    path,
    grow: async (wanted) => { await run("mount", ["-o", `remount,size=${wanted}`, path]); },
    close: async () => {
      await run("umount", ["--lazy", path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}
