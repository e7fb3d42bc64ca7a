/** Networks and NICs of the simulated Engine, with the manners of real ones: addresses, overlaps, names of NICs. */
import { formatAddress, overlap, parseAddress, parseSubnet } from "../../src/api/addresses.ts";
import { isOurs } from "../../src/api/names.ts";
import { Conflict, Terminal } from "../../src/errors.ts";
import type { MovingAddress, NetworkFacts, NetworkSpec, Nic, Engine } from "../../src/ports.ts";
import { addressOn, containerNamed, isAlive, serialOf, type Model, type SimContainer, type SimEndpoint, type SimNetwork } from "./model.ts";
import type { Sync } from "./calls.ts";

type Networks = Pick<Sync<Engine>, "networksOf" | "network" | "createNetwork" | "removeNetwork" | "attach" | "detach" | "addAddress" | "removeAddress" | "interfaces">;

/** The network over which the Engine's host reaches containers. */
export const bridge: SimNetwork = { id: "bridge", name: "bridge", driver: "bridge", subnet: "172.17.0.0/16", gateway: "172.17.0.1", internal: false, labels: {} };

const attachedTo = (model: Model, network: SimNetwork): readonly { readonly container: string; readonly address: string }[] =>
  [...model.containers.values()].flatMap((container) => {
    const address = addressOn(model, container, network.name);
    return address === undefined ? [] : [{ container: container.spec.name, address }];
  });

export const networkFacts = (model: Model, network: SimNetwork): NetworkFacts => {
  const { name, id, driver, subnet, gateway, internal, labels } = network;
  return { name, id, driver, subnet, gateway, internal, labels, attached: attachedTo(model, network) };
};

const isTaken = (model: Model, network: SimNetwork, address: string, by: SimContainer): boolean =>
  address === network.gateway || attachedTo(model, network).some((other) => other.address === address && other.container !== by.spec.name);

function freeAddress(model: Model, network: SimNetwork, by: SimContainer): string {
  const first = parseSubnet(network.subnet)?.first ?? 0;
  for (let offset = 2; ; offset += 1) {
    const address = formatAddress(first + offset);
    if (!isTaken(model, network, address, by)) return address;
  }
}

/** Puts an endpoint to use; the Engine's words when it can't. */
function connect(model: Model, container: SimContainer, endpoint: SimEndpoint): string | undefined {
  const network = model.networks.get(endpoint.network);
  if (network === undefined || network.id !== endpoint.networkId) return `network ${endpoint.networkId} not found`;
  if (endpoint.wanted !== "" && isTaken(model, network, endpoint.wanted, container)) return "Address already in use";
  endpoint.added = [];
  endpoint.address = endpoint.wanted === "" ? freeAddress(model, network, container) : endpoint.wanted;
  const isNamed = model.namesNics && endpoint.interfaceName !== "";
  endpoint.nicName = isNamed ? endpoint.interfaceName : `eth${container.nics}`;
  container.nics += 1;
  endpoint.mac = isNamed && endpoint.wantedMac !== "" ? endpoint.wantedMac : `02:42:${(parseAddress(endpoint.address) ?? 0).toString(16).padStart(8, "0").replace(/(..)(?=.)/g, "$1:")}`;
  return undefined;
}

