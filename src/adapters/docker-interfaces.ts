/**
 * What a container's network namespace shows, read from /sys and /proc, since stock images have no `ip`; and what was
 * read, kept until it changes. Source: Linux, Documentation/networking, and fib_trie(5) as the kernel prints it.
 */
import { Transient } from "../errors.ts";
import type { Clock, ContainerFacts, Engine, Interface } from "../ports.ts";

/** Prints the three texts with a line between them; `cat` of a file that a kernel lacks must not spoil the others. */
export const separator = "--pgrs--";
export const readingCommand: readonly string[] =
  ["sh", "-c", `grep . /sys/class/net/*/address; echo ${separator}; cat /proc/net/fib_trie; echo ${separator}; cat /proc/net/route`];

interface Route { readonly name: string; readonly network: number; readonly mask: number }

const addressNumber = (text: string): number => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);

// /proc/net/route has its numbers in the bytes' order of the machine, which is little-endian on all that Docker runs on.
const routeNumber = (hex: string): number => Number.parseInt(hex.replace(/(..)(..)(..)(..)/, "$4$3$2$1"), 16);

const macsOf = (text: string): ReadonlyMap<string, string> => new Map(
  [...text.matchAll(/^\/sys\/class\/net\/([^/]+)\/address:([0-9a-fA-F:]+)$/gm)].map(([, name = "", mac = ""]) => [name, mac.toLowerCase()]),
);

// A local address stands on a line of its own, and the next one says so.
const localAddresses = (text: string): readonly string[] =>
  [...new Set([...text.matchAll(/\|-- (\d+\.\d+\.\d+\.\d+)\n\s+\/32 host LOCAL/g)].map(([, address = ""]) => address))];

const connectedRoutes = (text: string): readonly Route[] => text.split("\n").slice(1).map((line) => line.split(/\s+/))
  .filter(([name, , gateway]) => name !== undefined && name !== "" && gateway === "00000000")
  .map(([name = "", network = "", , , , , , mask = ""]) => ({ name, network: routeNumber(network), mask: routeNumber(mask) }));

// Bitwise operators count in 32 signed bits; >>> 0 makes them unsigned again.
const holds = ({ network, mask }: Route, address: string): boolean => (addressNumber(address) & mask) >>> 0 === network;

const narrowest = (routes: readonly Route[], address: string): Route | undefined =>
  routes.filter((route) => holds(route, address)).sort((a, b) => b.mask - a.mask)[0];

/**
 * The NICs but the loopback. The trie tells which addresses are local and not whose, so an address belongs to the NIC
 * over which its neighbours are reached; within one container no two networks overlap.
 */
export const parseInterfaces = (text: string): readonly Interface[] => {
  const [addresses = "", trie = "", routes = ""] = text.split(`${separator}\n`);
  const connected = connectedRoutes(routes);
  const homes = localAddresses(trie).map((address) => ({ address, name: narrowest(connected, address)?.name }));
  return [...macsOf(addresses)].filter(([name]) => name !== "lo")
    .map(([name, mac]) => ({ name, mac, addresses: homes.filter((home) => home.name === name).map(({ address }) => address).sort() }))
    .sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
};

interface Kept { readonly stamp: string; readonly at: number; readonly interfaces: readonly Interface[] }

export interface InterfaceReader {
  readonly interfaces: Engine["interfaces"];
  /** A container's NICs were changed in a way that its facts do not show. */
  readonly changed: (id: string) => void;
}

const containersKept = 1024;

// What was noted longest ago goes first.
const note = <T>(map: Map<string, T>, id: string, value: T): void => {
  map.delete(id);
  map.set(id, value);
  const oldest = map.size > containersKept ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
};

/** Reads a container's NICs once for each start and each change that is known of. A reading costs an exec. */
export const interfaceReader = (exec: Engine["exec"], clock: Clock): InterfaceReader => {
  const kept = new Map<string, Kept>();
  const changes = new Map<string, number>();
  const stampOf = ({ id, startedAt, endpoints }: ContainerFacts): string => JSON.stringify([startedAt, endpoints, changes.get(id) ?? 0]);

  const interfaces: Engine["interfaces"] = async (container, { maxAgeMs = Number.POSITIVE_INFINITY }, signal) => {
    // Stamped before it is read: a change in between leaves a stamp that nobody asks for.
    const stamp = stampOf(container);
    const at = clock.now();
    const before = kept.get(container.id);
    if (before?.stamp === stamp && at - before.at < maxAgeMs) return before.interfaces;
    const { output } = await exec(container.id, readingCommand, "", signal);
    if (!output.includes(separator)) throw new Transient(`read the NICs of ${container.name}: ${output.slice(0, 200).trim()}`);
    const read = parseInterfaces(output);
    note(kept, container.id, { stamp, at, interfaces: read });
    return read;
  };

  return { interfaces, changed: (id) => note(changes, id, (changes.get(id) ?? 0) + 1) };
};
