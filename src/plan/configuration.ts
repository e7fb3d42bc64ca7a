/** What a member's configuration files should say, given what was seen. */
import { memberName, slotName } from "../api/names.ts";
import type { File } from "../ports.ts";
import { memberConfiguration, parametersHashOf, standbySensitive, standbySensitiveDefaults, type MemberConfiguration } from "../postgres/settings.ts";
import { synchronousStandbyNames } from "../postgres/standby-names.ts";
import { dataOf, type Cluster } from "./cluster.ts";
import type { Desired, NetworkWish } from "./desired.ts";
import { passfileOf } from "./jobs.ts";
import { valueOf, type MemberSighting, type Observation } from "./observation.ts";

export type Parameters = Readonly<Record<string, string>>;

/** The note that a member keeps of parameters known to start: their hash in the first line, then JSON. */
export const goodNote = (parameters: Parameters): File => ({ path: "pgrs/good", text: `${parametersHashOf(parameters)}\n${JSON.stringify(parameters)}\n` });

/** The note that a member keeps of refused parameters: their hash, then the server's words. */
export const refusedNote = (hash: string, words: string): File => ({ path: "pgrs/refused", text: `${hash}\n${words.slice(0, 2000)}\n` });

const split = (note: string | null | undefined): readonly [string, string] | undefined => {
  const end = note?.indexOf("\n") ?? -1;
  return note === null || note === undefined || end < 0 ? undefined : [note.slice(0, end), note.slice(end + 1).trim()];
};

export interface ParameterState {
  readonly wanted: string;
  /** Hash of the parameters noted as good. */
  readonly good: string | undefined;
  /** The server's words about the wanted parameters, when it refused them. */
  readonly refusal: string | undefined;
  /** Whether the refusal stands on this member's own volume, be it its own or another's. */
  readonly isNoted: boolean;
  readonly effective: Parameters;
  /** Settings held higher than the spec says, since a standby may not be below its primary. */
  readonly held: readonly string[];
}

const parseGood = (text: string): Parameters => {
  try { return JSON.parse(text) as Parameters; } catch { return {}; }
};

/** What a server that would not start said that the WAL asks of it at least. */
const toldBy = (log: readonly string[]): Parameters => Object.fromEntries(log.flatMap((line) => {
  const [, name, value] = /(\w+) = \d+ is a lower setting than on the (?:primary|master) server\D*(\d+)/.exec(line) ?? [];
  return name === undefined || value === undefined ? [] : [[name, value]];
}));

// A standby does not start with less of these than its primary has, and every boot is a standby's boot.
// What the primary has is seen while it runs. While it is stopped, a member that runs keeps what it has, and one that
// does not has its note of good parameters, or else what its own failed start said.
function holdUp(parameters: Parameters, good: Parameters, cluster: Cluster, me: MemberSighting): { parameters: Parameters; held: readonly string[] } {
  const primary = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  const server = primary ?? valueOf(me.server);
  const told = toldBy(me.log);
  const held = standbySensitive.flatMap((name) => {
    const running = Number(server?.settings[name] ?? told[name] ?? good[name] ?? "0");
    const wanted = Number(parameters[name] ?? standbySensitiveDefaults[name]);
    return running > wanted ? [[name, String(running)] as const] : [];
  });
  return { parameters: { ...parameters, ...Object.fromEntries(held) }, held: held.map(([name, running]) => `${name} stays ${running}`) };
}

/** Which of the user's parameters a member is to run with: the wanted ones, or the last good ones if it refused those. */
export function parametersOf(want: Desired, cluster: Cluster, me: MemberSighting): ParameterState {
  const wanted = parametersHashOf(want.spec.postgres.parameters);
  const notes = valueOf(me.server) ?? valueOf(me.data);
  const good = split(notes?.good);
  const isRefusal = (note: readonly [string, string] | undefined): boolean => note?.[0] === wanted;
  const own = split(notes?.refused);
  const refusal = [own, ...cluster.refusals.map(split)].find(isRefusal)?.[1];
  const noted = good === undefined ? {} : parseGood(good[1]);
  const { parameters, held } = holdUp(refusal === undefined ? want.spec.postgres.parameters : noted, noted, cluster, me);
  return { wanted, good: good?.[0], refusal, isNoted: isRefusal(own), effective: parameters, held };
}

