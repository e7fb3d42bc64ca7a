// What happens when a primary is lost, on other versions and with asynchronous commits.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import type { JobKind } from "../../src/plan/jobs.ts";
import { condition, hasMembers, lifeOf, notRecreated } from "./checks.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { freeze, kill, pullWire, remove } from "./faults.ts";
import { valueIn } from "./manifest.ts";
import {
  assertEvidence, assertOneWriter, eager, endsWell, hasFailedOver, isWhole, jobsSince, missingOn, networksOf, quorum, setStage, staysWith, type Stage,
} from "./stage.ts";

let cluster: Cluster;

before(async () => { cluster = await startCluster(); });
after(() => cluster.stop());

/** The stage of one version is closed before the next one opens: the machine is small. */
async function on(version: string, replication: object, block: number, play: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = await setStage(cluster, `v${version}-${String(block)}`, { postgres: { version }, replication, failover: eager, networks: networksOf(block) });
  try {
    await play(stage);
  } finally {
    await stage.close();
  }
}

/** The primary's container is killed; how the old primary comes back depends on what its image can. */
async function isReplaced(stage: Stage, wayBack: readonly JobKind[]): Promise<void> {
  const moment = await stage.moment();
  await kill(cluster.docker, stage.container(moment.primary));
  await stage.subject.becomes(hasFailedOver(moment, { cause: /Crash/ }));
  await endsWell(stage, [hasMembers(3)]);
  assertEvidence((await stage.subject.get()).status.lastFailover);
  assert.deepEqual(jobsSince(stage, moment), wayBack.map((kind) => `${kind} ${String(moment.primary)}`));
}

async function isSwitched(stage: Stage): Promise<void> {
  const moment = await stage.moment();
  const to = (moment.primary + 1) % 3;
  await stage.patch({ switchover: { toOrdinal: to, token: "once" } });
  await stage.subject.becomes(hasFailedOver(moment, { cause: /Switchover/, to }));
  await endsWell(stage, [hasMembers(3)]);
  assert.deepEqual(jobsSince(stage, moment), []);
}

async function isThawed(stage: Stage): Promise<void> {
  const moment = await stage.moment();
  await freeze(cluster.docker, stage.container(moment.primary));
  await stage.subject.becomes(hasFailedOver(moment));
  await endsWell(stage, [hasMembers(3)]);
}

async function isRestartedInPlace(stage: Stage): Promise<void> {
  const moment = await stage.moment();
  const container = await lifeOf(stage.subject, moment.primary);
  await kill(cluster.docker, stage.container(moment.primary));
  await endsWell(stage, [staysWith(moment), hasMembers(3), notRecreated(moment.primary, container)]);
  assert.deepEqual(jobsSince(stage, moment), []);
}

/** Rows are acknowledged that no standby can receive, and then the primary's data is lost: some rows are gone, the last ones only, and that is told. */
async function isReplacedWithLoss(stage: Stage): Promise<void> {
  const { subject, writer } = stage;
  const moment = await stage.moment();
  const network = valueIn((await subject.holdings()).networks.find((name) => name.endsWith("_repl")), "replication network");
  // Paused, the operator looks on, and neither plugs in again nor makes anything anew.
  await stage.patch({ reconcilePolicy: "Paused" });
  await subject.becomes(condition("Reconciling", { status: "False", reason: "Paused" }));
  for (const ordinal of [0, 1, 2].filter((one) => one !== moment.primary)) await pullWire(cluster.docker, stage.container(ordinal), network);
  for (let write = 0; write < 300; write += 1) await writer.next();
  await remove(cluster.docker, stage.container(moment.primary));
  await cluster.docker.getVolume(subject.volume(moment.primary)).remove();
  const before = writer.acknowledged();
  await stage.patch({ reconcilePolicy: "Apply" });
  await subject.becomes(hasFailedOver(moment, { cause: /Crash|DataLost/ }));
  await writer.next();
  await subject.becomes([hasMembers(3), ...isWhole], 180);
  assertOneWriter(stage);
  const { status: { lastFailover, primary } } = await subject.get();
  assertEvidence(lastFailover);
  const missing = await missingOn(subject, primary?.ordinal ?? 0, before);
  console.log(`# ${String(missing.length)} acknowledged rows are missing, possibleLossBytes is ${String(lastFailover.possibleLossBytes)}`);
  assert.ok(missing.length > 0, "the wires were pulled");
  assert.deepEqual(missing, before.slice(-missing.length), "only the last rows are missing");
  assert.ok(Number(lastFailover.possibleLossBytes) > 0, "what is missing is told");
}

scenario("PostgreSQL 17, asynchronous: when the primary is killed, it is restarted in place; when its data is lost, a standby takes over, and what may be missing is told", () => cluster, () =>
  on("17", { mode: "Async" }, 44, async (stage) => {
    await isRestartedInPlace(stage);
    await isReplacedWithLoss(stage);
  }));

scenario("PostgreSQL 15: when the primary is killed, a standby takes over, and the old primary is rewound; a switchover needs no rewind", () => cluster, () =>
  on("15", quorum, 45, async (stage) => {
    await isReplaced(stage, ["rewind"]);
    await isSwitched(stage);
  }));

scenario("PostgreSQL 11: when the primary is killed or freezes, a standby takes over, and the old primary is copied anew beside its data, where its image has no pg_rewind", () => cluster, () =>
  on("11", quorum, 46, async (stage) => {
    // That there is no pg_rewind is found out by asking for it.
    await isReplaced(stage, ["rewind", "recopy"]);
    await isSwitched(stage);
    await isThawed(stage);
  }));

scenario("PostgreSQL 11, asynchronous: when the primary is killed, it is restarted in place", () => cluster, () => on("11", { mode: "Async" }, 47, isRestartedInPlace));
