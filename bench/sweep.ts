/** Removes what one run made on the Engine: all that carries its installation's label, and nothing else. */
import type Docker from "dockerode";
import { label } from "../src/api/names.ts";

export async function sweep(docker: Docker, installation: string): Promise<void> {
  const filters = { label: [`${label.installation}=${installation}`] };
  const containers = await docker.listContainers({ all: true, filters });
  await Promise.all(containers.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })));
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove();
  for (const { Name } of (await docker.listVolumes({ filters })).Volumes) await docker.getVolume(Name).remove();
}