/** The address that a standby streams from; undefined while it is not known. */
export function upstreamHost(want: Desired, seen: Observation, cluster: Cluster, me: MemberSighting): string | undefined {
  const { primary } = cluster;
  if (primary === undefined) return undefined;
  const network = want.replicationNetwork ?? want.networks.find(({ addresses }) => addresses.length > 0);
  const host = network === undefined ? addressOn(primary, "bridge") : network.addresses[primary.ordinal] ?? addressOn(primary, network.docker);
  const earlier = wayInUse(want, primary, me);
  if (network === undefined || earlier === undefined || earlier === host) return host;
  // A network that the cluster was just given: it is gone over to when both ends are there and the primary lets in who comes from it.
  const isThere = [primary, me].every((member) => isOn(member, network)) && hasLoaded(want, seen, cluster, primary);
  return isThere ? host : earlier;
}

/** The primary's address on the network over which a standby streams now. */
function wayInUse(want: Desired, primary: MemberSighting, me: MemberSighting): string | undefined {
  const name = memberName(want.owner.name, me.ordinal);
  const from = valueOf(primary.server)?.senders.find(({ applicationName, state }) => applicationName === name && state === "streaming")?.clientAddress;
  const network = valueOf(me.container)?.endpoints.find(({ address }) => address !== "" && address === from)?.network;
  return network === undefined ? undefined : addressOn(primary, network);
}

const isOn = (member: MemberSighting, { docker, addresses }: NetworkWish): boolean => {
  const address = addressOn(member, docker);
  return address !== undefined && address === (addresses[member.ordinal] ?? address);
};

const hasLoaded = (want: Desired, seen: Observation, cluster: Cluster, me: MemberSighting): boolean => {
  const wanted = configurationOf(want, seen, cluster, me);
  return "configuration" in wanted && wanted.configuration.hash === valueOf(me.server)?.configHash;
};

/** A running member's address on a Docker network. */
export const addressOn = (member: MemberSighting, network: string): string | undefined =>
  valueOf(member.container)?.endpoints.find((endpoint) => endpoint.network === network)?.address || undefined;

const namesOf = (want: Desired, ordinals: readonly number[], count: number, mode = want.spec.replication.mode): string => synchronousStandbyNames({
  mode: ordinals.length === 0 ? "Async" : mode, count, traits: want.traits, names: ordinals.map((ordinal) => memberName(want.owner.name, ordinal)),
});

/**
 * synchronous_standby_names for the primary. It names standbys that stream. When none does and durability is
 * Required, it names those that once had the data, so that commits wait instead of being acknowledged alone. A primary
 * that does not accept writes yet keeps the promise that is recorded: nobody is known to stream from it.
 */
export function synchronousNames(want: Desired, seen: Observation, cluster: Cluster): string {
  const { mode, minSync, durability } = want.spec.replication;
  const promised = want.status.synchronous;
  if (!cluster.writable && promised !== undefined && promised.required > 0) {
    const standbys = promised.standbys.filter((ordinal) => ordinal !== cluster.primaryOrdinal);
    const count = mode !== "Async" && durability === "Required" ? Math.max(promised.required, minSync) : Math.min(promised.required, standbys.length);
    return namesOf(want, standbys, count, mode === "Async" ? "Priority" : mode);
  }
  const known = seen.members.filter((member) => cluster.ordinals.includes(member.ordinal) && member.ordinal !== cluster.primaryOrdinal
    && (dataOf(member) === "data" || valueOf(member.container)?.state === "running")).map(({ ordinal }) => ordinal);
  const isRequired = durability === "Required";
  const ordinals = cluster.streaming.length === 0 && isRequired ? known : cluster.streaming;
  return namesOf(want, ordinals, isRequired ? minSync : Math.min(minSync, ordinals.length));
}

