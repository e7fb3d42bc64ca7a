// What happens when a person asks for another primary, fences a member, or wants to decide alone: PostgreSQL 17.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { condition, hasMembers, lifeOf, livesOf, notRecreated, notRestarted } from "./checks.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { throughout } from "./eventually.ts";
import { freeze, kill, thaw } from "./faults.ts";
import { valueIn } from "./manifest.ts";
import { assertEvidence, assertOneWriter, eager, endsWell, hasFailedOver, isWhole, jobsSince, keepsAcknowledged, networksOf, quorum, setStage, staysWith, type Stage } from "./stage.ts";
import type { Check } from "./subject.ts";

let cluster: Cluster;
let stage: Stage;

before(async () => {
  cluster = await startCluster();
  stage = await setStage(cluster, "asked", { postgres: { version: "17" }, replication: quorum, failover: eager, networks: networksOf(43) });
});
after(async () => {
  await stage.close();
  await cluster.stop();
});

/** How the switchover of a token ended. */
const switchoverIs = (token: string, result: "Done" | "Refused" | "Undone", message = /\w+ \w+/): Check => async (subject) => {
  const { status: { switchover, observedSwitchoverToken } } = await subject.get();
  return switchover?.token === token && switchover.result === result && message.test(switchover.message) && observedSwitchoverToken === token
    ? undefined : `switchover is ${JSON.stringify(switchover)}, observed ${String(observedSwitchoverToken)}`;
};

const ask = (toOrdinal: number, token: string, more: object = {}): Promise<void> => stage.patch({ switchover: { toOrdinal, token }, ...more });
const stateOf = (ordinal: number, state: string): Check => async (subject) => {
  const member = (await subject.get()).status.members?.find((one) => one.ordinal === ordinal);
  return member?.state === state ? undefined : `member ${String(ordinal)} is ${String(member?.state)}, not ${state}`;
};
const doesNotRun = (ordinal: number): Check => async (subject) => (await subject.inspect(ordinal)).State.Running ? `member ${String(ordinal)} runs` : undefined;

scenario("when a switchover is asked for, the primary stops cleanly, the target takes over with all it wrote, and the old primary follows without a rewind", () => cluster, async () => {
  const moment = await stage.moment();
  await ask(1, "there");
  await stage.subject.becomes([hasFailedOver(moment, { cause: /Switchover/, to: 1 }), switchoverIs("there", "Done")]);
  await endsWell(stage, [hasMembers(3)]);
  assert.deepEqual(jobsSince(stage, moment), []);
  const { status: { lastFailover } } = await stage.subject.get();
  assertEvidence(lastFailover);
  assert.equal(lastFailover.possibleLossBytes, 0);
});

scenario("when it is asked for with a token that was used before, nothing happens; with a new one it goes back", () => cluster, async () => {
  const moment = await stage.moment();
  await ask(0, "there");
  await throughout("the primary stays", () => staysWith(moment)(stage.subject), 3);
  await ask(0, "back");
  await stage.subject.becomes([hasFailedOver(moment, { to: 0 }), switchoverIs("back", "Done")]);
  await endsWell(stage, [hasMembers(3)]);
  assert.deepEqual(jobsSince(stage, moment), []);
});

scenario("when the target of a switchover does not follow, is never a candidate or is no member, it is refused with the reason, and nobody is disturbed", () => cluster, async () => {
  const moment = await stage.moment();
  const lives = await livesOf(stage.subject, 0, 1, 2);
  await ask(1, "never", { members: [{ ordinal: 1, candidate: "Never" }] });
  await stage.subject.becomes(switchoverIs("never", "Refused", /never a candidate/));
  await ask(7, "nobody", { members: [] });
  await stage.subject.becomes(switchoverIs("nobody", "Refused", /no member/));
  await freeze(cluster.docker, stage.container(1));
  await ask(1, "frozen");
  await stage.subject.becomes(switchoverIs("frozen", "Refused"));
  await thaw(cluster.docker, stage.container(1));
  await endsWell(stage, [staysWith(moment), ...lives.map((life, ordinal) => notRestarted(ordinal, life))]);
});

scenario("when a member that is never a candidate is the only one ahead, the other one takes over only if it has every acknowledged commit", () => cluster, async () => {
  const moment = await stage.moment();
  await stage.patch({ members: [{ ordinal: 1, candidate: "Never" }] });
  await stage.subject.becomes(condition("Ready", { status: "True" }));
  await kill(cluster.docker, stage.container(moment.primary));
  await endsWell(stage, [hasMembers(3)]);
  assert.notEqual((await stage.moment()).primary, 1);
  await stage.patch({ members: [] });
});

