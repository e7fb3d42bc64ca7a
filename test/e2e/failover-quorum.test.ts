// What happens when a member or a wire is lost, with commits that wait for one of two standbys: PostgreSQL 17. In each
// story a client writes all the while, every row that was acknowledged to it is on every member at the end, and no two
// members were ever seen to accept writes at the same moment.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { condition, hasMembers, lifeOf, livesOf, notRestarted } from "./checks.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { freeze, kill, killPostgres, pullWire, remove, thaw } from "./faults.ts";
import { valueIn } from "./manifest.ts";
import {
  assertEvidence, assertSentences, eager, endsWell, eventMessages, hasFailedOver, jobsSince, networksOf, quorum, setStage, staysWith, type Moment, type Stage,
} from "./stage.ts";

let cluster: Cluster;
let stage: Stage;

before(async () => {
  cluster = await startCluster();
  stage = await setStage(cluster, "steady", { postgres: { version: "17" }, replication: quorum, failover: eager, networks: networksOf(41) }, { members: 4 });
});
after(async () => {
  await stage.close();
  await cluster.stop();
});

const othersThan = (primary: number): readonly number[] => [0, 1, 2].filter((ordinal) => ordinal !== primary);

/** The fault leads to another primary, and the old one follows it without having been copied anew. */
async function failsOver(inflict: (primary: string) => Promise<void>, cause: RegExp): Promise<Moment> {
  const moment = await stage.moment();
  await inflict(stage.container(moment.primary));
  await stage.subject.becomes(hasFailedOver(moment, { cause }));
  await endsWell(stage, [hasMembers(3)]);
  const { status: { lastFailover } } = await stage.subject.get();
  assertEvidence(lastFailover);
  assert.equal(lastFailover.possibleLossBytes, 0);
  return moment;
}

scenario("when the primary's container is killed, a standby that has all acknowledged commits takes over, and the old primary is rewound and follows", () => cluster, async () => {
  const moment = await failsOver((primary) => kill(cluster.docker, primary), /Crash/);
  assert.deepEqual(jobsSince(stage, moment), [`rewind ${String(moment.primary)}`]);
  const messages = await eventMessages(stage.subject);
  assertSentences(messages);
  assert.ok(messages.some((message) => /promoted steady-\d/.test(message)), messages.join("\n"));
  assert.match(await cluster.kubectl(["describe", "pgrs/steady"]), /Last Failover:[^]*Cause: +Crash[^]*Events:/);
});

scenario("when PostgreSQL alone is killed inside the primary's container, it is the same", () => cluster, async () => {
  const moment = await failsOver((primary) => killPostgres(cluster.docker, primary), /Crash/);
  assert.deepEqual(jobsSince(stage, moment), [`rewind ${String(moment.primary)}`]);
});

scenario("when the primary freezes, it is killed after detectionSeconds before a standby takes over, and it never writes again when it thaws", () => cluster, async () => {
  const moment = await failsOver(async (primary) => {
    await freeze(cluster.docker, primary);
    const { epoch } = await stage.moment();
    await stage.subject.becomes(async (subject) => (await subject.get()).status.primary?.epoch === epoch ? "nobody else is recorded yet" : undefined);
    await thaw(cluster.docker, primary);
  }, /Silence|Crash/);
  assert.deepEqual(jobsSince(stage, moment), [`rewind ${String(moment.primary)}`]);
});

scenario("when a frozen primary thaws just as it is being fenced, there is still one writer only", () => cluster, async () => {
  const moment = await stage.moment();
  await freeze(cluster.docker, stage.container(moment.primary));
  await stage.subject.becomes(async (subject) => {
    const { status: { conditions = [] } } = await subject.get();
    return conditions.some(({ type, status }) => type === "Available" && status !== "True") ? undefined : "it is still called available";
  });
  await thaw(cluster.docker, stage.container(moment.primary));
  await endsWell(stage, [hasMembers(3)]);
});

scenario("when the primary's container is removed by hand, a standby takes over, and the container is made again on its volume", () => cluster, async () => {
  const moment = await failsOver((primary) => remove(cluster.docker, primary), /Crash/);
  assert.deepEqual(jobsSince(stage, moment).filter((job) => !job.startsWith("rewind")), []);
});

