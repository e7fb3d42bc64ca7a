/**
 * What a spec must hold beyond the types: each row is the rule as the API server checks it (CEL), the sentence people
 * read, and the same check for the operator, because an object can be older than a rule and a server can lack CEL.
 * Rows without `rule` are beyond CEL (address arithmetic); the operator alone checks them.
 */
import type { Rule } from "../schema/types.ts";
import { formatAddress, isUsable, lastUsable, parseAddress, parseSubnet } from "./addresses.ts";

export interface NetworkSpec {
  readonly name: string; readonly interfaceName: string;
  readonly purpose: "Client" | "Replication" | "Other";
  readonly driver: "bridge" | "macvlan" | "ipvlan" | "external";
  readonly parent?: string; readonly externalName?: string; readonly subnet?: string; readonly gateway?: string;
  readonly addresses?: readonly string[];
  readonly addressPool?: { readonly start: string; readonly size: number };
  readonly primaryAddress?: string;
}

interface RuledSpec {
  readonly replicas: number;
  readonly networks: readonly NetworkSpec[];
  readonly replication: { readonly mode: string; readonly minSync: number };
  readonly postgres: { readonly version: string; readonly parameters: Readonly<Record<string, string>> };
}

/** A check that both the API server and the operator make. */
export interface Check<T> { readonly rule?: string; readonly message: string; readonly field?: string; readonly holds: (value: T) => boolean }

/** The rows that CEL can say, as `x-kubernetes-validations`. */
export const celOf = <T>(checks: readonly Check<T>[]): readonly Rule[] =>
  checks.flatMap(({ rule, message, field }) => rule === undefined ? [] : [{ rule, message, ...(field === undefined ? {} : { fieldPath: field }) }]);

type Pool = NonNullable<NetworkSpec["addressPool"]>;
const pools = new WeakMap<Pool, readonly string[] | undefined>();

function addressesIn(pool: Pool): readonly string[] | undefined {
  if (pools.has(pool)) return pools.get(pool);
  const start = parseAddress(pool.start);
  const all = start === undefined ? undefined : Array.from({ length: pool.size }, (_, ordinal) => formatAddress(start + ordinal));
  pools.set(pool, all);
  return all;
}

/** The addresses that a network's spec names for ordinals 0, 1, ...; undefined where the spec names none. */
export const namedAddresses = ({ addresses, addressPool }: NetworkSpec): readonly string[] | undefined =>
  addresses ?? (addressPool === undefined ? undefined : addressesIn(addressPool));

const isInside = (subnet: string | undefined, address: string): boolean => {
  const range = subnet === undefined ? undefined : parseSubnet(subnet);
  const number = parseAddress(address);
  return range === undefined || (number !== undefined && isUsable(range, number));
};

const isUnique = (values: readonly unknown[]): boolean => new Set(values).size === values.length;
const needsParent = ({ driver }: NetworkSpec): boolean => driver === "macvlan" || driver === "ipvlan";