scenario("when the primary is fenced, it hands over and stays stopped; taken out of fencedOrdinals, it follows again", () => cluster, async () => {
  const moment = await stage.moment();
  await stage.patch({ fencedOrdinals: [moment.primary], switchover: null });
  await stage.subject.becomes([hasFailedOver(moment, { cause: /Fenced/ }), doesNotRun(moment.primary), stateOf(moment.primary, "Stopped")]);
  await stage.writer.next();
  await throughout("it stays stopped", () => doesNotRun(moment.primary)(stage.subject), 3);
  await stage.patch({ fencedOrdinals: [] });
  await endsWell(stage, [hasMembers(3)]);
});

scenario("when a standby is fenced, it stops, and clients write on", () => cluster, async () => {
  const moment = await stage.moment();
  const standby = (moment.primary + 1) % 3;
  const primary = await lifeOf(stage.subject, moment.primary);
  await stage.patch({ fencedOrdinals: [standby], switchover: null });
  await stage.subject.becomes([doesNotRun(standby), staysWith(moment)]);
  await stage.writer.next();
  await stage.patch({ fencedOrdinals: [] });
  await endsWell(stage, [hasMembers(3), staysWith(moment), notRestarted(moment.primary, primary)]);
});

scenario("when failover is Manual, a crashed primary is restarted in place, and for a frozen one the operator names who could take over and the command that says yes", () => cluster, async () => {
  const moment = await stage.moment();
  const container = await lifeOf(stage.subject, moment.primary);
  await stage.patch({ failover: { mode: "Manual" } });
  await stage.subject.becomes(condition("Ready", { status: "True" }));
  await kill(cluster.docker, stage.container(moment.primary));
  await endsWell(stage, [hasMembers(3), staysWith(moment), notRecreated(moment.primary, container)]);

  await freeze(cluster.docker, stage.container(moment.primary));
  await stage.subject.becomes([condition("Available", { status: "False" }), condition("Stalled", { status: "True", reason: "FailoverProposed", message: /kubectl .*switchover/ }), staysWith(moment)]);
  const { status: { conditions = [] } } = await stage.subject.get();
  const proposal = /"toOrdinal":(\d)/.exec(valueIn(conditions.find(({ type }) => type === "Stalled"), "condition").message);
  const to = Number(valueIn(proposal?.[1], "proposed member"));
  await ask(to, "yes");
  await stage.subject.becomes(hasFailedOver(moment, { to }));
  await endsWell(stage, [hasMembers(3)]);
});

scenario("when failover is Disabled, a crashed primary is restarted in place, and a frozen one is waited for", () => cluster, async () => {
  const moment = await stage.moment();
  await stage.patch({ failover: { mode: "Disabled" } });
  await stage.subject.becomes([condition("Ready", { status: "True" }), condition("FailoverPossible", { status: "False", reason: "Disabled" })]);
  await kill(cluster.docker, stage.container(moment.primary));
  await endsWell(stage, [hasMembers(3), staysWith(moment)]);
  await freeze(cluster.docker, stage.container(moment.primary));
  await stage.subject.becomes(condition("Available", { status: "False" }));
  await throughout("nobody else is promoted", () => staysWith(moment)(stage.subject), 4);
  await thaw(cluster.docker, stage.container(moment.primary));
  await endsWell(stage, [hasMembers(3), staysWith(moment)]);
  await stage.patch({ failover: { mode: "Automatic" } });
});

scenario("when there is one member only, it is restarted in place, with every row", () => cluster, async () => {
  const back = await stage.moment();
  if (back.primary !== 0) {
    await ask(0, "home");
    await stage.subject.becomes(hasFailedOver(back, { to: 0 }));
    await endsWell(stage);
  }
  await stage.patch({ replicas: 1, replication: { mode: "Async" } });
  await stage.subject.becomes([...isWhole, hasMembers(1)]);
  const moment = await stage.moment();
  const container = await lifeOf(stage.subject, 0);
  await kill(cluster.docker, stage.container(0));
  await stage.writer.next();
  await stage.subject.becomes([...isWhole, hasMembers(1), staysWith(moment), notRecreated(0, container), keepsAcknowledged(stage)]);
  assertOneWriter(stage);
});
