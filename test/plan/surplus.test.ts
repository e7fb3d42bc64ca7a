/** Members that are no longer wanted: scaled away, asleep, or deleted. */
import { labelsOf } from "../../src/api/names.ts";
import { absent, atGoal, changed, container, disconnected, foreignLabels, job, left, member, networkFacts, networks, owner, position, present, server, silent, stopped, unknown, volumeOf, wanting, type Scene } from "../builders.ts";
import { table } from "./table.ts";

const goal = atGoal({ spec: { networks } });
const { want } = goal;
/** The standby that stays has dropped the slot that it kept for the other one. */
const two = server(wanting(goal, { spec: { replicas: 2 } }), 1, { slots: [{ name: "pgrs_0", active: false, restartLsn: position }] });
const slots = [{ name: "pgrs_1", active: true }];
const gone = { deletionTimestamp: "2026-01-01T00:00:00Z" };
const deleted = wanting(goal, { metadata: gone });
const asleep = wanting(goal, { spec: { replicas: 0 } });
const allStopped = (scene: Scene): Scene => [0, 1, 2].reduce((done, ordinal) => stopped(done, ordinal), scene);
const bare = (scene: Scene): Scene => [0, 1, 2].reduce((done, ordinal) => member(done, ordinal, { container: absent, server: absent, interfaces: absent }), scene);
const empty = changed(deleted, { members: [], networks: { lan: absent, repl: absent } });

