/** How a member comes back that went on where the new primary did not, and how the new primary's promotion looks at it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JobKind } from "../../../src/plan/jobs.ts";
import { plan } from "../../../src/plan/plan.ts";
import { statusOf } from "../../../src/plan/status.ts";
import type { ContainerFacts } from "../../../src/ports.ts";
import { atGoal, changed, container, disconnected, foreignLabels, holding, job, member, memberOf, networks, now, position, server, stopped, unknown, type Scene } from "../../builders.ts";
import { table } from "../table.ts";
import { after, hidden, killed, pausedFor, status, unseen, type Change } from "./scenes.ts";

const second = { primary: { ordinal: 1, epoch: 2, since: "2026-01-01T00:00:00Z", previous: 0, timeline: 3 } } as const;
const history = [{ timeline: 1, end: "0/4000000" }, { timeline: 2, end: position }];

/** demo-1 has taken over from demo-0, where timeline 2 was at 0/5000000. */
const takenOver = (version = "17"): Scene => server(atGoal({ spec: { networks, postgres: { version } }, status: second }), 1, { timeline: 3, history });
const goal = takenOver();

type Data = Parameters<typeof holding>[0];
/** demo-0 has ended, and its volume holds this. */
const left = (change: Data): Change => (scene) => stopped(scene, 0, { exitCode: 137 }, { data: holding({ major: scene.want.traits.major, ...change }) });
const crashed = left({ state: "inProduction" });
const working = (kind: JobKind, facts: Partial<ContainerFacts> & { readonly log?: readonly string[]; readonly attempt?: number }): Change => (scene) => member(scene, 0, { job: job(scene.want, 0, kind, facts) });
const running = (ordinal: number, change: Parameters<typeof server>[2]): Change => (scene) => server(disconnected(scene, ordinal), ordinal, change);

const rewinds = ["demo-0 checkpoint: a rewind reads the primary's control file", "demo-0 startJob: it wrote what the new primary has not"];
const starts = ["demo-0 startMember: exited with code 137"];

describe("a stopped member", () => table([
  { when: "was primary and crashed: it is rewound", given: after(goal, crashed), plan: rewinds },
  { when: "was primary and ended cleanly, before its successor began: it starts", given: after(goal, left({ state: "shutDown", checkpoint: "0/4FFFF88" })), plan: starts },
  { when: "was primary and ended cleanly, behind the place where its successor began", given: after(goal, left({ state: "shutDown", checkpoint: "0/5000028" })), plan: rewinds },
  { when: "was primary and ended cleanly, on a timeline that the primary never had", given: after(goal, left({ state: "shutDown", timeline: 7 })), plan: rewinds },
  { when: "was a standby: it starts", given: after(goal, left({ state: "inRecovery" })), plan: starts },
  { when: "was a standby that stopped cleanly: it starts", given: after(goal, left({ state: "shutDownInRecovery" })), plan: starts },
  { when: "is a fresh copy, which looks like a primary: it starts", given: after(goal, left({ state: "inProduction", isCopy: true })), plan: starts },
  { when: "was seen to have diverged: it is rewound", given: after(goal, left({ state: "shutDownInRecovery", isDiverged: true })), plan: rewinds },
  { when: "was left half rewound: it is copied anew", given: after(goal, left({ state: "inProduction", isTorn: true })), plan: ["demo-0 startJob: a rewind of it was not completed"] },
  { when: "was primary, and the new one does not accept writes yet", given: after(goal, crashed, (scene) => server(scene, 1, { inRecovery: true })), plan: [
      "demo-1 promote: it is read-only, and is the recorded primary (epoch 2)", "demo-0 waits: demo-0 rejoins when the primary accepts writes",
    ] },
  { when: "was primary, and the new one is down as well: it starts, since it may be the only one left", given: after(goal, crashed, killed(1)), plan: [
      "demo-0 startMember: exited with code 137", "demo-1 startMember: exited with code 137", "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "was primary, and its slot is not there yet", given: after(goal, crashed, (scene) => server(scene, 1, { slots: [] })), plan: [
      "slots createSlot: pgrs_0 is absent", "slots createSlot: pgrs_2 is absent", "demo-0 waits: demo-0 waits for its slot",
    ] },
  { when: "was primary, and the replication account is not ready", given: changed(after(goal, crashed), { accounts: { superuser: "current", replication: "differs", app: "current" } }), plan: [
      "accounts ensureAccount: replication account has another password than its Secret", "demo-0 waits: demo-0 waits for the replication account",
    ] },
  { when: "was primary of PostgreSQL 11: it is rewound", given: after(takenOver("11"), crashed), plan: rewinds },
  { when: "was primary of PostgreSQL 10, where a rewind takes a superuser: it is copied anew", given: after(takenOver("10"), crashed), plan: ["demo-0 startJob: it wrote what the new primary has not"] },
  { when: "is the recorded primary: nothing is rewound", given: after(atGoal({ spec: { networks } }), killed()), plan: ["demo-0 startMember: exited with code 137", "demo-1 waits: demo-1 waits for the primary", "demo-2 waits: demo-2 waits for the primary"] },
]));

