/**
 * What the operator is measured against: the same steps by the same calls in one straight line, by a script that knows
 * beforehand what comes next and never looks whether something else is the matter.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type Docker from "dockerode";
import { containerName, label, labelsOf, memberName, slotName, volumeName } from "../src/api/names.ts";
import { passfileOf, basebackupJob, initdbJob } from "../src/plan/jobs.ts";
import { containerOf, nicsOf, type Desired } from "../src/plan/desired.ts";
import type { Action } from "../src/plan/action.ts";
import type { ContainerFacts, Engine, File, ImageFacts, Look, Postgres, Target } from "../src/ports.ts";
import { memberConfiguration } from "../src/postgres/settings.ts";
import type { Step } from "./steps.ts";

export interface Tools { readonly engine: Engine; readonly postgres: Postgres; readonly docker: Docker }

interface Script extends Tools {
  readonly want: Desired;
  readonly image: ImageFacts;
  readonly managementSubnet: string;
  readonly passwords: { readonly superuser: string; readonly replication: string; readonly app: string };
  readonly signal: AbortSignal;
  /** Runs one step and notes how long it took. */
  readonly timed: <T>(lane: string, what: string, run: () => Promise<T>) => Promise<T>;
}

const primary = 0;
/** The number of the decision about it. */
const epoch = 1;
const betweenLooksMs = 20;

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await pause(betweenLooksMs);
  }
}

const nameOf = ({ want }: Script, ordinal: number): string => memberName(want.owner.name, ordinal);
const replicationLogin = ({ passwords }: Script) => ({ username: "replicator", password: passwords.replication });

/** Volume, container, and NICs of a member. */
async function make(script: Script, ordinal: number): Promise<void> {
  const { engine, want, image, signal, timed } = script;
  const lane = nameOf(script, ordinal);
  await timed(lane, "createVolume", () => engine.createVolume(volumeName(want.owner, ordinal), labelsOf(want.owner, "volume", { [label.ordinal]: String(ordinal) }), signal));
  await timed(lane, "createContainer", () => engine.createContainer(containerOf(want, ordinal, image), signal));
  for (const nic of nicsOf(want, ordinal)) await timed(lane, "attachNic", () => engine.attach(containerName(want.owner, ordinal), nic, signal));
}

/** Runs a one-shot container to its end. */
async function runJob(script: Script, { lane, container, files, directory }: Action<"startJob">): Promise<void> {
  const { engine, docker, signal, timed } = script;
  const id = await timed(lane, "startJob", async () => {
    const made = await engine.createContainer(container, signal);
    await engine.putFiles(made, directory, files, signal);
    await engine.start(made, signal);
    return made;
  });
  const { StatusCode: code } = await timed(lane, container.labels[label.job] ?? "job", () => docker.getContainer(id).wait() as Promise<{ StatusCode: number }>);
  if (code !== 0) throw new Error(`${container.name} ended with ${String(code)}: ${(await engine.logs(id, 5, signal)).join("; ")}`);
  await timed(lane, "removeContainer", () => engine.removeContainer(id, signal));
}

function filesOf(script: Script, ordinal: number, upstreamHost: string): readonly File[] {
  const { want, managementSubnet } = script;
  const passfile = passfileOf(replicationLogin(script));
  const subnets = (purpose: string): readonly string[] => want.networks.filter((network) => network.purpose === purpose).flatMap(({ subnet }) => subnet ?? []);
  const { files } = memberConfiguration({
    traits: want.traits, member: nameOf(script, ordinal), dataDirectory: want.dataDirectory, parameters: want.spec.postgres.parameters, hba: [],
    managementSubnets: [managementSubnet], clientSubnets: subnets("Client"), replicationSubnets: subnets("Replication"), synchronousStandbyNames: "", epoch,
    ...(ordinal === primary ? {} : { upstream: { host: upstreamHost, port: 5432, user: "replicator", passfile: `${want.mount}/${passfile.path}`, slot: slotName(ordinal) } }),
  });
  return [passfile, ...Object.entries(files).map(([path, text]) => ({ path: `pgdata/${path}`, text }))];
}

