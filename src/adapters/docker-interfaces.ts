/**
 * What a container's network namespace shows, read from /sys and /proc, since stock images have no `ip`. Pure:
 * texts in, interfaces out. Source: Linux, Documentation/networking, and fib_trie(5) as the kernel prints it.
 */
import type { Interface } from "../ports.ts";

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
