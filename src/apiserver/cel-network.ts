/** The IP and CIDR libraries of Kubernetes' CEL: `ip()`, `isIP()`, `cidr()`, `isCIDR()` and their methods. */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import type { Environment } from "@marcbachmann/cel-js";

type Family = 4 | 6;
const bitsOf = (family: Family): number => (family === 4 ? 32 : 128);

/** An address as a number. IPv4 addresses written as IPv6 and zones are refused, as Kubernetes refuses them. */
export class IpAddress {
  readonly family: Family;
  readonly bits: bigint;
  constructor(family: Family, bits: bigint) {
    this.family = family;
    this.bits = bits;
  }
}

/** A network: an address and the length of its prefix. Bits beyond the prefix are kept until it is masked. */
export class CidrBlock {
  readonly address: IpAddress;
  readonly prefixLength: number;
  constructor(address: IpAddress, prefixLength: number) {
    this.address = address;
    this.prefixLength = prefixLength;
  }
}

const groupsOf = (text: string): readonly string[] => (text === "" ? [] : text.split(":"));

const ipv6Bits = (text: string): bigint => {
  const [head = "", tail] = text.split("::");
  const left = groupsOf(head);
  const right = groupsOf(tail ?? "");
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].reduce((bits, group) => bits << 16n | BigInt(`0x${group}`), 0n);
};

const parseIp = (text: string): IpAddress | undefined => {
  if (isIPv4(text)) return new IpAddress(4, text.split(".").reduce((bits, part) => bits << 8n | BigInt(part), 0n));
  // Dots in an IPv6 address are an IPv4 address in disguise; a percent sign begins a zone.
  if (!isIPv6(text) || text.includes(".") || text.includes("%")) return undefined;
  const bits = ipv6Bits(text);
  return bits >> 32n === 0xffffn ? undefined : new IpAddress(6, bits);
};

const parseCidr = (text: string): CidrBlock | undefined => {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  const address = match === null ? undefined : parseIp(match[1] ?? "");
  const length = Number(match?.[2]);
  return address === undefined || length > bitsOf(address.family) ? undefined : new CidrBlock(address, length);
};

const hexGroups = (bits: bigint): readonly string[] =>
  Array.from({ length: 8 }, (_, at) => (bits >> BigInt(112 - 16 * at) & 0xffffn).toString(16));

/** The longest run of zero groups becomes `::`, the first one when several are equal; one zero stays. */
const shortened = (groups: readonly string[]): string => {
  const runs = groups.map((_, start) => {
    const rest = groups.slice(start);
    const end = rest.findIndex((group) => group !== "0");
    return { start, length: end === -1 ? rest.length : end };
  });
  const best = runs.reduce((winner, run) => (run.length > winner.length ? run : winner), { start: 0, length: 1 });
  if (best.length < 2) return groups.join(":");
  return `${groups.slice(0, best.start).join(":")}::${groups.slice(best.start + best.length).join(":")}`;
};

export const printIp = ({ family, bits }: IpAddress): string => (family === 6 ? shortened(hexGroups(bits))
  : [24n, 16n, 8n, 0n].map((shift) => (bits >> shift & 0xffn).toString()).join("."));

export const printCidr = ({ address, prefixLength }: CidrBlock): string => `${printIp(address)}/${prefixLength}`;

const prefixOf = (address: IpAddress, length: number): bigint => address.bits >> BigInt(bitsOf(address.family) - length);

const contains = (block: CidrBlock, address: IpAddress): boolean =>
  block.address.family === address.family && prefixOf(block.address, block.prefixLength) === prefixOf(address, block.prefixLength);

const masked = ({ address, prefixLength }: CidrBlock): CidrBlock => {
  const host = BigInt(bitsOf(address.family) - prefixLength);
  return new CidrBlock(new IpAddress(address.family, address.bits >> host << host), prefixLength);
};

const ipOf = (text: string): IpAddress => {
  const address = parseIp(text);
  if (address === undefined) throw new Error(`IP Address "${text}" parse error during conversion from string`);
  return address;
};
const cidrOf = (text: string): CidrBlock => {
  const block = parseCidr(text);
  if (block === undefined) throw new Error(`CIDR "${text}" parse error during conversion from string`);
  return block;
};

const subnets = (...blocks: readonly string[]): BlockList => {
  const list = new BlockList();
  for (const block of blocks) {
    const [address = "", length] = block.split("/");
    list.addSubnet(address, Number(length), isIPv4(address) ? "ipv4" : "ipv6");
  }
  return list;
};
const ranges = {
  isUnspecified: subnets("0.0.0.0/32", "::/128"),
  isLoopback: subnets("127.0.0.0/8", "::1/128"),
  isLinkLocalMulticast: subnets("224.0.0.0/24", "ff02::/16"),
  isLinkLocalUnicast: subnets("169.254.0.0/16", "fe80::/10"),
};
const nonGlobal = subnets("0.0.0.0/32", "127.0.0.0/8", "224.0.0.0/4", "169.254.0.0/16", "255.255.255.255/32", "::/128", "::1/128", "ff00::/8", "fe80::/10");
const isIn = (list: BlockList, address: IpAddress): boolean => list.check(printIp(address), address.family === 4 ? "ipv4" : "ipv6");

class IpNamespace { readonly names = "ip"; }

const sync = { async: false };

/** Adds the libraries to an environment. */
export const registerNetwork = (environment: Environment): void => {
  environment.registerType("net.IP", IpAddress).registerType("net.CIDR", CidrBlock).registerType("net.Namespace", IpNamespace);
  const add = (signature: string, handler: (...values: never[]) => unknown) => environment.registerFunction(signature, handler, sync);
  environment.registerConstant("ip", "net.Namespace", new IpNamespace());
  add("ip(string): net.IP", ipOf);
  add("isIP(string): bool", (text: string) => parseIp(text) !== undefined);
  add("net.Namespace.isCanonical(string): bool", (_: IpNamespace, text: string) => printIp(ipOf(text)) === text);
  add("string(net.IP): string", printIp);
  add("net.IP.family(): int", (address: IpAddress) => BigInt(address.family));
  for (const [name, list] of Object.entries(ranges)) add(`net.IP.${name}(): bool`, (address: IpAddress) => isIn(list, address));
  add("net.IP.isGlobalUnicast(): bool", (address: IpAddress) => !isIn(nonGlobal, address));
  add("cidr(string): net.CIDR", cidrOf);
  add("isCIDR(string): bool", (text: string) => parseCidr(text) !== undefined);
  add("string(net.CIDR): string", printCidr);
  add("net.CIDR.containsIP(string): bool", (block: CidrBlock, text: string) => contains(block, ipOf(text)));
  add("net.CIDR.containsIP(net.IP): bool", contains);
  const within = (outer: CidrBlock, inner: CidrBlock) => outer.prefixLength <= inner.prefixLength && contains(outer, inner.address);
  add("net.CIDR.containsCIDR(string): bool", (outer: CidrBlock, text: string) => within(outer, cidrOf(text)));
  add("net.CIDR.containsCIDR(net.CIDR): bool", within);
  add("net.CIDR.ip(): net.IP", (block: CidrBlock) => block.address);
  add("net.CIDR.prefixLength(): int", (block: CidrBlock) => BigInt(block.prefixLength));
  add("net.CIDR.masked(): net.CIDR", masked);
  environment.registerOperator("net.IP == net.IP", (a: IpAddress, b: IpAddress) => a.family === b.family && a.bits === b.bits);
  environment.registerOperator("net.CIDR == net.CIDR", (a: CidrBlock, b: CidrBlock) => printCidr(a) === printCidr(b));
};
