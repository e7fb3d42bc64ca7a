/** One member: its container and job, what its volume holds while it is stopped, and what its server says while it runs. */
import { isOurs } from "../api/names.ts";
import { explain } from "../errors.ts";
import type { ContainerFacts, Target, VolumeFacts, World } from "../ports.ts";
import { memberName } from "../api/names.ts";
import type { Desired } from "../plan/desired.ts";
import { absent, present, unknown, valueOf, type DataFacts, type MemberSighting, type Sighting } from "../plan/observation.ts";

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

/** Whether a container is one that we may look into. */
const own = (want: Desired, container: Sighting<ContainerFacts>): ContainerFacts | undefined => {
  const facts = valueOf(container);
  return facts !== undefined && isOurs(want.owner, facts.labels) ? facts : undefined;
};

export async function lookAtMember(look: MemberLook): Promise<MemberSighting> {
  const { world, want, ordinal, volume, container, signal } = look;
  const facts = own(want, container);
  const isRunning = facts?.state === "running";
  const target = facts === undefined ? undefined : targetOf(look, facts);
  const [job, data, server, interfaces, log] = await Promise.all([
    lookAtJob(look),
    facts !== undefined && !isRunning ? lookAtData(world, want, facts.id, signal) : absent,
    facts !== undefined && isRunning && target !== undefined ? lookAtServer(look, target) : absent,
    facts !== undefined && isRunning && want.networks.length > 0 ? sightOf(world.engine.interfaces(facts, {}, signal)) : absent,
    facts !== undefined && facts.state === "exited" && facts.exitCode !== 0 ? logOf(world, facts.id, signal) : [],
  ]);
  return { ordinal, volume, container, job, data, server, interfaces, log, target };
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

async function lookAtServer({ world, accounts, signal }: MemberLook, target: Target): Promise<MemberSighting["server"]> {
  return sightOf(world.postgres.look(target, accounts, signal));
}

/**
 * What a stopped member's volume holds, read through its container. The data directory is moved in place only when
 * it is complete, so PG_VERSION in it says that all of it is there. The system identifier is the first eight bytes
 * of pg_control (PostgreSQL source, src/include/catalog/pg_control.h).
 */
async function lookAtData({ engine }: World, { dataDirectory }: Desired, id: string, signal: AbortSignal): Promise<Sighting<DataFacts>> {
  try {
    const version = await engine.readFile(id, `${dataDirectory}/PG_VERSION`, signal);
    if (version === undefined) return absent;
    const [control, good, refused] = await Promise.all(
      ["global/pg_control", "pgrs/good", "pgrs/refused"].map((path) => engine.readFile(id, `${dataDirectory}/${path}`, signal)));
    if (control === undefined || control.length < 8) return unknown(`${dataDirectory}/global/pg_control is not there`);
    const text = (bytes: Uint8Array | undefined): string | undefined => bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8");
    return present({
      systemIdentifier: Buffer.from(control).readBigUInt64LE(0).toString(),
      major: Buffer.from(version).toString("utf8").trim(), good: text(good), refused: text(refused),
    });
  } catch (error) {
    return unknown(explain(error));
  }
}
