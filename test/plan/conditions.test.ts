/** Every condition, with every reason that it can have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { conditionTypes, type ConditionType, type Reason } from "../../src/api/conditions.ts";
import { refusedNote } from "../../src/plan/configuration.ts";
import type { Failure } from "../../src/plan/conditions.ts";
import { plan } from "../../src/plan/plan.ts";
import { statusOf } from "../../src/plan/status.ts";
import { parametersHashOf } from "../../src/postgres/settings.ts";
import { absent, atGoal, changed, configured, container, containerFacts, disconnected, foreignLabels, holding, job, lan, left, member, memberOf, networkFacts, networks, now, present, repl, server, silent, stopped, unknown, unmade, unmadeMember, wanting, type Scene } from "../builders.ts";

const goal = atGoal({ spec: { networks } });
const sync = (durability: string): Scene => atGoal({ spec: { networks, replication: { mode: "Quorum", minSync: 2, durability } } });
const failure = (reason: Reason): readonly Failure[] => [{ lane: "network lan", kind: "createNetwork", message: "it did not work", reason }];
const seeing = (scene: Scene, name: string, sight: Scene["seen"]["networks"][string]): Scene => changed(scene, { networks: { ...scene.seen.networks, [name]: sight } });
const renamed = (scene: Scene, ordinal: number): Scene => {
  const { interfaces } = memberOf(scene, ordinal);
  return interfaces.seen === "present" ? member(scene, ordinal, { interfaces: present(interfaces.value.map((nic) => nic.name === "eth2" ? { ...nic, name: "eth5" } : nic)) }) : scene;
};
const serving = memberOf(goal, 0).server;
const senders = serving.seen === "present" ? serving.value.senders : [];
const misrouted = server(goal, 0, { senders: senders.map((sender, index) => index === 0 ? { ...sender, clientAddress: "192.168.11.102" } : sender) });
const parameters = { work_mem: "lots" };
const refused = wanting(goal, { spec: { postgres: { version: "17", parameters } } });
const note = refusedNote(parametersHashOf(parameters), "invalid value for parameter \"work_mem\"").text;
const held = wanting(server(goal, 0, { settings: { max_connections: "200" } }), { spec: { postgres: { version: "17", parameters: { max_connections: "50" } } } });
const silentEngine = changed(goal, { engine: unknown("is the Engine running?"), members: [] });
const noPort = changed(unmade({ spec: { networks: [{ ...lan, driver: "external", subnet: undefined }] }, status: goal.want.status }), {});

const full = "pg_basebackup: error: could not write to file: No space left on device";
/** A copy of which an earlier attempt found the disk full at 52%. */
const again = (change: Parameters<typeof job>[3]): Scene =>
  member(stopped(goal, 1), 1, { data: absent, job: job(goal.want, 1, "basebackup", { attempt: 2, fullAt: 52, ...change }) });

interface Row { readonly type: ConditionType; readonly when: string; readonly given: Scene; readonly failures?: readonly Failure[]; readonly is: string }