table([
  { when: "one member too many runs", given: two, plan: ["demo-2 stopMember: scaled away"] },
  { when: "one member too many runs, and a standby keeps a slot for it", given: wanting(goal, { spec: { replicas: 2 } }), plan: [
      "demo-1/slots dropSlot: pgrs_2 keeps WAL for nobody",
      "demo-2 stopMember: scaled away",
    ] },
  { when: "it is stopped, and its slot is still there", given: stopped(two, 2), plan: [
      "slots dropSlot: pgrs_2 belongs to no wanted standby",
      "demo-2 waits: demo-2's slot is being dropped",
    ] },
  { when: "its slot is dropped", given: server(stopped(two, 2), 0, { slots }), plan: ["demo-2 removeContainer: scaled away"] },
  { when: "its container is gone", given: server(member(stopped(two, 2), 2, { container: absent }), 0, { slots }), plan: ["demo-2 removeVolume: scaled away"] },
  { when: "its container could not be seen", given: server(member(disconnected(two, 2), 2, { container: unknown("timed out"), server: absent }), 0, { slots }), plan: ["demo-2 waits: timed out"] },
  { when: "its volume could not be seen", given: server(member(stopped(two, 2), 2, { container: absent, volume: unknown("timed out") }), 0, { slots }), plan: ["demo-2 waits: timed out"] },
  { when: "a volume of that name is somebody else's", given: left(goal, 3, { volume: present(volumeOf(3, foreignLabels)) }), plan: [] },
  { when: "a container of that name is somebody else's", given: container(server(two, 0, { slots }), 2, { labels: foreignLabels }), plan: ["demo-2 removeVolume: scaled away"] },
  { when: "its base backup still runs", given: member(stopped(two, 2), 2, { job: job(want, 2, "basebackup", { state: "running" }) }), plan: [
      "slots dropSlot: pgrs_2 belongs to no wanted standby",
      "demo-2 stopMember: its job is not needed any more",
    ] },
  { when: "its base backup has ended", given: member(stopped(two, 2), 2, { job: job(want, 2, "basebackup") }), plan: [
      "slots dropSlot: pgrs_2 belongs to no wanted standby",
      "demo-2 removeContainer: its job is not needed any more",
    ] },
  { when: "the primary does not answer: no copy is given up", given: silent(two, 0), plan: [
      "failover waits: demo-0: the primary is silent, for less than the time that it is given",
      "demo-0 waits: demo-0's PostgreSQL does not answer yet: demo-0: PostgreSQL is starting",
      "demo-1 waits: demo-1 waits for the primary",
      "demo-2 waits: demo-2 is scaled away when the primary accepts writes again",
    ] },
  { when: "the primary is about to be restarted: no copy is given up", given: server(two, 0, { pendingRestart: ["shared_buffers"] }), plan: [
      "demo-0 stopMember: pending restart: shared_buffers",
      "demo-2 waits: demo-2 is scaled away after the primary's restart",
    ] },
  { when: "several are too many", given: wanting(goal, { spec: { replicas: 1 } }), plan: [
      "demo-2 stopMember: scaled away",
      "demo-1 stopMember: scaled away",
    ] },
  { when: "the primary has the highest ordinal: another one goes", given: wanting(atGoal({ spec: { networks }, status: { primary: { ordinal: 2, epoch: 2, since: "2026-01-01T00:00:00Z" } } }), { spec: { replicas: 2 } }), plan: [
      "demo-0/slots dropSlot: pgrs_1 keeps WAL for nobody",
      "demo-1 stopMember: scaled away",
    ] },
  { when: "a surplus volume has no container, and no data is known of yet", given: wanting(left(goal, 3), { status: { primary: { ordinal: 0, epoch: 1, since: "2026-01-01T00:00:00Z" } } }), plan: [
      "demo-1/slots createSlot: pgrs_3 is absent, and demo-1 may become the primary",
      "demo-2/slots createSlot: pgrs_3 is absent, and demo-2 may become the primary",
      "demo-3 createContainer: absent",
      "slots createSlot: pgrs_3 is absent",
    ] },
  { when: "replicas is 0, and all run", given: asleep, plan: [
      "demo-0 stopMember: replicas is 0",
      "demo-2 waits: demo-2 stops after the primary",
      "demo-1 waits: demo-1 stops after the primary",
    ] },
  { when: "replicas is 0, and the primary has stopped", given: stopped(asleep, 0), plan: [
      "demo-2 stopMember: replicas is 0",
      "demo-1 stopMember: replicas is 0",
    ] },
  { when: "replicas is 0, and all have stopped", given: allStopped(asleep), plan: [] },
  { when: "replicas is 0, and a base backup runs", given: member(allStopped(asleep), 1, { job: job(want, 1, "basebackup", { state: "running" }) }), plan: ["demo-1 stopMember: its job is not needed any more"] },
  { when: "replicas is raised from 0 again", given: allStopped(goal), plan: [
      "demo-0 startMember: exited with code 0",
      "demo-1 startMember: exited with code 0",
      "demo-2 startMember: exited with code 0",
    ] },
  { when: "it is deleted, and all run", given: deleted, plan: [
      "demo-0 stopMember: the resource is deleted",
      "cluster waits: demo-1 stops after the primary",
      "cluster waits: demo-2 stops after the primary",
    ] },
  { when: "it is deleted, and the containers have stopped", given: allStopped(deleted), plan: [
      "demo-0 removeContainer: the resource is deleted",
      "demo-1 removeContainer: the resource is deleted",
      "demo-2 removeContainer: the resource is deleted",
    ] },
  { when: "it is deleted, and one container is paused", given: container(allStopped(deleted), 1, { state: "paused" }), plan: [
      "demo-0 removeContainer: the resource is deleted",
      "demo-1 stopMember: the resource is deleted",
      "demo-2 removeContainer: the resource is deleted",
    ] },
  { when: "it is deleted, and a job runs", given: member(bare(deleted), 1, { job: job(want, 1, "initdb", { state: "running" }) }), plan: ["demo-1 stopMember: its job is not needed any more"] },
  { when: "it is deleted, and the containers are gone: volumes stay", given: bare(deleted), plan: [
      "network pgrs_default_demo_01_lan removeNetwork: the resource is deleted",
      "network pgrs_default_demo_02_repl removeNetwork: the resource is deleted",
    ] },
  { when: "it is deleted with policy Delete, and the containers are gone", given: wanting(bare(goal), { spec: { deletionPolicy: "Delete" }, metadata: gone }), plan: [
      "demo-0 removeVolume: the resource is deleted",
      "demo-1 removeVolume: the resource is deleted",
      "demo-2 removeVolume: the resource is deleted",
    ] },
  { when: "it is deleted with policy Delete, and a volume could not be seen", given: member(wanting(bare(goal), { spec: { deletionPolicy: "Delete" }, metadata: gone }), 1, { volume: unknown("timed out") }), plan: [
      "demo-0 removeVolume: the resource is deleted",
      "demo-2 removeVolume: the resource is deleted",
      "cluster waits: timed out",
    ] },
  { when: "it is deleted with policy Delete, and a volume is somebody else's", given: member(wanting(empty, { spec: { deletionPolicy: "Delete" }, metadata: gone }), 0, {}), plan: ["cluster removeFinalizer: all that was to go is gone"] },
  { when: "it is deleted, a container could not be seen", given: member(bare(deleted), 1, { container: unknown("timed out") }), plan: ["cluster waits: timed out"] },
  { when: "it is deleted, and one network could not be seen", given: changed(empty, { networks: { lan: unknown("timed out"), repl: present(networkFacts(want, "repl")) } }), plan: ["cluster waits: timed out"] },
  { when: "it is deleted, and a network is somebody else's", given: changed(empty, { networks: { lan: present(networkFacts(want, "lan", { labels: foreignLabels })), repl: absent } }), plan: ["cluster removeFinalizer: all that was to go is gone"] },
  { when: "it is deleted, and a network of an earlier spec is left", given: changed(empty, { staleNetworks: [networkFacts(want, "old", { labels: labelsOf(owner, "network") })] }), plan: ["network old removeNetwork: the resource is deleted"] },
  { when: "it is deleted with an archive that is to stay", given: changed(empty, { archive: present({ name: "default_demo_archive", labels: labelsOf(owner, "archive") }) }), plan: ["cluster removeFinalizer: all that was to go is gone"] },
  { when: "it is deleted with an archive that is to go", given: changed(wanting(empty, { spec: { deletionPolicy: "Delete" }, metadata: gone }), { archive: present({ name: "default_demo_archive", labels: labelsOf(owner, "archive") }) }), plan: ["archive removeVolume: the resource is deleted"] },
  { when: "it is deleted, and all is gone", given: empty, plan: ["cluster removeFinalizer: all that was to go is gone"] },
  { when: "it is deleted, and the Engine does not answer", given: changed(deleted, { engine: unknown("is the Engine running?") }), plan: ["cluster waits: the Docker Engine does not answer: is the Engine running?"] },
  { when: "it is deleted, and our finalizer is off already", given: wanting(deleted, { metadata: { ...gone, finalizers: ["somebody/else"] } }), plan: [] },
  { when: "it is deleted with a spec that breaks a rule", given: wanting(deleted, { spec: { postgres: { version: "6.5" } }, metadata: gone }), plan: [
      "demo-0 stopMember: the resource is deleted",
      "cluster waits: demo-1 stops after the primary",
      "cluster waits: demo-2 stops after the primary",
    ] },
]);
