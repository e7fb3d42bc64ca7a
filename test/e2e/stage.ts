/**
 * Where failover is tried: a cluster of three under a writer that notes what was acknowledged, and an observer that
 * asks every member all the while whether it accepts writes. Its checks are about what was promised to that writer.
 */
import assert from "node:assert/strict";
import type { Resource, Spec, Status } from "../../src/api/resource.ts";
import { label } from "../../src/api/names.ts";
import type { JobKind } from "../../src/plan/jobs.ts";
import { condition, hasOneWriter, isReady, primaryOf, streams } from "./checks.ts";
import { appLogin } from "./clients.ts";
import { namespace, type Cluster } from "./cluster.ts";
import { idsIn, missingFrom } from "./evidence.ts";
import { manifest, valueIn } from "./manifest.ts";
import { startObserver, type Observer } from "./observer.ts";
import { subjectOf, type Check, type Subject } from "./subject.ts";
import { startWriter, table, type Writer } from "./writer.ts";

/** A one-shot container that was made for a member. */
export interface Job { readonly kind: JobKind; readonly ordinal: number }

/** How things stood at a moment, to compare with. */
export interface Moment { readonly primary: number; readonly epoch: number; readonly jobs: number; readonly acknowledged: number }

export interface Stage {
  readonly subject: Subject;
  readonly writer: Writer;
  readonly observer: Observer;
  readonly hosts: readonly string[];
  /** All jobs since the stage was set, the oldest first. */
  readonly jobs: readonly Job[];
  readonly container: (ordinal: number) => string;
  moment(): Promise<Moment>;
  patch(spec: object): Promise<void>;
  close(): Promise<void>;
}

const clientAddresses = 8;

/** Addresses in 10.10.<block>.0/24 for WAL and 192.168.<block>.0/24 for clients. */
export const networksOf = (block: number, primaryAddress?: string): readonly object[] => [
  {
    name: "lan", purpose: "Client", interfaceName: "eth1", subnet: `192.168.${String(block)}.0/24`,
    addressPool: { start: `192.168.${String(block)}.101`, size: clientAddresses }, ...(primaryAddress === undefined ? {} : { primaryAddress }),
  },
  { name: "repl", purpose: "Replication", interfaceName: "eth2", subnet: `10.10.${String(block)}.0/24`, addressPool: { start: `10.10.${String(block)}.1`, size: clientAddresses } },
];

export const quorum = { mode: "Quorum", minSync: 1 } as const;

/** A failover after another one is no exception here, and a frozen primary is not waited for long. */
export const eager = { detectionSeconds: 1, dampingSeconds: 0 } as const;

type Wish = Partial<Record<keyof Spec, unknown>> & { readonly postgres: { readonly version: string } };

const hostsOf = (text: string): readonly string[] => {
  const { spec } = JSON.parse(text) as Resource;
  const start = valueIn(spec.networks[0]?.addressPool?.start, "address pool of the first network");
  const [prefix, first] = [start.replace(/\d+$/, ""), Number(/\d+$/.exec(start)?.[0])];
  return Array.from({ length: clientAddresses }, (_, index) => `${prefix}${String(first + index)}`);
};

async function watchJobs({ docker, installation }: Cluster, jobs: Job[]): Promise<() => void> {
  const stream = await docker.getEvents({ filters: { type: ["container"], event: ["create"], label: [`${label.installation}=${installation}`, label.job] } });
  stream.on("data", (line: Buffer) => {
    const { Actor: { Attributes: { [label.job]: kind, [label.ordinal]: ordinal } } } = JSON.parse(line.toString("utf8")) as { Actor: { Attributes: Record<string, string> } };
    jobs.push({ kind: kind as JobKind, ordinal: Number(ordinal) });
  });
  return () => { (stream as NodeJS.ReadableStream & { destroy(): void }).destroy(); };
}

/** Applies the resource, waits until it is whole, and begins to write and to observe. `members`: whom the writer knows of. */
export async function setStage(cluster: Cluster, name: string, spec: Wish, { members = 3 }: { readonly members?: number } = {}): Promise<Stage> {
  const text = await manifest(cluster.docker, name, { replicas: 3, deletionPolicy: "Delete", ...spec });
  const subject = subjectOf(cluster, name);
  await cluster.apply(text);
  await subject.becomes(isWhole, 180);
  const hosts = hostsOf(text).slice(0, members);
  const { username, password } = await appLogin(subject);
  const route = { hosts, user: username, password, database: "app" };
  const jobs: Job[] = [];
  const stopJobs = await watchJobs(cluster, jobs);
  const writer = await startWriter(route);
  const observer = startObserver(route);
  return {
    subject, writer, observer, hosts, jobs,
    container: (ordinal) => subject.container(ordinal),
    moment: async () => {
      const { status: { primary } } = await subject.get();
      return { primary: valueIn(primary?.ordinal, "recorded primary"), epoch: valueIn(primary?.epoch, "epoch"), jobs: jobs.length, acknowledged: writer.writes.length };
    },
    patch: async (more) => { await cluster.kubectl(["patch", `pgrs/${name}`, "--type=merge", "-p", JSON.stringify({ spec: more })]); },
    close: async () => {
      await Promise.all([writer.stop(), observer.stop()]);
      stopJobs();
      await cluster.kubectl(["delete", `pgrs/${name}`, "--timeout=120s"]);
    },
  };
}

