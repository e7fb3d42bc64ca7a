/** What is promised about acknowledged commits: never less on the server than in the record, at no moment. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Status } from "../../../src/api/resource.ts";
import { plan } from "../../../src/plan/plan.ts";
import { promiseAfter, promiseIn } from "../../../src/plan/failover/promise.ts";
import { clusterOf } from "../../../src/plan/cluster.ts";
import { configured, disconnected, memberOf, now, planned, position, server, stopped, unmade, wanting, type Scene } from "../../builders.ts";
import { after, asyncGoal, booted, forgetting, killed, spec, status, syncGoal, type Change } from "./scenes.ts";

type Recorded = Status["synchronous"];

/** What the plan records, in the order of its actions, and the names that it gives to the primary at that. */
const recordings = (scene: Scene): readonly unknown[] => plan(scene.want, scene.seen).actions.flatMap((action): readonly unknown[] => {
  if (action.kind === "recordSynchronous") return [action.synchronous];
  if (action.kind !== "configure" || action.lane !== "demo-0") return [];
  const text = action.files.find(({ path }) => path.endsWith("/postgresql.conf"))?.text ?? "";
  return [/^synchronous_standby_names = '(.*)'$/m.exec(text)?.[1]];
});

const promise = (synchronous: NonNullable<Recorded>): Change => status({ synchronous });
const names = (text: string): Change => (scene) => server(scene, 0, { settings: { ...settingsOf(scene), synchronous_standby_names: text } });
const settingsOf = (scene: Scene): Readonly<Record<string, string>> => { const look = memberOf(scene, 0).server; return look.seen === "present" ? look.value.settings : {}; };
const sendersOf = (scene: Scene) => { const look = memberOf(scene, 0).server; return look.seen === "present" ? look.value.senders : []; };
const loaded = (msAgo: number): Change => (scene) => server(scene, 0, { loadedAt: now - msAgo });
const flushed = (ordinal: number, flushLsn: string): Change => (scene) => {
  const look = memberOf(scene, 0).server;
  return look.seen !== "present" ? scene : server(scene, 0, { senders: look.value.senders.map((sender) => sender.applicationName === `demo-${ordinal}` ? { ...sender, flushLsn } : sender) });
};

const both = 'ANY 1 ("demo-1", "demo-2")';
const wide = { standbys: [1, 2], required: 1 } as const;
const narrow = { standbys: [2], required: 1 } as const;
/** demo-1 has gone, the primary waits for demo-2 alone, and the record still has both. */
const narrowed = configured(disconnected(syncGoal, 1));
const announced: Change = promise({ ...wide, next: { ...narrow, after: position } });

