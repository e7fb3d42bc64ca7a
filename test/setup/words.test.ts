// What the set-up reads and says, without a machine: totals of test runs, versions in examples, progress, the report.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../src/api/resource.ts";
import type { Resource } from "../../src/api/resource.ts";
import { withHeartbeat } from "../../scripts/heartbeat.ts";
import { needsTools, versionsIn } from "../../scripts/images.ts";
import { isReady, objections, progressLines } from "../../scripts/progress.ts";
import { runningMembers } from "../../scripts/prove.ts";
import { connectionLines, memberTable, nextCommands } from "../../scripts/report.ts";
import { readTotals } from "../../scripts/totals.ts";

const tap = (pass: number, fail: number, more = ""): string =>
  `TAP version 13\n    # Subtest: inner\n    # pass 99\n# tests ${String(pass + fail)}\n# pass ${String(pass)}\n# fail ${String(fail)}\n# cancelled 0\n# skipped 0\n# todo 0\n${more}`;

const runs: readonly { when: string; report: string; code: number; totals: ReturnType<typeof readTotals> }[] = [
  { when: "all passed", report: tap(12, 0), code: 0, totals: { passed: 12, failed: 0, skipped: 0 } },
  { when: "some failed", report: tap(12, 2), code: 1, totals: { passed: 12, failed: 2, skipped: 0 } },
  { when: "some were cancelled and skipped", report: "# pass 3\n# fail 0\n# cancelled 2\n# skipped 4\n# todo 1\n", code: 1, totals: { passed: 3, failed: 2, skipped: 5 } },
  { when: "it crashed before its totals", report: "TAP version 13\nok 1 - one\n", code: 139, totals: { passed: 0, failed: 1, skipped: 0 } },
  { when: "it wrote nothing", report: "", code: 0, totals: { passed: 0, failed: 1, skipped: 0 } },
  { when: "it failed in some way that no test shows", report: tap(5, 0), code: 7, totals: { passed: 5, failed: 1, skipped: 0 } },
  { when: "a test printed such a line before", report: `# pass 77\n${tap(5, 0)}`, code: 0, totals: { passed: 5, failed: 0, skipped: 0 } },
];
for (const { when, report, code, totals } of runs) {
  test(`totals when ${when}`, () => { assert.deepEqual(readTotals(report, code), totals); });
}

test("versions in a file: those that leave the image to the operator, of our kind only", () => {
  const document = (kind: string, postgres: string): string => `kind: ${kind}\nspec: { postgres: ${postgres} }\n`;
  const file = [
    document("PostgresReplicaSet", '{ version: "15" }'), document("Secret", '{ version: "9" }'), "",
    document("PostgresReplicaSet", '{ version: "17", image: my/postgres }'), document("PostgresReplicaSet", "{}"),
  ].join("---\n");
  assert.deepEqual(versionsIn(file), ["15"]);
});

test("the helper's image is needed where an address follows a primary", () => {
  const file = (network: string, kind = "PostgresReplicaSet"): string => `kind: ${kind}\nspec: { networks: [{ name: repl }, ${network}] }\n`;
  assert.deepEqual([
    file("{ name: lan, primaryAddress: 192.168.11.100 }"), file("{ name: lan }"), file("{ name: lan, primaryAddress: 192.168.11.100 }", "Secret"), "kind: PostgresReplicaSet\n", "",
  ].map(needsTools), [true, false, false, false, false]);
});

test("a heartbeat repeats the last line with its seconds, and ends with the work", (context) => {
  context.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const said: string[] = [];
  const { promise, resolve } = Promise.withResolvers<string>();
  const done = withHeartbeat((line) => { said.push(line); }, (say) => { say("unpacking"); return promise; });
  for (const _ of [1, 2]) context.mock.timers.tick(5_000);
  assert.deepEqual(said, ["unpacking", "unpacking: 5 s", "unpacking: 10 s"]);
  resolve("made");
  return done.then((made) => {
    assert.equal(made, "made");
    context.mock.timers.tick(60_000);
    assert.equal(said.length, 3);
  });
});

const resource = (status: Resource["status"], generation = 3): Resource => parse({
  apiVersion: "pgrs.dev/v1alpha1", kind: "PostgresReplicaSet",
  metadata: { namespace: "default", name: "demo", uid: "1", resourceVersion: "1", generation },
  spec: {
    replicas: 2, postgres: { version: "17" },
    networks: [
      { name: "lan", purpose: "Client", interfaceName: "eth1", driver: "bridge", subnet: "192.168.11.0/24", addressPool: { start: "192.168.11.101", size: 4 } },
      { name: "repl", purpose: "Replication", interfaceName: "eth2", driver: "bridge", subnet: "10.10.0.0/24", addressPool: { start: "10.10.0.1", size: 4 } },
    ],
  },
  status,
}).resource;

