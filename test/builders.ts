/**
 * Resources and observations for tests, said by what differs. `atGoal` is a cluster in which nothing is left to do;
 * `unmade` is one of which nothing exists yet. Each function below takes such a scene and gives another one.
 */
import { label, labelsOf, volumeName, type Owner } from "../src/api/names.ts";
import { parse, type Metadata, type Resource, type Status } from "../src/api/resource.ts";
import { clusterOf } from "../src/plan/cluster.ts";
import { configurationOf } from "../src/plan/configuration.ts";
import { containerOf, desire, nicsOf, type Desired } from "../src/plan/desired.ts";
import type { JobKind } from "../src/plan/jobs.ts";
import { absent, present, unknown, valueOf, type DataFacts, type MemberSighting, type Observation, type Sighting } from "../src/plan/observation.ts";
import { plan, printed } from "../src/plan/plan.ts";
import { clientKeys } from "../src/plan/rules/secrets.ts";
import type { ContainerFacts, Look, NetworkFacts, VolumeFacts } from "../src/ports.ts";
import { md5 } from "../src/postgres/digest.ts";

export interface Scene { readonly want: Desired; readonly seen: Observation }

/** A spec as people write it: fields that are left out take their defaults. */
export interface Plain {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly metadata?: Partial<Metadata>;
  readonly status?: Status;
}

export const owner: Owner = { installation: "here", namespace: "default", name: "demo", uid: "uid-1" };

/** The time of every observation. */
export const now = Date.UTC(2026, 0, 1, 12);
const minutesAgo = (minutes: number): number => now - minutes * 60_000;

export const lan = { name: "lan", purpose: "Client", interfaceName: "eth1", subnet: "192.168.11.0/24", addresses: ["192.168.11.101", "192.168.11.102", "192.168.11.103"] } as const;
export const repl = { name: "repl", purpose: "Replication", interfaceName: "eth2", subnet: "10.10.0.0/24", addressPool: { start: "10.10.0.1", size: 8 } } as const;
export const networks = [lan, repl] as const;

export const foreignLabels = { "made.by": "somebody" } as const;

/** An object as the API server would give it. */
export const object = ({ spec = {}, metadata = {}, status = {} }: Plain = {}): unknown => ({
  apiVersion: "pgrs.dev/v1alpha1", kind: "PostgresReplicaSet",
  metadata: { namespace: owner.namespace, name: owner.name, uid: owner.uid, resourceVersion: "1", generation: 1, finalizers: ["pgrs.dev/finalizer"], ...metadata },
  spec: { postgres: { version: "17" }, ...spec }, status,
});

export const desired = (plain: Plain = {}): Desired => desire(parse(object(plain)), owner);

const recorded: Status = { primary: { ordinal: 0, epoch: 1, since: new Date(minutesAgo(60)).toISOString(), timeline: 2 }, systemIdentifier: "7000000000000000001" };

const image = { id: "sha256:postgres", name: "pgrs/postgres:17" } as const;
const login = (username: string) => present({ username, password: `${username}-password` });

/** The application's Secret says how to connect. */
export const introduced = (scene: Scene): Scene => {
  const { want, seen } = scene;
  const found = valueOf(seen.secrets.app) ?? { username: "app", password: "app-password" };
  const { hosts = "", uri } = clientKeys({ want, seen, cluster: clusterOf(want, seen) }, found);
  return changed(scene, { secrets: { ...seen.secrets, app: present({ ...found, hosts, ...(uri === undefined ? {} : { uri }) }) } });
};

/** Nothing is there but the finalizer, the Secrets and the image; nobody is recorded. */
export function unmade(plain: Plain = {}): Scene {
  const want = desired(plain);
  return introduced({
    want,
    seen: {
      at: now, owner, lastTold: undefined, engine: present({ version: "28.5.2", namesNics: true, managementSubnet: "172.17.0.0/16" }), image: present(image), pulling: undefined,
      networks: Object.fromEntries(want.networks.map(({ name }) => [name, absent])), staleNetworks: [], archive: absent,
      members: Array.from({ length: want.spec.replicas }, (_, ordinal) => unmadeMember(ordinal)),
      accounts: { superuser: "unknown", replication: "unknown", app: "unknown" },
      secrets: { superuser: login("postgres"), replication: login("replicator"), app: login("app") },
    },
  });
}

