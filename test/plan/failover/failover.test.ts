/** What a failover is, look by look: each row is a world, and what the operator does about it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { plan } from "../../../src/plan/plan.ts";
import { atGoal, member, networks, now, server, stopped, wanting, type Scene } from "../../builders.ts";
import { table } from "../table.ts";
import { after, asked, asyncGoal, booted, downFor, ended, failedOver, failover, has, hears, hidden, killed, pausedFor, quietFor, spec, status, syncGoal, unanswered, unseen, verdict, wiped, type Change } from "./scenes.ts";

const alone = atGoal({ spec: { networks, replicas: 1 } });
const patient = failover({ whenNoCandidate: "PromoteAfter", promoteAfterSeconds: 60 });
const manual = failover({ mode: "Manual" });
const disabled = failover({ mode: "Disabled" });
const fenced = spec({ fencedOrdinals: [0] });
/** demo-1 was recorded, and is not promoted yet. */
const decided = status({ primary: { ordinal: 1, epoch: 2, since: "2026-01-01T00:00:00Z", previous: 0 }, synchronous: { standbys: [0, 2], required: 1 } });

const crashed = "failover recordPrimary: demo-1 (epoch 2), since the primary is down and a standby can take over";
const othersWait = ["demo-1 waits: demo-1 waits for the primary", "demo-2 waits: demo-2 waits for the primary"];
const doesNotAnswer = "demo-0 waits: demo-0's PostgreSQL does not answer yet: demo-0: PostgreSQL is starting";
const yes = (ordinal: number): string => `demo-${ordinal} could take over: kubectl -n default patch pgrs demo --type=merge -p '{"spec":{"switchover":{"toOrdinal":${ordinal},"token":"<any new text>"}}}'`;
const bothSeen = "2 standbys count (N), each commit is on 1 of them (W), 2 were seen (R: demo-1, demo-2): R + W is more than N";
const oneSeen = "2 standbys count (N), each commit is on 1 of them (W), 1 were seen (R: demo-2): R + W is not more than N";
const goneData = "demo-0 waits: the data of the primary demo-0 is gone and is not made anew by itself: restore its volume, or start over with kubectl -n default delete pgrs demo and apply it again";

