/** The application's Secret: it names the members where they are, and its uri follows its password. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterOf } from "../../src/plan/cluster.ts";
import type { Login } from "../../src/plan/observation.ts";
import { clientKeys } from "../../src/plan/rules/secrets.ts";
import { atGoal, changed, container, foreignLabels, lan, member, networks, present, repl, silent, stopped, unknown, unmade, valueOf, wanting, type Scene } from "../builders.ts";
import { table } from "./table.ts";

const goal = atGoal({ spec: { networks } });
const plain = atGoal();
const app = (scene: Scene, change: Partial<Login>): Scene =>
  changed(scene, { secrets: { ...scene.seen.secrets, app: present({ ...valueOf(scene.seen.secrets.app) ?? { username: "", password: "" }, ...change }) } });
const stays = ({ seen: { secrets } }: Scene, { want, seen }: Scene): Scene => ({ want, seen: { ...seen, secrets } });
const moved = (scene: Scene, ordinal: number, address: string): Scene => container(scene, ordinal, { endpoints: [{ network: "bridge", address, wanted: "", mac: "02:42" }] });
const others = "secret updateSecret: it names other members than there are";
const disagrees = "secret updateSecret: its uri does not agree with its other keys";

table([
  { when: "the application's Secret names other members than are wanted", given: app(goal, { hosts: "192.168.11.101" }), plan: [others] },
  { when: "the application's Secret has another password than its uri", given: app(goal, { password: "changed-by-hand" }), plan: [disagrees] },
  { when: "the application's Secret has another username than its uri", given: app(goal, { username: "somebody" }), plan: [disagrees] },
  { when: "the application's Secret is the user's own", given: app(wanting(goal, { spec: { credentials: { appSecretRef: { name: "mine" } } } }), { uri: "whatever" }), plan: [] },
  { when: "there are no networks, and a member has another address since its restart", given: moved(plain, 1, "172.17.0.9"), plan: [others] },
]);

const hostRows: readonly (readonly [when: string, given: Scene, hosts: string])[] = [
  ["on the first Client network", goal, "192.168.11.101,192.168.11.102,192.168.11.103"],
  ["on the first network, where none is for clients", atGoal({ spec: { networks: [repl] } }), "10.10.0.1,10.10.0.2,10.10.0.3"],
  ["fixed, though a member does not run", stays(goal, stopped(goal, 1)), "192.168.11.101,192.168.11.102,192.168.11.103"],
  ["of the primary and the lowest others, when it is scaled down", wanting(atGoal({ spec: { networks: [lan] }, status: { primary: { ordinal: 2, epoch: 1, since: "2026-01-01T00:00:00Z" } } }), { spec: { replicas: 1 } }), "192.168.11.103"],
  ["on the management bridge, where there are no networks", plain, "172.17.0.2,172.17.0.3,172.17.0.4"],
  ["without one that does not run, whose address another container may get", stays(plain, stopped(plain, 1)), "172.17.0.2,172.17.0.4"],
  ["with one that runs and does not answer", stays(plain, silent(plain, 1)), "172.17.0.2,172.17.0.3,172.17.0.4"],
  ["without somebody else's container of a member's name", stays(plain, container(plain, 1, { labels: foreignLabels })), "172.17.0.2,172.17.0.4"],
  ["as before, while a container could not be seen", stays(plain, member(plain, 1, { container: unknown("timed out") })), "172.17.0.2,172.17.0.3,172.17.0.4"],
  ["as before, while all are stopped", stays(plain, wanting(plain, { spec: { replicas: 0 } })), "172.17.0.2,172.17.0.3,172.17.0.4"],
  ["nowhere yet", unmade(), ""],
];
for (const [when, { want, seen }, hosts] of hostRows) {
  test(`clients find the members ${when}`, () => {
    const login = valueOf(seen.secrets.app);
    assert.ok(login !== undefined);
    const keys = clientKeys({ want, seen, cluster: clusterOf(want, seen) }, login);
    assert.equal(keys["hosts"], hosts);
    assert.equal(keys["uri"], hosts === "" ? undefined : `postgresql://app:app-password@${hosts.split(",").map((host) => `${host}:5432`).join(",")}/app?target_session_attrs=read-write`);
    assert.equal(keys["password"], undefined);
  });
}