export const unmadeMember = (ordinal: number): MemberSighting =>
  ({ ordinal, volume: absent, container: absent, job: absent, data: absent, server: absent, interfaces: absent, log: [], target: undefined, heard: undefined });

export const volumeOf = (ordinal: number, labels?: Readonly<Record<string, string>>): VolumeFacts =>
  ({ name: volumeName(owner, ordinal), labels: labels ?? labelsOf(owner, "volume", { [label.ordinal]: String(ordinal) }) });

/** The Engine's own bridge gives out addresses as it likes. */
const managementAddress = (ordinal: number): string => `172.17.0.${ordinal + 2}`;

export function containerFacts(want: Desired, ordinal: number, change: Partial<ContainerFacts> = {}): ContainerFacts {
  const { name, labels } = containerOf(want, ordinal, image);
  const state = change.state ?? "running";
  const isRunning = state === "running";
  return {
    id: `id-${ordinal}`, name, labels, state, exitCode: 0, error: "", startedAt: minutesAgo(30), finishedAt: isRunning || state === "created" ? 0 : minutesAgo(1), imageId: image.id,
    endpoints: [
      { network: "bridge", address: isRunning ? managementAddress(ordinal) : "", wanted: "", mac: "02:42" },
      ...nicsOf(want, ordinal).map((nic) => ({ network: nic.network, address: isRunning ? nic.address ?? "" : "", wanted: nic.address ?? "", mac: nic.mac })),
    ],
    ...change,
  };
}

/** Where everybody is. */
export const position = "0/5000000";

const lookOf = (isPrimary: boolean): Look => ({
  inRecovery: !isPrimary, systemIdentifier: recorded.systemIdentifier, timeline: 2, versionNumber: 170004, startedAt: minutesAgo(30), answeredAt: now,
  ...(isPrimary ? { flushLsn: position, currentLsn: position } : { receivedLsn: position, replayedLsn: position }),
  pendingRestart: [], alteredSettings: [], fileProblems: [],
  settings: { max_connections: "100", max_worker_processes: "8", max_wal_senders: "20", max_prepared_transactions: "0", max_locks_per_transaction: "64" },
  senders: [], slots: [], databases: ["app", "postgres"], passwordAccepted: true,
  epoch: 1, loadedAt: minutesAgo(30), history: isPrimary ? [{ timeline: 1, end: "0/4000000" }] : [], keepsOld: false,
});

/** A member that runs as it should, apart from its configuration's hash. */
function runningMember(want: Desired, ordinal: number): MemberSighting {
  const isPrimary = ordinal === want.status.primary?.ordinal;
  return {
    ordinal, volume: present(volumeOf(ordinal)), container: present(containerFacts(want, ordinal)), job: absent, data: absent,
    server: present(lookOf(isPrimary)), log: [], heard: isPrimary ? { silentMs: 300, answered: true, position } : undefined,
    interfaces: present([{ name: "eth0", mac: "02:42", addresses: [managementAddress(ordinal)] }, ...nicsOf(want, ordinal).map(({ interfaceName, mac, address }) => ({ name: interfaceName, mac, addresses: address === undefined ? [] : [address] }))]),
    target: { member: `demo-${ordinal}`, container: `id-${ordinal}`, host: managementAddress(ordinal), traits: want.traits, password: "postgres-password" },
  };
}

export const networkFacts = (want: Desired, name: string, change: Partial<NetworkFacts> = {}): NetworkFacts => {
  const wish = want.networks.find((one) => one.name === name);
  const { driver = "bridge", subnet = "10.99.0.0/24", gateway = "10.99.0.254", internal = false, labels = {} } = wish?.spec ?? {};
  return { name: wish?.docker ?? name, id: `id-${name}`, driver, subnet, gateway, internal, labels, attached: [], ...change };
};

/** What a cluster at its goal has promised about acknowledged commits. */
function promised(plain: Plain, primary: number): Pick<Status, "synchronous"> {
  const { spec: { replicas, replication: { mode, minSync } } } = desired(plain);
  const standbys = Array.from({ length: replicas }, (_, ordinal) => ordinal).filter((ordinal) => ordinal !== primary);
  return mode === "Async" || standbys.length === 0 ? {} : { synchronous: { standbys, required: Math.min(minSync, standbys.length) } };
}

