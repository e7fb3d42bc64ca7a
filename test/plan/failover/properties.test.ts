/** What holds of every failover, in every world, however odd. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isOurs } from "../../../src/api/names.ts";
import type { Action } from "../../../src/plan/action.ts";
import { isAlive } from "../../../src/plan/cluster.ts";
import { plan, printed } from "../../../src/plan/plan.ts";
import { status as statusSchema } from "../../../src/api/schema.ts";
import { statusOf } from "../../../src/plan/status.ts";
import type { Json } from "../../../src/schema/types.ts";
import { validate } from "../../../src/schema/validate.ts";
import { absent, atGoal, container, disconnected, foreignLabels, holding, lan, member, memberOf, now, repl, server, stopped, unknown, valueOf, type Scene } from "../../builders.ts";
import { after, asked, booted, downFor, ended, failedOver, failover, forgetting, has, hears, hidden, killed, pausedFor, quietFor, spec, status, unanswered, unseen, verdict, wiped, type Change } from "./scenes.ts";

const networks = [{ ...lan, primaryAddress: "192.168.11.100" }, repl];
const wishes = fc.record({
  replicas: fc.constantFrom(1, 2, 3, 3, 3), networks: fc.constantFrom([], networks), postgres: fc.constantFrom("9.6", "10", "11", "17", "17").map((version) => ({ version })),
  replication: fc.record({ mode: fc.constantFrom("Async", "Quorum", "Priority"), minSync: fc.constantFrom(1, 2), durability: fc.constantFrom("Required", "Preferred") }),
  failover: fc.record({ mode: fc.constantFrom("Automatic", "Automatic", "Manual", "Disabled"), whenNoCandidate: fc.constantFrom("Wait", "PromoteAfter"), promoteAfterSeconds: fc.constantFrom(5, 60), maxLagBytes: fc.constantFrom(0, 16_777_216) }),
}).map((one) => one.replication.mode !== "Async" && (one.replication.minSync >= one.replicas || one.postgres.version === "9.6") ? { ...one, replication: { ...one.replication, mode: "Async" } } : one);

const ordinal = fc.constantFrom(0, 1, 2);
const seconds = fc.constantFrom(1, 4, 31, 70, 400);
const lsn = fc.constantFrom("0/3000000", "0/4FFFF88", "0/4FFFF89", "0/5000000", "0/5000028", "0/7000000");
const on = (make: (one: number) => Change): fc.Arbitrary<Change> => ordinal.map(make);

const changes: fc.Arbitrary<Change> = fc.oneof(
  on(killed), on(ended), on(wiped), on(hidden), on(unseen), on(booted), on((one) => unanswered(one)), on((one) => (scene) => disconnected(scene, one)),
  fc.tuple(seconds, ordinal).map(([for_, one]) => quietFor(for_, one)), fc.tuple(seconds, ordinal).map(([for_, one]) => pausedFor(for_, one)),
  seconds.map(downFor), seconds.map((ago) => failedOver(ago)), fc.tuple(ordinal, fc.constantFrom(100, 5_000)).map(([one, age]) => hears(one, age)),
  fc.tuple(ordinal, lsn, fc.constantFrom(1, 2, 2, 3)).map(([one, at, timeline]) => has(one, at, timeline)),
  on((one) => (scene) => server(scene, one, { receivedLsn: undefined, replaying: true })), on((one) => (scene) => server(scene, one, { systemIdentifier: "666" })),
  on((one) => (scene) => server(scene, one, { inRecovery: false })), on((one) => (scene) => server(scene, one, { epoch: 7 })),
  fc.tuple(ordinal, fc.constantFrom("inProduction", "shutDown", "inRecovery", "other" as const), fc.boolean(), fc.boolean()).map(([one, state, isTorn, isDiverged]): Change => (scene) => stopped(scene, one, { exitCode: 1 }, { data: holding({ state, isTorn, isDiverged, major: scene.want.traits.major }) })),
  on((one) => (scene) => member(scene, one, { data: unknown("timed out") })), on((one) => (scene) => member(scene, one, { volume: unknown("timed out") })),
  on((one) => (scene) => member(container(scene, one, { labels: foreignLabels }), one, { server: absent, interfaces: absent, target: undefined })),
  on((one) => (scene) => container(scene, one, { state: "restarting" })), on((one) => (scene) => container(scene, one, { exitCode: 1, startedAt: now - 2_000, finishedAt: now - 1_000 })),
  fc.constantFrom(0, 1, 2, 5).map((to) => asked(to)), fc.constantFrom([0], [1], [0, 1], [2]).map((fencedOrdinals) => spec({ fencedOrdinals })), on((one) => spec({ members: [{ ordinal: one, candidate: "Never" }] })),
  fc.constantFrom(1, 2, 3).map((replicas) => spec({ replicas, replication: { mode: "Async" } })),
  fc.tuple(ordinal, ordinal).map(([one, previous]) => status({ primary: { ordinal: one, epoch: 3, since: "2026-01-01T00:00:00Z", previous } })),
  fc.constantFrom([1], [1, 2], [0, 2]).chain((standbys) => fc.constantFrom(0, 1, 2).map((required) => status({ synchronous: { standbys, required: Math.min(required, standbys.length) } }))),
  fc.constant(forgetting("synchronous")), fc.constant(forgetting("primary")), fc.constant(failover({ restartSeconds: 1 })),
);

const worlds: fc.Arbitrary<Scene> = fc.tuple(wishes, fc.array(changes, { maxLength: 7 })).map(([wish, list]) => after(atGoal({ spec: wish }), ...list));
const runs = { numRuns: 1_500 };

const actionsIn = ({ want, seen }: Scene): readonly Action[] => plan(want, seen).actions;
const mayRun = (scene: Scene, one: number): boolean => {
  const { container: sight } = memberOf(scene, one);
  return sight.seen === "unknown" || (sight.seen === "present" && isAlive(sight.value));
};

test("nobody is promoted whose former primary may run, but as a standby by the same decision", () => {
  fc.assert(fc.property(worlds, (scene) => {
    const promoted = actionsIn(scene).filter(({ kind }) => kind === "promote");
    assert.ok(promoted.length <= 1);
    const { primary } = scene.want.status;
    if (promoted.length === 0 || primary?.previous === undefined || primary.previous === primary.ordinal) return;
    const former = memberOf(scene, primary.previous);
    const facts = valueOf(former.container);
    if (!mayRun(scene, primary.previous) || (facts !== undefined && !isOurs(scene.want.owner, facts.labels))) return;
    const look = valueOf(former.server);
    assert.ok(look?.inRecovery === true && (look.epoch ?? 0) >= primary.epoch);
  }), runs);
});

test("another primary is recorded only when the recorded one was seen to have ended in that very look", () => {
  fc.assert(fc.property(worlds, (scene) => {
    const { primary } = scene.want.status;
    for (const action of actionsIn(scene)) {
      if (action.kind !== "recordPrimary" || primary === undefined) continue;
      assert.notEqual(action.ordinal, primary.ordinal);
      assert.equal(action.epoch, primary.epoch + 1);
      assert.equal(mayRun(scene, primary.ordinal), false);
      assert.notEqual(action.change.lastFailover, undefined);
      assert.equal(actionsIn(scene).length, 1, "the decision is the whole plan");
    }
  }), runs);
});

test("who is recorded runs, in recovery, with this cluster's data, is wanted and is not fenced", () => {
  fc.assert(fc.property(worlds, (scene) => {
    const { want } = scene;
    for (const action of actionsIn(scene)) {
      if (action.kind !== "recordPrimary" || want.status.primary === undefined) continue;
      const look = valueOf(memberOf(scene, action.ordinal).server);
      assert.equal(look?.inRecovery, true);
      assert.ok(want.status.systemIdentifier === undefined || look.systemIdentifier === want.status.systemIdentifier);
      assert.ok(!want.spec.fencedOrdinals.includes(action.ordinal));
    }
  }), runs);
});

test("with a promise, who is recorded by the rules has as much as anybody on the newest timeline who was seen", () => {
  fc.assert(fc.property(worlds, (scene) => {
    const { row, facts, election } = verdict(scene);
    if (row.decision !== "Promote" || facts.replication !== "synchronous" || facts.primary === "stopped") return;
    for (const action of actionsIn(scene)) {
      if (action.kind !== "recordPrimary") continue;
      const chosen = election.candidates.find((one) => one.ordinal === action.ordinal);
      for (const other of election.candidates) {
        if (other.timeline !== chosen?.timeline || other.position === undefined || !other.isSettled || other.objection?.startsWith("holds") === true || other.objection === "is fenced" || other.objection?.startsWith("accepts") === true) continue;
        assert.ok(BigInt(`0x${other.position.replace("0/", "")}`) <= BigInt(`0x${(chosen?.position ?? "0/0").replace("0/", "")}`));
      }
    }
  }), runs);
});

test("Manual and Disabled record nobody unasked", () => {
  fc.assert(fc.property(worlds, (scene) => {
    const { want } = scene;
    const isAsked = want.spec.switchover !== undefined || want.spec.fencedOrdinals.length > 0;
    if (want.spec.failover.mode === "Automatic" || isAsked || want.status.primary === undefined) return;
    assert.deepEqual(actionsIn(scene).filter(({ kind }) => kind === "recordPrimary"), []);
  }), runs);
});

/** What a look that failed leaves. */
const failures: fc.Arbitrary<Change> = fc.oneof(on(hidden), on((one) => (scene) => member(scene, one, { volume: unknown("timed out") })), on((one) => (scene) => member(scene, one, { data: unknown("timed out") })));