const rows: readonly Row[] = [
  { type: "Ready", when: "all is as the spec says", given: goal, is: "True AllMembersReady" },
  { type: "Ready", when: "nothing is there yet", given: unmade({ spec: { networks } }), is: "False NoPrimary" },
  { type: "Ready", when: "a standby is being copied", given: member(stopped(goal, 1), 1, { data: absent, job: job(goal.want, 1, "basebackup", { state: "running" }) }), is: "False MembersPending" },
  { type: "Ready", when: "a standby starts", given: silent(goal, 1), is: "False MembersPending" },
  { type: "Ready", when: "a member is being scaled away", given: wanting(goal, { spec: { replicas: 2 } }), is: "False MembersPending" },
  { type: "Ready", when: "the spec breaks a rule", given: wanting(goal, { spec: { replication: { mode: "Quorum", minSync: 3 } } }), is: "False SpecInvalid" },
  { type: "Ready", when: "the Engine does not answer", given: silentEngine, is: "Unknown EngineUnreachable" },
  { type: "Ready", when: "the primary's data is gone, and there is no standby", given: member(atGoal({ spec: { networks, replicas: 1 } }), 0, unmadeMember(0)), is: "False DataLost" },
  { type: "Ready", when: "the primary's data is gone, and a standby takes over", given: member(goal, 0, unmadeMember(0)), is: "False NoPrimary" },
  { type: "Ready", when: "a name is taken", given: container(goal, 1, { labels: foreignLabels }), is: "False NameTaken" },
  { type: "Ready", when: "a volume holds another cluster's data", given: stopped(goal, 1, {}, { data: holding({ systemIdentifier: "666" }) }), is: "False ForeignData" },
  { type: "Ready", when: "a Secret is missing", given: changed(wanting(goal, { spec: { credentials: { appSecretRef: { name: "mine" } } } }), { secrets: { ...goal.seen.secrets, app: absent } }), is: "False CredentialsMissing" },
  { type: "Ready", when: "the image can't be had", given: changed(goal, { image: absent, pulling: { state: "failed", because: "no registry answered", at: now } }), is: "False ImageUnavailable" },
  { type: "Ready", when: "the disk is full", given: member(stopped(goal, 1), 1, { data: absent, job: job(goal.want, 1, "basebackup", { exitCode: 1, finishedAt: now - 100, log: ["pg_basebackup: error: No space left on device"] }) }), is: "False DiskFull" },
  { type: "Ready", when: "replicas is 0", given: wanting(goal, { spec: { replicas: 0 } }), is: "False Hibernated" },
  { type: "Ready", when: "it is being deleted", given: wanting(goal, { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }), is: "False Deleting" },
  { type: "Ready", when: "it is paused, and all is as it should be", given: wanting(goal, { spec: { reconcilePolicy: "Paused" } }), is: "True AllMembersReady" },
  { type: "Available", when: "the primary accepts writes", given: goal, is: "True PrimaryAccepts" },
  { type: "Available", when: "nobody is recorded", given: unmade({ spec: { networks } }), is: "False NoPrimary" },
  { type: "Available", when: "the primary is stopped", given: stopped(goal, 0), is: "False NoPrimary" },
  { type: "Available", when: "the primary runs and does not answer", given: silent(goal, 0), is: "Unknown NoPrimary" },
  { type: "Available", when: "the primary is not promoted yet", given: server(goal, 0, { inRecovery: true }), is: "False NoPrimary" },
  { type: "Available", when: "the Engine does not answer", given: silentEngine, is: "Unknown EngineUnreachable" },
  { type: "Available", when: "replicas is 0", given: wanting(goal, { spec: { replicas: 0 } }), is: "False Hibernated" },
  { type: "DurabilityMet", when: "replication is asynchronous", given: goal, is: "True AsyncByChoice" },
  { type: "DurabilityMet", when: "enough synchronous standbys stream", given: sync("Required"), is: "True EnoughSync" },
  { type: "DurabilityMet", when: "too few stream, and commits wait", given: disconnected(sync("Required"), 1), is: "False InsufficientSync" },
  { type: "DurabilityMet", when: "too few stream, and commits do not wait", given: disconnected(sync("Preferred"), 1), is: "False DegradedToPreferred" },
  { type: "DurabilityMet", when: "the primary was not seen", given: silent(sync("Required"), 0), is: "Unknown NotObserved" },
  { type: "DurabilityMet", when: "the Engine does not answer", given: silentEngine, is: "Unknown EngineUnreachable" },
  { type: "NetworksAttached", when: "all NICs were verified", given: goal, is: "True AllVerified" },
  { type: "NetworksAttached", when: "no networks are wanted", given: atGoal(), is: "True NoneWanted" },
  { type: "NetworksAttached", when: "an address is in use", given: seeing(container(goal, 1, { endpoints: [] }), "lan", present(networkFacts(goal.want, "lan", { attached: [{ container: "printer", address: "192.168.11.102" }] }))), is: "False AddressConflict" },
  { type: "NetworksAttached", when: "the Engine refused a subnet", given: seeing(goal, "lan", absent), failures: failure("SubnetOverlap"), is: "False SubnetOverlap" },
  { type: "NetworksAttached", when: "two subnets of the spec overlap", given: seeing(atGoal({ spec: { networks: [lan, { ...repl, subnet: "192.168.0.0/16", addressPool: { start: "192.168.40.1", size: 8 } }] } }), "repl", absent), is: "False SubnetOverlap" },
  { type: "NetworksAttached", when: "the parent does not exist", given: seeing(goal, "lan", absent), failures: failure("ParentMissing"), is: "False ParentMissing" },
  { type: "NetworksAttached", when: "the kernel lacks the driver", given: seeing(goal, "lan", absent), failures: failure("DriverUnsupported"), is: "False DriverUnsupported" },
  { type: "NetworksAttached", when: "an external network is missing", given: noPort, is: "False NetworkMissing" },
  { type: "NetworksAttached", when: "a NIC is not attached", given: container(goal, 1, { endpoints: containerFacts(goal.want, 1).endpoints.slice(0, 2) }), is: "False DriftRepairing" },
  { type: "NetworksAttached", when: "a member is not made yet", given: member(goal, 1, unmadeMember(1)), is: "False MembersPending" },
  { type: "NetworksAttached", when: "a member does not run", given: stopped(goal, 1), is: "False MembersPending" },
  { type: "NetworksAttached", when: "a member could not be seen", given: member(goal, 1, { container: unknown("timed out") }), is: "Unknown NotObserved" },
  { type: "NetworksAttached", when: "the NICs could not be read", given: member(goal, 1, { interfaces: unknown("exec failed") }), is: "Unknown NotObserved" },
  { type: "NetworksAttached", when: "a NIC has another name", given: renamed(goal, 1), is: "False NameMismatch" },
  { type: "ReplicationPathVerified", when: "standbys stream over the Replication network", given: goal, is: "True PathVerified" },
  { type: "ReplicationPathVerified", when: "there is no Replication network", given: atGoal(), is: "True NotRequired" },
  { type: "ReplicationPathVerified", when: "a standby streams over another network", given: misrouted, is: "False WrongInterface" },
  { type: "ReplicationPathVerified", when: "a standby is not connected", given: disconnected(goal, 1), is: "Unknown NotObserved" },
  { type: "ReplicationPathVerified", when: "the primary was not seen", given: silent(goal, 0), is: "Unknown NotObserved" },
  { type: "ConfigApplied", when: "all run with the settings of the spec", given: goal, is: "True AllEqual" },
  { type: "ConfigApplied", when: "a member was not seen", given: silent(goal, 1), is: "Unknown NotObserved" },
  { type: "ConfigApplied", when: "settings are not loaded yet", given: wanting(goal, { spec: { postgres: { version: "17", parameters: { work_mem: "8MB" } } } }), is: "False Progressing" },
  { type: "ConfigApplied", when: "a setting waits for a restart", given: server(goal, 1, { pendingRestart: ["shared_buffers"] }), is: "False PendingRestart" },
  { type: "ConfigApplied", when: "a lower setting is held up", given: configured(held), is: "False PendingRestart" },
  { type: "ConfigApplied", when: "PostgreSQL refuses the parameters", given: server(refused, 1, { refused: note }), is: "False InvalidParameter" },
  { type: "ConfigApplied", when: "PostgreSQL refuses a line of hba", given: server(goal, 1, { fileProblems: [{ file: "pg_hba.conf", line: 20, error: "invalid IP mask" }] }), is: "False InvalidParameter" },
  { type: "ConfigApplied", when: "a hostssl line loads, and TLS is off", given: server(goal, 1, { fileProblems: [{ file: "pg_hba.conf", line: 20, error: "hostssl record cannot match because SSL is disabled" }] }), is: "True AllEqual" },
  { type: "SingleSystem", when: "all are of one cluster", given: goal, is: "True OneSystem" },
  { type: "SingleSystem", when: "no data was seen yet", given: unmade({ spec: { networks } }), is: "Unknown NotObserved" },
  { type: "SingleSystem", when: "a server runs with another cluster's data", given: server(goal, 1, { systemIdentifier: "666" }), is: "False ForeignData" },
  { type: "SingleSystem", when: "a standby accepts writes", given: server(goal, 1, { inRecovery: false }), is: "False ForkDetected" },
  { type: "Reconciling", when: "nothing is to be done", given: goal, is: "False AtGoal" },
  { type: "Reconciling", when: "something is to be done", given: stopped(goal, 1), is: "True Progressing" },
  { type: "Reconciling", when: "it is paused", given: wanting(stopped(goal, 1), { spec: { reconcilePolicy: "Paused" } }), is: "False Paused" },
  { type: "Stalled", when: "nothing is stuck", given: goal, is: "False Progressing" },
  { type: "Stalled", when: "the spec breaks a rule", given: wanting(goal, { spec: { replication: { mode: "Quorum", minSync: 3 } } }), is: "True SpecInvalid" },
  { type: "Stalled", when: "the Engine does not answer", given: silentEngine, is: "True EngineUnreachable" },
  { type: "Stalled", when: "a base backup takes longer than it may", given: member(stopped(goal, 1), 1, { data: absent, job: job(goal.want, 1, "basebackup", { state: "running", startedAt: now - 4_000_000 }) }), is: "True StepDeadlineExceeded" },
  { type: "Stalled", when: "a server does not answer for too long", given: container(silent(goal, 1), 1, { startedAt: now - 200_000 }), is: "True StepDeadlineExceeded" },
  { type: "Stalled", when: "a copy found the disk full, and waits", given: again({ exitCode: 1, finishedAt: now - 100, log: ["(52%)", full] }), is: "True DiskFull" },
  { type: "Stalled", when: "a copy found the disk full, and is about to be tried again", given: again({ exitCode: 1, finishedAt: now - 60_000, log: ["(52%)", full] }), is: "True DiskFull" },
  { type: "Stalled", when: "a copy is tried again, and has not begun", given: again({ state: "created" }), is: "True DiskFull" },
  { type: "Stalled", when: "a copy is tried again, and is no further than when the disk was full", given: again({ state: "running", log: ["(52%)"] }), is: "True DiskFull" },
  { type: "Ready", when: "a copy is tried again, and is no further than when the disk was full", given: again({ state: "running", log: ["(52%)"] }), is: "False DiskFull" },
  { type: "Stalled", when: "a copy is tried again, and is further than when the disk was full", given: again({ state: "running", log: ["(53%)"] }), is: "False Progressing" },
  { type: "Stalled", when: "a copy is tried again, and fails for another reason before it is as far", given: again({ exitCode: 1, finishedAt: now - 100, log: ["(10%)", "pg_basebackup: error: connection refused"] }), is: "True DiskFull" },
  { type: "Stalled", when: "a copy is complete after the disk was full", given: again({ exitCode: 0, log: ["(100%)"] }), is: "False Progressing" },
  { type: "Stalled", when: "a parent is missing", given: seeing(goal, "lan", absent), failures: failure("ParentMissing"), is: "True ParentMissing" },
];

