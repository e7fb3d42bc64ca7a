/** What must hold after every step, whatever goes wrong, and what it means that a resource is at its goal. */
import { parseSubnet, parseAddress } from "../../src/api/addresses.ts";
import { label, memberName, secretName, slotName, type Account } from "../../src/api/names.ts";
import type { Key, Resource, Spec, Status } from "../../src/api/resource.ts";
import { namedAddresses, type NetworkSpec } from "../../src/api/rules.ts";
import { networkName } from "../../src/api/names.ts";
import { verifies } from "../../src/postgres/password.ts";
import { acceptsWrites, addressOn, isAlive, membersOf, ordinalOf, writersOf, type Model, type SimContainer, type SimServer } from "./model.ts";
import { keyText, type Api } from "./resources.ts";
import { fileOf, namesIn, synchronousSetting } from "./settings.ts";
import { sendersOf } from "./streams.ts";
import { contains } from "./wal.ts";

/** One round of one resource: what the operator was told, and when. */
export interface Round {
  readonly key: Key;
  readonly resource: Resource | undefined;
  /** The count of outside changes when it began: more of them since then excuse what was seen otherwise. */
  readonly disturbances: number;
  /** Containers that the operator itself stopped in it. */
  readonly stopped: Set<string>;
  /** By the timeline. */
  readonly startedAt: number;
  /** How many standbys streamed from the primary then. */
  readonly streamed: number;
}

export interface Watch {
  readonly model: Model;
  readonly api: Api;
  readonly disturbances: () => number;
  readonly onBreach: (sentence: string) => void;
  /** Keys whose recorded status a person has wiped: for them nobody is the recorded primary. */
  readonly wiped: ReadonlySet<string>;
  /** Whether an operator may still act on an old record: one that was frozen, or one of two. */
  readonly isCrowded: () => boolean;
}

const isCalm = ({ disturbances }: Watch, round: Round): boolean => disturbances() === round.disturbances;

/** At most one member of a resource accepts writes, and it is the recorded primary. */
export function checkWriters({ model, api, onBreach, wiped, isCrowded }: Watch, key: Key): void {
  const writers = writersOf(model, key);
  if (writers.length > 1) onBreach(`${writers.map(({ spec }) => spec.name).join(" and ")} accept writes at the same time`);
  const [writer] = writers;
  const recorded = api.objects.get(keyText(key))?.status.primary?.ordinal;
  // A record can be made while another operator starts the former primary once more; it is not served by two.
  if (writer !== undefined && recorded !== undefined && recorded !== ordinalOf(writer) && !wiped.has(keyText(key)) && !isCrowded()) {
    onBreach(`${writer.spec.name} accepts writes, while ordinal ${recorded} is the recorded primary`);
  }
}

const wantedOrdinals = ({ spec, status }: Resource): readonly number[] => {
  const lowest = Array.from({ length: spec.replicas }, (_, ordinal) => ordinal);
  const primary = status.primary?.ordinal;
  return primary === undefined || primary < spec.replicas || spec.replicas === 0 ? lowest : [...lowest.slice(0, -1), primary];
};

/** Data is removed only when the resource goes and says so, or when a member is scaled away while the primary serves. */
export function checkVolumeRemoval(watch: Watch, round: Round, name: string): void {
  const { model, onBreach } = watch;
  const volume = model.volumes.get(name);
  const { resource } = round;
  if (volume === undefined || resource === undefined) return;
  if (volume.labels[label.component] === "archive" || resource.metadata.deletionTimestamp !== undefined) {
    if (resource.metadata.deletionTimestamp === undefined || resource.spec.deletionPolicy !== "Delete") onBreach(`the volume ${name} is removed although the policy is Retain`);
    return;
  }
  const ordinal = Number(volume.labels[label.ordinal]);
  if (resource.spec.replicas === 0 || wantedOrdinals(resource).includes(ordinal)) onBreach(`the volume ${name} of a wanted member is removed`);
  const serves = writersOf(model, round.key).some((writer) => ordinalOf(writer) !== ordinal);
  if (!serves && isCalm(watch, round)) onBreach(`the volume ${name} is removed while no primary serves`);
}

