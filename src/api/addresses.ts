/** IPv4 arithmetic for subnets and the fixed addresses in them. Addresses are text outside, numbers inside. */

/** The 32-bit number of `192.168.11.1`; undefined when it is no IPv4 address. */
export const parseAddress = (text: string): number | undefined => {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((number, part) => number * 256 + part, 0);
};

export const formatAddress = (number: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");

export interface Subnet {
  /** The network's own address. */
  readonly first: number;
  /** The broadcast address. */
  readonly last: number;
  readonly prefix: number;
}

/** The range of `10.10.0.0/24`; undefined when it is no subnet or has bits set behind the prefix. */
export const parseSubnet = (text: string): Subnet | undefined => {
  const [base = "", bits = ""] = text.split("/");
  const address = parseAddress(base);
  const prefix = /^\d{1,2}$/.test(bits) ? Number(bits) : 33;
  if (address === undefined || prefix > 32) return undefined;
  const size = 2 ** (32 - prefix);
  return address % size === 0 ? { first: address, last: address + size - 1, prefix } : undefined;
};

/** Whether a member may have the address: inside the subnet, and neither its first nor its last address. */
export const isUsable = (subnet: Subnet, address: number): boolean => address > subnet.first && address < subnet.last;

/** The highest address of a subnet that a host may have: where a bridge's own address is out of the members' way. */
export const lastUsable = (subnet: Subnet): string => formatAddress(subnet.last - 1);

export const overlap = (one: Subnet, other: Subnet): boolean => one.first <= other.last && other.first <= one.last;
