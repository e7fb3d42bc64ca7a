/** Each fact with each of its values, read from a look at the world. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { factValues, type Facts } from "../../../src/plan/failover/table.ts";
import { absent, atGoal, changed, container, foreignLabels, holding, member, networks, now, server, silent, unknown, unmade, type Scene } from "../../builders.ts";
import { after, asked, asyncGoal, booted, downFor, ended, failedOver, failover, forgetting, has, hears, hidden, killed, pausedFor, quietFor, spec, status, syncGoal, unanswered, unseen, verdict, wiped } from "./scenes.ts";

type Row = { readonly [F in keyof Facts]: { readonly fact: F; readonly when: string; readonly given: Scene; readonly is: Facts[F] } }[keyof Facts];

const goal = asyncGoal;
const failedStart = { exitCode: 1, startedAt: now - 3_000, finishedAt: now - 2_000 };
const fenced = spec({ fencedOrdinals: [0] });
const patient = failover({ whenNoCandidate: "PromoteAfter", promoteAfterSeconds: 60 });
const alone = atGoal({ spec: { networks, replicas: 1 } });

const rows: readonly Row[] = [
  { fact: "primary", when: "nobody is recorded", given: unmade({ spec: { networks } }), is: "unmade" },
  { fact: "primary", when: "no data is known of yet", given: after(goal, forgetting("systemIdentifier")), is: "unmade" },
  { fact: "primary", when: "replicas is 0", given: after(goal, ended(), spec({ replicas: 0 })), is: "unmade" },
  { fact: "primary", when: "it accepts writes", given: goal, is: "serves" },
  { fact: "primary", when: "it has booted read-only", given: after(goal, booted()), is: "starting" },
  { fact: "primary", when: "it has booted read-only, a while ago", given: after(goal, booted(), downFor(20)), is: "starting" },
  { fact: "primary", when: "it has booted read-only, and is late", given: after(goal, booted(), downFor(31)), is: "stuck" },
  { fact: "primary", when: "it runs, and nobody has asked it yet", given: member(silent(goal, 0), 0, { heard: undefined }), is: "starting" },
  { fact: "primary", when: "it runs, and never answered in this boot", given: after(goal, unanswered()), is: "starting" },
  { fact: "primary", when: "it runs, never answered in this boot, and is late", given: after(goal, unanswered(), downFor(31)), is: "stuck" },
  { fact: "primary", when: "it never answered the operator, is late, and a standby hears it", given: after(goal, unanswered(), downFor(31), hears(1, 500)), is: "heard" },
  { fact: "primary", when: "its patience for a restart is another", given: after(goal, booted(), downFor(31), failover({ restartSeconds: 60 })), is: "starting" },
  { fact: "primary", when: "it has been silent for less than it is given", given: after(goal, quietFor(2.9)), is: "quiet" },
  { fact: "primary", when: "it has been silent for longer", given: after(goal, quietFor(3)), is: "silent" },
  { fact: "primary", when: "it shuts down, however long that takes", given: member(after(goal, quietFor(60)), 0, { server: unknown("look on demo-0: the database system is shutting down") }), is: "stopping" },
  { fact: "primary", when: "it is given more time by the spec", given: after(goal, quietFor(9), failover({ detectionSeconds: 10 })), is: "quiet" },
  { fact: "primary", when: "it is silent soon after a failover: it is given three times as much", given: after(goal, quietFor(8), failedOver(30)), is: "quiet" },
  { fact: "primary", when: "it is silent soon after a failover, for longer than that", given: after(goal, quietFor(9), failedOver(30)), is: "silent" },
  { fact: "primary", when: "a standby gets messages from it", given: after(goal, quietFor(60), hears(2, 1_000)), is: "heard" },
  { fact: "primary", when: "a standby's last message is old as well", given: after(goal, quietFor(60), hears(2, 3_000)), is: "silent" },
  { fact: "primary", when: "a standby does not tell how old its last message is", given: server(after(goal, quietFor(60)), 2, { receiver: { status: "streaming" } }), is: "silent" },
  { fact: "primary", when: "a standby waits for WAL and does not stream", given: server(after(goal, quietFor(60)), 2, { receiver: { status: "waiting", messageAgeMs: 10 } }), is: "silent" },
  { fact: "primary", when: "its container is paused, for less than it is given", given: after(goal, pausedFor(2)), is: "quiet" },
  { fact: "primary", when: "its container is paused, and nobody has asked it yet", given: member(after(goal, pausedFor(2)), 0, { heard: undefined }), is: "quiet" },
  { fact: "primary", when: "its container is paused, for longer", given: after(goal, pausedFor(3)), is: "frozen" },
  { fact: "primary", when: "it ended cleanly", given: after(goal, ended()), is: "stopped" },
  { fact: "primary", when: "it ended cleanly while it was read-only", given: member(after(goal, ended()), 0, { data: holding({ state: "shutDownInRecovery" }) }), is: "stopped" },
  { fact: "primary", when: "it was killed", given: after(goal, killed()), is: "crashed" },
  { fact: "primary", when: "it was killed while it recovered", given: member(after(goal, killed()), 0, { data: holding({ state: "inRecovery" }) }), is: "crashed" },
  { fact: "primary", when: "it was killed, and its data was not looked at yet", given: member(after(goal, killed()), 0, { data: unknown("timed out") }), is: "crashed" },
  { fact: "primary", when: "it ended with code 0, and its data was not looked at yet", given: member(after(goal, ended()), 0, { data: unknown("timed out") }), is: "unseen" },
  { fact: "primary", when: "its container is gone, and its volume is there", given: member(after(goal, killed()), 0, { container: absent, data: absent }), is: "crashed" },
  { fact: "primary", when: "its container and its volume are gone", given: after(goal, wiped()), is: "lost" },
  { fact: "primary", when: "its volume is empty", given: member(after(goal, killed(), downFor(3)), 0, { data: absent }), is: "lost" },
  { fact: "primary", when: "its volume shows nothing at a first look, as in a container that is being removed", given: member(after(goal, killed()), 0, { data: absent }), is: "unseen" },
  { fact: "primary", when: "its volume holds another cluster's data", given: member(after(goal, ended()), 0, { data: holding({ systemIdentifier: "666", state: "shutDown" }) }), is: "lost" },
  { fact: "primary", when: "its data was left half rewound", given: member(after(goal, killed()), 0, { data: holding({ isTorn: true }) }), is: "lost" },
  { fact: "primary", when: "its container could not be seen", given: after(goal, hidden()), is: "unseen" },
  { fact: "primary", when: "its volume could not be seen", given: member(after(goal, killed()), 0, { volume: unknown("timed out") }), is: "unseen" },
  { fact: "primary", when: "its container is being removed", given: container(after(goal, killed()), 0, { state: "removing" }), is: "unseen" },
  { fact: "primary", when: "its container is being restarted by somebody", given: container(after(goal, killed()), 0, { state: "restarting" }), is: "unseen" },
  { fact: "primary", when: "a stranger's container has its name, and runs", given: member(container(goal, 0, { labels: foreignLabels }), 0, { server: absent, heard: undefined }), is: "unseen" },
  { fact: "primary", when: "a stranger's container has its name, and has ended", given: container(after(goal, killed()), 0, { labels: foreignLabels }), is: "unseen" },
  { fact: "mode", when: "the spec says nothing", given: goal, is: "Automatic" },
  { fact: "mode", when: "a person decides", given: after(goal, failover({ mode: "Manual" })), is: "Manual" },
  { fact: "mode", when: "nobody decides", given: after(goal, failover({ mode: "Disabled" })), is: "Disabled" },
  { fact: "replication", when: "commits wait for standbys", given: syncGoal, is: "synchronous" },
  { fact: "replication", when: "nothing is promised", given: goal, is: "asynchronous" },
  { fact: "replication", when: "the spec asks for synchronous standbys, and nothing is recorded yet", given: after(syncGoal, forgetting("synchronous")), is: "asynchronous" },
  { fact: "replication", when: "the spec is asynchronous by now, and the promise still holds", given: after(syncGoal, spec({ replication: { mode: "Async" } })), is: "synchronous" },
  { fact: "replication", when: "no standby is left to be waited for", given: after(syncGoal, status({ synchronous: { standbys: [], required: 0 } })), is: "asynchronous" },
  { fact: "candidate", when: "standbys have it all", given: after(goal, killed()), is: "ready" },
  { fact: "candidate", when: "there is no standby", given: after(alone, killed()), is: "none" },
  { fact: "candidate", when: "no standby answers", given: after(goal, killed(), unseen(1), unseen(2)), is: "none" },
  { fact: "restart", when: "it has just been lost", given: after(goal, killed(), downFor(1)), is: "untried" },
  { fact: "restart", when: "it was lost, and nobody has noted since when", given: after(goal, killed()), is: "untried" },
  { fact: "restart", when: "it was started since, and its server would not", given: container(after(goal, killed(), downFor(10)), 0, failedStart), is: "failed" },
  { fact: "restart", when: "its last start failed before it was lost", given: container(after(goal, killed(), downFor(2)), 0, failedStart), is: "untried" },
  { fact: "restart", when: "it was started since, and was killed", given: container(after(goal, killed(), downFor(10)), 0, { ...failedStart, exitCode: 137 }), is: "untried" },
  { fact: "restart", when: "it takes longer than it may", given: after(goal, killed(), downFor(31)), is: "failed" },
  { fact: "restart", when: "a clock was set back since it was lost", given: after(goal, killed(), downFor(-3_600)), is: "untried" },
  { fact: "pace", when: "there was no failover yet", given: goal, is: "calm" },
  { fact: "pace", when: "the last failover was a moment ago", given: after(goal, failedOver(59)), is: "damped" },
  { fact: "pace", when: "the last failover was a while ago", given: after(goal, failedOver(60)), is: "calm" },
  { fact: "pace", when: "a switchover was a moment ago", given: after(goal, failedOver(5, "Switchover")), is: "calm" },
  { fact: "pace", when: "a primary was fenced a moment ago", given: after(goal, failedOver(5, "Fenced")), is: "calm" },
  { fact: "pace", when: "damping is turned off", given: after(goal, failedOver(5), failover({ dampingSeconds: 0 })), is: "calm" },
  { fact: "pace", when: "a clock was set back since the last failover", given: after(goal, failedOver(-600)), is: "calm" },
  { fact: "request", when: "nobody asks", given: goal, is: "none" },
  { fact: "request", when: "a person asks for a standby that streams", given: after(goal, asked(1)), is: "ready" },
  { fact: "request", when: "the token was acted on already", given: after(goal, asked(1), status({ observedSwitchoverToken: "again" })), is: "none" },
  { fact: "request", when: "a person asks for the primary", given: after(goal, asked(0)), is: "refused" },
  { fact: "request", when: "a person asks for a member that is not there", given: after(goal, asked(7)), is: "refused" },
  { fact: "request", when: "the standby does not stream", given: after(goal, ended(2), asked(2)), is: "refused" },
  { fact: "request", when: "the standby lags too far behind", given: after(goal, has(1, "0/3000000"), asked(1), failover({ maxLagBytes: 1_000 })), is: "refused" },
  { fact: "request", when: "the primary has stopped for it, and it has the last record", given: after(goal, ended(), asked(1)), is: "ready" },
  { fact: "request", when: "the primary has stopped for it, and it lacks the last record", given: after(goal, ended(), has(1, "0/4FFFF88"), asked(1)), is: "refused" },
  { fact: "request", when: "the primary has crashed, and it has every acknowledged commit", given: after(syncGoal, killed(), has(2, "0/4F00000"), asked(1)), is: "ready" },
  { fact: "request", when: "the primary has crashed, and another would win that has no more", given: after(syncGoal, killed(), asked(2)), is: "ready" },
  { fact: "request", when: "the primary has crashed, and it may lack acknowledged commits", given: after(syncGoal, killed(), has(2, "0/5100000"), asked(1)), is: "refused" },
  { fact: "request", when: "the primary has crashed, and replication is asynchronous", given: after(goal, killed(), has(2, "0/5100000"), asked(1)), is: "ready" },
  { fact: "request", when: "the primary is to be fenced", given: after(goal, fenced), is: "fenced, ready" },
  { fact: "request", when: "the primary is to be fenced, and is the only one", given: after(alone, fenced), is: "fenced, nobody" },
  { fact: "request", when: "the primary is to be fenced, and no standby streams", given: after(goal, ended(1), ended(2), fenced), is: "fenced, nobody" },
  { fact: "request", when: "the primary is to be fenced, has crashed, and nobody has all", given: after(syncGoal, killed(), unseen(1), unseen(2), fenced), is: "fenced, nobody" },
  { fact: "request", when: "the fence goes before a switchover", given: after(goal, fenced, asked(1)), is: "fenced, ready" },
  { fact: "budget", when: "the spec waits", given: after(goal, killed(), downFor(3_600)), is: "open" },
  { fact: "budget", when: "the time is not over", given: after(goal, killed(), downFor(59), patient), is: "open" },
  { fact: "budget", when: "the time is over", given: after(goal, killed(), downFor(61), patient), is: "spent" },
  { fact: "budget", when: "the time is over, and no standby has data", given: after(alone, killed(), downFor(61), patient), is: "open" },
  { fact: "budget", when: "nobody has noted since when it is down", given: after(goal, killed(), patient), is: "open" },
];

for (const { fact, when, given, is } of rows) test(`${fact}: ${when}`, () => assert.equal(verdict(given).facts[fact], is));

test("every value of every fact is seen in some world", () => {
  const missing = Object.entries(factValues).flatMap(([fact, values]) => Object.keys(values).filter((value) => !rows.some((row) => row.fact === fact && row.is === value)).map((value) => `${fact}: ${value}`));
  assert.deepEqual(missing, []);
});

test("who is asked for, and why not", () => {
  const { request } = verdict(after(asyncGoal, ended(), has(1, "0/4FFFF88"), asked(1)));
  assert.equal(request.objection, "has received up to 0/4FFFF88 only, and the primary wrote its last record at 0/4FFFF88");
  assert.equal(verdict(after(asyncGoal, asked(7))).request.objection, "is no member: replicas is lower");
  assert.match(verdict(after(syncGoal, killed(), unseen(2), asked(1))).request.objection, /^may lack acknowledged commits: 2 standbys count/);
  assert.match(verdict(after(syncGoal, killed(), has(2, "0/5100000"), asked(1))).request.objection, /^may lack acknowledged commits: ordinal 2 has received up to 0\/5100000$/);
});

test("an Engine that does not answer shows a primary that is unseen", () => {
  const scene = changed(asyncGoal, { engine: unknown("no"), members: asyncGoal.seen.members.map((me) => ({ ...me, volume: unknown("no"), container: unknown("no"), server: unknown("no"), data: unknown("no") })) });
  assert.equal(verdict(scene).facts.primary, "unseen");
});

test("a primary of another ordinal is looked at in the same way", () => {
  const scene = atGoal({ spec: { networks }, status: { primary: { ordinal: 2, epoch: 4, since: "2026-01-01T00:00:00Z", timeline: 2 } } });
  assert.equal(verdict(scene).facts.primary, "serves");
  assert.equal(verdict(after(scene, killed(2))).facts.primary, "crashed");
  assert.equal(verdict(after(scene, killed(0))).facts.primary, "serves");
  assert.equal(verdict(after(scene, ended(2))).facts.primary, "stopped");
});