scenario("when the primary's volume is lost too, a standby takes over, and the lost member is copied anew", () => cluster, async () => {
  const moment = await stage.moment();
  await stage.subject.becomes(async (subject) => {
    // The operator makes the container again at once, which holds on to the volume; a person who wants it gone is quicker sometimes.
    await remove(cluster.docker, stage.container(moment.primary)).catch(() => undefined);
    await cluster.docker.getVolume(subject.volume(moment.primary)).remove();
    return undefined;
  });
  await stage.subject.becomes(hasFailedOver(moment, { cause: /Crash|DataLost/ }));
  await endsWell(stage, [hasMembers(3)]);
  assert.ok(jobsSince(stage, moment).includes(`basebackup ${String(moment.primary)}`), jobsSince(stage, moment).join());
});

scenario("when the primary's replication wire is pulled, commits wait, no second writer appears, and it is plugged in again", () => cluster, async () => {
  const moment = await stage.moment();
  const network = valueIn((await stage.subject.holdings()).networks.find((name) => name.endsWith("_repl")), "replication network");
  await pullWire(cluster.docker, stage.container(moment.primary), network);
  await endsWell(stage, [hasMembers(3), condition("NetworksAttached", { status: "True" })]);
});

scenario("when a standby's replication wire is pulled, the primary writes on, and the wire is plugged in again", () => cluster, async () => {
  const moment = await stage.moment();
  const [standby = 0] = othersThan(moment.primary);
  const lives = await livesOf(stage.subject, moment.primary);
  const network = valueIn((await stage.subject.holdings()).networks.find((name) => name.endsWith("_repl")), "replication network");
  await pullWire(cluster.docker, stage.container(standby), network);
  await endsWell(stage, [staysWith(moment), hasMembers(3), condition("NetworksAttached", { status: "True" }), notRestarted(moment.primary, valueIn(lives[0], "life"))]);
});

scenario("when a standby is killed, the primary writes on, and the standby follows again", () => cluster, async () => {
  const moment = await stage.moment();
  const [standby = 0] = othersThan(moment.primary);
  const lives = await livesOf(stage.subject, moment.primary);
  await kill(cluster.docker, stage.container(standby));
  await endsWell(stage, [staysWith(moment), hasMembers(3), notRestarted(moment.primary, valueIn(lives[0], "life"))]);
});

scenario("when all members are killed at once, nobody is promoted who may lack a commit, and all serve again", () => cluster, async () => {
  const moment = await stage.moment();
  await Promise.all([0, 1, 2].map((ordinal) => kill(cluster.docker, stage.container(ordinal))));
  await endsWell(stage, [hasMembers(3)]);
  assert.deepEqual(jobsSince(stage, moment).filter((job) => !job.startsWith("rewind")), []);
});

scenario("when primaries die one after the other, with a member added and taken away in between, every row is kept", () => cluster, async () => {
  await failsOver((primary) => kill(cluster.docker, primary), /Crash/);
  await stage.patch({ replicas: 4 });
  await endsWell(stage, [hasMembers(4)]);
  const grown = await stage.moment();
  await kill(cluster.docker, stage.container(grown.primary));
  await stage.subject.becomes(hasFailedOver(grown));
  await endsWell(stage, [hasMembers(4)]);
  await stage.patch({ replicas: 3 });
  await endsWell(stage, [hasMembers(3)]);
  await failsOver((primary) => kill(cluster.docker, primary), /Crash/);
});

scenario("when fewer members are asked for than the primary's ordinal, the primary stays and another member goes", () => cluster, async () => {
  await stage.patch({ switchover: { toOrdinal: 2, token: "to the last" } });
  await endsWell(stage, [hasMembers(3)]);
  const moment = await stage.moment();
  assert.equal(moment.primary, 2);
  const primary = await lifeOf(stage.subject, 2);
  await stage.patch({ replicas: 2 });
  await endsWell(stage, [hasMembers(2), staysWith(moment), notRestarted(2, primary)]);
});