/** Everything is as the spec says. */
export function atGoal({ spec = {}, metadata, status = {} }: Plain = {}): Scene {
  const plain = { spec: { replicas: 3, ...spec } };
  const empty = unmade({ ...plain, ...(metadata === undefined ? {} : { metadata }), status: { ...recorded, ...promised(plain, status.primary?.ordinal ?? 0), ...status } });
  const { want } = empty;
  const ordinals = Array.from({ length: want.spec.replicas }, (_, ordinal) => ordinal);
  const primary = want.status.primary?.ordinal ?? 0;
  const standbys = ordinals.filter((ordinal) => ordinal !== primary);
  const mode = want.spec.replication.mode;
  const syncState = (index: number): string => mode === "Async" ? "async" : mode === "Quorum" ? "quorum" : index < want.spec.replication.minSync ? "sync" : "potential";
  const made = changed(empty, {
    members: ordinals.map((ordinal) => runningMember(want, ordinal)),
    networks: Object.fromEntries(want.networks.map(({ name }) => [name, present(networkFacts(want, name))])),
    accounts: { superuser: "current", replication: "current", app: "current" }, lastTold: { member: `demo-${primary}`, position },
    archive: want.archiveVolume === undefined ? absent : present({ name: want.archiveVolume, labels: labelsOf(owner, "archive") }),
  });
  const connected = primary >= want.spec.replicas ? made : server(made, primary, {
    senders: standbys.map((ordinal, index) => ({
      applicationName: `demo-${ordinal}`, clientAddress: want.replicationNetwork?.addresses[ordinal] ?? want.networks[0]?.addresses[ordinal] ?? managementAddress(ordinal),
      state: "streaming", syncState: syncState(index), sentLsn: position, writeLsn: position, flushLsn: position, replayLsn: position,
    })),
    slots: want.spec.replication.slots ? standbys.map((ordinal) => ({ name: `pgrs_${ordinal}`, active: true })) : [],
  });
  const keeps = want.spec.replication.slots && want.traits.advancesSlots;
  return introduced(configured(standbys.reduce((scene, ordinal) => server(scene, ordinal, {
    slots: keeps ? ordinals.filter((other) => other !== ordinal).map((other) => ({ name: `pgrs_${other}`, active: false, restartLsn: position })) : [],
  }), connected)));
}

/** Every running server has loaded what it should. */
export const configured = (scene: Scene): Scene => scene.seen.members.reduce((done, { ordinal }) => {
  const { want, seen } = done;
  const me = seen.members.find((one) => one.ordinal === ordinal);
  if (me?.server.seen !== "present") return done;
  const made = configurationOf(want, seen, clusterOf(want, seen), me);
  if (!("configuration" in made)) return done;
  const { hash, parametersHash, files } = made.configuration;
  const recovery = files["recovery.conf"];
  const [, names = ""] = /^synchronous_standby_names = '(.*)'$/m.exec(files["postgresql.conf"] ?? "") ?? [];
  const good = Object.keys(want.spec.postgres.parameters).length > 0 ? `${parametersHash}\n${JSON.stringify(want.spec.postgres.parameters)}\n` : undefined;
  return server(done, ordinal, { configHash: hash, parametersHash, settings: { ...me.server.value.settings, synchronous_standby_names: names }, ...(recovery === undefined ? {} : { recoveryHash: md5(recovery) }), ...(good === undefined ? {} : { good }) });
}, scene);

export const changed = ({ want, seen }: Scene, change: Partial<Observation>): Scene => ({ want, seen: { ...seen, ...change } });

/** The same world, looked at with another spec, metadata or status in mind; the application's Secret names the members that are wanted then. */
export const wanting = ({ want: { resource, status: before }, seen }: Scene, { spec = {}, metadata = {}, status = before }: Plain): Scene => {
  const next: Resource = { ...resource, metadata: { ...resource.metadata, ...metadata }, status };
  const want = desire(parse({ ...next, spec: { ...resource.spec, ...spec } }), owner);
  return introduced({ want, seen: { ...seen } });
};

export const member = (scene: Scene, ordinal: number, change: Partial<MemberSighting>): Scene =>
  changed(scene, { members: scene.seen.members.map((me) => me.ordinal === ordinal ? { ...me, ...change } : me) });