const targetOf = ({ want, passwords }: Script, ordinal: number, container: ContainerFacts): Target => ({
  member: memberName(want.owner.name, ordinal), container: container.id, traits: want.traits, password: passwords.superuser,
  host: container.endpoints.find(({ network }) => network === "bridge")?.address ?? "",
});

/** Starts a member, and waits until its server answers. */
async function boot(script: Script, ordinal: number, upstreamHost: string): Promise<Target> {
  const { engine, postgres, want, signal, timed } = script;
  const name = containerName(want.owner, ordinal);
  const lane = nameOf(script, ordinal);
  await timed(lane, "startMember", async () => {
    await engine.putFiles(name, want.mount, filesOf(script, ordinal, upstreamHost), signal);
    await engine.start(name, signal);
  });
  const facts = await engine.container(name, signal);
  if (facts === undefined) throw new Error(`${name} is gone`);
  const target = targetOf(script, ordinal, facts);
  await timed(lane, "answers", () => until(() => postgres.look(target, { accounts: [] }, signal).catch(() => undefined)));
  return target;
}

/** Makes the first member the primary, with all that the others need of it. */
async function lead(script: Script, target: Target): Promise<void> {
  const { postgres, want, passwords, signal, timed } = script;
  const lane = nameOf(script, primary);
  const { database, owner } = want.spec.bootstrap.initdb;
  const { startedAt } = await postgres.look(target, { accounts: [] }, signal);
  await timed(lane, "promote", () => postgres.promote(target, { epoch, startedAt }, signal));
  await timed("accounts", "ensureAccount", () => postgres.ensureAccount(target, { name: "replicator", password: passwords.replication, attributes: "REPLICATION" }, signal));
  await timed("accounts", "ensureAccount", () => postgres.ensureAccount(target, { name: owner, password: passwords.app, attributes: "LOGIN" }, signal));
  await timed("accounts", "ensureDatabase", () => postgres.ensureDatabase(target, { name: database, owner }, signal));
  for (let ordinal = 1; ordinal < want.spec.replicas; ordinal += 1) await timed("slots", "createSlot", () => postgres.createSlot(target, slotName(ordinal), signal));
}

const streaming = ({ senders }: Look): number => senders.filter(({ state, applicationName }) => state === "streaming" && !applicationName.endsWith("-basebackup")).length;

async function play(script: Script): Promise<void> {
  const { engine, postgres, want, image, passwords, signal, timed } = script;
  const ordinals = Array.from({ length: want.spec.replicas }, (_, ordinal) => ordinal);
  for (const { name, spec } of want.networks) if (spec !== undefined) await timed(`network ${name}`, "createNetwork", () => engine.createNetwork(spec, signal));
  for (const ordinal of ordinals) await make(script, ordinal);
  const job = { want, image, attempt: 1, at: Date.now(), because: "no data" };
  await runJob(script, initdbJob({ ...job, ordinal: primary }, { username: "postgres", password: passwords.superuser }));
  const host = want.replicationNetwork?.addresses[primary] ?? "";
  const target = await boot(script, primary, host);
  await lead(script, target);
  for (const ordinal of ordinals.slice(1)) {
    await runJob(script, basebackupJob({ ...job, ordinal }, { host }, replicationLogin(script)));
    await boot(script, ordinal, host);
  }
  await timed("standbys", "stream", () => until(async () => streaming(await postgres.look(target, { accounts: [] }, signal)) === want.spec.replicas - 1 ? true : undefined));
}

/** Sets the cluster up and returns its steps in order. What it makes carries the labels of the wish's owner. */
export async function plainCluster(tools: Tools, want: Desired, image: ImageFacts, signal: AbortSignal): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const begunAt = performance.now();
  const timed: Script["timed"] = async (lane, what, run) => {
    const startedAt = performance.now();
    const result = await run();
    steps.push({ atMs: startedAt - begunAt, tookMs: performance.now() - startedAt, lane, what });
    return result;
  };
  const password = (): string => randomBytes(18).toString("base64url");
  const { managementSubnet } = await tools.engine.facts(signal);
  await play({ ...tools, want, image, managementSubnet, signal, timed, passwords: { superuser: password(), replication: password(), app: password() } });
  return steps;
}
