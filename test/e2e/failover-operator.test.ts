// What happens when the operator, its control plane or the Engine is away or dies while the primary is lost. Control
// plane and operator are one process here, so both die at once.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { answers, condition, hasMembers, livesOf, notRestarted } from "./checks.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { eventually, throughout } from "./eventually.ts";
import { freeze, kill } from "./faults.ts";
import { valueIn } from "./manifest.ts";
import { diesAllTheWayTo } from "./mortal.ts";
import { eager, endsWell, hasFailedOver, isWhole, jobsSince, keepsAcknowledged, networksOf, quorum, setStage, staysWith, assertOneWriter, type Stage } from "./stage.ts";

let cluster: Cluster;
let stage: Stage;

before(async () => {
  cluster = await startCluster();
  stage = await setStage(cluster, "orphan", { postgres: { version: "17" }, replication: quorum, failover: eager, networks: networksOf(42) });
});
after(async () => {
  await stage.close();
  await cluster.stop();
});

const signal = (name: NodeJS.Signals): void => { process.kill(valueIn(cluster.program.pid, "running program"), name); };
const logged = (pattern: RegExp, since: number): Promise<void> =>
  eventually(`the log tells ${pattern.source}`, async () => pattern.test((await cluster.program.log()).slice(since)) ? undefined : "not yet", 60);

scenario("when operator and control plane are killed, the databases serve on, and their return disturbs nobody", () => cluster, async () => {
  const lives = await livesOf(stage.subject, 0, 1, 2);
  const moment = await stage.moment();
  const { length: unknown } = stage.writer.unknown;
  await cluster.program.kill();
  for (let write = 0; write < 300; write += 1) await stage.writer.next();
  await cluster.start();
  await endsWell(stage, [staysWith(moment), ...lives.map((life, ordinal) => notRestarted(ordinal, life))]);
  assert.equal(stage.writer.unknown.length, unknown, "no connection broke");
});

scenario("when the primary dies while the operator is away, a standby takes over as soon as it is back", () => cluster, async () => {
  const moment = await stage.moment();
  await cluster.program.kill();
  await kill(cluster.docker, stage.container(moment.primary));
  await cluster.start();
  await stage.subject.becomes(hasFailedOver(moment));
  await endsWell(stage, [hasMembers(3)]);
});

scenario("when the operator is killed after every action on the way of a failover, the end is the same", () => cluster, async () => {
  const moment = await stage.moment();
  await kill(cluster.docker, stage.container(moment.primary));
  await diesAllTheWayTo(stage.subject, [hasFailedOver(moment), ...isWhole, hasMembers(3), keepsAcknowledged(stage)]);
  await endsWell(stage);
  assert.deepEqual(jobsSince(stage, moment).filter((job) => !job.startsWith("rewind")), []);
});

scenario("when the operator is killed after every action that a frozen primary leads to, the end is the same", () => cluster, async () => {
  const moment = await stage.moment();
  await freeze(cluster.docker, stage.container(moment.primary));
  await diesAllTheWayTo(stage.subject, [hasFailedOver(moment), ...isWhole, hasMembers(3), keepsAcknowledged(stage)]);
  await endsWell(stage);
});

scenario("when the operator is killed after every action of a switchover, the end is the same", () => cluster, async () => {
  const moment = await stage.moment();
  const to = (moment.primary + 1) % 3;
  await stage.patch({ switchover: { toOrdinal: to, token: "mortal" } });
  await diesAllTheWayTo(stage.subject, [hasFailedOver(moment, { to }), ...isWhole, hasMembers(3), keepsAcknowledged(stage)]);
  await endsWell(stage);
});

scenario("when the operator freezes between its decision and the promotion and wakes up later, it promotes nobody twice", () => cluster, async () => {
  const moment = await stage.moment();
  const since = (await cluster.program.log()).length;
  await kill(cluster.docker, stage.container(moment.primary));
  await logged(/recordPrimary/, since);
  signal("SIGSTOP");
  // Long enough for its time-outs and connections to be of yesterday.
  await throughout("no two members accept writes", async () => stage.observer.conflicts().length === 0 ? undefined : "two did", 8);
  signal("SIGCONT");
  await stage.subject.becomes(hasFailedOver(moment));
  await endsWell(stage, [hasMembers(3)]);
});

scenario("when the Engine does not answer while the primary dies, nobody is promoted who could make a second writer; when it is back, a standby takes over", () => cluster, async () => {
  const moment = await stage.moment();
  await cluster.engineSocket.cut();
  await stage.subject.becomes([condition("Ready", { status: "Unknown", reason: "EngineUnreachable" })]);
  await kill(cluster.docker, stage.container(moment.primary));
  await stage.subject.becomes([condition("Available", { status: "Unknown", reason: "EngineUnreachable" }), staysWith(moment),
    ...[0, 1, 2].filter((ordinal) => ordinal !== moment.primary).map((ordinal) => answers(ordinal, "select pg_is_in_recovery()", "t"))]);
  await cluster.engineSocket.mend();
  await stage.subject.becomes(hasFailedOver(moment));
  await endsWell(stage, [hasMembers(3)]);
});

scenario("when the Engine does not answer at the goal, clients write on", () => cluster, async () => {
  const moment = await stage.moment();
  const lives = await livesOf(stage.subject, 0, 1, 2);
  const { length: unknown } = stage.writer.unknown;
  await cluster.engineSocket.cut();
  await stage.subject.becomes([condition("Available", { status: "Unknown", reason: "EngineUnreachable" })]);
  for (let write = 0; write < 300; write += 1) await stage.writer.next();
  await cluster.engineSocket.mend();
  await endsWell(stage, [staysWith(moment), ...lives.map((life, ordinal) => notRestarted(ordinal, life))]);
  assert.equal(stage.writer.unknown.length, unknown, "no connection broke");
  assertOneWriter(stage);
});
