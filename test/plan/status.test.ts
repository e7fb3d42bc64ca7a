/** The status as a whole: what it tells of members and work, and that it keeps still when nothing is to be told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { status as statusSchema } from "../../src/api/schema.ts";
import type { Status } from "../../src/api/resource.ts";
import type { Failure } from "../../src/plan/conditions.ts";
import { settled, type MemberStatus } from "../../src/plan/members-status.ts";
import { plan } from "../../src/plan/plan.ts";
import { eventsOf, statusOf } from "../../src/plan/status.ts";
import { prune } from "../../src/schema/prune.ts";
import type { Json } from "../../src/schema/types.ts";
import { validate } from "../../src/schema/validate.ts";
import { absent, atGoal, changed, disconnected, job, member, memberOf, networks, now, server, silent, stopped, unknown, unmade, unmadeMember, wanting, type Scene } from "../builders.ts";

const goal = atGoal({ spec: { networks } });
const of = ({ want, seen }: Scene, failures: readonly Failure[] = []): Status => statusOf(want, seen, plan(want, seen), failures);
const later = ({ want, seen }: Scene, ms: number): Scene => ({ want, seen: { ...seen, at: seen.at + ms } });
const stateOf = (scene: Scene, ordinal = 1): string => {
  const entry = of(scene).members?.find((one) => one.ordinal === ordinal);
  return `${entry?.role ?? ""} ${entry?.state ?? ""} ${entry?.ready ?? ""}`;
};

const worlds: Readonly<Record<string, Scene>> = {
  "all is well": goal, "nothing is there": unmade({ spec: { networks } }), "a standby is stopped": stopped(goal, 1, { exitCode: 1 }, { log: ["FATAL:  no"] }),
  "the Engine is silent": changed(goal, { engine: unknown("is it running?"), members: goal.seen.members.map(({ ordinal }) => ({ ...unmadeMember(ordinal), container: unknown("?"), volume: unknown("?"), server: unknown("?") })) }),
  "initdb runs": member(unmade({ spec: { networks }, status: goal.want.status }), 0, { job: job(goal.want, 0, "initdb", { state: "running" }) }),
  "it is asleep": wanting(goal, { spec: { replicas: 0 } }), "version 11": atGoal({ spec: { postgres: { version: "11" } } }),
};

for (const [when, scene] of Object.entries(worlds)) {
  test(`the status fits its schema when ${when}`, () => {
    const json = JSON.parse(JSON.stringify(of(scene))) as Json;
    assert.deepEqual(validate(statusSchema, json, "status"), []);
    assert.deepEqual(prune(statusSchema, json).unknown, []);
  });

  test(`a second look at the same world changes nothing of it when ${when}`, () => {
    const first = of(scene);
    const second = of(wanting(scene, { status: first }));
    assert.deepEqual(of(later(wanting(scene, { status: second }), 10_000)), second);
  });
}

for (const [when, scene, is] of [
  ["it streams", goal, "Standby Streaming True"],
  ["it does not stream", disconnected(goal, 1), "Standby Starting False"],
  ["its server is silent", silent(goal, 1), "Unknown Starting Unknown"],
  ["it was stopped", stopped(goal, 1), "Unknown Stopped False"],
  ["it crashed", stopped(goal, 1, { exitCode: 1 }), "Unknown Failed False"],
  ["it is being copied", member(stopped(goal, 1), 1, { data: absent, job: job(goal.want, 1, "basebackup", { state: "running" }) }), "Unknown Copying False"],
  ["its copy failed", member(stopped(goal, 1), 1, { data: absent, job: job(goal.want, 1, "basebackup", { exitCode: 1 }) }), "Unknown Failed False"],
  ["it could not be seen", member(goal, 1, { container: unknown("timed out"), server: unknown("timed out") }), "Unknown Unknown Unknown"],
  ["it is not there", member(goal, 1, unmadeMember(1)), "Unknown Pending False"],
  ["it waits for a restart", server(goal, 1, { pendingRestart: ["shared_buffers"] }), "Standby Streaming False"],
] as const) {
  test(`a standby's entry when ${when}`, () => assert.equal(stateOf(scene), is));
}

test("the primary's entry", () => {
  assert.equal(stateOf(goal, 0), "Primary Running True");
  assert.equal(stateOf(server(goal, 0, { inRecovery: true }), 0), "Standby Starting False");
});

test("an entry tells its NICs and its replication", () => {
  const entry = of(goal).members?.[1];
  assert.deepEqual(entry?.interfaces?.map(({ network, name, address, state }) => [network, name, address, state]), [["lan", "eth1", "192.168.11.102/24", "Verified"], ["repl", "eth2", "10.10.0.2/24", "Verified"]]);
  assert.deepEqual(entry?.replication, { via: "repl", syncState: "Async", receivedLSN: "0/5000000", replayLagBytes: 0 });
});

test("the columns tell who counts, and how far the slowest is behind", () => {
  const lagging = server(goal, 0, { senders: serving(goal).map((sender, index) => index === 0 ? { ...sender, replayLsn: "0/1000000" } : sender) });
  assert.equal(of(lagging).lagSummary, "64 MiB");
  assert.equal(of(goal).syncSummary, "async 2/2");
  assert.equal(of(atGoal({ spec: { networks, replication: { mode: "Priority", minSync: 1 } } })).syncSummary, "priority 1/1");
});

const serving = (scene: Scene) => {
  const look = memberOf(scene, 0).server;
  return look.seen === "present" ? look.value.senders : [];
};

const entry: MemberStatus = { ordinal: 1, name: "demo-1", role: "Standby", state: "Streaming", ready: "True", observedAt: new Date(now).toISOString(), replication: { via: "repl", receivedLSN: "0/1", replayLagBytes: 0 } };
const moved: MemberStatus = { ...entry, observedAt: new Date(now + 1).toISOString(), replication: { via: "repl", receivedLSN: "0/2", replayLagBytes: 8 } };

test("positions that move do not wake anybody; after a while they are told", () => {
  assert.equal(settled(entry, moved, now + 5_000), entry);
  assert.equal(settled(entry, moved, now + 31_000), moved);
  assert.equal(settled(entry, { ...entry, observedAt: moved.observedAt ?? "" }, now + 60_000), entry);
  const stopped_: MemberStatus = { ...moved, state: "Stopped" };
  assert.equal(settled(entry, stopped_, now + 1), stopped_);
  assert.equal(settled(undefined, moved, now), moved);
});

test("the operation is a running job, with its deadline and attempt", () => {
  const scene = member(stopped(goal, 1), 1, { data: absent, job: job(goal.want, 1, "basebackup", { state: "running", attempt: 3, log: ["1/2 kB (50%)"] }) });
  const { operation } = of(scene);
  assert.deepEqual([operation?.type, operation?.ordinal, operation?.attempt, operation?.message], ["BaseBackup", 1, 3, "demo-1: 50%"]);
  assert.equal(Date.parse(operation?.deadline ?? "") - Date.parse(operation?.startedAt ?? ""), 3_600_000);
});

test("a step that fails again and again counts its attempts from its first failure", () => {
  const failure: Failure = { lane: "demo-1", kind: "startMember", message: "no", reason: undefined };
  const scene = stopped(goal, 1);
  const first = of(scene, [failure]);
  const second = of(later(wanting(scene, { status: first }), 2_000), [failure]);
  assert.equal(second.operation?.attempt, 2);
  assert.equal(second.operation?.startedAt, first.operation?.startedAt);
});

test("the plan stands in the status only while there is one", () => {
  assert.equal(of(goal).plan, undefined);
  assert.deepEqual(of(stopped(goal, 1)).plan, ["demo-1 startMember: exited with code 0"]);
});

test("events: actions worth telling, failures, and conditions that changed", () => {
  const after = of(stopped(goal, 0));
  const { actions } = plan(stopped(goal, 0).want, stopped(goal, 0).seen);
  const events = eventsOf(of(goal), after, actions, [{ lane: "demo-1", kind: "attachNic", message: "no", reason: "AddressConflict" }]);
  assert.deepEqual(events.map(({ type, reason }) => `${type} ${reason}`), [
    "Normal Started", "Warning AddressConflict", "Warning NoPrimary", "Warning NoPrimary", "Warning MembersPending", "Warning NotObserved", "Warning NotObserved",
  ]);
  assert.deepEqual(eventsOf(after, after, [], []), []);
});

test("the first status says nothing of what is not yet", () => {
  assert.deepEqual(eventsOf({}, of(unmade({ spec: { networks } })), [], []).filter(({ type }) => type === "Warning"), []);
});