test("a primary of which the Engine tells nothing is neither killed, stopped nor replaced", () => {
  fc.assert(fc.property(worlds, (scene) => {
    const { primary } = scene.want.status;
    if (primary === undefined) return;
    const blinded = hidden(primary.ordinal)(scene);
    assert.deepEqual(actionsIn(blinded).filter(({ kind, lane }) => kind === "recordPrimary" || (lane === "failover" && kind !== "recordSwitchover")), []);
  }), runs);
});

test("a look that failed never removes data, whatever else is due", () => {
  fc.assert(fc.property(worlds, fc.array(failures, { minLength: 1, maxLength: 3 }), (scene, list) => {
    const blinded = after(scene, ...list);
    for (const action of actionsIn(blinded)) {
      if (action.kind === "removeOldData") assert.equal(valueOf(memberOf(blinded, Number(action.lane.replace("demo-", ""))).server)?.keepsOld, true);
      if (action.kind !== "removeVolume") continue;
      assert.ok(blinded.seen.members.some(({ volume, container: sight }) => volume.seen === "present" && volume.value.name === action.volume && sight.seen === "absent"));
    }
  }), runs);
});

test("only what is ours is killed or stopped", () => {
  fc.assert(fc.property(worlds, (scene) => {
    for (const action of actionsIn(scene)) {
      if (action.kind !== "fenceMember" && action.kind !== "stopMember") continue;
      const owned = scene.seen.members.flatMap(({ container: sight }) => sight.seen === "present" && isOurs(scene.want.owner, sight.value.labels) ? [sight.value.id] : []);
      assert.ok(owned.includes(action.container), `${action.kind} ${action.container}`);
    }
  }), runs);
});