describe("a job on the volume of a former primary", () => table([
  { when: "rewinds", given: after(goal, crashed, working("rewind", { state: "running", log: ["pgrs: end of WAL 0/5000100", "12345/23456 kB (52%) copied"] })), plan: ["demo-0 waits: demo-0: rewind 52%"] },
  { when: "has rewound: the member starts", given: after(goal, left({ state: "inProduction", isCopy: true }), working("rewind", {})), plan: ["demo-0 removeContainer: rewind is complete", ...starts] },
  { when: "could not rewind: a copy is made, at once, and it is said why", given: after(goal, left({ state: "inProduction", isTorn: true }), working("rewind", { exitCode: 1, finishedAt: now - 100, log: ["pgrs: end of WAL 0/5000100", "pg_rewind: error: could not find common ancestor", "pg_rewind: done"] })), plan: [
      "demo-0 removeContainer: the rewind failed", "demo-0 startJob: the rewind failed: pg_rewind: error: could not find common ancestor",
    ] },
  { when: "has no pg_rewind in its image", given: after(goal, crashed, working("rewind", { exitCode: 78, log: ["error: the image has no pg_rewind"] })), plan: ["demo-0 removeContainer: the rewind failed", "demo-0 startJob: it can't be rewound"] },
  { when: "could not rewind, and the primary is away", given: after(goal, crashed, working("rewind", { exitCode: 1, log: ["error: no"] }), (scene) => server(scene, 1, { inRecovery: true })), plan: [
      "demo-1 promote: it is read-only, and is the recorded primary (epoch 2)", "demo-0 waits: demo-0 waits for the primary to accept writes",
    ] },
  { when: "copies anew", given: after(goal, crashed, working("recopy", { state: "running", log: ["12345/23456 kB (52%), 0/1 tablespace"] })), plan: ["demo-0 waits: demo-0: base backup 52%"] },
  { when: "failed to copy anew, a moment ago", given: after(goal, crashed, working("recopy", { exitCode: 1, finishedAt: now - 100, log: ["pg_basebackup: error: connection refused"] })), plan: ["demo-0 waits: demo-0: base backup failed (attempt 1): pg_basebackup: error: connection refused"] },
  { when: "failed to copy anew, a while ago: it copies again, and does not rewind", given: after(goal, left({ state: "inProduction", isTorn: true }), working("recopy", { exitCode: 1, attempt: 2, log: ["pg_basebackup: error: connection refused"] })), plan: [
      "demo-0 removeContainer: base backup failed", "demo-0 startJob: attempt 2 failed: pg_basebackup: error: connection refused",
    ] },
  { when: "has copied anew", given: after(goal, left({ state: "inProduction", isCopy: true }), working("recopy", {})), plan: ["demo-0 removeContainer: base backup is complete", ...starts] },
]));

/** The program of the job that the plan starts. */
const programOf = ({ want, seen }: Scene): { readonly kind: string | undefined; readonly attempt: string | undefined; readonly script: string; readonly connection: string } => {
  const started = plan(want, seen).actions.find((action) => action.kind === "startJob");
  assert.ok(started?.kind === "startJob");
  const { labels, command, environment } = started.container;
  return { kind: labels["pgrs.dev/job"], attempt: labels["pgrs.dev/attempt"], script: command.at(-1) ?? "", connection: environment["CONNECTION"] ?? "" };
};