describe("a primary that is killed", () => table([
  { when: "with a promise to keep: a standby takes over at once", given: after(syncGoal, killed()), plan: [crashed] },
  { when: "and its container is gone", given: member(after(syncGoal, killed()), 0, { container: { seen: "absent" }, data: { seen: "absent" } }), plan: [crashed] },
  { when: "with a promise to keep, and one standby has more", given: after(syncGoal, killed(), has(2, "0/5000028")), plan: ["failover recordPrimary: demo-2 (epoch 2), since the primary is down and a standby can take over"] },
  { when: "with a promise to keep that nobody is sure of: it is started again", given: after(syncGoal, killed(), unseen(1)), plan: [
      "demo-0 startMember: exited with code 137", "demo-1 waits: demo-1's PostgreSQL does not answer yet: timed out", "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "without a promise: it is started again, which loses nothing", given: after(asyncGoal, killed()), plan: ["demo-0 startMember: exited with code 137", ...othersWait] },
  { when: "without a promise, and it is known to be down", given: after(asyncGoal, killed(), downFor(1)), plan: [
      "demo-0 startMember: exited with code 137", "failover waits: demo-0: the primary crashed; replication is asynchronous, so it is restarted in place first, which loses nothing", ...othersWait,
    ] },
  { when: "without a promise, and it takes too long", given: after(asyncGoal, killed(), downFor(31)), plan: [crashed] },
  { when: "without a promise, and its server would not start", given: stopped(after(asyncGoal, downFor(5)), 0, { exitCode: 1, startedAt: now - 3_000, finishedAt: now - 2_000 }, { log: ["FATAL:  no"] }), plan: [crashed] },
  { when: "soon after the last failover: it is started in place first", given: after(syncGoal, killed(), downFor(1), failedOver(10)), plan: [
      "demo-0 startMember: exited with code 137", "failover waits: demo-0: the primary crashed soon after the last failover: it is restarted in place first", ...othersWait,
    ] },
  { when: "soon after the last failover, and it takes too long", given: after(syncGoal, killed(), downFor(31), failedOver(50)), plan: [crashed] },
  { when: "and is the only member", given: after(alone, killed(), downFor(100)), plan: ["demo-0 startMember: exited with code 137", "failover waits: demo-0: the primary is down and no standby may take over: it is started in place"] },
  { when: "and boots, read-only", given: after(asyncGoal, booted(), downFor(2)), plan: ["demo-0 promote: it is read-only, and is the recorded primary (epoch 1)", ...othersWait] },
  { when: "and does not come back in its time", given: after(asyncGoal, unanswered(), downFor(31)), plan: ["failover fenceMember: the primary takes too long to come back in place: it is killed, and a standby takes over"] },
  { when: "and is still on its way", given: after(asyncGoal, unanswered(), downFor(29)), plan: [doesNotAnswer, ...othersWait] },
]));

describe("a primary that is silent", () => table([
  { when: "for less than it is given", given: after(syncGoal, quietFor(2.5)), plan: ["failover waits: demo-0: the primary is silent, for less than the time that it is given", doesNotAnswer, ...othersWait] },
  { when: "for longer: it is killed", given: after(syncGoal, quietFor(3)), plan: ["failover fenceMember: the primary has been silent for longer than it is given, and no standby hears it: it is killed, and a standby takes over"] },
  { when: "and was killed: the next look sees it ended, and a standby takes over", given: after(syncGoal, killed(), downFor(4)), plan: [crashed] },
  { when: "and a standby hears it", given: after(syncGoal, quietFor(10), hears(1, 100)), plan: ["failover waits: demo-0: the primary does not answer the operator, but standbys hear it", doesNotAnswer, ...othersWait] },
  { when: "and its container could not be looked at", given: after(syncGoal, quietFor(10), hidden()), plan: ["failover waits: demo-0: the primary's container could not be looked at; what is not known to have ended is never replaced", "demo-0 waits: timed out", ...othersWait] },
  { when: "and is the only member", given: after(alone, quietFor(4), downFor(4)), plan: ["failover waits: demo-0: the primary does not answer and no standby can take over", doesNotAnswer] },
  { when: "and is the only member, for longer than a restart takes", given: after(alone, quietFor(40), downFor(40)), plan: ["failover fenceMember: the primary has been silent for longer than a restart takes, and no standby can take over: it is killed and started in place"] },
  { when: "and is paused, for less than it is given", given: after(syncGoal, pausedFor(2)), plan: [
      "failover waits: demo-0: the primary is silent, for less than the time that it is given", "demo-0 waits: demo-0 is paused: docker unpause default_demo_0", ...othersWait,
    ] },
  { when: "and is paused, for longer: it is killed", given: after(syncGoal, pausedFor(3)), plan: ["failover fenceMember: the primary has been silent for longer than it is given, and no standby hears it: it is killed, and a standby takes over"] },
  { when: "and is paused, and is the only member", given: after(alone, pausedFor(60), downFor(60)), plan: [
      "failover waits: demo-0: the primary's container is paused and no standby can take over: docker unpause it. there is no standby", "demo-0 waits: demo-0 is paused: docker unpause default_demo_0",
    ] },
]));

describe("a primary whose data is gone", () => table([
  { when: "and a standby has it all", given: after(syncGoal, wiped()), plan: ["failover recordPrimary: demo-1 (epoch 2), since the primary's data is gone and a standby can take over"] },
  { when: "and it is not sure that the only standby has it all", given: after(syncGoal, wiped(), unseen(1)), plan: [
      `failover waits: demo-0: the primary's data is gone and no standby may take over. demo-1 does not answer: timed out; demo-2 could. ${oneSeen}`,
      goneData, "demo-1 waits: demo-1's PostgreSQL does not answer yet: timed out", "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "and a budget is not spent yet", given: after(asyncGoal, wiped(), has(1, "0/1000000"), has(2, "0/1000000"), patient, downFor(59)), plan: [
      "failover waits: demo-0: the primary's data is gone and no standby may take over. demo-1 lacks 67108864 bytes of what the primary had, more than maxLagBytes; demo-2 lacks 67108864 bytes of what the primary had, more than maxLagBytes",
      goneData, ...othersWait,
    ] },
  { when: "and a budget is spent", given: after(syncGoal, wiped(), unseen(1), patient, downFor(61)), plan: ["failover recordPrimary: demo-2 (epoch 2), since no standby may take over by the rules, the primary cannot be restarted, and promoteAfterSeconds are over"] },
  { when: "and a budget is spent before a restart would be late", given: after(syncGoal, wiped(), unseen(1), failover({ whenNoCandidate: "PromoteAfter", promoteAfterSeconds: 5 }), downFor(6)), plan: [
      "failover recordPrimary: demo-2 (epoch 2), since the primary's data is gone, no standby may take over by the rules, and promoteAfterSeconds are over",
    ] },
  { when: "and a budget is spent, with failover Manual: a person decides", given: after(syncGoal, wiped(), unseen(1), patient, downFor(61), failover({ mode: "Manual", whenNoCandidate: "PromoteAfter" })), plan: [
      `failover waits: demo-0: the primary's data is gone and no standby may take over. demo-1 does not answer: timed out; demo-2 could. ${oneSeen}`,
      goneData, "demo-1 waits: demo-1's PostgreSQL does not answer yet: timed out", "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "and there is no standby", given: after(alone, wiped()), plan: ["failover waits: demo-0: the primary's data is gone and no standby may take over. there is no standby", goneData] },
]));

describe("a budget", () => table([
  { when: "is spent, and the primary can't be restarted", given: after(syncGoal, killed(), unseen(1), patient, downFor(61)), plan: ["failover recordPrimary: demo-2 (epoch 2), since no standby may take over by the rules, the primary cannot be restarted, and promoteAfterSeconds are over"] },
  { when: "is not spent: the primary is started again and again", given: after(syncGoal, killed(), unseen(1), patient, downFor(45)), plan: [
      "demo-0 startMember: exited with code 137", "failover waits: demo-0: the primary is down and no standby may take over: it is started in place",
      "demo-1 waits: demo-1's PostgreSQL does not answer yet: timed out", "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "is spent, and the primary hangs at its start", given: after(syncGoal, unanswered(), unseen(1), patient, downFor(61)), plan: [
      "failover fenceMember: the primary does not come back in place, no standby may take over by the rules, and promoteAfterSeconds are over: it is killed, and the most advanced standby takes over",
    ] },
]));

describe("failover Manual", () => table([
  { when: "a primary that is killed is started in place", given: after(syncGoal, killed(), manual, downFor(1)), plan: [
      "demo-0 startMember: exited with code 137", "failover waits: demo-0: the primary ended and is started in place; with failover Manual nobody else is promoted unasked", ...othersWait,
    ] },
  { when: "one that can't be restarted: it says who could take over, and how to say yes", given: after(syncGoal, killed(), manual, downFor(31)), plan: [
      "demo-0 startMember: exited with code 137", `failover waits: demo-0: the primary ended and could not be restarted in place; with failover Manual a person decides. ${yes(1)}`, ...othersWait,
    ] },
  { when: "a person says yes", given: after(syncGoal, killed(), manual, downFor(31), asked(2)), plan: ["failover recordPrimary: demo-2 (epoch 2), since the primary is down and a person asked for this member"] },
  { when: "a silent one", given: after(syncGoal, quietFor(4), manual), plan: [`failover waits: demo-0: the primary does not answer; with failover Manual a person decides. ${yes(1)}`, doesNotAnswer, ...othersWait] },
  { when: "a silent one, and a person says yes", given: after(syncGoal, quietFor(4), manual, asked(1)), plan: ["failover fenceMember: the primary does not answer and a person asked for another member"] },
  { when: "a silent one that is to be fenced", given: after(syncGoal, quietFor(4), manual, fenced), plan: ["failover fenceMember: the primary is to be fenced and does not accept writes: it is killed, and a standby takes over"] },
  { when: "one whose data is gone", given: after(syncGoal, wiped(), manual), plan: [`failover waits: demo-0: the primary's data is gone; with failover Manual a person decides. ${yes(1)}`, goneData, ...othersWait] },
]));

describe("failover Disabled", () => table([
  { when: "a primary that is killed is started in place", given: after(syncGoal, killed(), disabled, downFor(100)), plan: [
      "demo-0 startMember: exited with code 137", "failover waits: demo-0: the primary ended and is started in place, since failover is Disabled", ...othersWait,
    ] },
  { when: "a silent one", given: after(syncGoal, quietFor(60), disabled), plan: [
      `failover waits: demo-0: the primary does not answer, and failover is Disabled: restart it, or ask for a switchover. demo-1 could; demo-2 could. ${bothSeen}`, doesNotAnswer, ...othersWait,
    ] },
  { when: "a person asks for another", given: after(syncGoal, killed(), disabled, asked(1)), plan: ["failover recordPrimary: demo-1 (epoch 2), since the primary is down and a person asked for this member"] },
]));

describe("a switchover", () => table([
  { when: "is asked for: the primary hands over", given: after(syncGoal, asked(2)), plan: [
      "failover checkpoint: a switchover is asked for: the primary writes a checkpoint and stops cleanly; demo-2 takes over",
      "failover stopMember: a switchover is asked for: the primary writes a checkpoint and stops cleanly; demo-2 takes over",
    ] },
  { when: "the primary has stopped, and its successor has its last record", given: after(syncGoal, ended(), asked(2)), plan: ["failover recordPrimary: demo-2 (epoch 2), since the primary stopped cleanly and its successor has all that it wrote"] },
  { when: "the successor is recorded", given: after(syncGoal, ended(), asked(1), decided, status({ observedSwitchoverToken: "again" })), plan: [
      "demo-1 promote: it is read-only, and is the recorded primary (epoch 2)", "demo-2 configure: settings differ", "demo-0 waits: demo-0 rejoins when the primary accepts writes",
    ] },
  { when: "its successor died on the way: it is undone", given: after(syncGoal, ended(), unseen(2), asked(2)), plan: ["failover recordSwitchover: the switchover is undone: demo-2 does not answer: timed out"] },
  { when: "its successor lacks the last record: it is undone", given: after(syncGoal, ended(), has(2, "0/4000000"), asked(2)), plan: [
      "failover recordSwitchover: the switchover is undone: demo-2 has received up to 0/4000000 only, and the primary wrote its last record at 0/4FFFF88",
    ] },
  { when: "is undone: the former primary starts again", given: after(syncGoal, ended(), asked(2), status({ observedSwitchoverToken: "again" })), plan: ["demo-0 startMember: exited with code 0", ...othersWait] },
  { when: "to a standby that lags", given: after(asyncGoal, has(2, "0/1000000"), asked(2)), plan: ["failover recordSwitchover: the switchover is not made: demo-2 lacks 67108864 bytes of what the primary had, more than maxLagBytes"] },
  { when: "to a standby that is not connected", given: wanting(stopped(asyncGoal, 2), { spec: { switchover: { toOrdinal: 2, token: "again" } } }), plan: ["failover recordSwitchover: the switchover is not made: demo-2 does not run"] },
  { when: "to the primary itself", given: after(syncGoal, asked(0)), plan: ["failover recordSwitchover: the switchover is not made: demo-0 is the primary already"] },
  { when: "to nobody", given: after(syncGoal, asked(7)), plan: ["failover recordSwitchover: the switchover is not made: demo-7 is no member: replicas is lower"] },
  { when: "was answered already", given: after(syncGoal, asked(2), status({ observedSwitchoverToken: "again" })), plan: [] },
  { when: "and the primary is silent for a moment: it is waited for", given: after(syncGoal, quietFor(1), asked(2)), plan: ["failover waits: demo-0: the primary is silent, for less than the time that it is given", doesNotAnswer, ...othersWait] },
]));

describe("a fenced member", () => table([
  { when: "a primary hands over first", given: after(syncGoal, fenced), plan: [
      "failover checkpoint: the primary is to be fenced: it hands over to a standby; demo-1 takes over",
      "failover stopMember: the primary is to be fenced: it hands over to a standby; demo-1 takes over",
    ] },
  { when: "a primary has stopped for it", given: after(syncGoal, ended(), fenced), plan: ["failover recordPrimary: demo-1 (epoch 2), since the primary stopped cleanly and its successor has all that it wrote"] },
  { when: "a primary was down already", given: after(syncGoal, killed(), fenced), plan: ["failover recordPrimary: demo-1 (epoch 2), since the primary is fenced and a standby can take over"] },
  { when: "a primary has a successor, and stays stopped", given: after(syncGoal, ended(), decided, fenced), plan: ["demo-1 promote: it is read-only, and is the recorded primary (epoch 2)", "demo-2 configure: settings differ"] },
  { when: "a primary that nobody can follow goes on serving", given: after(alone, fenced), plan: ["failover waits: demo-0: the primary is to be fenced and no standby can take over: it goes on serving. there is no standby"] },
  { when: "a primary that nobody can follow, and that has ended, stays so", given: after(alone, ended(), fenced), plan: ["failover waits: demo-0: the primary is fenced and no standby can take over: take it out of fencedOrdinals. there is no standby"] },
  { when: "a primary that boots is not promoted", given: after(alone, booted(), fenced), plan: ["demo-0 waits: demo-0 is fenced and is not promoted"] },
  { when: "a standby is stopped", given: after(asyncGoal, spec({ fencedOrdinals: [2] })), plan: ["demo-2 stopMember: is fenced by spec.fencedOrdinals"] },
  { when: "a standby stays stopped", given: after(asyncGoal, ended(2), spec({ fencedOrdinals: [2] })), plan: [] },
  { when: "a standby is let go again", given: after(asyncGoal, ended(2)), plan: ["demo-2 startMember: exited with code 0"] },
]));

describe("a scale-down while a failover is due", () => table([
  { when: "the primary has the highest ordinal, and stays", given: after(atGoal({ spec: { networks }, status: { primary: { ordinal: 2, epoch: 3, since: "2026-01-01T00:00:00Z", timeline: 2 } } }), spec({ replicas: 1 })), plan: ["demo-1 stopMember: scaled away", "demo-0 stopMember: scaled away"] },
  { when: "the primary was killed: who is to stay takes over", given: after(syncGoal, killed(), spec({ replicas: 2 }), status({ synchronous: { standbys: [1], required: 1 } })), plan: [crashed] },
  { when: "the primary was killed, and a commit may be on who is to go alone: it is started again", given: after(syncGoal, killed(), spec({ replicas: 2 })), plan: [
      "demo-0 startMember: exited with code 137", "demo-1 configure: settings differ", "demo-2 waits: demo-2 is scaled away when the primary accepts writes again",
    ] },
  { when: "the primary was killed, and nobody is to stay beside it", given: after(asyncGoal, killed(), spec({ replicas: 1 })), plan: [
      "demo-0 startMember: exited with code 137", "demo-2 waits: demo-2 is scaled away when the primary accepts writes again", "demo-1 waits: demo-1 is scaled away when the primary accepts writes again",
    ] },
]));

const recordedIn = ({ want, seen }: Scene) => {
  const [decision] = plan(want, seen).actions;
  assert.equal(decision?.kind, "recordPrimary");
  return decision;
};
const evidenceOf = (...changes: readonly Change[]) => recordedIn(after(syncGoal, ...changes)).change.lastFailover;

test("the decision carries its evidence", () => {
  assert.deepEqual(evidenceOf(killed(), downFor(2), has(2, "0/4FFFFF0")), {
    at: "2026-01-01T12:00:00.000Z", epoch: 2, cause: "Crash", rule: "crash", from: 0, to: 1, timeline: 2, arithmetic: bothSeen, possibleLossBytes: 0,
    downSince: "2026-01-01T11:59:00.000Z", fencedAfterMs: 0, decidedAfterMs: 60_000,
    fence: "the Engine says that default_demo_0 is exited since 2026-01-01T11:59:00.000Z, with code 137; its next boot is read-only",
    candidates: [
      { ordinal: 1, timeline: 2, receivedLSN: "0/5000000", verdict: "chosen" },
      { ordinal: 2, timeline: 2, receivedLSN: "0/4FFFFF0", verdict: "could have taken over, and has no more than the one that was chosen" },
    ],
  });
});

test("the evidence says why others were not taken, and how it is known that nobody writes", () => {
  const evidence = recordedIn(after(asyncGoal, wiped(), unseen(1))).change.lastFailover;
  assert.equal(evidence?.cause, "DataLost");
  assert.equal(evidence.fence, "the Engine has no container of demo-0");
  assert.deepEqual(evidence.candidates, [{ ordinal: 1, verdict: "does not answer: timed out" }, { ordinal: 2, timeline: 2, receivedLSN: "0/5000000", verdict: "chosen" }]);
});

test("what may be lost is told: nothing by the rules of a promise, or after a clean end; else what was known of", () => {
  assert.equal(evidenceOf(killed(), has(1, "0/4000000"), has(2, "0/4000000"))?.possibleLossBytes, 0);
  assert.equal(recordedIn(after(asyncGoal, ended(), asked(1))).change.lastFailover?.possibleLossBytes, 0);
  assert.equal(recordedIn(after(asyncGoal, killed(), downFor(31), has(1, "0/4FFF000"), has(2, "0/4000000"))).change.lastFailover?.possibleLossBytes, 0x1000);
  assert.equal(evidenceOf(wiped(), unseen(1), patient, downFor(61), has(2, "0/4000000"))?.possibleLossBytes, 0x100_0000);
});

test("a switchover's decision answers its token; an approval after a crash does too", () => {
  for (const [scene, cause] of [[after(syncGoal, ended(), asked(2)), "Switchover"], [after(syncGoal, killed(), asked(2)), "Crash"]] as const) {
    const { observedSwitchoverToken, switchover, lastFailover } = recordedIn(scene).change;
    assert.deepEqual([observedSwitchoverToken, switchover, lastFailover?.cause], ["again", { token: "again", result: "Done", message: "demo-2 is the primary" }, cause]);
  }
  assert.equal(recordedIn(after(syncGoal, killed())).change.observedSwitchoverToken, undefined);
  assert.equal(recordedIn(after(syncGoal, ended(), fenced)).change.lastFailover?.cause, "Fenced");
});

test("who is asked for, and is the primary already, has it done", () => {
  const { want, seen } = after(syncGoal, asked(0));
  assert.deepEqual(plan(want, seen).actions.map((action) => action.kind === "recordSwitchover" ? action.switchover.result : action.kind), ["Done"]);
});

test("silence is looked at again exactly when its time is over", () => {
  const lookAgain = (scene: Scene): number => plan(scene.want, scene.seen).lookAgainAfterMs;
  assert.equal(lookAgain(after(syncGoal, quietFor(2.97))), 30);
  assert.ok(lookAgain(after(syncGoal, quietFor(2.999))) >= 20);
});

test("plan and status ask for one verdict about one look", () => {
  const scene = after(syncGoal, killed());
  assert.equal(verdict(scene), verdict(scene));
});

test("a primary that serves with another spec is no failover", () => {
  assert.equal(verdict(server(syncGoal, 0, { configHash: "another" })).row.name, "serves");
});