export const networkRules: readonly Check<NetworkSpec>[] = [
  { rule: "self.interfaceName != 'eth0'", field: ".interfaceName", holds: (n) => n.interfaceName !== "eth0",
    message: "eth0 is the Engine's own bridge, for management: name a secondary NIC eth1, eth2, ..." },
  { rule: "!(self.driver in ['macvlan', 'ipvlan']) || has(self.parent)", holds: (n) => !needsParent(n) || n.parent !== undefined,
    message: "driver macvlan and ipvlan need parent: the host's interface on the LAN, for example enp3s0" },
  { rule: "self.driver in ['macvlan', 'ipvlan'] || !has(self.parent)", holds: (n) => needsParent(n) || n.parent === undefined,
    message: "parent is for the drivers macvlan and ipvlan: leave it out, or change driver" },
  { rule: "self.driver == 'external' || has(self.subnet)", holds: (n) => n.driver === "external" || n.subnet !== undefined,
    message: "subnet is missing: write one such as 192.168.11.0/24 (only driver external goes without)" },
  { rule: "self.driver == 'external' || !has(self.externalName)", holds: (n) => n.driver === "external" || n.externalName === undefined,
    message: "externalName is for the driver external: leave it out, or change driver" },
  { rule: "!has(self.subnet) || !isCIDR(self.subnet) || cidr(self.subnet) == cidr(self.subnet).masked()", field: ".subnet",
    holds: (n) => n.subnet === undefined || parseSubnet(n.subnet) !== undefined,
    message: "subnet has bits set behind its prefix: write the network's own address, for example 192.168.11.0/24" },
  { rule: "!(has(self.addresses) && has(self.addressPool))", holds: (n) => n.addresses === undefined || n.addressPool === undefined,
    message: "addresses and addressPool exclude each other: write one of them" },
  { rule: "self.driver == 'external' || has(self.addresses) || has(self.addressPool)",
    holds: (n) => n.driver === "external" || n.addresses !== undefined || n.addressPool !== undefined,
    message: "fixed addresses are missing: write addresses (one for each member) or addressPool" },
  { rule: "!has(self.addresses) || !has(self.subnet) || !isCIDR(self.subnet) || self.addresses.all(a, !isIP(a) || cidr(self.subnet).containsIP(a))", field: ".addresses",
    holds: (n) => (n.addresses ?? []).every((address) => isInside(n.subnet, address)),
    message: "an address lies outside the subnet (or is its first or last): choose addresses inside it" },
  { rule: "!has(self.addresses) || self.addresses.all(a, self.addresses.exists_one(b, a == b))", field: ".addresses",
    holds: (n) => isUnique(n.addresses ?? []),
    message: "an address is there twice: each member needs its own" },
  { rule: "!has(self.addresses) || !has(self.gateway) || !(self.gateway in self.addresses)", field: ".addresses",
    holds: (n) => n.gateway === undefined || !(namedAddresses(n) ?? []).includes(n.gateway),
    message: "a member has the gateway's address: choose another for one of them" },
  { rule: "!has(self.gateway) || !has(self.subnet) || !isCIDR(self.subnet) || !isIP(self.gateway) || cidr(self.subnet).containsIP(self.gateway)", field: ".gateway",
    holds: (n) => n.gateway === undefined || isInside(n.subnet, n.gateway),
    message: "gateway lies outside the subnet: choose an address inside it" },
  { rule: "!has(self.addressPool) || !has(self.subnet) || !isCIDR(self.subnet) || !isIP(self.addressPool.start) || cidr(self.subnet).containsIP(self.addressPool.start)", field: ".addressPool",
    holds: (n) => n.addressPool === undefined || (namedAddresses(n) ?? []).every((address) => isInside(n.subnet, address)),
    message: "addressPool leaves the subnet: choose a start and a size that stay inside it" },
  { rule: "!has(self.primaryAddress) || !has(self.subnet) || !isCIDR(self.subnet) || !isIP(self.primaryAddress) || cidr(self.subnet).containsIP(self.primaryAddress)", field: ".primaryAddress",
    holds: (n) => n.primaryAddress === undefined || isInside(n.subnet, n.primaryAddress),
    message: "primaryAddress lies outside the subnet: choose an address inside it" },
  { rule: "!has(self.primaryAddress) || ((!has(self.addresses) || !(self.primaryAddress in self.addresses)) && (!has(self.gateway) || self.gateway != self.primaryAddress))", field: ".primaryAddress",
    holds: (n) => n.primaryAddress === undefined || (n.primaryAddress !== n.gateway && !(namedAddresses(n) ?? []).includes(n.primaryAddress)),
    message: "primaryAddress is a member's own address or the gateway's: choose one that nobody has" },
  { holds: (n) => n.primaryAddress === undefined || n.driver !== "bridge" || n.gateway !== undefined || n.subnet === undefined || n.primaryAddress !== ownAddressOf(n), field: ".primaryAddress",
    message: "primaryAddress is the subnet's last usable address, which the bridge takes for itself: choose another, or write gateway" },
  { holds: (n) => n.driver !== "bridge" || n.gateway !== undefined || n.subnet === undefined || !ownAddressTaken(n), field: ".addresses",
    message: "a member has the subnet's last usable address, which the bridge takes for itself: choose another, or write gateway" },
];

/** Whether a member is to have the address that a bridge without `gateway` gives itself. */
const ownAddressTaken = (network: NetworkSpec): boolean => (namedAddresses(network) ?? []).some((address) => address === ownAddressOf(network));

