/**
 * Networks, volumes and NICs. "Attached" means that the wanted address is the one in use (or, while the container
 * does not run, the one recorded): a recorded endpoint alone proves nothing, since a failed attach leaves one behind.
 */
import type Docker from "dockerode";
import { reason } from "../api/conditions.ts";
import { Conflict, Terminal, Transient } from "../errors.ts";
import type { Engine, NetworkSpec, Nic } from "../ports.ts";
import { endpointBody, networkBody, nicNameOption, type Abilities } from "./docker-bodies.ts";
import type { Calls } from "./docker-calls.ts";
import { inspectContainer, orAbsent, ownedBy, takenName } from "./docker-containers.ts";
import { answered } from "./docker-errors.ts";
import { networkFacts, rawEndpoints, volumeFacts } from "./docker-facts.ts";

type Networks = Pick<Engine, "networksOf" | "network" | "createNetwork" | "removeNetwork" | "attach" | "detach">;
type Volumes = Pick<Engine, "volumesOf" | "volume" | "createVolume" | "removeVolume">;

/** Calls of dockerode's that take a signal, which their types do not tell. */
interface SignalledNetwork {
  inspect(options: { abortSignal: AbortSignal }): Promise<Docker.NetworkInspectInfo>;
  remove(options: { abortSignal: AbortSignal }): Promise<unknown>;
  connect(options: Docker.NetworkConnectOptions & { abortSignal: AbortSignal }): Promise<unknown>;
  disconnect(options: { Container: string; Force?: boolean; abortSignal: AbortSignal }): Promise<unknown>;
}
const networkNamed = (docker: Docker, name: string): SignalledNetwork => docker.getNetwork(encodeURIComponent(name));

/** A network by its name alone: the Engine would take the beginning of an id as well. */
export const inspectNetwork = async (docker: Docker, name: string, abortSignal: AbortSignal): Promise<Docker.NetworkInspectInfo | undefined> => {
  const found = await orAbsent(networkNamed(docker, name).inspect({ abortSignal }), /network .*not found|no such network/i);
  return found?.Name === name || found?.Id === name ? found : undefined;
};

const createNetwork = async (docker: Docker, spec: NetworkSpec, abortSignal: AbortSignal): Promise<void> => {
  try {
    await docker.createNetwork({ ...networkBody(spec), abortSignal });
  } catch (error) {
    if (!answered(error, 409, /already exists/)) throw error;
    const found = await inspectNetwork(docker, spec.name, abortSignal);
    if (found === undefined) throw new Conflict(`create network ${spec.name}: one of that name was just removed`, { cause: error });
    const taken = takenName(`create network ${spec.name}`, spec.labels, found.Labels ?? {});
    if (taken !== undefined) throw taken;
  }
};

// Success when it is not connected, be it that the container or the network is gone.
const disconnect = async (docker: Docker, container: string, network: string, abortSignal: AbortSignal): Promise<void> => {
  try {
    await networkNamed(docker, network).disconnect({ Container: container, abortSignal });
  } catch (error) {
    if (!answered(error, 404) && !/is not connected to/.test(String(error))) throw error;
  }
};

interface Place { readonly docker: Docker; readonly container: string; readonly nic: Nic; readonly abortSignal: AbortSignal }

interface Attachment { readonly state: "none" | "right" | "wrong"; readonly isRunning: boolean }

const attachmentOf = async ({ docker, container, nic, abortSignal }: Place, { namesNics }: Pick<Abilities, "namesNics">): Promise<Attachment> => {
  const [info, network] = await Promise.all([inspectContainer(docker, container, abortSignal), inspectNetwork(docker, nic.network, abortSignal)]);
  if (info === undefined) throw new Conflict(`attach ${container} to ${nic.network}: the container is gone`);
  if (network === undefined) throw new Conflict(`attach ${container} to ${nic.network}: the network ${nic.network} is gone`, { reason: reason.NetworkMissing });
  const endpoint = rawEndpoints(info)[nic.network];
  const isRunning = info.State.Running;
  if (endpoint === undefined) return { state: "none", isRunning };
  const recorded = endpoint.IPAMConfig?.IPv4Address ?? "";
  const used = endpoint.IPAddress ?? "";
  const address = nic.address === undefined
    ? recorded === "" && (!isRunning || used !== "")
    : recorded === nic.address && (!isRunning || used === nic.address);
  const named = !namesNics || endpoint.DriverOpts?.[nicNameOption] === nic.interfaceName;
  // A network made anew under an old name has another id, and the container's next start would miss the old one.
  const sameNetwork = (endpoint.NetworkID ?? "") === "" || endpoint.NetworkID === network.Id;
  return { state: address && named && sameNetwork ? "right" : "wrong", isRunning };
};

const connect = async (place: Place, abilities: Pick<Abilities, "namesNics">): Promise<void> => {
  const { docker, container, nic, abortSignal } = place;
  try {
    await networkNamed(docker, nic.network).connect({ Container: container, EndpointConfig: endpointBody(nic, abilities), abortSignal });
  } catch (error) {
    if (answered(error, 403, /endpoint with name .* already exists/)) return;
    // A failed attach can leave an endpoint that looks connected, with a stray NIC in the container.
    await disconnect(docker, container, nic.network, abortSignal).catch(() => undefined);
    throw error;
  }
};