/** A member that the spec does not name, left from earlier. */
export const left = (scene: Scene, ordinal: number, change: Partial<MemberSighting> = {}): Scene =>
  changed(scene, { members: [...scene.seen.members, { ...unmadeMember(ordinal), volume: present(volumeOf(ordinal)), ...change }].sort((one, other) => one.ordinal - other.ordinal) });

export const server = (scene: Scene, ordinal: number, change: Partial<Look>): Scene => {
  const look = scene.seen.members.find((me) => me.ordinal === ordinal)?.server;
  return look?.seen === "present" ? member(scene, ordinal, { server: present({ ...look.value, ...change }) }) : scene;
};

export const container = (scene: Scene, ordinal: number, change: Partial<ContainerFacts>): Scene => {
  const facts = scene.seen.members.find((me) => me.ordinal === ordinal)?.container;
  return facts?.seen === "present" ? member(scene, ordinal, { container: present({ ...facts.value, ...change }) }) : scene;
};

/** The primary no longer sees the standby. */
export const disconnected = (scene: Scene, ordinal: number): Scene => {
  const primary = scene.want.status.primary?.ordinal ?? 0;
  const look = scene.seen.members.find((me) => me.ordinal === primary)?.server;
  if (look?.seen !== "present") return scene;
  return server(scene, primary, {
    senders: look.value.senders.filter(({ applicationName }) => applicationName !== `demo-${ordinal}`),
    slots: look.value.slots.map((slot) => slot.name === `pgrs_${ordinal}` ? { ...slot, active: false } : slot),
  });
};

/** What a stopped standby's volume holds, unless said otherwise. */
export const holding = (change: Partial<DataFacts> = {}): Sighting<DataFacts> => present({
  systemIdentifier: "7000000000000000001", state: "shutDownInRecovery", timeline: 2, checkpoint: "0/4000028", isTorn: false, isCopy: false, isDiverged: false,
  major: "17", good: undefined, refused: undefined, ...change,
});

export const data = holding();

/** Where the last record of a primary begins that ended cleanly at `position`. */
export const lastCheckpoint = "0/4FFFF88";

/** What a member leaves behind, by its role and by how it ended. */
const remains = ({ status, traits: { major } }: Desired, ordinal: number, exitCode: number): Sighting<DataFacts> => holding({
  major, ...(ordinal !== status.primary?.ordinal ? { state: exitCode === 0 ? "shutDownInRecovery" : "inRecovery" }
    : exitCode === 0 ? { state: "shutDown", checkpoint: lastCheckpoint } : { state: "inProduction" }),
});

/** The member's container has ended; its data is there. */
export const stopped = (scene: Scene, ordinal: number, change: Partial<ContainerFacts> = {}, more: Partial<MemberSighting> = {}): Scene =>
  member(disconnected(scene, ordinal), ordinal, {
    container: present(containerFacts(scene.want, ordinal, { state: "exited", ...change })), server: absent, interfaces: absent, data: remains(scene.want, ordinal, change.exitCode ?? 0), ...more,
  });

/** The server gives no answer. */
export const silent = (scene: Scene, ordinal: number): Scene => member(disconnected(scene, ordinal), ordinal, { server: unknown(`demo-${ordinal}: PostgreSQL is starting`) });

export const job = (want: Desired, ordinal: number, kind: JobKind, change: Partial<ContainerFacts> & { readonly log?: readonly string[]; readonly attempt?: number; readonly fullAt?: number } = {}): MemberSighting["job"] => {
  const { log = [], attempt = 1, fullAt, ...facts } = change;
  return present({
    id: `job-${ordinal}`, name: `default_demo_${ordinal}_job`, labels: labelsOf(want.owner, "job", { [label.ordinal]: String(ordinal), [label.job]: kind, [label.attempt]: String(attempt), ...(fullAt === undefined ? {} : { [label.fullAt]: String(fullAt) }) }),
    state: "exited", exitCode: 0, error: "", startedAt: minutesAgo(2), finishedAt: minutesAgo(1), imageId: image.id, endpoints: [], ...facts, log,
  });
};

/** The value of a member's sighting, for tests that need it. */
export const memberOf = ({ seen }: Scene, ordinal: number): MemberSighting => seen.members.find((me) => me.ordinal === ordinal) ?? unmadeMember(ordinal);

export const planned = ({ want, seen }: Scene): readonly string[] => printed(plan(want, seen));

export { absent, present, unknown, valueOf };
