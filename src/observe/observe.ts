/**
 * One look at the world: what the Engine has with our labels, what each volume holds, what each server says. Reads
 * only. A look that fails becomes "unknown" with its reason, and spoils nothing beside it.
 */
import { archiveName, containerName, isOurs, jobName, label, volumeName, type Account, type Owner } from "../api/names.ts";
import { explain } from "../errors.ts";
import type { ContainerFacts, NetworkFacts, VolumeFacts, World } from "../ports.ts";
import type { Desired } from "../plan/desired.ts";
import { absent, present, unknown, valueOf, type Login, type MemberSighting, type Observation, type Sighting } from "../plan/observation.ts";
import { passwordProblem } from "../postgres/password.ts";
import { accountStates } from "./accounts.ts";
import { lookAtMember } from "./member.ts";

/** Turns a look into a sighting: undefined is absent, an error is unknown. */
export async function sight<T>(look: Promise<T | undefined>): Promise<Sighting<T>> {
  try {
    const value = await look;
    return value === undefined ? absent : present(value);
  } catch (error) {
    return unknown(explain(error));
  }
}

/** What the Engine has with our labels. */
interface Holdings {
  readonly containers: Sighting<readonly ContainerFacts[]>;
  readonly volumes: Sighting<readonly VolumeFacts[]>;
  readonly networks: Sighting<readonly NetworkFacts[]>;
}

const holdings = async ({ engine }: World, owner: Owner, signal: AbortSignal): Promise<Holdings> => {
  const [containers, volumes, networks] = await Promise.all([
    sight(engine.containersOf(owner, signal)), sight(engine.volumesOf(owner, signal)), sight(engine.networksOf(owner, signal)),
  ]);
  return { containers, volumes, networks };
};

/** One thing by name: ours from the holdings, else whoever has the name. */
async function named<T extends { readonly name: string }>(name: string, ours: Sighting<readonly T[]>, ask: () => Promise<T | undefined>): Promise<Sighting<T>> {
  if (ours.seen === "unknown") return ours;
  const own = valueOf(ours)?.find((one) => one.name === name);
  return own === undefined ? sight(ask()) : present(own);
}

const ordinalsIn = (things: Sighting<readonly { readonly labels: Readonly<Record<string, string>> }[]>): readonly number[] =>
  (valueOf(things) ?? []).flatMap(({ labels }) => {
    const ordinal = Number(labels[label.ordinal] ?? Number.NaN);
    return Number.isInteger(ordinal) && ordinal >= 0 ? [ordinal] : [];
  });

function ordinalsOf({ spec, status }: Desired, { containers, volumes }: Holdings): readonly number[] {
  const wanted = Array.from({ length: spec.replicas }, (_, ordinal) => ordinal);
  const primary = status.primary === undefined ? [] : [status.primary.ordinal];
  return [...new Set([...wanted, ...primary, ...ordinalsIn(containers), ...ordinalsIn(volumes)])].sort((one, other) => one - other);
}

async function lookAtImage({ engine }: World, names: readonly string[], signal: AbortSignal): Promise<Observation["image"]> {
  for (const name of names) {
    const image = await sight(engine.image(name, signal));
    if (image.seen !== "absent") return image;
  }
  return absent;
}

async function lookAtSecrets({ resources }: World, want: Desired, signal: AbortSignal): Promise<Observation["secrets"]> {
  const login = async (account: Account): Promise<Sighting<Login>> => {
    const { name, username } = want.secrets[account];
    const secret = await sight(resources.secret({ namespace: want.owner.namespace, name }, signal));
    if (secret.seen !== "present") return secret;
    const { password, hosts, uri } = secret.value;
    if (password === undefined || password === "") return unknown(`the Secret ${name} lacks the key password: add it`);
    const problem = passwordProblem(password) ?? (account === "superuser" || secret.value["username"] === undefined || /^[a-z_][a-z0-9_]{0,62}$/.test(secret.value["username"]) ? undefined
      : "its username is no plain role name: write lower case letters, digits and underscores, at most 63");
    return problem !== undefined ? unknown(`the Secret ${name}: ${problem}`)
      : present({ username: account === "superuser" ? username : secret.value["username"] ?? username, password, ...(hosts === undefined ? {} : { hosts }), ...(uri === undefined ? {} : { uri }) });
  };
  const [superuser, replication, app] = await Promise.all([login("superuser"), login("replication"), login("app")]);
  return { superuser, replication, app };
}