/** The primary and the lowest others. */
const ordinalsOf = async (subject: Subject): Promise<readonly number[]> => {
  const { spec: { replicas } } = await subject.get();
  const primary = await primaryOf(subject);
  const lowest = Array.from({ length: replicas }, (_, ordinal) => ordinal);
  return primary < replicas ? lowest : [...lowest.slice(0, -1), primary];
};

/** What is promised about commits is written down too, so that a failover goes by it. */
const canFailOver: Check = async (subject) => {
  const { spec: { replicas, failover } } = await subject.get();
  return replicas === 1 || failover.mode === "Disabled" ? undefined : condition("FailoverPossible", { status: "True" })(subject);
};

/** Every standby of the recorded primary streams, one could take over, and nobody else accepts writes. */
export const isWhole: readonly Check[] = [isReady, canFailOver, async (subject) => {
  const [primary, ordinals] = await Promise.all([primaryOf(subject), ordinalsOf(subject)]);
  return streams(...ordinals.filter((ordinal) => ordinal !== primary))(subject);
}, hasOneWriter];

type Failover = NonNullable<Status["lastFailover"]>;

/** Another member is recorded than at that moment, with evidence of this kind. */
export const hasFailedOver = (before: Moment, wanted: { readonly cause?: RegExp; readonly to?: number } = {}): Check => async (subject) => {
  const { status: { primary, lastFailover } } = await subject.get();
  if (primary === undefined || primary.epoch <= before.epoch) return `epoch ${String(primary?.epoch)} is recorded, no newer one than ${String(before.epoch)}`;
  if (lastFailover === undefined) return "the status has no lastFailover";
  const isTold = lastFailover.epoch <= primary.epoch && (wanted.cause ?? /./).test(lastFailover.cause) && (wanted.to === undefined || primary.ordinal === wanted.to);
  return isTold && primary.ordinal !== before.primary ? undefined : `${String(primary.ordinal)} is primary, and lastFailover is ${JSON.stringify(lastFailover)}`;
};

/** The same member as at that moment is the primary, by whatever way. */
export const staysWith = (before: Moment): Check => async (subject) => {
  const primary = await primaryOf(subject);
  return primary === before.primary ? undefined : `${String(primary)} is the primary, not ${String(before.primary)}`;
};

const islands = `select coalesce(string_agg(span, ','), '') from (select min(id) || '-' || max(id) as span
  from (select id, id - row_number() over (order by id) as island from ${table}) numbered group by island) spans`;

/** The ids that a member has not. */
export const missingOn = async (subject: Subject, ordinal: number, ids: readonly number[]): Promise<readonly number[]> =>
  missingFrom(idsIn(await subject.sql(ordinal, islands, "app")), ids);

/** Every write that was acknowledged until now is on every member. */
export const keepsAcknowledged = ({ writer }: Stage): Check => {
  const ids = writer.acknowledged();
  return async (subject) => {
    for (const ordinal of await ordinalsOf(subject)) {
      const missing = await missingOn(subject, ordinal, ids);
      if (missing.length > 0) return `${String(missing.length)} acknowledged rows are not on member ${String(ordinal)}, of ${String(ids.length)}: ${missing.slice(0, 20).join(", ")}`;
    }
    return undefined;
  };
};

/** No two members were seen to accept writes at the same moment, since the stage was set. */
export const assertOneWriter = ({ observer }: Stage): void => { assert.deepEqual(observer.conflicts(), []); };

/** Evidence is complete: who was asked, what they had, why each was taken or not, and how the old one was fenced. */
export function assertEvidence(failover: Failover | undefined): asserts failover is Failover {
  assert.ok(failover !== undefined, "the status has no lastFailover");
  assert.ok(failover.candidates.length > 0, "no candidate is named");
  for (const { verdict } of failover.candidates) assert.match(verdict, /\w/);
  assert.ok(failover.candidates.some(({ ordinal, verdict, receivedLSN }) => ordinal === failover.to && /chosen/.test(verdict) && receivedLSN !== undefined), JSON.stringify(failover));
  assert.match(failover.fence ?? "", /\w+ \w+/);
}

/** Jobs of members since a moment, as "rewind 0". */
export const jobsSince = ({ jobs }: Stage, { jobs: count }: Moment): readonly string[] => jobs.slice(count).map(({ kind, ordinal }) => `${kind} ${String(ordinal)}`);

interface EventList { readonly items: readonly { readonly message?: string; readonly involvedObject: { readonly name?: string } }[] }

/** What kubectl describe tells of the resource: sentences for people. */
export async function eventMessages({ cluster, name }: Subject): Promise<readonly string[]> {
  const { items }: EventList = await cluster.core.listNamespacedEvent({ namespace });
  return items.filter(({ involvedObject }) => involvedObject.name === name).map(({ message = "" }) => message);
}

export const assertSentences = (messages: readonly string[]): void => {
  const odd = messages.filter((message) => message.split(" ").length < 3 || /undefined|\[object|NaN|\n/.test(message));
  assert.deepEqual(odd, []);
};

/** Clients write again, the cluster is whole, nothing acknowledged is missing, and there was never a second writer. */
export async function endsWell(stage: Stage, more: readonly Check[] = []): Promise<void> {
  await stage.writer.next();
  await stage.subject.becomes([...more, ...isWhole], 180);
  await stage.subject.becomes(keepsAcknowledged(stage));
  assertOneWriter(stage);
}