test("an address of the primary is put on nobody but the recorded primary, and taken off no other than those who are not", () => {
  fc.assert(fc.property(worlds, (scene) => {
    for (const action of actionsIn(scene)) {
      if (action.kind === "addAddress") assert.equal(action.container, `id-${scene.want.status.primary?.ordinal ?? -1}`);
      if (action.kind === "removeAddress") assert.notEqual(action.container, `id-${scene.want.status.primary?.ordinal ?? -1}`);
    }
  }), runs);
});

const frozen = <T>(value: T): T => {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) frozen(inner);
  }
  return value;
};

test("one look gives one decision, and neither plan nor status changes what it was given", () => {
  fc.assert(fc.property(worlds, (scene) => {
    const one = frozen(structuredClone(scene));
    const other = structuredClone(scene);
    assert.deepEqual(plan(one.want, one.seen), plan(other.want, other.seen));
    assert.deepEqual(verdict(one).facts, verdict(other).facts);
    const told = statusOf(one.want, one.seen, plan(one.want, one.seen), []);
    assert.deepEqual(validate(statusSchema, JSON.parse(JSON.stringify(told)) as Json, "status"), []);
  }), { numRuns: 500 });
});

test("a primary that serves, with nobody asked for, is left alone, however the standbys are", () => {
  const standbys = fc.constantFrom(1, 2);
  const theirs = fc.oneof(standbys.map(killed), standbys.map(ended), standbys.map(wiped), standbys.map(hidden), standbys.map(unseen), fc.tuple(standbys, lsn).map(([one, at]) => has(one, at)));
  fc.assert(fc.property(wishes, fc.array(theirs, { maxLength: 4 }), (wish, list) => {
    const scene = after(atGoal({ spec: wish }), ...list.filter(() => wish.replicas === 3));
    assert.equal(verdict(scene).row.decision, "Serve");
    assert.deepEqual(printed(plan(scene.want, scene.seen)).filter((line) => line.startsWith("failover")), []);
  }), { numRuns: 300 });
});

test("these worlds reach most of the table", () => {
  const reached = new Set<string>();
  fc.assert(fc.property(worlds, (scene) => { reached.add(verdict(scene).row.name); }), { numRuns: 4_000, seed: 1 });
  assert.ok(reached.size >= 25, [...reached].sort().join(" "));
});
