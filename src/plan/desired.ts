/** desire(): the world as it should be, read from a resource. Names, specs and hashes; nothing observed. */
import { lastUsable, parseSubnet } from "../api/addresses.ts";
import { archiveName, containerName, hashOf, label, labelsOf, macOf, memberName, networkName, secretName, volumeName, type Account, type Owner } from "../api/names.ts";
import { bytesOf, nanoCpusOf } from "../api/quantity.ts";
import type { Parsed, Resource, Spec, Status } from "../api/resource.ts";
import { namedAddresses, type NetworkSpec as WishedNetwork } from "../api/rules.ts";
import type { ContainerSpec, ImageFacts, NetworkSpec, Nic } from "../ports.ts";
import { hbaProblems } from "../postgres/hba.ts";
import { parameterProblems } from "../postgres/owned-parameters.ts";
import { synchronousProblem } from "../postgres/standby-names.ts";
import { dataDirectoryOf, mountPathOf, traitsOf, type Traits } from "../postgres/versions.ts";

export interface NetworkWish {
  /** The name in the spec, and Docker's. */
  readonly name: string;
  readonly docker: string;
  readonly purpose: WishedNetwork["purpose"];
  readonly interfaceName: string;
  /** Undefined for an external network. */
  readonly spec: NetworkSpec | undefined;
  readonly subnet: string | undefined;
  readonly addresses: readonly string[];
  /** The one that follows the primary. */
  readonly primaryAddress: string | undefined;
}

export interface Desired {
  readonly resource: Resource;
  readonly owner: Owner;
  readonly problems: readonly string[];
  readonly deleting: boolean;
  readonly paused: boolean;
  readonly spec: Spec;
  readonly status: Status;
  readonly traits: Traits;
  /** Image names to look for, best first; the last one is pulled when none is there. */
  readonly images: readonly string[];
  readonly networks: readonly NetworkWish[];
  readonly replicationNetwork: NetworkWish | undefined;
  readonly mount: string;
  readonly dataDirectory: string;
  readonly archiveVolume: string | undefined;
  readonly secrets: Readonly<Record<Account, { readonly name: string; readonly isOwn: boolean; readonly username: string }>>;
}

const byInterface = (one: WishedNetwork, other: WishedNetwork): number =>
  Number(one.interfaceName.slice(3)) - Number(other.interfaceName.slice(3));

// Engines before 28 name NICs of internal networks last. So a replication bridge is internal (no way out of the host)
// only where its NIC is the last one anyway.
const isInternal = (network: WishedNetwork, all: readonly WishedNetwork[]): boolean =>
  network.driver === "bridge" && network.purpose === "Replication" && [...all].sort(byInterface).at(-1)?.name === network.name;

function wishNetwork(network: WishedNetwork, all: readonly WishedNetwork[], owner: Owner): NetworkWish {
  const docker = network.driver === "external" ? network.externalName ?? network.name : networkName(owner, network);
  const range = parseSubnet(network.subnet ?? "");
  const spec = network.driver === "external" || network.subnet === undefined || range === undefined ? undefined : {
    name: docker, driver: network.driver, subnet: network.subnet, gateway: network.gateway ?? lastUsable(range),
    internal: isInternal(network, all), labels: labelsOf(owner, "network", { [label.network]: network.name }),
    ...(network.parent === undefined ? {} : { parent: network.parent }),
  };
  return { name: network.name, docker, purpose: network.purpose, interfaceName: network.interfaceName, spec, subnet: network.subnet, addresses: namedAddresses(network) ?? [], primaryAddress: network.primaryAddress };
}

const imagesOf = ({ image, version }: Spec["postgres"]): readonly string[] =>
  image === undefined ? [`pgrs/postgres:${version}`, `postgres:${version}`] : [image];

/** What PostgreSQL itself would not take, found without asking it. */
const textProblems = ({ postgres: { parameters, hba }, replication: { mode, minSync } }: Spec, traits: Traits): readonly string[] => [
  ...parameterProblems(parameters).map((problem) => `spec.postgres.parameters: ${problem}`),
  ...hbaProblems(hba, traits).map((problem) => `spec.postgres.hba: ${problem}`),
  ...[synchronousProblem({ mode, count: minSync, traits })].flatMap((problem) => problem === undefined ? [] : [`spec.replication: ${problem}`]),
];

