/** What a member is to run with: parameters that are kept, refused or held up, synchronous names, the way to the primary. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterOf } from "../../src/plan/cluster.ts";
import { configurationOf, goodNote, parametersOf, refusedNote, synchronousNames, upstreamHost } from "../../src/plan/configuration.ts";
import { parametersHashOf } from "../../src/postgres/settings.ts";
import { absent, atGoal, changed, container, containerFacts, data, disconnected, holding, lan, member, memberOf, networks, server, silent, stopped, unknown, wanting, type Scene } from "../builders.ts";

const replication = (mode: string, minSync: number, durability: string): Scene => atGoal({ spec: { networks, replication: { mode, minSync, durability } } });
const alone = (scene: Scene): Scene => disconnected(disconnected(scene, 1), 2);
const fresh = (scene: Scene): Scene => [1, 2].reduce((done, ordinal) => member(stopped(done, ordinal, { state: "created" }), ordinal, { data: absent }), scene);

const nameRows: readonly (readonly [when: string, given: Scene, names: string])[] = [
  ["replication is asynchronous", replication("Async", 1, "Required"), ""],
  ["any one of two", replication("Quorum", 1, "Required"), 'ANY 1 ("demo-1", "demo-2")'],
  ["any two of two", replication("Quorum", 2, "Required"), 'ANY 2 ("demo-1", "demo-2")'],
  ["the first one of two", replication("Priority", 1, "Required"), 'FIRST 1 ("demo-1", "demo-2")'],
  ["one of two does not stream", disconnected(replication("Quorum", 1, "Required"), 1), 'ANY 1 ("demo-2")'],
  ["two are required, and one streams: commits wait", disconnected(replication("Quorum", 2, "Required"), 1), 'ANY 2 ("demo-2")'],
  ["two are preferred, and one streams: that one will do", disconnected(replication("Quorum", 2, "Preferred"), 1), 'ANY 1 ("demo-2")'],
  ["one is required, and none streams: those that had the data are waited for", alone(replication("Quorum", 1, "Required")), 'ANY 1 ("demo-1", "demo-2")'],
  ["one is preferred, and none streams", alone(replication("Quorum", 1, "Preferred")), ""],
  ["one is required, and no standby has data yet: nothing can be waited for", fresh(replication("Quorum", 1, "Required")), ""],
  ["one is required, none streams, and one had the data", member(fresh(replication("Priority", 1, "Required")), 2, { data }), 'FIRST 1 ("demo-2")'],
];
for (const [when, { want, seen }, names] of nameRows) {
  test(`synchronous names: ${when}`, () => assert.equal(synchronousNames(want, seen, clusterOf(want, seen)), names));
}

const madeOf = (scene: Scene, ordinal = 1) => configurationOf(scene.want, scene.seen, clusterOf(scene.want, scene.seen), memberOf(scene, ordinal));

// A cluster that ran with fewer networks is given another one.
const given = (before: Scene, all: readonly unknown[]): Scene => wanting(before, { spec: { networks: all } });
const plugged = (scene: Scene, ...ordinals: readonly number[]): Scene => ordinals.reduce((done, ordinal) => container(done, ordinal, { endpoints: containerFacts(done.want, ordinal).endpoints }), scene);
const letIn = (scene: Scene): Scene => {
  const made = madeOf(scene, 0);
  return server(scene, 0, "configuration" in made ? { configHash: made.configuration.hash } : {});
};

const hostRows: readonly (readonly [when: string, given: Scene, host: string | undefined])[] = [
  ["the primary's address on the Replication network", atGoal({ spec: { networks } }), "10.10.0.1"],
  ["of the first network, where none is for replication", atGoal({ spec: { networks: [lan] } }), "192.168.11.101"],
  ["of the management bridge, where there are no networks", atGoal(), "172.17.0.2"],
  ["unknown, when the primary does not run and has no fixed address", stopped(atGoal(), 0), undefined],
  ["fixed, though the primary does not run", stopped(atGoal({ spec: { networks } }), 0), "10.10.0.1"],
  ["the earlier one, while the primary is not on a network that is new", letIn(plugged(given(atGoal({ spec: { networks: [lan] } }), networks), 1)), "192.168.11.101"],
  ["the earlier one, while the standby is not on a network that is new", letIn(plugged(given(atGoal({ spec: { networks: [lan] } }), networks), 0)), "192.168.11.101"],
  ["the earlier one, while the primary does not let in who comes from a network that is new", plugged(given(atGoal({ spec: { networks: [lan] } }), networks), 0, 1), "192.168.11.101"],
  ["the one on a network that is new, when both are on it", letIn(plugged(given(atGoal({ spec: { networks: [lan] } }), networks), 0, 1)), "10.10.0.1"],
  ["the earlier one on the management bridge, while the first network is new", letIn(given(atGoal(), networks)), "172.17.0.2"],
  ["the one on a network that is new, when the standby does not stream anyway", disconnected(given(atGoal({ spec: { networks: [lan] } }), networks), 1), "10.10.0.1"],
  ["on the Replication network, though the standby has lost its NIC there", container(atGoal({ spec: { networks } }), 1, { endpoints: [{ network: "bridge", address: "172.17.0.3", wanted: "", mac: "" }] }), "10.10.0.1"],
];
for (const [when, { want, seen }, host] of hostRows) test(`the way to the primary: ${when}`, () => assert.equal(upstreamHost(want, seen, clusterOf(want, seen), memberOf({ want, seen }, 1)), host));

const parameters = { work_mem: "8MB" };
const good = { max_connections: "150", work_mem: "4MB" };
const tuned = (given: Readonly<Record<string, string>>): Scene => wanting(atGoal({ spec: { networks } }), { spec: { postgres: { version: "17", parameters: given } } });
const goodText = goodNote(good).text;
const refusedText = refusedNote(parametersHashOf(parameters), "no such thing").text;
const stateOf = (scene: Scene, ordinal = 1) => parametersOf(scene.want, clusterOf(scene.want, scene.seen), memberOf(scene, ordinal));
const noted = (change: { readonly good?: string; readonly refused?: string }) => holding(change);

test("parameters: as the spec says", () => {
  assert.deepEqual(stateOf(tuned(parameters)), { wanted: parametersHashOf(parameters), good: undefined, refusal: undefined, isNoted: false, effective: parameters, held: [] });
});

test("parameters: refused, and the last good ones run", () => {
  const { refusal, effective } = stateOf(server(tuned(parameters), 1, { refused: refusedText, good: goodText }));
  assert.equal(refusal, "no such thing");
  assert.deepEqual(effective, good);
});

test("parameters: refused by another member, which spares this one", () => {
  const { refusal, effective } = stateOf(server(server(tuned(parameters), 2, { refused: refusedText }), 1, { good: goodText }));
  assert.equal(refusal, "no such thing");
  assert.deepEqual(effective, good);
});

test("parameters: an earlier refusal is of other parameters", () => {
  assert.equal(stateOf(server(tuned({ work_mem: "16MB" }), 1, { refused: refusedText })).refusal, undefined);
});

test("parameters: refused, and no good ones are known", () => {
  assert.deepEqual(stateOf(server(tuned(parameters), 1, { refused: refusedText })).effective, {});
});

test("parameters: a note that somebody spoilt is none", () => {
  assert.deepEqual(stateOf(server(tuned(parameters), 1, { refused: refusedText, good: "hash\nnot json" })).effective, {});
});

test("parameters: never below what the running primary has", () => {
  const { effective, held } = stateOf(server(tuned({ max_connections: "50" }), 0, { settings: { max_connections: "200" } }));
  assert.deepEqual(effective, { max_connections: "200" });
  assert.deepEqual(held, ["max_connections stays 200"]);
});

test("parameters: left out, and yet never below what the running primary has", () => {
  assert.deepEqual(stateOf(server(tuned({}), 0, { settings: { max_connections: "200" } })).effective, { max_connections: "200" });
});

test("parameters: a running member keeps what it has while the primary is away", () => {
  assert.deepEqual(stateOf(silent(server(tuned({ max_connections: "50" }), 1, { settings: { max_connections: "150" } }), 0)).effective, { max_connections: "150" });
});

test("parameters: a stopped member has its note while the primary is away", () => {
  assert.deepEqual(stateOf(stopped(silent(tuned({}), 0), 1, {}, { data: noted({ good: goodText }) })).effective, { max_connections: "150" });
});

for (const [version, line] of [
  ["12", "FATAL:  hot standby is not possible because max_connections = 100 is a lower setting than on the master server (its value was 180)"],
  ["17", "DETAIL:  max_connections = 100 is a lower setting than on the primary server, where its value was 180."],
] as const) {
  test(`parameters: what its own failed start said, as PostgreSQL ${version} says it`, () => {
    const { effective } = stateOf(stopped(silent(tuned({}), 0), 1, { exitCode: 1 }, { log: ["LOG:  entering standby mode", line], data: noted({}) }));
    assert.deepEqual(effective, { max_connections: "180" });
  });
}

test("parameters: raised above what the primary has", () => {
  assert.deepEqual(stateOf(tuned({ max_connections: "300" })), { wanted: parametersHashOf({ max_connections: "300" }), good: undefined, refusal: undefined, isNoted: false, effective: { max_connections: "300" }, held: [] });
});

const fileOf = (scene: Scene, ordinal: number, name: string): string => {
  const made = madeOf(scene, ordinal);
  return "files" in made ? made.files.find(({ path }) => path === `pgdata/${name}`)?.text ?? "" : made.missing;
};

test("the files of a standby say where the primary is, who it is itself, and which slot is its", () => {
  const text = fileOf(atGoal({ spec: { networks } }), 1, "postgresql.conf");
  assert.match(text, /primary_conninfo = 'host=10\.10\.0\.1 .*application_name=demo-1/);
  assert.match(text, /primary_slot_name = 'pgrs_1'/);
  assert.doesNotMatch(text, /replicator-password/);
});

test("the files of the primary name no upstream, and the synchronous standbys", () => {
  const text = fileOf(replication("Quorum", 1, "Required"), 0, "postgresql.conf");
  assert.match(text, /primary_conninfo = ''/);
  assert.match(text, /synchronous_standby_names = 'ANY 1 \("demo-1", "demo-2"\)'/);
});

test("before 12 the way to the primary stands in recovery.conf", () => {
  const scene = atGoal({ spec: { networks, postgres: { version: "11" } } });
  assert.match(fileOf(scene, 1, "recovery.conf"), /primary_conninfo = 'host=10\.10\.0\.1/);
  assert.match(fileOf(scene, 0, "recovery.conf"), /standby_mode = 'on'/);
});

test("clients and standbys may come from their networks, the operator from the management bridge", () => {
  const text = fileOf(atGoal({ spec: { networks } }), 0, "pg_hba.conf");
  assert.match(text, /host all "postgres" 172\.17\.0\.0\/16/);
  assert.match(text, /host replication "replicator" 10\.10\.0\.0\/24/);
  assert.match(text, /host all all 192\.168\.11\.0\/24/);
});

for (const [when, given, missing] of [
  ["the Engine did not answer", changed(atGoal({ spec: { networks } }), { engine: unknown("timed out") }), "the Engine and the Secrets"],
  ["the replication Secret is not there", changed(atGoal(), { secrets: { ...atGoal().seen.secrets, replication: absent } }), "the Engine and the Secrets"],
  ["the primary has no address yet", stopped(atGoal(), 0), "the primary's address"],
  ["the clients' external network could not be seen", changed(atGoal({ spec: { networks: [{ name: "office", interfaceName: "eth1", purpose: "Client", driver: "external" }] } }), { networks: { office: unknown("timed out") } }), "the network office"],
] as const) {
  test(`no files can be written while ${when}`, () => assert.deepEqual(madeOf(given), { missing }));
}

test("a member's place in the world makes no difference to the primary's files", () => {
  const scene = atGoal({ spec: { networks } });
  const moved = container(scene, 1, { id: "another" });
  assert.deepEqual(madeOf(moved, 0), madeOf(scene, 0));
});
