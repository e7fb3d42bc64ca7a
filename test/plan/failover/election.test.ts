/** Who may take over: timelines, positions, the spec's word, and the arithmetic of acknowledged commits. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { clusterOf } from "../../../src/plan/cluster.ts";
import { elect, type Election } from "../../../src/plan/failover/election.ts";
import { formatLsn } from "../../../src/postgres/lsn.ts";
import { absent, atGoal, changed, member, networks, server, stopped, type Scene } from "../../builders.ts";
import { after, asyncGoal, downFor, failover, forgetting, has, killed, primary, quietFor, spec, status, syncGoal, unseen, wiped, type Change } from "./scenes.ts";

const election = ({ want, seen }: Scene): Election => elect({ want, seen, cluster: clusterOf(want, seen) });
const crash = (...changes: readonly Change[]): Scene => after(asyncGoal, killed(), ...changes);
const syncCrash = (...changes: readonly Change[]): Scene => after(syncGoal, killed(), ...changes);
const never = (...ordinals: readonly number[]): Change => spec({ members: ordinals.map((ordinal) => ({ ordinal, candidate: "Never" })) });
/** Booted since the primary was lost: it has never streamed, and has replayed up to here. */
const rebooted = (ordinal: number, position: string, replaying?: boolean): Change => (scene) =>
  server(scene, ordinal, { receivedLsn: undefined, replayedLsn: position, ...(replaying === undefined ? {} : { replaying }) });
const five = (minSync: number): Scene => atGoal({ spec: { networks: [{ ...networks[1], addressPool: { start: "10.10.0.1", size: 8 } }], replicas: 5, replication: { mode: "Quorum", minSync } } });

interface Row {
  readonly when: string;
  readonly given: Scene;
  readonly winner: number | undefined;
  /** What is said of those that may not take over, by ordinal. */
  readonly objections?: Readonly<Record<number, string>>;
  readonly arithmetic?: RegExp;
}