/** The world as the resource wants it. Pure; never throws for a resource whose problems are empty. */
export function desire({ resource, problems }: Parsed, owner: Owner): Desired {
  const { spec, metadata: { name } } = resource;
  const traits = traitsOf(spec.postgres.version);
  const networks = (spec.networks as readonly WishedNetwork[]).map((network, _, all) => wishNetwork(network, all, owner));
  const secret = (account: Account, given: { readonly name: string } | undefined, username: string) =>
    ({ name: given?.name ?? secretName(name, account), isOwn: given === undefined, username });
  return {
    resource, owner, spec, traits, networks,
    problems: problems.length > 0 ? problems.map(({ field, message }) => `${field}: ${message}`) : textProblems(spec, traits),
    deleting: resource.metadata.deletionTimestamp !== undefined,
    paused: spec.reconcilePolicy === "Paused",
    status: resource.status,
    images: imagesOf(spec.postgres),
    replicationNetwork: networks.find(({ purpose }) => purpose === "Replication"),
    mount: mountPathOf(traits), dataDirectory: dataDirectoryOf(traits),
    archiveVolume: spec.archive === undefined ? undefined : archiveName(owner),
    secrets: {
      superuser: secret("superuser", spec.credentials.superuserSecretRef, "postgres"),
      replication: secret("replication", spec.credentials.replicationSecretRef, "replicator"),
      app: secret("app", spec.credentials.appSecretRef, spec.bootstrap.initdb.owner),
    },
  };
}

const nics = new WeakMap<Desired, Map<number, readonly Nic[]>>();

/** The NICs that a member should have, in the order in which an Engine before 28 names them. Derived once a round. */
export function nicsOf(want: Desired, ordinal: number): readonly Nic[] {
  const ofAll = nics.get(want) ?? new Map<number, readonly Nic[]>();
  nics.set(want, ofAll);
  const known = ofAll.get(ordinal) ?? deriveNics(want, ordinal);
  ofAll.set(ordinal, known);
  return known;
}

const deriveNics = (want: Desired, ordinal: number): readonly Nic[] =>
  [...want.networks].sort((one, other) => one.docker < other.docker ? -1 : 1).map(({ name, docker, interfaceName, addresses }) => {
    const address = addresses[ordinal];
    return { network: docker, interfaceName, mac: macOf(want.owner, ordinal, name), ...(address === undefined ? {} : { address }) };
  });

const limitsOf = ({ memory, cpus, shmSize }: Spec["resources"]) => ({
  shmBytes: bytesOf(shmSize),
  ...(memory === undefined ? {} : { memoryBytes: bytesOf(memory) }),
  ...(cpus === undefined ? {} : { nanoCpus: nanoCpusOf(cpus) }),
});

/** Where the volume for finished WAL segments is mounted. */
export const archiveDirectory = "/archive";

/** Long enough for a checkpoint of a busy server; then the Engine kills, and the next start recovers. */
const stopTimeoutSeconds = 120;

/**
 * Every boot is read-only, whoever starts the container: the operator, a person with docker start, or a program that
 * means well. Promotion removes the file that says so, therefore it is put back before the server starts.
 */
function bootCommand({ traits, dataDirectory }: Desired): readonly string[] {
  const file = `${dataDirectory}/${traits.recovery}`;
  const guard = traits.recovery === "standby.signal" ? `touch ${file}`
    : `[ -e ${file} ] || printf "standby_mode = on\nrecovery_target_timeline = latest\n" > ${file}`;
  return ["sh", "-c", `umask 077; { ${guard}; } && exec postgres -D ${dataDirectory}`];
}

const containers = new WeakMap<Spec, Map<string, ContainerSpec>>();

/** The container of a member. Its config label changes exactly when it has to be made anew. Derived once for a spec. */
export function containerOf(want: Desired, ordinal: number, image: ImageFacts): ContainerSpec {
  const ofAll = containers.get(want.spec) ?? new Map<string, ContainerSpec>();
  containers.set(want.spec, ofAll);
  const text = `${want.owner.installation} ${want.owner.uid} ${ordinal} ${image.id}`;
  const known = ofAll.get(text) ?? deriveContainer(want, ordinal, image);
  ofAll.set(text, known);
  return known;
}

function deriveContainer(want: Desired, ordinal: number, image: ImageFacts): ContainerSpec {
  const { owner, dataDirectory, mount } = want;
  const spec = {
    name: containerName(owner, ordinal), image: image.id, hostname: memberName(owner.name, ordinal),
    command: bootCommand(want), environment: { PGDATA: dataDirectory },
    mounts: [
      { volume: volumeName(owner, ordinal), path: mount },
      ...(want.archiveVolume === undefined ? [] : [{ volume: want.archiveVolume, path: archiveDirectory }]),
    ],
    network: "bridge", stopTimeoutSeconds, ...limitsOf(want.spec.resources),
  };
  return { ...spec, labels: labelsOf(owner, "member", { [label.ordinal]: String(ordinal), [label.config]: hashOf(spec) }) };
}