const rows: readonly (readonly [when: string, given: Scene, does: readonly unknown[]])[] = [
  ["the record is what is in force", syncGoal, []],
  ["nothing is promised, and nobody is waited for", asyncGoal, []],
  ["the first synchronous names: the server first, since until then nothing is promised", after(configured(asyncGoal), spec({ replication: { mode: "Quorum", minSync: 1 } })), [both]],
  ["a standby more is to be waited for: the record is widened first", after(narrowed, promise(narrow), (scene) => server(scene, 0, { senders: sendersOf(syncGoal) })), [wide, both]],
  ["fewer confirmations are to do: the record is widened first", after(after(syncGoal, spec({ replication: { mode: "Quorum", minSync: 2 } })), configured, promise({ standbys: [1, 2], required: 2 }), spec({ replication: { mode: "Quorum", minSync: 1 } })), [wide, both]],
  ["a standby has gone: the server is narrowed, and the record stays", disconnected(syncGoal, 1), ['ANY 1 ("demo-2")']],
  ["the server was narrowed a moment ago: sessions may not have read it yet", after(narrowed, loaded(1_999)), []],
  ["the server was narrowed: from which position on is noted", after(narrowed, loaded(2_000)), [{ ...wide, next: { ...narrow, after: position } }]],
  ["it is noted, and those that are left have all before it", after(narrowed, announced), [narrow]],
  ["it is noted, and those that are left lack some of it", after(narrowed, announced, flushed(2, "0/4FFFFFF")), []],
  ["it is noted, and none of those that are left streams: all that had the data are waited for again, as the record still says", after(disconnected(narrowed, 2), announced), [both]],
  ["others than were noted are in force by now", after(narrowed, promise({ ...wide, next: { standbys: [1], required: 1, after: position } })), [{ ...wide, next: { ...narrow, after: position } }]],
  ["the standby came back before that: what was noted is taken back", after(syncGoal, promise({ ...wide, next: { ...narrow, after: position } })), [wide]],
  ["the server waits for others than the record says (somebody wrote its file)", after(syncGoal, promise({ standbys: [1], required: 1 })), [wide]],
  ["the server waits for nobody, and the record says otherwise", after(syncGoal, names("")), [undefined]],
  ["replication is to be asynchronous: the record goes first, then the names", after(syncGoal, spec({ replication: { mode: "Async" } })), [undefined, ""]],
  ["more confirmations are wanted than before: the server first", after(syncGoal, spec({ replication: { mode: "Quorum", minSync: 2 } })), ['ANY 2 ("demo-1", "demo-2")']],
  ["more confirmations are in force: from which position on is noted", after(syncGoal, spec({ replication: { mode: "Quorum", minSync: 2 } }), configured, status({ synchronous: wide })), [{ ...wide, next: { standbys: [1, 2], required: 2, after: position } }]],
  ["a primary that does not accept writes promises nothing new", after(syncGoal, booted()), []],
  ["the record was lost, and the server waits as ever", after(syncGoal, forgetting("synchronous")), [{ standbys: [], required: 0, next: { ...wide, after: position } }]],
];

for (const [when, given, does] of rows) test(when, () => assert.deepEqual(recordings(given), does));

test("a primary that has booted keeps the promise, though nobody streams from it yet", () => {
  const scene = after(disconnected(disconnected(syncGoal, 1), 2), booted(), promise({ standbys: [1, 2], required: 1 }));
  assert.deepEqual(planned(scene).filter((line) => /configure|recordSynchronous/.test(line)), []);
});

test("after a promotion the promise is what the new primary's configuration says already", () => {
  const { want, seen } = after(syncGoal, killed());
  const context = { want, seen, cluster: clusterOf(want, seen) };
  assert.deepEqual(promiseAfter(context, 1), { standbys: [0, 2], required: 1 });
  assert.deepEqual(promiseAfter(context, 2), { standbys: [0, 1], required: 1 });
  const [decision] = plan(want, seen).actions;
  assert.deepEqual(decision?.kind === "recordPrimary" ? decision.change.synchronous : undefined, { standbys: [0, 2], required: 1 });
});

test("a standby that was not seen promises nothing", () => {
  const { want, seen } = stopped(syncGoal, 1);
  assert.equal(promiseAfter({ want, seen, cluster: clusterOf(want, seen) }, 1), undefined);
});

for (const [text, is] of [
  ["", undefined], ['ANY 1 ("demo-1", "demo-2")', wide], ['FIRST 2 ("demo-2", "demo-1")', { standbys: [1, 2], required: 2 }],
  ['1 ("demo-1")', { standbys: [1], required: 1 }], ['ANY 1 ("demo-10", "demo-2", "other-1")', { standbys: [2, 10], required: 1 }],
] as const) {
  test(`the setting ${text === "" ? "that is empty" : text} as a promise`, () => assert.deepEqual(promiseIn(unmade().want, text), is));
}

test("a new spec never narrows the record in the round that narrows the server", () => {
  const scene = wanting(disconnected(syncGoal, 1), { spec: { replication: { mode: "Quorum", minSync: 1 } } });
  assert.deepEqual(recordings(scene).filter((one) => typeof one === "object"), []);
});
