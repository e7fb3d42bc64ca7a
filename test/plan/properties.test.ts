/** What holds for every spec and every world, however odd. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Action } from "../../src/plan/action.ts";
import { plan, printed } from "../../src/plan/plan.ts";
import { statusOf } from "../../src/plan/status.ts";
import { status as statusSchema } from "../../src/api/schema.ts";
import type { Json } from "../../src/schema/types.ts";
import { validate } from "../../src/schema/validate.ts";
import {
  absent, atGoal, changed, container, containerFacts, disconnected, foreignLabels, job, lan, left, member, memberOf, networkFacts, networks, now, present, repl, server, silent, stopped, unknown, unmadeMember, volumeOf, wanting, type Scene,
} from "../builders.ts";

const spec = fc.record({
  replicas: fc.constantFrom(1, 2, 3), deletionPolicy: fc.constantFrom("Retain", "Delete"), reconcilePolicy: fc.constantFrom("Apply", "Apply", "Apply", "Paused"),
  networks: fc.constantFrom([], [lan], [lan, repl], networks),
  replication: fc.record({ mode: fc.constantFrom("Async", "Quorum", "Priority"), minSync: fc.constantFrom(1, 2), durability: fc.constantFrom("Required", "Preferred"), slots: fc.boolean() }),
  postgres: fc.record({ version: fc.constantFrom("9.6", "10", "11", "12", "17", "18"), parameters: fc.constantFrom({}, { work_mem: "8MB" }, { max_connections: "50" }) }),
}).map((one) => one.replication.mode !== "Async" && (one.replication.minSync >= one.replicas || one.postgres.version === "9.6") ? { ...one, replication: { ...one.replication, mode: "Async" } } : one);

type Change = (scene: Scene) => Scene;
const ordinal = fc.constantFrom(0, 1, 2);
const dated = { deletionTimestamp: "2026-01-01T00:00:00Z" };
const seeing = (name: string, sight: Scene["seen"]["networks"][string]): Change => (scene) => changed(scene, { networks: { ...scene.seen.networks, ...(name in scene.seen.networks ? { [name]: sight } : {}) } });

const changes: fc.Arbitrary<Change> = fc.oneof(
  ordinal.map((one): Change => (scene) => stopped(scene, one)),
  ordinal.map((one): Change => (scene) => stopped(scene, one, { exitCode: 1, startedAt: now - 2_000, finishedAt: now - 1_000 }, { log: ["FATAL:  it would not"] })),
  ordinal.map((one): Change => (scene) => silent(scene, one)),
  ordinal.map((one): Change => (scene) => disconnected(scene, one)),
  ordinal.map((one): Change => (scene) => member(scene, one, unmadeMember(one))),
  ordinal.map((one): Change => (scene) => member(scene, one, { container: absent, server: absent, interfaces: absent })),
  ordinal.map((one): Change => (scene) => member(container(scene, one, { labels: foreignLabels }), one, { server: absent, interfaces: absent, target: undefined })),
  ordinal.map((one): Change => (scene) => container(scene, one, { endpoints: containerFacts(scene.want, one).endpoints.slice(0, 2) })),
  ordinal.map((one): Change => (scene) => server(scene, one, { inRecovery: true, senders: [] })),
  ordinal.map((one): Change => (scene) => server(scene, one, { inRecovery: false })),
  ordinal.map((one): Change => (scene) => server(scene, one, { pendingRestart: ["shared_buffers"] })),
  ordinal.map((one): Change => (scene) => server(scene, one, { configHash: "another" })),
  ordinal.map((one): Change => (scene) => server(scene, one, { systemIdentifier: "666" })),
  ordinal.map((one): Change => (scene) => member(scene, one, { job: job(scene.want, one, one === 0 ? "initdb" : "basebackup", { state: "running" }) })),
  ordinal.map((one): Change => (scene) => member(stopped(scene, one), one, { data: absent, job: job(scene.want, one, "basebackup", { exitCode: 1 }) })),
  ordinal.map((one): Change => (scene) => member(scene, one, { volume: present(volumeOf(one, foreignLabels)) })),
  fc.constant<Change>((scene) => scene.seen.members.some((me) => me.ordinal === 5) ? scene : left(scene, 5, { container: present(containerFacts(scene.want, 5)) })),
  fc.constant<Change>((scene) => server(scene, 0, { slots: [{ name: "pgrs_9", active: false }] })),
  fc.constant<Change>((scene) => changed(scene, { image: absent })),
  fc.constant<Change>((scene) => changed(scene, { accounts: { superuser: "differs", replication: "missing", app: "unknown" } })),
  fc.constant<Change>((scene) => changed(scene, { staleNetworks: [networkFacts(scene.want, "lan", { name: "pgrs_default_demo_09_old" })] })),
  fc.constant<Change>(seeing("lan", absent)),
  fc.constantFrom(0, 1, 2, 3).map((replicas): Change => (scene) => wanting(scene, { spec: { replicas, replication: { mode: "Async" } } })),
  fc.constant<Change>((scene) => wanting(scene, { metadata: dated })),
  fc.constant<Change>((scene) => wanting(scene, { status: {} })),
);

/** What a look that failed leaves. */
const failures: fc.Arbitrary<Change> = fc.oneof(
  ordinal.map((one): Change => (scene) => member(scene, one, { container: unknown("timed out"), server: absent, interfaces: absent, data: absent, target: undefined })),
  ordinal.map((one): Change => (scene) => member(scene, one, { volume: unknown("timed out") })),
  ordinal.map((one): Change => (scene) => member(scene, one, { server: unknown("timed out") })),
  ordinal.map((one): Change => (scene) => member(scene, one, { data: unknown("timed out") })),
  ordinal.map((one): Change => (scene) => member(scene, one, { job: unknown("timed out") })),
  ordinal.map((one): Change => (scene) => member(scene, one, { interfaces: unknown("timed out") })),
  fc.constantFrom("lan", "repl").map((name): Change => seeing(name, unknown("timed out"))),
  fc.constant<Change>((scene) => changed(scene, { image: unknown("timed out") })),
  fc.constant<Change>((scene) => changed(scene, { engine: unknown("timed out") })),
  fc.constant<Change>((scene) => changed(scene, { accounts: { superuser: "unknown", replication: "unknown", app: "unknown" } })),
);