/** The names of the interfaces in a running container. */
export type NamesIn = (container: string, signal: AbortSignal) => Promise<readonly string[]>;

// The Engine would fail, and yet record the endpoint as connected with its address, for as long as the container runs.
const requireFreeName = async ({ container, nic, abortSignal }: Place, namesIn: NamesIn): Promise<void> => {
  if (!(await namesIn(container, abortSignal)).includes(nic.interfaceName)) return;
  throw new Conflict(`attach ${container} to ${nic.network}: the container has an interface ${nic.interfaceName} already; detach that one, or restart the member`, { reason: reason.NameMismatch });
};

const attach = async (place: Place, abilities: Pick<Abilities, "namesNics">, namesIn: NamesIn): Promise<void> => {
  const { docker, container, nic, abortSignal } = place;
  const { state, isRunning } = await attachmentOf(place, abilities);
  if (state === "right") return;
  // On a stopped container, connecting to a network already recorded answers 200 and changes nothing.
  if (state === "wrong") await disconnect(docker, container, nic.network, abortSignal);
  if (isRunning && abilities.namesNics) await requireFreeName(place, namesIn);
  await connect(place, abilities);
  if ((await attachmentOf(place, abilities)).state !== "right") {
    throw new Transient(`attach ${container} to ${nic.network}: the Engine took the request, and yet the address ${nic.address ?? ""} is not in use`, { reason: reason.DriftRepairing });
  }
};

interface Helpers { readonly abilities: (signal: AbortSignal) => Promise<Pick<Abilities, "namesNics">>; readonly namesIn: NamesIn }

export const networkCalls = ({ call }: Calls, { abilities, namesIn }: Helpers): Networks => ({
  networksOf: (owner, signal) => call(`list the networks of ${owner.namespace}/${owner.name}`, signal, async (docker, abortSignal) => {
    const listed = await docker.listNetworks({ filters: { ...ownedBy(owner) }, abortSignal });
    // The list leaves out who is attached.
    const infos = await Promise.all(listed.map(({ Id }) => inspectNetwork(docker, Id, abortSignal)));
    return infos.filter((info) => info !== undefined).map(networkFacts).sort((a, b) => a.name.localeCompare(b.name));
  }, { read: true }),

  network: (name, signal) => call(`look at network ${name}`, signal, async (docker, abortSignal) => {
    const info = await inspectNetwork(docker, name, abortSignal);
    return info && networkFacts(info);
  }, { read: true }),

  createNetwork: (spec, signal) => call(`create network ${spec.name}`, signal, (docker, abortSignal) => createNetwork(docker, spec, abortSignal)),

  removeNetwork: (name, signal) => call(`remove network ${name}`, signal, async (docker, abortSignal) => {
    await orAbsent(networkNamed(docker, name).remove({ abortSignal }), /network .*not found|no such network/i);
  }),

  attach: async (container, nic, signal) => {
    const able = await abilities(signal);
    await call(`attach ${container} to ${nic.network}`, signal, (docker, abortSignal) => attach({ docker, container, nic, abortSignal }, able, namesIn));
  },

  detach: (container, network, signal) => call(`detach ${container} from ${network}`, signal,
    (docker, abortSignal) => disconnect(docker, container, network, abortSignal)),
});

export const volumeCalls = ({ call }: Calls): Volumes => ({
  volumesOf: (owner, signal) => call(`list the volumes of ${owner.namespace}/${owner.name}`, signal, async (docker, abortSignal) => {
    const { Volumes } = await docker.listVolumes({ filters: { ...ownedBy(owner) }, abortSignal });
    return (Volumes ?? []).map(volumeFacts).sort((a, b) => a.name.localeCompare(b.name));
  }, { read: true }),

  volume: (name, signal) => call(`look at volume ${name}`, signal, async (docker, abortSignal) => {
    const info = await orAbsent(docker.getVolume(encodeURIComponent(name)).inspect({ abortSignal }), /no such volume/i);
    return info && volumeFacts(info);
  }, { read: true }),

  createVolume: (name, labels, signal) => call(`create volume ${name}`, signal, async (docker, abortSignal) => {
    // Of a name that is there, the Engine answers 201 and changes nothing.
    await docker.createVolume({ Name: name, Labels: { ...labels }, abortSignal });
    const found = await docker.getVolume(encodeURIComponent(name)).inspect({ abortSignal });
    const taken = takenName(`create volume ${name}`, labels, volumeFacts(found).labels);
    // One that an earlier resource of this name left has other labels, and is taken up again.
    if (taken instanceof Terminal) throw taken;
  }),

  removeVolume: (name, signal) => call(`remove volume ${name}`, signal, async (docker, abortSignal) => {
    await orAbsent(docker.getVolume(encodeURIComponent(name)).remove({ abortSignal }), /no such volume/i);
  }),
});