/** Synchronous names are of standbys that stream; where none does, and durability is Required, commits wait for those there were. */
export function checkSynchronousNames(watch: Watch, round: Round, server: SimServer): void {
  const wanted = namesIn(synchronousSetting(server.loaded));
  if (wanted === undefined || server.inRecovery || !isCalm(watch, round)) return;
  const streaming = sendersOf(watch.model, server).filter(({ state }) => state === "streaming").map(({ name }) => name);
  // One that stopped to stream since the round began was seen to stream.
  const missing = wanted.names.filter((name) => !streaming.includes(name) && (server.left.get(name) ?? -1) < round.startedAt);
  const wantedNames = round.resource === undefined ? [] : wantedOrdinals(round.resource).map((ordinal) => memberName(round.key.name, ordinal));
  const isFallback = (streaming.every((name) => !wantedNames.includes(name)) || round.streamed === 0) && round.resource?.spec.replication.durability === "Required";
  if (missing.length > 0 && !isFallback) watch.onBreach(`synchronous_standby_names has ${missing.join(", ")}, of which the primary sees no stream (it sees ${streaming.join(", ") || "none"})`);
}

/** No secret is ever said aloud. */
export function checkSecrets(text: string, secrets: ReadonlySet<string>, where: string, onBreach: (sentence: string) => void): void {
  for (const secret of secrets) if (text.includes(secret)) onBreach(`a password stands in ${where}: ${text.slice(0, 300)}`);
}

const isTrue = (status: Status, name: string): boolean => status.conditions?.find(({ type }) => type === name)?.status === "True";

/** Ready and Available are not said of what is otherwise, unless something happened after the look. */
export function checkClaims(watch: Watch, round: Round, status: Status): void {
  // A decision is written beside the conditions of the round before: it claims nothing anew.
  const isDecision = status.conditions === watch.api.objects.get(keyText(round.key))?.status.conditions;
  if (round.resource === undefined || !isCalm(watch, round) || isDecision) return;
  const [problem] = isTrue(status, "Ready") ? problemsOf(watch.model, round.key, round.resource.spec, status) : [];
  if (problem !== undefined) watch.onBreach(`Ready is True, while ${problem}`);
  const primary = membersOf(watch.model, round.key).find((one) => ordinalOf(one) === status.primary?.ordinal);
  if (isTrue(status, "Available") && !round.stopped.has(primary?.id ?? "") && (primary === undefined || !acceptsWrites(primary))) watch.onBreach("Available is True, while the primary does not accept writes");
}

/** Addresses that more than one running member has. */
export const doubledAddresses = (model: Model, key: Key, spec: Spec): readonly string[] => (spec.networks as readonly NetworkSpec[]).flatMap(({ primaryAddress }) => {
  const holders = membersOf(model, key).filter((one) => isAlive(one) && [...one.endpoints.values()].some(({ added }) => primaryAddress !== undefined && added.includes(primaryAddress)));
  return primaryAddress !== undefined && holders.length > 1 ? [`${primaryAddress} is on ${holders.map(({ spec: { name } }) => name).join(" and ")}`] : [];
});

const running = (container: SimContainer | undefined): SimServer | undefined => container?.state === "running" && container.server?.isUp === true && !container.server.isStopping && container.server.trouble !== "stuck" ? container.server : undefined;

function nicProblems(model: Model, key: Key, spec: Spec, container: SimContainer): readonly string[] {
  return (spec.networks as readonly NetworkSpec[]).flatMap((network) => {
    const docker = network.driver === "external" ? network.externalName ?? network.name : networkName(key, network);
    const address = addressOn(model, container, docker);
    const wanted = namedAddresses(network)?.[ordinalOf(container)];
    if (address === undefined || (wanted !== undefined && address !== wanted)) return [`${container.spec.name} has no NIC on ${network.name}`];
    const nicName = container.endpoints.get(docker)?.nicName;
    return nicName === network.interfaceName ? [] : [`${container.spec.name}'s NIC on ${network.name} is ${nicName ?? "absent"}`];
  });
}

function parameterProblems(spec: Spec, container: SimContainer, server: SimServer): readonly string[] {
  return Object.entries(spec.postgres.parameters).flatMap(([name, value]) =>
    server.loaded.running[name] === value ? [] : [`${container.spec.name} runs with ${name} ${server.loaded.running[name] ?? "unset"}, not ${value}`]);
}

function streamProblems(spec: Spec, container: SimContainer, primary: SimServer): readonly string[] {
  const upstream = container.server?.upstream;
  if (upstream?.server !== primary || upstream.state !== "streaming") return [`${container.spec.name} does not stream`];
  const replication = spec.networks.find(({ purpose }) => purpose === "Replication");
  const range = parseSubnet(replication?.subnet ?? "");
  const address = parseAddress(upstream.address) ?? 0;
  return range === undefined || (address >= range.first && address <= range.last) ? [] : [`${container.spec.name} streams from ${upstream.address}`];
}