/**
 * The same for a standby: as if it were the primary already, with all others as its standbys. It does nothing until a
 * promotion, and from then on no commit is acknowledged that nobody else has.
 */
const namesWhenPromoted = (want: Desired, cluster: Cluster, me: MemberSighting): string => {
  const others = cluster.ordinals.filter((ordinal) => ordinal !== me.ordinal);
  return namesOf(want, others, Math.min(want.spec.replication.minSync, others.length));
};

const subnetsOf = (want: Desired, seen: Observation, purpose: "Client" | "Replication"): readonly string[] =>
  want.networks.filter((network) => network.purpose === purpose).flatMap(({ name, subnet }) => {
    const facts = seen.networks[name];
    const known = subnet ?? (facts === undefined ? undefined : valueOf(facts)?.subnet);
    return known === undefined ? [] : [known];
  });

const orElse = (subnets: readonly string[], fallback: readonly string[]): readonly string[] => subnets.length > 0 ? subnets : fallback;

export type Made = { readonly files: readonly File[]; readonly configuration: MemberConfiguration } | { readonly missing: string };

const made = new WeakMap<Cluster, Map<MemberSighting, Made>>();

/** The files of a member, or the reason why they can't be written yet. Made once a round, though many rules ask. */
export function configurationOf(want: Desired, seen: Observation, cluster: Cluster, me: MemberSighting): Made {
  const ofAll = made.get(cluster) ?? new Map<MemberSighting, Made>();
  made.set(cluster, ofAll);
  const known = ofAll.get(me) ?? makeConfiguration(want, seen, cluster, me);
  ofAll.set(me, known);
  return known;
}

function makeConfiguration(want: Desired, seen: Observation, cluster: Cluster, me: MemberSighting): Made {
  const engine = valueOf(seen.engine);
  const replication = valueOf(seen.secrets.replication);
  if (engine === undefined || replication === undefined) return { missing: "the Engine and the Secrets" };
  // What could not be seen must not shut out those who come from there.
  const unseen = want.networks.find(({ name, purpose, subnet }) => subnet === undefined && purpose !== "Other" && seen.networks[name]?.seen !== "present");
  if (unseen !== undefined) return { missing: `the network ${unseen.name}` };
  const isPrimary = me.ordinal === cluster.primaryOrdinal;
  const host = isPrimary || cluster.primary === undefined ? undefined : upstreamHost(want, seen, cluster, me);
  // One that does not run starts all the same, read-only: it may be the only one that is left.
  if (!isPrimary && cluster.primary !== undefined && host === undefined && valueOf(me.container)?.state === "running") return { missing: "the primary's address" };
  const passfile = passfileOf(replication);
  const management = [engine.managementSubnet];
  const first = want.networks[0];
  const { archive } = want.spec;
  const configuration = memberConfiguration({
    traits: want.traits, member: memberName(want.owner.name, me.ordinal), dataDirectory: want.dataDirectory,
    parameters: parametersOf(want, cluster, me).effective, hba: want.spec.postgres.hba,
    managementSubnets: management, clientSubnets: orElse(subnetsOf(want, seen, "Client"), management),
    replicationSubnets: orElse(subnetsOf(want, seen, "Replication"), first?.subnet === undefined ? management : [first.subnet]),
    replicationUser: replication.username,
    synchronousStandbyNames: isPrimary ? synchronousNames(want, seen, cluster) : namesWhenPromoted(want, cluster, me),
    epoch: want.status.primary?.epoch ?? 0,
    ...(archive === undefined || archive.mode === "Off" ? {} : { archive: { mode: archive.mode, command: archive.command } }),
    ...(host === undefined ? {} : { upstream: {
      host, port: 5432, user: replication.username, passfile: `${want.mount}/${passfile.path}`, password: replication.password,
      ...(want.spec.replication.slots && want.traits.slots ? { slot: slotName(me.ordinal) } : {}),
    } }),
  });
  const files = Object.entries(configuration.files).map(([path, text]) => ({ path: `pgdata/${path}`, text }));
  return { configuration, files: [passfile, ...files] };
}