const ownAddressOf = ({ subnet }: NetworkSpec): string | undefined => {
  const range = parseSubnet(subnet ?? "");
  return range === undefined ? undefined : lastUsable(range);
};

/** Settings that the operator decides, with what to write instead. Patterns are CEL and JavaScript alike. */
const ownedSettings = "^(primary_conninfo|primary_slot_name|synchronous_standby_names|listen_addresses|port|recovery_.*|restore_command|archive_mode|archive_command|archive_cleanup_command|hba_file|ident_file|config_file|data_directory|external_pid_file|hot_standby|unix_socket_directories|cluster_name|standby_mode|trigger_file|promote_trigger_file|include|include_dir|include_if_exists|pgrs\\\\..*)$";
const ownedPattern = new RegExp(ownedSettings.replaceAll("\\\\", "\\"));
const settingPattern = /^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/;

export const specRules: readonly Check<RuledSpec>[] = [
  { rule: "self.replication.mode == 'Async' || self.replicas == 0 || self.replication.minSync < self.replicas", field: ".replication",
    holds: (s) => s.replication.mode === "Async" || s.replicas === 0 || s.replication.minSync < s.replicas,
    message: "minSync has to be less than replicas, since the primary is not its own standby: raise replicas or lower minSync" },
  { rule: "self.networks.filter(n, n.purpose == 'Replication').size() <= 1", field: ".networks",
    holds: (s) => s.networks.filter(({ purpose }) => purpose === "Replication").length <= 1,
    message: "at most one network may have the purpose Replication: make the others Client or Other" },
  { rule: "self.networks.all(n, self.networks.exists_one(m, m.interfaceName == n.interfaceName))", field: ".networks",
    holds: (s) => isUnique(s.networks.map(({ interfaceName }) => interfaceName)),
    message: "two networks have the same interfaceName: give each its own" },
  { rule: "self.networks.all(n, !has(n.addresses) || size(n.addresses) >= self.replicas)", field: ".networks",
    holds: (s) => s.networks.every(({ addresses }) => addresses === undefined || addresses.length >= s.replicas),
    message: "a network has fewer addresses than replicas: add addresses, or lower replicas" },
  { rule: "self.networks.all(n, !has(n.addressPool) || n.addressPool.size >= self.replicas)", field: ".networks",
    holds: (s) => s.networks.every(({ addressPool }) => addressPool === undefined || addressPool.size >= s.replicas),
    message: "a network's addressPool is smaller than replicas: raise its size, or lower replicas" },
  { rule: `self.postgres.parameters.all(p, !p.matches('${ownedSettings}'))`, field: ".postgres.parameters",
    holds: (s) => Object.keys(s.postgres.parameters).every((name) => !ownedPattern.test(name)),
    message: "a parameter is one that the operator decides (such as listen_addresses, primary_conninfo, synchronous_standby_names, archive_mode, recovery_*): take it out; networks, replication and archive say the same things" },
  { rule: "self.postgres.parameters.all(p, p.matches('^[a-z_][a-z0-9_]*(\\\\.[a-z_][a-z0-9_]*)?$'))", field: ".postgres.parameters",
    holds: (s) => Object.keys(s.postgres.parameters).every((name) => settingPattern.test(name)),
    message: "a parameter's name is no name of a PostgreSQL setting: write it in lower case, for example work_mem or pg_stat_statements.max" },
  { rule: "!self.postgres.version.startsWith('9.') || self.replication.mode != 'Quorum'", field: ".replication.mode",
    holds: (s) => !s.postgres.version.startsWith("9.") || s.replication.mode !== "Quorum",
    message: "Quorum needs PostgreSQL 10 or newer: use mode Priority" },
  { rule: "!has(oldSelf.postgres) || oldSelf.postgres.version == self.postgres.version", field: ".postgres.version",
    holds: () => true,
    message: "the major version of a running cluster cannot be changed here: make a new PostgresReplicaSet and move the data with pg_dump or logical replication" },
  { rule: "oldSelf.networks.all(o, !has(o.subnet) || !self.networks.exists(n, n.name == o.name) || self.networks.exists(n, n.name == o.name && has(n.subnet) && n.subnet == o.subnet))", field: ".networks",
    holds: () => true,
    message: "the subnet of a network in use cannot be changed: add a network with another name, then take this one out" },
];