const condition = (type: string, status: "True" | "False" | "Unknown", observedGeneration = 3, message = "seen"): NonNullable<Resource["status"]["conditions"]>[number] =>
  ({ type, status, observedGeneration, lastTransitionTime: "2026-01-01T00:00:00Z", reason: "Because", message });

test("Ready counts for the spec that was seen, not for an older one", () => {
  assert.equal(isReady(resource({ conditions: [condition("Ready", "True")] })), true);
  assert.equal(isReady(resource({ conditions: [condition("Ready", "True", 2)] })), false);
  assert.equal(isReady(resource({ conditions: [condition("Ready", "False")] })), false);
  assert.equal(isReady(resource({})), false);
});

test("progress has a line for each member, with its message, and one for the operation", () => {
  const lines = progressLines(resource({
    members: [
      { ordinal: 0, name: "demo-0", role: "Primary", state: "Running", ready: "True" },
      { ordinal: 1, name: "demo-1", role: "Standby", state: "Copying", ready: "False", message: "40 %" },
    ],
    operation: { type: "BaseBackup", ordinal: 1, step: "copy", startedAt: "2026-01-01T00:00:00Z", attempt: 1, message: "demo-1 is copied" },
  }));
  assert.deepEqual([...lines.values()], ["demo-0: Primary Running", "demo-1: Standby Copying (40 %)", "BaseBackup copy: demo-1 is copied"]);
});

test("objections are the conditions that are not as they should be, in the operator's words", () => {
  const conditions = [condition("Ready", "False"), condition("Available", "True"), condition("Reconciling", "True"), condition("Reconciling", "False"),
    condition("Stalled", "True", 3, "type docker ps"), condition("DurabilityMet", "Unknown")];
  assert.deepEqual(objections(resource({ conditions })), ["Ready (Because): seen", "Stalled (Because): type docker ps"]);
  assert.deepEqual(objections(resource({ conditions: [condition("Stalled", "False")] })), []);
});

const twoMembers: Resource["status"] = {
  members: [
    { ordinal: 0, name: "demo-0", role: "Standby", state: "Streaming", ready: "True", container: "c0",
      interfaces: [{ network: "lan", name: "eth1", address: "192.168.11.101/24", state: "Verified" }, { network: "repl", name: "eth2", address: "10.10.0.1/24", state: "Verified" }] },
    { ordinal: 1, name: "demo-1", role: "Primary", state: "Running", ready: "True", container: "c1",
      interfaces: [{ network: "lan", name: "eth3", address: "192.168.11.102/24", state: "NameMismatch" }, { network: "repl", state: "Pending" }] },
    { ordinal: 2, name: "demo-2", role: "Unknown", state: "Pending", ready: "False" },
  ],
};

test("the members that run, the primary first", () => {
  assert.deepEqual(runningMembers(resource(twoMembers)).map(({ name, container }) => [name, container]), [["demo-1", "c1"], ["demo-0", "c0"]]);
});

test("the report shows members with their NICs in columns", () => {
  assert.deepEqual(memberTable(resource(twoMembers)), [
    "MEMBER  ROLE     STATE      NETWORK INTERFACES",
    "demo-0  Standby  Streaming  eth1 192.168.11.101/24 (lan), eth2 10.10.0.1/24 (repl)",
    "demo-1  Primary  Running    eth3 192.168.11.102/24 (lan, NameMismatch), ? no address (repl, Pending)",
    "demo-2  Unknown  Pending",
  ]);
});

test("connection lines name every client address and the Secret, and hold no password", () => {
  assert.deepEqual(connectionLines(resource(twoMembers)), [
    "postgresql://192.168.11.101:5432,192.168.11.102:5432/?target_session_attrs=read-write",
    "with account and password, from the Secret:",
    `  psql "$(kubectl get secret demo-app -n default -o jsonpath='{.data.uri}' | base64 -d)"`,
  ]);
});

test("the next commands name a kubectl that was put into the state folder", () => {
  const shown = nextCommands(resource(twoMembers), "/p/.pgrs/kubeconfig", "/p/.pgrs/bin/kubectl");
  assert.deepEqual(shown.slice(0, 3), ["export PATH=/p/.pgrs/bin:$PATH", "export KUBECONFIG=/p/.pgrs/kubeconfig", "kubectl get pgrs -w"]);
  assert.equal(nextCommands(resource(twoMembers), "/k", "/usr/bin/kubectl")[0], "export KUBECONFIG=/k");
});