const rows: readonly Row[] = [
  { when: "all have the same: the lowest ordinal", given: crash(), winner: 1 },
  { when: "one has received more", given: crash(has(2, "0/5000001")), winner: 2 },
  { when: "one has a newer timeline with less", given: crash(has(1, "0/6000000"), has(2, "0/5000001", 3)), winner: 2, objections: { 1: "is on timeline 2, and the newest is 3" } },
  { when: "all are behind the timeline that the primary wrote", given: crash(primary({ timeline: 3 })), winner: undefined, objections: { 1: "is on timeline 2, and the newest is 3", 2: "is on timeline 2, and the newest is 3" } },
  { when: "the timeline of this epoch is not known: what standbys have is the newest", given: crash(status({ primary: { ordinal: 0, epoch: 1, since: "2026-01-01T00:00:00Z" } })), winner: 1 },
  { when: "a standby tells no timeline", given: crash((scene) => server(scene, 1, { timeline: undefined })), winner: 2, objections: { 1: "is on timeline 0, and the newest is 2" } },
  { when: "one is never to be a candidate", given: crash(never(1), has(1, "0/6000000")), winner: 2, objections: { 1: "is never a candidate, by spec.members" } },
  { when: "none is to be a candidate", given: crash(never(1, 2)), winner: undefined, objections: { 1: "is never a candidate, by spec.members", 2: "is never a candidate, by spec.members" } },
  { when: "one is fenced", given: crash(spec({ fencedOrdinals: [1] })), winner: 2, objections: { 1: "is fenced" } },
  { when: "one does not answer", given: crash(unseen(1)), winner: 2, objections: { 1: "does not answer: timed out" } },
  { when: "one does not run", given: crash((scene) => stopped(scene, 1)), winner: 2, objections: { 1: "does not run" } },
  { when: "one is not there", given: crash(wiped(1)), winner: 2, objections: { 1: "does not run" } },
  { when: "one accepts writes already", given: crash((scene) => server(scene, 1, { inRecovery: false, flushLsn: "0/9000000" })), winner: 2, objections: { 1: "accepts writes already" } },
  { when: "one holds another cluster's data", given: crash((scene) => server(scene, 1, { systemIdentifier: "666" })), winner: 2, objections: { 1: "holds another cluster's data" } },
  { when: "one still replays what its disk holds", given: crash(rebooted(1, "0/5000000", true)), winner: 2, objections: { 1: "still replays what its disk holds" } },
  { when: "one has booted since, and does not say whether it has replayed all (before 10)", given: crash(rebooted(1, "0/5000000")), winner: 2, objections: { 1: "still replays what its disk holds" } },
  { when: "one has booted since, and has replayed all", given: crash(rebooted(1, "0/5000001", false)), winner: 1 },
  { when: "one replays, and streams already: what it has received counts", given: crash((scene) => server(scene, 1, { replaying: true, receivedLsn: "0/5000002", replayedLsn: "0/4000000" })), winner: 1 },
  { when: "one lags as far as it may", given: crash((scene) => changed(scene, { lastTold: { member: "demo-0", position: "0/6000000" } }), has(1, "0/5000000"), unseen(2)), winner: 1, objections: { 2: "does not answer: timed out" } },
  { when: "one lags further than it may behind what the primary told last", given: crash((scene) => changed(scene, { lastTold: { member: "demo-0", position: "0/6000001" } }), unseen(2)), winner: undefined, objections: { 1: "lacks 16777217 bytes of what the primary had, more than maxLagBytes", 2: "does not answer: timed out" } },
  { when: "one lags further than it may behind what another standby was seen to have", given: crash(status({ members: [{ ordinal: 2, name: "demo-2", role: "Standby", state: "Streaming", ready: "True", replication: { receivedLSN: "0/6000001" } }] }), unseen(2)), winner: undefined, objections: { 1: "lacks 16777217 bytes of what the primary had, more than maxLagBytes", 2: "does not answer: timed out" } },
  { when: "nothing is known of what the primary had", given: crash((scene) => changed(scene, { lastTold: undefined }), has(1, "0/1000000"), unseen(2)), winner: 1, objections: { 2: "does not answer: timed out" } },
  { when: "all commits are on one of two, and both are seen", given: syncCrash(), winner: 1, arithmetic: /^2 standbys count \(N\), each commit is on 1 of them \(W\), 2 were seen \(R: demo-1, demo-2\): R \+ W is more than N$/ },
  { when: "all commits are on one of two, and the other one has more", given: syncCrash(has(2, "0/5000001")), winner: 2, arithmetic: /is more than N/ },
  { when: "all commits are on one of two, and one is seen: the other may have them", given: syncCrash(unseen(2)), winner: undefined, objections: { 2: "does not answer: timed out" }, arithmetic: /1 were seen \(R: demo-1\): R \+ W is not more than N/ },
  { when: "all commits are on both, and one is seen", given: syncCrash(status({ synchronous: { standbys: [1, 2], required: 2 } }), unseen(2)), winner: 1, objections: { 2: "does not answer: timed out" }, arithmetic: /is more than N/ },
  { when: "nobody is seen", given: syncCrash(unseen(1), unseen(2)), winner: undefined, objections: { 1: "does not answer: timed out", 2: "does not answer: timed out" }, arithmetic: /0 were seen \(R: none\)/ },
  { when: "one counts, and still replays what its disk holds: it may have a commit that it does not tell of", given: syncCrash(rebooted(2, "0/4000000", true)), winner: undefined, objections: { 2: "still replays what its disk holds" }, arithmetic: /1 were seen \(R: demo-1\)/ },
  { when: "the most advanced is never to be a candidate: the other may lack a commit", given: syncCrash(never(2), has(2, "0/5000001")), winner: undefined, objections: { 2: "is never a candidate, by spec.members" }, arithmetic: /is more than N/ },
  { when: "one that is never to be a candidate has no more than the other", given: syncCrash(never(1)), winner: 2, objections: { 1: "is never a candidate, by spec.members" }, arithmetic: /is more than N/ },
  { when: "lag is no matter where the arithmetic holds", given: syncCrash((scene) => changed(scene, { lastTold: { member: "demo-0", position: "0/9000000" } }), failover({ maxLagBytes: 0 })), winner: 1, arithmetic: /is more than N/ },
  { when: "one that does not count has more than those that do", given: syncCrash(status({ synchronous: { standbys: [1], required: 1 } }), has(2, "0/5000001")), winner: 2, arithmetic: /1 standbys count \(N\)/ },
  { when: "the promise names the primary of now, which was its standby once", given: syncCrash(status({ synchronous: { standbys: [0, 1, 2], required: 1 } })), winner: 1, arithmetic: /2 standbys count/ },
  { when: "the primary was not yet seen to write in its epoch", given: syncCrash(status({ primary: { ordinal: 0, epoch: 2, since: "2026-01-01T00:00:00Z" } })), winner: undefined, arithmetic: /not yet seen to accept writes in this epoch/ },
  { when: "a standby of the timeline before has more: it can't have what was acknowledged since", given: syncCrash(primary({ timeline: 3 }), has(1, "0/9000000", 2), has(2, "0/5000000", 3)), winner: 2, objections: { 1: "is on timeline 2, and the newest is 3" }, arithmetic: /is more than N/ },
  { when: "two of four have each commit, and three are seen", given: after(five(2), killed(), unseen(4), has(3, "0/5000009")), winner: 3, objections: { 4: "does not answer: timed out" }, arithmetic: /4 standbys count \(N\), each commit is on 2 of them \(W\), 3 were seen/ },
  { when: "two of four have each commit, and two are seen", given: after(five(2), killed(), unseen(3), unseen(4)), winner: undefined, objections: { 3: "does not answer: timed out", 4: "does not answer: timed out" }, arithmetic: /2 were seen .*is not more than N/ },
];

