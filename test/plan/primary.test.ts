/** Who the primary is, its promotion, its accounts and slots; and restarts and settings of running members. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { label } from "../../src/api/names.ts";
import { absent, atGoal, changed, configured, container, containerFacts, data, disconnected, foreignLabels, left, member, memberOf, networks, present, server, silent, stopped, unknown, unmade, unmadeMember, volumeOf, wanting, type Scene } from "../builders.ts";
import { refusedNote } from "../../src/plan/configuration.ts";
import { plan } from "../../src/plan/plan.ts";
import { parametersHashOf } from "../../src/postgres/settings.ts";
import { table } from "./table.ts";

const goal = atGoal({ spec: { networks } });
const three = { spec: { networks, replicas: 3 } };
const nobody = wanting(goal, { status: {} });
const readOnly = (scene: Scene, ordinal: number, received: string, timeline = 2): Scene => server(scene, ordinal, { inRecovery: true, timeline, receivedLsn: received, replayedLsn: received, senders: [] });
const retained = [0, 1, 2].reduce((scene, ordinal) => readOnly(scene, ordinal, "0/5000000"), nobody);
const withVolume = (scene: Scene, ordinal: number, change: Parameters<typeof member>[2] = {}): Scene => member(scene, ordinal, { volume: present(volumeOf(ordinal)), ...change });
const booted = server(goal, 0, { inRecovery: true, senders: [] });
const serving = memberOf(goal, 0).server;
const senders = serving.seen === "present" ? serving.value.senders : [];
const slots = serving.seen === "present" ? serving.value.slots : [];
const tuned = (parameters: Readonly<Record<string, string>>): Scene => wanting(goal, { spec: { postgres: { version: "17", parameters } } });
const pending = (scene: Scene, ...ordinals: readonly number[]): Scene => ordinals.reduce((done, ordinal) => server(done, ordinal, { pendingRestart: ["shared_buffers"] }), scene);
const settled = configured(tuned({ shared_buffers: "64MB" }));
const heavier = wanting(goal, { spec: { resources: { memory: "2Gi" } } });

table([
  { when: "nobody is recorded, and nobody has a volume", given: unmade(three), plan: ["cluster recordPrimary: ordinal 0 (epoch 1), since nobody has data yet"] },
  { when: "nobody is recorded, and a volume could not be seen", given: member(unmade(three), 1, { volume: unknown("timed out") }), plan: [
      "network lan createNetwork: absent",
      "network repl createNetwork: absent",
      "demo-0 createVolume: absent",
      "demo-0 createContainer: absent",
      "demo-2 createVolume: absent",
      "demo-2 createContainer: absent",
      "demo-1 waits: timed out",
    ] },
  { when: "nobody is recorded, and a volume is there that nobody looked into", given: withVolume(unmade(three), 1), plan: [
      "network lan createNetwork: absent",
      "network repl createNetwork: absent",
      "demo-0 createVolume: absent",
      "demo-0 createContainer: absent",
      "demo-1 createContainer: absent",
      "demo-2 createVolume: absent",
      "demo-2 createContainer: absent",
    ] },
  { when: "nobody is recorded, and a volume is somebody else's", given: withVolume(unmade(three), 0, { volume: present(volumeOf(0, foreignLabels)) }), plan: [
      "network lan createNetwork: absent",
      "network repl createNetwork: absent",
      "demo-1 createVolume: absent",
      "demo-1 createContainer: absent",
      "demo-2 createVolume: absent",
      "demo-2 createContainer: absent",
      "demo-0 waits: a volume named default_demo_0 is there and is not ours: rename or remove it (docker volume rm default_demo_0), or give this resource another name",
    ] },
  { when: "nobody is recorded, and the volumes are empty", given: [0, 1, 2].reduce((scene, ordinal) => withVolume(scene, ordinal, { container: present(containerFacts(scene.want, ordinal, { state: "created" })) }), unmade(three)), plan: ["cluster recordPrimary: ordinal 0 (epoch 1), since nobody has data yet"] },
  { when: "nobody is recorded, and one member has data but does not run", given: [1, 2].reduce((scene, ordinal) => stopped(scene, ordinal, {}, { data: absent }), stopped(nobody, 0)), plan: [
      "demo-0 startMember: exited with code 0",
      "demo-1 waits: demo-1 waits for a primary",
      "demo-2 waits: demo-2 waits for a primary",
    ] },
  { when: "nobody is recorded, and one member with data is still starting", given: member(retained, 1, { server: unknown("PostgreSQL is starting") }), plan: ["demo-1 waits: demo-1's PostgreSQL does not answer yet: PostgreSQL is starting"] },
  { when: "nobody is recorded, and all have the same data", given: retained, plan: ["cluster recordPrimary: ordinal 0 (epoch 2), since it has the newest data: timeline 2, 0/5000000"] },
  { when: "nobody is recorded, and one has received more", given: readOnly(retained, 2, "0/6000000"), plan: ["cluster recordPrimary: ordinal 2 (epoch 2), since it has the newest data: timeline 2, 0/6000000"] },
  { when: "nobody is recorded, and one has a newer timeline with less", given: readOnly(readOnly(retained, 2, "0/6000000"), 1, "0/4000000", 3), plan: ["cluster recordPrimary: ordinal 1 (epoch 2), since it has the newest data: timeline 3, 0/4000000"] },
  { when: "nobody is recorded, and one still accepts writes", given: nobody, plan: ["cluster recordPrimary: ordinal 0 (epoch 2), since it has the newest data: timeline 2, 0/5000000"] },
  { when: "nobody is recorded, and the last one still accepts writes", given: server(readOnly(nobody, 0, "0/5000000"), 2, { inRecovery: false, flushLsn: "0/5000000", currentLsn: "0/5000000" }), plan: ["cluster recordPrimary: ordinal 2 (epoch 2), since it has the newest data: timeline 2, 0/5000000"] },
  { when: "nobody is recorded, and the volumes are of two clusters", given: server(retained, 2, { systemIdentifier: "666" }), plan: ["cluster waits: the volumes hold data of several clusters: move away those that do not belong here"] },
  { when: "nobody is recorded, and more volumes are left than are wanted", given: left(wanting(unmade(three), { spec: { replicas: 1 } }), 4), plan: [
      "network lan createNetwork: absent",
      "network repl createNetwork: absent",
      "demo-0 createVolume: absent",
      "demo-0 createContainer: absent",
      "demo-4 createContainer: absent",
      "demo-2 waits: demo-2 is scaled away when the primary accepts writes again",
      "demo-1 waits: demo-1 is scaled away when the primary accepts writes again",
    ] },
  { when: "nobody is recorded, and no member is wanted", given: wanting(unmade(three), { spec: { replicas: 0 } }), plan: [] },
  { when: "the primary has booted read-only", given: booted, plan: [
      "demo-0 promote: it is read-only, and is the recorded primary (epoch 1)",
      "demo-1 waits: demo-1 waits for the primary",
      "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "the primary has booted read-only, and another accepts writes", given: server(booted, 2, { inRecovery: false }), plan: [
      "demo-2 stopMember: accepts writes, while the recorded primary is ordinal 0",
      "demo-0 waits: demo-0 is promoted when ordinal 2 no longer accepts writes",
      "demo-1 waits: demo-1 waits for the primary",
    ] },
  { when: "the primary runs with another cluster's data", given: server(booted, 0, { systemIdentifier: "666" }), plan: [
      "demo-0 waits: demo-0 runs with another cluster's data and is not promoted",
      "demo-1 waits: demo-1 waits for the primary",
      "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "a standby accepts writes", given: server(disconnected(goal, 1), 1, { inRecovery: false }), plan: ["demo-1 stopMember: accepts writes, while the recorded primary is ordinal 0"] },
  { when: "the accounts are missing", given: changed(goal, { accounts: { superuser: "differs", replication: "missing", app: "missing" } }), plan: [
      "accounts ensureAccount: superuser account has another password than its Secret",
      "accounts ensureAccount: replication account is absent",
      "accounts ensureAccount: app account is absent",
    ] },
  { when: "the accounts could not be compared", given: changed(goal, { accounts: { superuser: "unknown", replication: "unknown", app: "unknown" } }), plan: [] },
  { when: "the database is missing", given: server(goal, 0, { databases: ["postgres"] }), plan: ["accounts ensureDatabase: database app is absent"] },
  { when: "a slot is missing", given: server(goal, 0, { slots: slots.slice(0, 1) }), plan: ["slots createSlot: pgrs_2 is absent"] },
  { when: "a slot is left of a member that is gone", given: server(goal, 0, { slots: [...slots, { name: "pgrs_7", active: false }, { name: "backup_tool", active: false }] }), plan: ["slots dropSlot: pgrs_7 belongs to no wanted standby"] },
  { when: "a slot is in use by a member that is gone", given: server(goal, 0, { slots: [...slots, { name: "pgrs_7", active: true }] }), plan: [] },
  { when: "slots are no longer wanted", given: server(wanting(goal, { spec: { replication: { slots: false } } }), 0, { slots: slots.map((slot) => ({ ...slot, active: false })) }), plan: [
      "demo-1 configure: settings differ",
      "demo-1/slots dropSlot: pgrs_0 keeps WAL for nobody",
      "demo-1/slots dropSlot: pgrs_2 keeps WAL for nobody",
      "demo-2 configure: settings differ",
      "demo-2/slots dropSlot: pgrs_0 keeps WAL for nobody",
      "demo-2/slots dropSlot: pgrs_1 keeps WAL for nobody",
      "slots dropSlot: pgrs_1 belongs to no wanted standby",
      "slots dropSlot: pgrs_2 belongs to no wanted standby",
    ] },
  { when: "a standby does not stream", given: disconnected(goal, 1), plan: ["demo-1 waits: demo-1 does not stream yet"] },
  { when: "a standby still catches up", given: server(goal, 0, { senders: senders.map((sender) => ({ ...sender, state: "catchup" })) }), plan: [
      "demo-1 waits: demo-1 does not stream yet",
      "demo-2 waits: demo-2 does not stream yet",
    ] },
  { when: "the primary does not answer", given: silent(goal, 0), plan: [
      "failover waits: demo-0: the primary is silent, for less than the time that it is given",
      "demo-0 waits: demo-0's PostgreSQL does not answer yet: demo-0: PostgreSQL is starting",
      "demo-1 waits: demo-1 waits for the primary",
      "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "parameters differ", given: tuned({ work_mem: "8MB" }), plan: [
      "demo-0 configure: parameters differ",
      "demo-1 configure: parameters differ",
      "demo-2 configure: parameters differ",
    ] },
  { when: "only the operator's own settings differ", given: wanting(goal, { spec: { postgres: { version: "17", hba: ["host all all 10.0.0.0/8 scram-sha-256"] } } }), plan: [
      "demo-0 configure: settings differ",
      "demo-1 configure: settings differ",
      "demo-2 configure: settings differ",
    ] },
  { when: "parameters are loaded, and not yet noted as good", given: [0, 1, 2].reduce((scene, ordinal) => server(scene, ordinal, { good: undefined }), configured(tuned({ work_mem: "8MB" }))), plan: [
      "demo-0 noteParameters: the server runs with these parameters",
      "demo-1 noteParameters: the server runs with these parameters",
      "demo-2 noteParameters: the server runs with these parameters",
    ] },
  { when: "one member refused the parameters: the others note it, and are spared", given: server(tuned({ work_mem: "lots" }), 1, { refused: refusedNote(parametersHashOf({ work_mem: "lots" }), "invalid value").text }), plan: [
      "demo-0 noteParameters: another member refused the parameters of the spec: invalid value",
      "demo-2 noteParameters: another member refused the parameters of the spec: invalid value",
    ] },
  { when: "all wait for a restart", given: pending(settled, 0, 1, 2), plan: [
      "demo-1 stopMember: pending restart: shared_buffers",
      "demo-0 waits: demo-0 is restarted after ordinal 1 (pending restart: shared_buffers)",
      "demo-2 waits: demo-2 is restarted after ordinal 1 (pending restart: shared_buffers)",
    ] },
  { when: "the first standby is back, the second and the primary wait", given: pending(settled, 0, 2), plan: [
      "demo-2 stopMember: pending restart: shared_buffers",
      "demo-0 waits: demo-0 is restarted after ordinal 2 (pending restart: shared_buffers)",
    ] },
  { when: "the first standby is not back yet", given: pending(disconnected(settled, 1), 0, 2), plan: [
      "demo-0 waits: demo-0 is restarted after ordinal 2 (pending restart: shared_buffers)",
      "demo-1 waits: demo-1 does not stream yet",
      "demo-2 waits: demo-2 is restarted when ordinal 1 streams (pending restart: shared_buffers)",
    ] },
  { when: "only the primary is left to be restarted", given: pending(settled, 0), plan: ["demo-0 stopMember: pending restart: shared_buffers"] },
  { when: "a standby that does not stream waits for a restart", given: pending(disconnected(settled, 2), 2), plan: ["demo-2 stopMember: pending restart: shared_buffers"] },
  { when: "standbys wait for a restart, and the primary is down", given: silent(pending(settled, 1, 2), 0), plan: [
      "failover waits: demo-0: the primary is silent, for less than the time that it is given",
      "demo-0 waits: demo-0's PostgreSQL does not answer yet: demo-0: PostgreSQL is starting",
      "demo-1 waits: demo-1 is restarted when the primary accepts writes (pending restart: shared_buffers)",
      "demo-2 waits: demo-2 is restarted when the primary accepts writes (pending restart: shared_buffers)",
    ] },
  { when: "the limits changed", given: heavier, plan: [
      "demo-1 stopMember: the container is made for another image, limits or mounts",
      "demo-0 waits: demo-0 is restarted after ordinal 1 (the container is made for another image, limits or mounts)",
      "demo-2 waits: demo-2 is restarted after ordinal 1 (the container is made for another image, limits or mounts)",
    ] },
  { when: "a standby of PostgreSQL 11 has another recovery.conf", given: server(atGoal({ spec: { networks, postgres: { version: "11" } } }), 1, { recoveryHash: "another" }), plan: ["demo-1 stopMember: recovery.conf differs"] },
  { when: "an earlier operator's container is taken up", given: container(goal, 1, { labels: { ...containerFacts(goal.want, 1).labels, [label.uid]: "earlier" } }), plan: [] },
  { when: "the superuser's password was changed by hand", given: changed(goal, { accounts: { superuser: "differs", replication: "current", app: "current" } }), plan: ["accounts ensureAccount: superuser account has another password than its Secret"] },
  { when: "one member is gone entirely, and the primary is another than the first", given: member(atGoal({ spec: { networks }, status: { primary: { ordinal: 1, epoch: 4, since: "2026-01-01T00:00:00Z" } } }), 0, unmadeMember(0)), plan: [
      "demo-0 createVolume: absent",
      "demo-0 createContainer: absent",
    ] },
  { when: "a stopped standby has data", given: stopped(goal, 2, {}, { data }), plan: ["demo-2 startMember: exited with code 0"] },
]);

test("of equals, the one that accepts writes is recorded", () => {
  const { want, seen } = server(readOnly(nobody, 0, "0/5000000"), 2, { inRecovery: false, flushLsn: "0/5000000", currentLsn: "0/5000000" });
  assert.deepEqual(plan(want, seen).actions.map((action) => action.kind === "recordPrimary" ? action.ordinal : action.kind), [2]);
});