/** Connects all endpoints of a container that starts, in the order in which an old Engine counts them. */
export function connectAll(model: Model, container: SimContainer): string | undefined {
  const isLast = ({ network }: SimEndpoint): number => model.networks.get(network)?.internal === true ? 1 : 0;
  const order = [...container.endpoints.values()].sort((one, other) => isLast(one) - isLast(other) || (one.network < other.network ? -1 : 1));
  for (const endpoint of order) {
    const refusal = connect(model, container, endpoint);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

export const endpointFor = (model: Model, network: string, { address = "", interfaceName, mac }: Pick<Nic, "address" | "interfaceName" | "mac">): SimEndpoint =>
  ({ network, networkId: model.networks.get(network)?.id ?? "", wanted: address, interfaceName, wantedMac: mac, address: "", mac: "", nicName: "", added: [] });

function create(model: Model, spec: NetworkSpec): void {
  const found = model.networks.get(spec.name);
  if (found !== undefined) {
    if (isOursLike(spec.labels, found.labels)) return;
    throw new Terminal(`create network ${spec.name}: the name is taken by something that is not ours`, { reason: "NameTaken" });
  }
  if (spec.parent?.startsWith("missing") === true) throw new Terminal(`create network ${spec.name}: parent interface ${spec.parent} does not exist`, { reason: "ParentMissing" });
  const range = parseSubnet(spec.subnet);
  const other = [...model.networks.values()].find(({ subnet }) => {
    const theirs = parseSubnet(subnet);
    return range !== undefined && theirs !== undefined && overlap(range, theirs);
  });
  if (other !== undefined) throw new Terminal(`create network ${spec.name}: the subnet overlaps with ${other.name}`, { reason: "SubnetOverlap" });
  model.networks.set(spec.name, { ...spec, id: serialOf(model) });
  model.onEvent("network create", spec.labels);
}

/** Whether a thing carries the same owner as what was to be made. */
export const isOursLike = (wanted: Readonly<Record<string, string>>, found: Readonly<Record<string, string>>): boolean =>
  isOurs({ installation: wanted["pgrs.dev/installation"] ?? "", namespace: wanted["pgrs.dev/namespace"] ?? "", name: wanted["pgrs.dev/name"] ?? "" }, found);

/** Takes a NIC from a container, whoever asks for it. */
export function disconnect(model: Model, container: SimContainer, network: string): void {
  if (container.endpoints.delete(network)) model.onEvent("network disconnect", container.spec.labels);
}

function attach(model: Model, id: string, nic: Nic): void {
  const container = containerNamed(model, id);
  if (container === undefined) throw new Conflict(`attach ${id}: the container is gone`);
  if (!model.networks.has(nic.network)) throw new Conflict(`attach ${container.spec.name} to ${nic.network}: the network is gone`, { reason: "NetworkMissing" });
  const endpoint = endpointFor(model, nic.network, nic);
  container.endpoints.delete(nic.network);
  if (isAlive(container)) {
    const refusal = connect(model, container, endpoint);
    if (refusal !== undefined) throw new Terminal(`attach ${container.spec.name} to ${nic.network}: ${refusal}`, { reason: "AddressConflict" });
  }
  container.endpoints.set(nic.network, endpoint);
  model.onEvent("network connect", container.spec.labels);
}

/** The NIC of a running container; undefined where there is none of that name. */
const nicOf = (model: Model, id: string, { interfaceName }: MovingAddress): SimEndpoint | undefined =>
  [...containerNamed(model, id)?.endpoints.values() ?? []].find(({ address, nicName }) => address !== "" && nicName === interfaceName);

function addAddress(model: Model, id: string, moving: MovingAddress): void {
  const endpoint = nicOf(model, id, moving);
  if (endpoint === undefined) throw new Conflict(`put ${moving.address} on ${moving.interfaceName} of ${id}: the container does not run just now, or has no such interface`);
  endpoint.added = [...new Set([...endpoint.added, moving.address])].sort();
}

export const networkCalls = (model: Model): Networks => ({
  networksOf: (owner) => [...model.networks.values()].filter(({ labels }) => isOurs(owner, labels)).map((network) => networkFacts(model, network)),
  network: (name) => {
    const found = model.networks.get(name);
    return found && networkFacts(model, found);
  },
  createNetwork: (spec) => create(model, spec),
  removeNetwork: (name) => {
    const found = model.networks.get(name);
    if (found === undefined) return;
    if (attachedTo(model, found).length > 0) throw new Conflict(`remove network ${name}: containers are still attached to the network`);
    model.networks.delete(name);
  },
  attach: (container, nic) => attach(model, container, nic),
  detach: (id, network) => {
    const container = containerNamed(model, id);
    if (container !== undefined) disconnect(model, container, network);
  },
  addAddress: (id, moving) => addAddress(model, id, moving),
  removeAddress: (id, moving) => {
    const endpoint = nicOf(model, id, moving);
    if (endpoint !== undefined) endpoint.added = endpoint.added.filter((one) => one !== moving.address);
  },
  interfaces: ({ id }) => [...containerNamed(model, id)?.endpoints.values() ?? []].filter(({ address }) => address !== "").map(({ nicName, mac, address, added }) => ({ name: nicName, mac, addresses: [address, ...added].sort() })),
});