/** Nothing to see: the Engine did not answer. */
const blind = (want: Desired, owner: Owner, at: number, because: string, secrets: Observation["secrets"]): Observation => {
  const unseen = unknown(because);
  const count = Math.max(want.spec.replicas, ...(want.status.members ?? []).map(({ ordinal }) => ordinal + 1));
  return {
    at, owner, lastTold: undefined, engine: unseen, image: unseen, pulling: undefined, staleNetworks: [], archive: unseen, secrets,
    networks: Object.fromEntries(want.networks.map(({ name }) => [name, unseen])),
    accounts: { superuser: "unknown", replication: "unknown", app: "unknown" },
    members: Array.from({ length: count }, (_, ordinal): MemberSighting =>
      ({ ordinal, volume: unseen, container: unseen, job: unseen, data: unseen, server: unseen, interfaces: unseen, log: [], target: undefined, heard: undefined })),
  };
};

/** Looks once at everything that the plan for a resource may ask about. Never throws for a part that can't be seen. */
export async function observe(want: Desired, world: World, signal: AbortSignal): Promise<Observation> {
  const { engine, clock } = world;
  const { owner } = want;
  const at = clock.now();
  const [facts, secrets, held, image] = await Promise.all([
    sight(engine.facts(signal)), lookAtSecrets(world, want, signal), holdings(world, owner, signal), lookAtImage(world, want.images, signal),
  ]);
  if (facts.seen !== "present") return blind(want, owner, at, facts.seen === "unknown" ? facts.because : "", secrets);
  const password = valueOf(secrets.superuser)?.password ?? "";
  const accounts = want.status.primary === undefined ? [] : (Object.keys(want.secrets) as Account[]).map((account) => valueOf(secrets[account])?.username ?? want.secrets[account].username);
  const member = async (ordinal: number): Promise<MemberSighting> => {
    // A member that runs needs no job, so that name may belong to anybody.
    const isRunning = valueOf(held.containers)?.find(({ name }) => name === containerName(owner, ordinal))?.state === "running";
    const [volume, container, job] = await Promise.all([
      named(volumeName(owner, ordinal), held.volumes, () => engine.volume(volumeName(owner, ordinal), signal)),
      named(containerName(owner, ordinal), held.containers, () => engine.container(containerName(owner, ordinal), signal)),
      named(jobName(owner, ordinal), held.containers, async () => isRunning ? undefined : engine.container(jobName(owner, ordinal), signal)),
    ]);
    return lookAtMember({ world, want, ordinal, volume, container, job, password, accounts, signal });
  };
  const networkNames = new Set(want.networks.map(({ docker }) => docker));
  const [members, networks, archive] = await Promise.all([
    Promise.all(ordinalsOf(want, held).map(member)),
    Promise.all(want.networks.map(async ({ name, docker }) => [name, await named(docker, held.networks, () => engine.network(docker, signal))] as const)),
    want.archiveVolume === undefined && !want.deleting ? absent : named(archiveName(owner), held.volumes, () => engine.volume(archiveName(owner), signal)),
  ]);
  return {
    at, owner, lastTold: world.pulse.last(owner), engine: facts, image, secrets, members, archive,
    networks: Object.fromEntries(networks),
    pulling: engine.pulling(want.images.at(-1) ?? ""),
    staleNetworks: (valueOf(held.networks) ?? []).filter(({ name, labels }) => !networkNames.has(name) && isOurs(owner, labels)),
    accounts: accountStates(want, members, secrets),
  };
}
