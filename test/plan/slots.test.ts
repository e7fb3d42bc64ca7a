/** Slots on the primary and those that standbys keep for one another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { plan } from "../../src/plan/plan.ts";
import { atGoal, disconnected, memberOf, networks, position, server, wanting, type Scene } from "../builders.ts";
import { table } from "./table.ts";

const goal = atGoal({ spec: { networks } });
const eleven = atGoal({ spec: { networks, postgres: { version: "11" } } });
const ten = atGoal({ spec: { networks, postgres: { version: "10" } } });
type Slots = Parameters<typeof server>[2]["slots"];
const on = (scene: Scene, ordinal: number, slots: Slots): Scene => server(scene, ordinal, slots === undefined ? {} : { slots });
const kept = (to: string): NonNullable<Slots> => [{ name: "pgrs_0", active: false, restartLsn: position }, { name: "pgrs_2", active: false, restartLsn: to }];
const ahead = (scene: Scene, lsn: string): Scene => server(scene, 1, { receivedLsn: lsn, replayedLsn: lsn });
const needing = (scene: Scene, restartLsn: string): Scene => {
  const look = memberOf(scene, 0).server;
  return look.seen === "present" ? server(scene, 0, { slots: look.value.slots.map((slot) => ({ ...slot, restartLsn })) }) : scene;
};

table([
  { when: "a standby has no slots yet", given: on(goal, 1, []), plan: [
      "demo-1/slots createSlot: pgrs_0 is absent, and demo-1 may become the primary",
      "demo-1/slots createSlot: pgrs_2 is absent, and demo-1 may become the primary",
    ] },
  { when: "a standby of PostgreSQL 11 has no slots yet", given: on(eleven, 1, kept(position).slice(1)), plan: ["demo-1/slots createSlot: pgrs_0 is absent, and demo-1 may become the primary"] },
  { when: "before 11 a slot can't be moved: none are kept", given: ten, plan: [] },
  { when: "before 11 one that is there is dropped", given: on(ten, 1, kept(position).slice(0, 1)), plan: ["demo-1/slots dropSlot: pgrs_0 keeps WAL for nobody"] },
  { when: "a standby that does not stream is left alone", given: on(disconnected(goal, 1), 1, []), plan: ["demo-1 waits: demo-1 does not stream yet"] },
  { when: "a standby keeps a slot for a member that is gone", given: on(goal, 1, [...kept(position), { name: "pgrs_7", active: false }]), plan: ["demo-1/slots dropSlot: pgrs_7 keeps WAL for nobody"] },
  { when: "a standby has somebody else's slot", given: on(goal, 1, [...kept(position), { name: "backup_tool", active: false }]), plan: [] },
  { when: "a standby's slot for itself keeps WAL for nobody", given: on(goal, 1, [...kept(position), { name: "pgrs_1", active: false }]), plan: ["demo-1/slots dropSlot: pgrs_1 keeps WAL for nobody"] },
  { when: "a kept slot holds as much as it may", given: needing(ahead(on(goal, 1, kept("0/5000000")), "0/9000000"), "0/9000000"), plan: [] },
  { when: "a kept slot holds more than it may", given: needing(ahead(on(goal, 1, kept("0/4FFFFFF")), "0/9000000"), "0/9000000"), plan: ["demo-1/slots advanceSlot: pgrs_2 keeps more WAL than its member needs"] },
  { when: "a kept slot holds what its member still needs of the primary; the primary itself needs nothing", given: needing(ahead(on(goal, 1, kept("0/5000000")), "0/F000000"), "0/5000000"), plan: ["demo-1/slots advanceSlot: pgrs_0 keeps more WAL than its member needs"] },
  { when: "slots are no longer wanted", given: on(wanting(atGoal({ spec: { networks, replication: { slots: false } } }), {}), 1, kept(position)), plan: ["demo-1/slots dropSlot: pgrs_0 keeps WAL for nobody", "demo-1/slots dropSlot: pgrs_2 keeps WAL for nobody"] },
]);

const advances = ({ want, seen }: Scene): readonly string[] => plan(want, seen).actions.flatMap((action) => action.kind === "advanceSlot" ? [`${action.slot} ${action.to}`] : []);

test("a kept slot is moved to what its member needs, and not beyond what was replayed here", () => {
  assert.deepEqual(advances(needing(ahead(on(goal, 1, kept("0/1000000")), "0/F000000"), "0/A000000")), ["pgrs_0 0/F000000", "pgrs_2 0/A000000"]);
  assert.deepEqual(advances(needing(ahead(on(goal, 1, kept("0/1000000")), "0/8000000"), "0/A000000")), ["pgrs_2 0/8000000"]);
  assert.deepEqual(advances(on(ahead(goal, "0/F000000"), 1, kept("0/1000000"))), ["pgrs_0 0/F000000", "pgrs_2 0/F000000"], "what the primary does not say it keeps is taken for replayed");
});