const conditionsOf = ({ want, seen }: Scene, failures: readonly Failure[] = []) => statusOf(want, seen, plan(want, seen), failures).conditions ?? [];

for (const { type, when, given, failures, is } of rows) {
  test(`${type}: ${when}`, () => {
    const condition = conditionsOf(given, failures).find((one) => one.type === type);
    assert.equal(`${condition?.status ?? ""} ${condition?.reason ?? ""}`, is);
    assert.notEqual(condition?.message, "", "it says what was seen");
  });
}

test("every condition is there from the first pass, with the generation that it is about", () => {
  const conditions = conditionsOf(unmade({ spec: { networks }, metadata: { generation: 7 } }));
  assert.deepEqual(conditions.map(({ type }) => type), [...conditionTypes]);
  assert.ok(conditions.every(({ observedGeneration }) => observedGeneration === 7));
});

test("a condition keeps the time of its last change of status", () => {
  const before = conditionsOf(goal).map((condition) => ({ ...condition, lastTransitionTime: "2025-12-31T00:00:00.000Z" }));
  const known = wanting(goal, { status: { ...goal.want.status, conditions: before } });
  const times = (scene: Scene) => Object.fromEntries(conditionsOf(scene).map(({ type, lastTransitionTime }) => [type, lastTransitionTime]));
  assert.equal(times(known)["Ready"], "2025-12-31T00:00:00.000Z");
  assert.equal(times(stopped(known, 0))["Ready"], new Date(now).toISOString());
  assert.equal(times(stopped(known, 0))["DurabilityMet"], "2025-12-31T00:00:00.000Z");
});

test("members left over, and members wanted, count for what they are", () => {
  const { want, seen } = left(goal, 5);
  const status = statusOf(want, seen, plan(want, seen), []);
  assert.equal(status.replicas, 3);
  assert.equal(status.readyReplicas, 3);
});
