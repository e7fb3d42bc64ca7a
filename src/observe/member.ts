/** One member: its container and job, what its volume holds while it is stopped, and what its server says while it runs. */
import { isOurs } from "../api/names.ts";
import { explain } from "../errors.ts";
import type { ContainerFacts, Heard, Target, VolumeFacts, World } from "../ports.ts";
import { memberName } from "../api/names.ts";
import type { Desired } from "../plan/desired.ts";
import { isSynchronous } from "../plan/failover/election.ts";
import { divergedNote, rewindingNote } from "../plan/jobs.ts";
import { pulseMs } from "../plan/pulse.ts";
import { hasFailedStart } from "../plan/rules/start.ts";
import { isAlive } from "../plan/cluster.ts";
import { parseControl } from "../postgres/control.ts";
import { absent, bootOf, present, unknown, valueOf, type DataFacts, type MemberSighting, type Sighting } from "../plan/observation.ts";

interface MemberLook {
  readonly world: World;
  readonly want: Desired;
  readonly ordinal: number;
  readonly volume: Sighting<VolumeFacts>;
  readonly container: Sighting<ContainerFacts>;
  readonly job: Sighting<ContainerFacts>;
  readonly password: string;
  readonly accounts: readonly string[];
  readonly signal: AbortSignal;
}

const logLines = 20;
/** An address that follows the primary can be taken away by hand, which no event tells. */
const interfacesMaxAgeMs = 10_000;
/**
 * How long a look at the primary may take: a failover must not wait for a look. One that owes a sign of life already is
 * given less. Milliseconds.
 */
const lookMs = (want: Desired, heard: Heard): number => heard.silentMs > 1.5 * pulseMs(want) ? 200 : Math.max(500, pulseMs(want));

/** Whether a container is one that we may look into. */
const own = (want: Desired, container: Sighting<ContainerFacts>): ContainerFacts | undefined => {
  const facts = valueOf(container);
  return facts !== undefined && isOurs(want.owner, facts.labels) ? facts : undefined;
};

const justNowMs = 1_000;

/**
 * Whether it is a primary that crashed a moment ago while standbys are known to have each commit. Then one of them
 * takes over, whatever its data looks like, and writes are waiting: the look at its data comes with the next round.
 */
const endedJustNow = ({ want, world, ordinal }: MemberLook, { exitCode, finishedAt }: ContainerFacts): boolean =>
  ordinal === want.status.primary?.ordinal && isSynchronous(want) && exitCode !== 0 && Math.abs(world.clock.now() - finishedAt) < justNowMs;

const whyNotItsData = (look: MemberLook, facts: ContainerFacts): Sighting<DataFacts> | undefined => {
  if (facts.state === "dead" || facts.state === "removing") return unknown("its container is being removed");
  return endedJustNow(look, facts) ? unknown("it crashed just now, and its data was not looked at yet") : undefined;
};

export async function lookAtMember(look: MemberLook): Promise<MemberSighting> {
  const { world, want, ordinal, volume, container, signal } = look;
  const facts = own(want, container);
  const isRunning = facts?.state === "running";
  const target = facts === undefined ? undefined : targetOf(look, facts);
  const heard = facts === undefined ? undefined : world.pulse.heard(bootOf(facts));
  const [job, data, server, interfaces, log] = await Promise.all([
    lookAtJob(look),
    facts === undefined || isAlive(facts) ? absent : whyNotItsData(look, facts) ?? lookAtData(look, { id: facts.id, hasFailed: hasFailedStart(facts) }),
    facts !== undefined && isRunning && target !== undefined ? lookAtServer(look, target, heard) : absent,
    facts !== undefined && isRunning && want.networks.length > 0 ? sightOf(world.engine.interfaces(facts, want.networks.some(({ primaryAddress }) => primaryAddress !== undefined) ? { maxAgeMs: interfacesMaxAgeMs } : {}, signal)) : absent,
    facts !== undefined && facts.state === "exited" && facts.exitCode !== 0 && !endedJustNow(look, facts) ? logOf(world, facts.id, signal) : [],
  ]);
  return { ordinal, volume, container, job, data, server, interfaces, log, target, heard };
}

const sightOf = async <T>(look: Promise<T>): Promise<Sighting<T>> => look.then((value) => present(value), (error: unknown) => unknown(explain(error)));

const logOf = async ({ engine }: World, id: string, signal: AbortSignal): Promise<readonly string[]> =>
  engine.logs(id, logLines, signal).catch(() => []);

function targetOf({ want, ordinal, password }: MemberLook, { id, endpoints }: ContainerFacts): Target {
  const host = endpoints.find(({ network }) => network === "bridge")?.address ?? "";
  return { member: memberName(want.owner.name, ordinal), container: id, host, traits: want.traits, password };
}

async function lookAtJob({ world, want, job, signal }: MemberLook): Promise<MemberSighting["job"]> {
  const facts = valueOf(job);
  if (facts === undefined || job.seen !== "present") return job.seen === "unknown" ? job : absent;
  return present({ ...facts, log: isOurs(want.owner, facts.labels) ? await logOf(world, facts.id, signal) : [] });
}

async function lookAtServer({ world, want, accounts, signal }: MemberLook, target: Target, heard: Heard | undefined): Promise<MemberSighting["server"]> {
  return sightOf(world.postgres.look(target, { accounts, ...(heard === undefined ? {} : { limitMs: lookMs(want, heard) }) }, signal));
}

/**
 * What a stopped member's volume holds, read through its container. The data directory is moved in place only when
 * it is complete, so a control file in it says that all of it is there. Each question costs the Engine up to a tenth of
 * a second: of the recorded primary, which ran a moment ago, it is not asked whether it is a copy or a torn rewind.
 */
async function lookAtData({ world: { engine }, want, ordinal, signal }: MemberLook, { id, hasFailed }: { readonly id: string; readonly hasFailed: boolean }): Promise<Sighting<DataFacts>> {
  const { dataDirectory, mount } = want;
  const isRecorded = ordinal === want.status.primary?.ordinal && want.status.systemIdentifier !== undefined;
  const isThere = async (path: string): Promise<boolean> => !isRecorded && await engine.readFile(id, path, signal) !== undefined;
  try {
    const [control, notes, isCopy, isTorn] = await Promise.all([
      engine.readFile(id, `${dataDirectory}/global/pg_control`, signal), engine.readDirectory(id, `${dataDirectory}/pgrs`, signal),
      isThere(`${dataDirectory}/backup_label`), isThere(`${mount}/${rewindingNote}`),
    ]);
    if (control === undefined) return absent;
    const facts = parseControl(control);
    if (facts === undefined) return unknown(`${dataDirectory}/global/pg_control can't be understood`);
    const text = (name: string): string | undefined => {
      const bytes = notes?.get(name);
      return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
    };
    const major = facts.major ?? Buffer.from(await engine.readFile(id, `${dataDirectory}/PG_VERSION`, signal) ?? []).toString("utf8").trim();
    const tried = hasFailed ? parametersHashIn(await engine.readFile(id, `${dataDirectory}/postgresql.conf`, signal)) : undefined;
    return present({ ...facts, major, tried, isTorn, isCopy, isDiverged: notes?.has(basename(divergedNote)) === true, good: text("good"), refused: text("refused") });
  } catch (error) {
    return unknown(explain(error));
  }
}

const parametersHashIn = (configuration: Uint8Array | undefined): string | undefined =>
  configuration === undefined ? undefined : /^pgrs\.parameters_hash = '([^']*)'/m.exec(Buffer.from(configuration).toString("utf8"))?.[1];

const basename = (path: string): string => path.split("/").at(-1) ?? "";