/** What keeps a resource from its goal, as the world really is. */
export function problemsOf(model: Model, key: Key, spec: Spec, status: Status): readonly string[] {
  const members = membersOf(model, key);
  const ordinals = wantedOrdinals({ spec, status } as Resource);
  const primary = members.find((one) => ordinalOf(one) === status.primary?.ordinal);
  const server = running(primary);
  if (server === undefined || server.inRecovery) return ["no primary accepts writes"];
  const each = ordinals.flatMap((ordinal) => {
    const container = members.find((one) => ordinalOf(one) === ordinal);
    const own = running(container);
    if (container === undefined || own === undefined) return [`${memberName(key.name, ordinal)} does not run`];
    return [...nicProblems(model, key, spec, container), ...parameterProblems(spec, container, own), ...own === server ? [] : streamProblems(spec, container, server)];
  });
  const extra = members.filter((one) => !ordinals.includes(ordinalOf(one))).map(({ spec: { name } }) => `${name} is still there`);
  const { mode, minSync } = spec.replication;
  const sync = sendersOf(model, server).filter(({ sync: is }) => is === "sync" || is === "quorum").length;
  return [...each, ...extra, ...(mode !== "Async" && sync < minSync ? [`${sync} of ${minSync} synchronous standbys stream`] : [])];
}

/**
 * Whether a standby can't follow for a reason that no server tells. Two branches of one number that began at one place
 * look the same until one of them is longer; and before 12 what a server has loaded of recovery.conf is not known,
 * where somebody changed the file after its start. A person has such a member copied anew, or restarted.
 */
export function isStuck(model: Model, key: Key): boolean {
  const [primary] = writersOf(model, key);
  const tip = primary?.server?.database.branch;
  return membersOf(model, key).some(({ server }) => {
    if (server?.inRecovery !== true || tip === undefined || server.upstream?.server === primary?.server) return false;
    const isTwin = server.database.branch.timeline === tip.timeline && server.database.branch !== tip;
    return isTwin || server.loaded.recovery !== (fileOf(server.volume, "recovery.conf") ?? "");
  });
}

/** What should be tidy besides, once all has come to rest. */
export function loose(model: Model, api: Api, key: Key, { spec, status }: Resource): readonly string[] {
  const server = membersOf(model, key).find((one) => ordinalOf(one) === status.primary?.ordinal)?.server;
  const slots = spec.replication.slots ? wantedOrdinals({ spec, status } as Resource).filter((ordinal) => ordinal !== status.primary?.ordinal).map(slotName) : [];
  const found = [...server?.database.slots ?? []].sort();
  const isOwn = (labels: Readonly<Record<string, string>>): boolean => labels[label.namespace] === key.namespace && labels[label.name] === key.name;
  const networks = new Set((spec.networks as readonly NetworkSpec[]).map((network) => networkName(key, network)));
  return [
    ...found.join() === slots.sort().join() ? [] : [`the slots are ${found.join(", ")}, not ${slots.join(", ")}`],
    ...[...model.containers.values()].filter(({ spec: { labels } }) => isOwn(labels) && labels[label.component] === "job").map(({ spec: { name } }) => `${name} is still there`),
    ...[...model.networks.values()].filter(({ labels, name }) => isOwn(labels) && !networks.has(name)).map(({ name }) => `the network ${name} is still there`),
    ...accountProblems(api, key, spec, server), ...addressProblems(model, key, spec, status), ...lostProblems(model, server),
  ];
}

const accountProblems = (api: Api, key: Key, spec: Spec, server: SimServer | undefined): readonly string[] =>
  (["superuser", "replication", "app"] satisfies readonly Account[]).flatMap((account) => {
    const { username = "", password = "" } = api.secrets.get(keyText({ namespace: key.namespace, name: secretName(key.name, account) }))?.data ?? {};
    const verifier = server?.database.roles.get(username);
    return verifier !== undefined && verifies(verifier, username, password) ? [] : [`the password of ${account} is not that of its Secret`];
  }).concat(server?.database.databases.has(spec.bootstrap.initdb.database) === true ? [] : ["the application's database is missing"]);

function addressProblems(model: Model, key: Key, spec: Spec, status: Status): readonly string[] {
  const members = membersOf(model, key);
  const primary = members.find((one) => ordinalOf(one) === status.primary?.ordinal);
  return [...doubledAddresses(model, key, spec), ...(spec.networks as readonly NetworkSpec[]).flatMap(({ name, primaryAddress }) =>
    primaryAddress === undefined || [...primary?.endpoints.values() ?? []].some(({ added }) => added.includes(primaryAddress)) ? [] : [`the primary does not have the address ${primaryAddress} on ${name}`])];
}

const lostProblems = (model: Model, server: SimServer | undefined): readonly string[] => {
  const acknowledged = server === undefined ? undefined : model.acknowledged.get(server.database.systemIdentifier);
  return server === undefined || acknowledged === undefined || contains(server.database, acknowledged) ? [] : ["commits that were acknowledged are missing from the primary"];
};