const worlds = fc.tuple(spec, fc.array(changes, { maxLength: 5 })).map(([wish, list]) => list.reduce((scene, change) => change(scene), atGoal({ spec: wish })));

const frozen = <T>(value: T): T => {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) frozen(inner);
  }
  return value;
};

/** The same value with the keys of every object in another order. */
const turned = (value: unknown): unknown => Array.isArray(value) ? value.map(turned)
  : typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value).reverse().map(([key, inner]) => [key, turned(inner)])) : value;

test("the plan is the same for the same world, blind to the order of keys, and leaves its inputs alone", () => {
  fc.assert(fc.property(worlds, (scene) => {
    const { want, seen } = frozen(structuredClone(scene));
    const first = plan(want, seen);
    const again = turned(scene) as Scene;
    assert.deepEqual(printed(plan(again.want, again.seen)), printed(first));
    assert.deepEqual(turned(plan(again.want, again.seen)), turned(first));
  }), { numRuns: 400 });
});

test("every world has a status that fits its schema, and a second look says nothing new", () => {
  fc.assert(fc.property(worlds, (scene) => {
    const { want, seen } = frozen(structuredClone(scene));
    const status = statusOf(want, seen, plan(want, seen), []);
    assert.deepEqual(validate(statusSchema, JSON.parse(JSON.stringify(status)) as Json, "status"), []);
    const known = wanting(scene, { status });
    if (known.want.status.systemIdentifier !== want.status.systemIdentifier) return; // what was learned may change what is next
    const once = statusOf(known.want, known.seen, plan(known.want, known.seen), []);
    const twice = wanting(known, { status: once });
    assert.deepEqual(statusOf(twice.want, twice.seen, plan(twice.want, twice.seen), []), once);
  }), { numRuns: 400 });
});

/** What the failover does about the primary is the whole plan of its round. */
const isDecision = ({ lane }: Action): boolean => lane === "failover";

const isDestructive = ({ kind, because }: Action): boolean =>
  ["removeVolume", "removeContainer", "removeNetwork", "detachNic", "dropSlot"].includes(kind) || (kind === "stopMember" && !/restart|made for|recovery\.conf|another name/.test(because));

test("a look that failed never leads to anything destructive that was not called for anyway", () => {
  fc.assert(fc.property(worlds, fc.array(failures, { minLength: 1, maxLength: 3 }), (scene, list) => {
    const destructive = (one: Scene): readonly string[] => plan(one.want, one.seen).actions.filter(isDestructive).map(({ lane, kind }) => `${lane} ${kind}`);
    const { actions, waitingFor } = plan(scene.want, scene.seen);
    // Where one thing is settled before all others, the others were not asked yet.
    fc.pre(!scene.want.deleting && [...actions, ...waitingFor].some(({ lane }) => lane !== "cluster") && !actions.some(isDecision));
    const before = new Set(destructive(scene));
    const blinded = list.reduce((done, fail) => fail(done), scene);
    assert.deepEqual(destructive(blinded).filter((line) => !before.has(line)), []);
  }), { numRuns: 1_500 });
});

test("nothing that is not ours is ever named by an action", () => {
  fc.assert(fc.property(worlds, ({ want, seen }) => {
    const foreign = seen.members.filter((me) => me.container.seen === "present" && me.container.value.labels === foreignLabels).map(({ ordinal: one }) => `id-${one}`);
    for (const action of plan(want, seen).actions) {
      const touched = "container" in action && typeof action.container === "string" ? action.container : "target" in action ? action.target.container : "";
      assert.ok(!foreign.includes(touched) || action.kind === "promote", `${action.kind} of ${touched}`);
    }
  }), { numRuns: 400 });
});

test("no data is removed but by policy or scale, and none of the primary's", () => {
  fc.assert(fc.property(worlds, (scene) => {
    const { want, seen } = scene;
    for (const action of plan(want, seen).actions) {
      if (action.kind !== "removeVolume") continue;
      const victim = seen.members.find(({ volume }) => volume.seen === "present" && volume.value.name === action.volume)?.ordinal;
      if (want.deleting) assert.equal(want.spec.deletionPolicy, "Delete");
      else assert.notEqual(victim, want.status.primary?.ordinal);
    }
  }), { numRuns: 400 });
});

test("nobody is promoted while another is seen to accept writes", () => {
  fc.assert(fc.property(worlds, (scene) => {
    const { want, seen } = scene;
    const promoted = plan(want, seen).actions.filter(({ kind }) => kind === "promote");
    assert.ok(promoted.length <= 1);
    if (promoted.length === 0) return;
    const writers = seen.members.filter(({ ordinal: one }) => { const look = memberOf(scene, one).server; return look.seen === "present" && !look.value.inRecovery; });
    assert.deepEqual(writers, []);
  }), { numRuns: 400 });
});

test("a world at its goal asks for nothing, whatever the spec", () => {
  fc.assert(fc.property(spec, (wish) => {
    const { want, seen } = atGoal({ spec: { ...wish, reconcilePolicy: "Apply" } });
    assert.deepEqual(printed(plan(want, seen)), []);
  }), { numRuns: 200 });
});