test("a rewind goes over the replication network, as the replication account, to a database, and never over what it began", () => {
  const { kind, script, connection } = programOf(after(goal, crashed));
  assert.equal(kind, "rewind");
  assert.match(connection, /^host=10\.10\.0\.2 port=5432 user=replicator .*application_name=demo-0-rewind .*dbname=postgres/);
  assert.ok(script.indexOf("touch rewinding") < script.indexOf("pg_rewind --target-pgdata"), "what is left half-done is known by its note");
  assert.ok(script.indexOf("pg_rewind --target-pgdata") < script.indexOf("rm -f rewinding"));
  assert.match(script, /Latest checkpoint's TimeLineID"\)" != 3 \]/);
  assert.doesNotMatch(`${script}${connection}`, /replicator-password/);
});

test("a copy keeps the data before it until it streams, and says so in the copy", () => {
  const { kind, script } = programOf(after(goal, left({ isTorn: true })));
  assert.equal(kind, "recopy");
  const steps = script.split("\n");
  const at = (part: string): number => steps.findIndex((step) => step.includes(part));
  assert.ok(at("rm -rf pgdata.old") < at("pg_basebackup") && at("pg_basebackup") < at("echo kept > pgdata.new/pgrs/old"));
  assert.ok(at("echo kept") < at("mv pgdata pgdata.old") && at("mv pgdata pgdata.old") < at("mv pgdata.new pgdata"));
  assert.ok(at("mv pgdata.new pgdata") < at("rm -f rewinding"));
});

test("attempts to copy are counted on", () => {
  assert.equal(programOf(after(goal, left({ isTorn: true }), working("recopy", { exitCode: 1, attempt: 4, log: ["error: no"], finishedAt: 1 }))).attempt, "5");
});

describe("a running standby", () => table([
  { when: "has more than the primary had when it began: it is noted and stopped", given: after(goal, running(2, { timeline: 2, receivedLsn: "0/5000100", replayedLsn: "0/5000100" })), plan: [
      "demo-2 noteParameters: has WAL up to 0/5000100 of timeline 2, which the primary has not", "demo-2 stopMember: has WAL up to 0/5000100 of timeline 2, which the primary has not",
    ] },
  { when: "has as much as the primary had when it began", given: after(goal, running(2, { timeline: 2 })), plan: ["demo-2 waits: demo-2 does not stream yet"] },
  { when: "is on a timeline that began elsewhere", given: after(goal, running(2, { timeline: 3, history: [{ timeline: 1, end: "0/4000000" }, { timeline: 2, end: "0/4800000" }] })), plan: [
      "demo-2 noteParameters: has WAL up to 0/5000000 of timeline 3, which the primary has not", "demo-2 stopMember: has WAL up to 0/5000000 of timeline 3, which the primary has not",
    ] },
  { when: "still replays: it is not judged yet", given: after(goal, running(2, { timeline: 2, receivedLsn: "0/5000100", replaying: true })), plan: ["demo-2 waits: demo-2 does not stream yet"] },
  { when: "streams, whatever it tells", given: server(goal, 2, { timeline: 2, receivedLsn: "0/5000100" }), plan: [] },
  { when: "tells no timeline", given: after(goal, running(2, { timeline: undefined, receivedLsn: "0/5000100" })), plan: ["demo-2 waits: demo-2 does not stream yet"] },
  { when: "has more, and the primary can't tell where it began", given: after(server(goal, 1, { history: undefined }), running(2, { timeline: 2, receivedLsn: "0/5000100" })), plan: ["demo-2 waits: demo-2 does not stream yet"] },
  { when: "has more, and the primary is not promoted yet", given: after(goal, running(2, { timeline: 2, receivedLsn: "0/5000100" }), (scene) => server(scene, 1, { inRecovery: true, epoch: 2 }), (scene) => server(scene, 0, { epoch: 2 })), plan: [
      "demo-1 promote: it is read-only, and is the recorded primary (epoch 2)", "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "is a copy that streams: what was kept beside it goes", given: server(goal, 0, { keepsOld: true }), plan: ["demo-0 removeOldData: the copy streams, so the data before it is not needed any more"] },
  { when: "is a copy that does not stream yet: what was kept stays", given: after(server(goal, 0, { keepsOld: true }), (scene) => disconnected(scene, 0)), plan: ["demo-0 waits: demo-0 does not stream yet"] },
]));

/** demo-1 is recorded, has booted read-only, and demo-0 was the primary of the epoch before. */
const recorded = after(goal, (scene) => server(scene, 1, { inRecovery: true, senders: [], epoch: 1 }), status(second));
const promotes = "demo-1 promote: it is read-only, and is the recorded primary (epoch 2)";
const demo2 = "demo-2 waits: demo-2 waits for the primary";

describe("the promotion of a new primary, when the former one", () => table([
  { when: "has ended", given: after(recorded, crashed), plan: [promotes, "demo-0 waits: demo-0 rejoins when the primary accepts writes", demo2] },
  { when: "has no container any more", given: member(after(recorded, crashed), 0, { container: { seen: "absent" }, data: { seen: "absent" } }), plan: ["demo-0 createContainer: absent", promotes, demo2] },
  { when: "still accepts writes", given: server(recorded, 0, { inRecovery: false }), plan: [
      "demo-0 stopMember: accepts writes, while the recorded primary is ordinal 1", "demo-1 waits: demo-1 is promoted when ordinal 0 no longer accepts writes", demo2,
    ] },
  { when: "runs read-only, by the decision before", given: server(recorded, 0, { epoch: 1 }), plan: ["demo-0 waits: demo-0 waits for the primary", "demo-1 waits: demo-1 is promoted when the former primary has its new configuration", demo2] },
  { when: "runs read-only, by this decision", given: server(recorded, 0, { epoch: 2 }), plan: [promotes, "demo-0 waits: demo-0 waits for the primary", demo2] },
  { when: "runs, and does not answer", given: after(recorded, unseen(0)), plan: [
      "demo-1 fenceMember: the former primary runs without this decision's configuration, so another decision could still reach it", "demo-0 waits: demo-0's PostgreSQL does not answer yet: timed out", demo2,
    ] },
  { when: "is paused", given: after(recorded, pausedFor(9)), plan: [
      "demo-1 fenceMember: the former primary runs without this decision's configuration, so another decision could still reach it", "demo-0 waits: demo-0 is paused: docker unpause default_demo_0", demo2,
    ] },
  { when: "could not be looked at", given: after(recorded, hidden()), plan: ["demo-0 waits: timed out", "demo-1 waits: demo-1 is promoted when the former primary's container has been looked at", demo2] },
  { when: "has lost its name to a stranger, which is left alone", given: member(container(recorded, 0, { labels: foreignLabels }), 0, { server: { seen: "absent" }, interfaces: { seen: "absent" } }), plan: [
      promotes, "demo-0 waits: a container named default_demo_0 is there and is not ours: rename or remove it (docker container rm default_demo_0), or give this resource another name", demo2,
    ] },
]));

test("a promotion names the boot that was looked at, its epoch, and the container that must not run", () => {
  const promotion = (scene: Scene) => plan(scene.want, scene.seen).actions.find((action) => action.kind === "promote");
  const { startedAt } = (() => { const look = memberOf(recorded, 1).server; return look.seen === "present" ? look.value : { startedAt: 0 }; })();
  const stopped_ = promotion(after(recorded, crashed));
  assert.deepEqual(stopped_?.kind === "promote" ? [stopped_.ordinal, stopped_.boot, stopped_.fenced] : [], [1, { epoch: 2, startedAt }, "default_demo_0"]);
  const configured_ = promotion(server(recorded, 0, { epoch: 2 }));
  assert.equal(configured_?.kind === "promote" ? configured_.fenced : "none", undefined);
});

const lossOf = ({ want, seen }: Scene) => { const { lastFailover } = statusOf(want, seen, plan(want, seen), []); return [lastFailover?.possibleLossBytes, lastFailover?.lossIsExact]; };
const lastFailover = { at: "2026-01-01T11:59:00Z", epoch: 2, cause: "Crash", rule: "crash", from: 0, to: 1, timeline: 2, candidates: [], possibleLossBytes: 16 } as const;

test("what was lost is known exactly from the rewind of the former primary", () => {
  const rewinding = after(goal, crashed, working("rewind", { state: "running", log: ["pgrs: end of WAL 0/5000100"] }), status({ lastFailover }));
  assert.deepEqual(lossOf(rewinding), [0x100, true]);
  assert.deepEqual(lossOf(after(goal, crashed, status({ lastFailover }))), [16, undefined]);
  assert.deepEqual(lossOf(after(goal, left({ isTorn: true }), working("recopy", { state: "running", log: [] }), status({ lastFailover }))), [16, undefined]);
  assert.deepEqual(lossOf(after(rewinding, status({ synchronous: { standbys: [0, 2], required: 1 } }))), [16, undefined]);
});

test("how long a failover took is told once, when the new primary is seen to accept writes", () => {
  const durationOf = ({ want, seen }: Scene) => statusOf(want, seen, plan(want, seen), []).lastFailover?.durationMs;
  const since = new Date(now - 1_500).toISOString();
  assert.equal(durationOf(after(goal, status({ lastFailover: { ...lastFailover, downSince: since } }))), 1_500);
  assert.equal(durationOf(after(goal, status({ lastFailover: { ...lastFailover, downSince: since, durationMs: 700 } }))), 700);
  assert.equal(durationOf(after(recorded, crashed, status({ lastFailover: { ...lastFailover, downSince: since } }))), undefined);
});

test("a former primary that could not be looked into is left as it is", () => {
  const { want, seen } = stopped(goal, 0, { exitCode: 137 }, { data: unknown("timed out") });
  assert.deepEqual(plan(want, seen).actions, []);
});