for (const { when, given, winner, objections = {}, arithmetic } of rows) {
  test(when, () => {
    const { candidates, winner: found, arithmetic: said } = election(given);
    assert.equal(found?.ordinal, winner);
    assert.deepEqual(Object.fromEntries(candidates.filter(({ objection }) => objection !== undefined).map(({ ordinal, objection }) => [ordinal, objection])), objections);
    if (arithmetic === undefined) assert.equal(said, undefined);
    else assert.match(said ?? "", arithmetic);
  });
}

const bestRows: readonly (readonly [when: string, given: Scene, best: number | undefined])[] = [
  ["the winner, where there is one", crash(has(2, "0/5000001")), 2],
  ["one that is never to be a candidate, if it has most", crash(never(2), has(2, "0/5000001")), 2],
  ["one that lags too far", crash(failover({ maxLagBytes: 0 }), has(1, "0/4000000"), unseen(2)), 1],
  ["one of an older timeline, if none is on the newest", crash(primary({ timeline: 9 }), has(2, "0/5000001")), 2],
  ["the newest timeline before the most bytes", crash(has(1, "0/9000000"), has(2, "0/5000000", 3)), 2],
  ["none that is fenced", crash(spec({ fencedOrdinals: [1, 2] })), undefined],
  ["none that does not answer", crash(unseen(1), unseen(2)), undefined],
  ["none of another cluster", crash(unseen(1), (scene) => server(scene, 2, { systemIdentifier: "666" })), undefined],
];
for (const [when, given, best] of bestRows) test(`after the budget: ${when}`, () => assert.equal(election(given).best?.ordinal, best));

test("the last position that the primary is known to have had is the highest that anybody tells", () => {
  assert.equal(election(after(asyncGoal, quietFor(1))).lastKnown, "0/5000000");
  assert.equal(election(server(asyncGoal, 0, { flushLsn: "0/7000000", currentLsn: "0/7000010" })).lastKnown, "0/7000010");
  assert.equal(election(crash(downFor(5), forgetting("members"), (scene) => changed(scene, { lastTold: undefined }))).lastKnown, undefined);
});

test("a member that is scaled away is no candidate, and one that is not there is none", () => {
  assert.deepEqual(election(crash(spec({ replicas: 2 }))).candidates.map(({ ordinal }) => ordinal), [1]);
  assert.deepEqual(election(after(atGoal({ spec: { networks, replicas: 1 } }), killed())).candidates, []);
  assert.deepEqual(election(member(crash(), 1, { container: absent, server: absent })).winner?.ordinal, 2);
});

/** A commit lies on the primary and on `required` of the standbys that count; some of them are seen afterwards. */
const histories = fc.integer({ min: 1, max: 4 }).chain((standbys) => fc.record({
  standbys: fc.constant(standbys), required: fc.integer({ min: 1, max: standbys }),
  has: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: standbys, maxLength: standbys }), seen: fc.array(fc.boolean(), { minLength: standbys, maxLength: standbys }),
  never: fc.array(fc.boolean(), { minLength: standbys, maxLength: standbys }),
}));

test("whoever wins has every commit that was acknowledged, whatever was seen", () => {
  fc.assert(fc.property(histories, ({ standbys, required, has: positions, seen: isSeen, never: isNever }) => {
    const ordinals = Array.from({ length: standbys }, (_, index) => index + 1);
    const goal = atGoal({ spec: { replicas: standbys + 1, replication: { mode: "Quorum", minSync: required } } });
    const at = (position: number): string => formatLsn(BigInt(position) * 0x100_0000n);
    const scene = ordinals.reduce((done, ordinal, index) => {
      const placed = has(ordinal, at(positions[index] ?? 0))(done);
      return isSeen[index] === true ? placed : unseen(ordinal)(placed);
    }, after(goal, killed(), never(...ordinals.filter((_, index) => isNever[index]))));
    // The highest position that is on `required` of them is the last that can have been acknowledged.
    const acknowledged = [...positions].sort((one, other) => other - one)[required - 1] ?? 0;
    const { winner } = election(scene);
    if (winner !== undefined) assert.ok((positions[winner.ordinal - 1] ?? 0) >= acknowledged);
    const count = isSeen.filter(Boolean).length;
    if (winner === undefined && !isNever.includes(true)) assert.ok(count + required <= standbys, "where the arithmetic holds somebody wins");
  }), { numRuns: 500 });
});
