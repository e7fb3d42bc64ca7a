/** A member from nothing to its role: volume, container, data, start. */
import { label } from "../../src/api/names.ts";
import { goodNote, refusedNote } from "../../src/plan/configuration.ts";
import { parametersHashOf } from "../../src/postgres/settings.ts";
import { absent, atGoal, changed, container, containerFacts, data, foreignLabels, holding, job, left, member, networks, now, present, silent, stopped, unknown, unmade, unmadeMember, volumeOf, wanting, type Scene } from "../builders.ts";
import { table } from "./table.ts";

const goal = atGoal({ spec: { networks } });
const { want } = goal;
const status = { primary: { ordinal: 0, epoch: 1, since: "2026-01-01T00:00:00Z" } };
const first = unmade({ spec: { networks, replicas: 2 }, status });
const withVolumes = (scene: Scene): Scene => scene.seen.members.reduce((done, { ordinal }) => member(done, ordinal, { volume: present(volumeOf(ordinal)) }), scene);
const created = (scene: Scene): Scene => scene.seen.members.reduce((done, { ordinal }) => member(done, ordinal, { container: present(containerFacts(scene.want, ordinal, { state: "created", startedAt: 0 })) }), withVolumes(scene));
const netted = (scene: Scene): Scene => changed(scene, { networks: goal.seen.networks });
const ready = netted(created(first));

const parameters = { work_mem: "8MB" };
const hash = parametersHashOf(parameters);
const tuned = atGoal({ spec: { networks, postgres: { version: "17", parameters } } });
const failed = { exitCode: 1, startedAt: now - 61_000, finishedAt: now - 60_000 };
const failedNow = { exitCode: 1, startedAt: now - 1_500, finishedAt: now - 500 };
const noted = (change: { readonly good?: string; readonly refused?: string }): Scene["seen"]["members"][number]["data"] => holding(change);
const fatal = (words: string): readonly string[] => ["LOG:  starting PostgreSQL 17.4", `2026-01-01 12:00:00.000 UTC [1] FATAL:  ${words}`, "LOG:  database system is shut down"];

table([
  { when: "nothing is there yet, and the primary is recorded", given: first, plan: [
      "network lan createNetwork: absent",
      "network repl createNetwork: absent",
      "demo-0 createVolume: absent",
      "demo-0 createContainer: absent",
      "demo-1 createVolume: absent",
      "demo-1 createContainer: absent",
    ] },
  { when: "a volume of that name is somebody else's", given: member(first, 1, { volume: present(volumeOf(1, foreignLabels)) }), plan: [
      "network lan createNetwork: absent",
      "network repl createNetwork: absent",
      "demo-0 createVolume: absent",
      "demo-0 createContainer: absent",
      "demo-1 waits: a volume named default_demo_1 is there and is not ours: rename or remove it (docker volume rm default_demo_1), or give this resource another name",
    ] },
  { when: "a volume is there that an earlier resource left", given: member(first, 1, { volume: present(volumeOf(1, { ...volumeOf(1).labels, [label.uid]: "earlier" })) }), plan: [
      "network lan createNetwork: absent",
      "network repl createNetwork: absent",
      "demo-0 createVolume: absent",
      "demo-0 createContainer: absent",
      "demo-1 createContainer: absent",
    ] },
  { when: "a volume of another installation has the name", given: member(first, 1, { volume: present(volumeOf(1, { ...volumeOf(1).labels, [label.installation]: "another" })) }), plan: [
      "network lan createNetwork: absent",
      "network repl createNetwork: absent",
      "demo-0 createVolume: absent",
      "demo-0 createContainer: absent",
      "demo-1 waits: a volume named default_demo_1 is there and is not ours: rename or remove it (docker volume rm default_demo_1), or give this resource another name",
    ] },
  { when: "the volumes could not be seen", given: member(goal, 1, { volume: unknown("timed out") }), plan: ["demo-1 waits: timed out"] },
  { when: "the primary's volume is gone, and a standby can take over", given: member(goal, 0, unmadeMember(0)), plan: ["failover recordPrimary: demo-1 (epoch 2), since the primary's data is gone and a standby can take over"] },
  { when: "the primary's volume is gone, and failover is Disabled", given: wanting(member(goal, 0, unmadeMember(0)), { spec: { failover: { mode: "Disabled" } } }), plan: [
      "failover waits: demo-0: the primary's data is gone, and failover is Disabled: ask for a switchover to a standby that has the data. demo-1 could; demo-2 could",
      "demo-0 waits: the data of the primary demo-0 is gone and is not made anew by itself: restore its volume, or start over with kubectl -n default delete pgrs demo and apply it again",
      "demo-1 waits: demo-1 waits for the primary",
      "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "a standby's volume is gone", given: member(goal, 1, { ...unmadeMember(1) }), plan: [
      "demo-1 createVolume: absent",
      "demo-1 createContainer: absent",
    ] },
  { when: "the volumes are there", given: withVolumes(first), plan: [
      "network lan createNetwork: absent",
      "network repl createNetwork: absent",
      "demo-0 createContainer: absent",
      "demo-1 createContainer: absent",
    ] },
  { when: "the volumes are there, and the image is not", given: changed(withVolumes(first), { image: absent }), plan: [
      "image pullImage: the Engine does not have it",
      "network lan createNetwork: absent",
      "network repl createNetwork: absent",
      "demo-0 waits: the image pgrs/postgres:17 or postgres:17 is not there yet",
      "demo-1 waits: the image pgrs/postgres:17 or postgres:17 is not there yet",
    ] },
  { when: "a container of that name is somebody else's", given: container(goal, 1, { labels: foreignLabels }), plan: ["demo-1 waits: a container named default_demo_1 is there and is not ours: rename or remove it (docker container rm default_demo_1), or give this resource another name"] },
  { when: "a container could not be seen", given: member(goal, 1, { container: unknown("timed out"), server: absent }), plan: ["demo-1 waits: timed out"] },
  { when: "a stopped container was made for other limits", given: wanting(stopped(goal, 1), { spec: { resources: { memory: "1Gi" } } }), plan: [
      "demo-1 removeContainer: made for another image, limits or mounts",
      "demo-1 createContainer: absent",
      "demo-0 waits: demo-0 is restarted after ordinal 2 (the container is made for another image, limits or mounts)",
      "demo-2 waits: demo-2 is restarted when ordinal 1 streams (the container is made for another image, limits or mounts)",
    ] },
  { when: "a container hangs on a network that is gone", given: stopped(goal, 1, { exitCode: 128, error: "network 8f2a not found" }), plan: [
      "demo-1 removeContainer: hangs on a network that is gone",
      "demo-1 createContainer: absent",
    ] },
  { when: "a container is paused", given: container(goal, 1, { state: "paused" }), plan: ["demo-1 waits: demo-1 is paused: docker unpause default_demo_1"] },
  { when: "a container is being removed", given: container(goal, 1, { state: "removing" }), plan: ["demo-1 waits: demo-1's container is removing"] },
  { when: "containers are made, and their networks are not there any more", given: created(first), plan: [
      "network lan createNetwork: absent",
      "network repl createNetwork: absent",
      "demo-0 startJob: no data",
      "demo-1 waits: demo-1 waits for the primary to accept writes",
    ] },
  { when: "all is made, and nobody has data", given: ready, plan: [
      "demo-0 startJob: no data",
      "demo-1 waits: demo-1 waits for the primary to accept writes",
    ] },
  { when: "initdb waits for the image", given: changed(ready, { image: unknown("timed out") }), plan: [
      "demo-0 waits: demo-0 waits for the image",
      "demo-1 waits: demo-1 waits for the image",
    ] },
  { when: "nobody is seen with data, and the status says that there was some", given: wanting(ready, { status: { ...status, systemIdentifier: "7000000000000000001" } }), plan: [
      "failover waits: demo-0: the primary's container could not be looked at; what is not known to have ended is never replaced",
      "demo-0 waits: demo-0 is the recorded primary and its volume is empty, while this cluster has had data: restore the volume, or delete the resource and apply it again",
      "demo-1 waits: demo-1 waits for the primary to accept writes",
    ] },
  { when: "the recorded primary has no data, and another member has", given: member(ready, 1, { data }), plan: [
      "demo-1 startMember: ready to start",
      "demo-0 waits: demo-0 is the recorded primary and its volume is empty, while this cluster has had data: restore the volume, or delete the resource and apply it again",
    ] },
  { when: "the recorded primary has no data, and another member's volume was not looked into", given: member(ready, 1, { container: absent }), plan: [
      "demo-1 createContainer: absent",
      "demo-0 waits: demo-0 waits until the volume of ordinal 1 has been looked into",
    ] },
  { when: "the recorded primary has no data, and another member is starting", given: member(ready, 1, { container: present(containerFacts(first.want, 1)), server: unknown("PostgreSQL is starting") }), plan: [
      "demo-0 waits: demo-0 waits until the volume of ordinal 1 has been looked into",
      "demo-1 waits: demo-1's PostgreSQL does not answer yet: PostgreSQL is starting",
    ] },
  { when: "initdb runs", given: member(ready, 0, { job: job(want, 0, "initdb", { state: "running", log: ["creating directory pgdata.new ... ok"] }) }), plan: [
      "demo-0 waits: demo-0: initdb runs",
      "demo-1 waits: demo-1 waits for the primary to accept writes",
    ] },
  { when: "initdb never started", given: member(ready, 0, { job: job(want, 0, "initdb", { state: "created" }) }), plan: [
      "demo-0 removeContainer: initdb failed",
      "demo-0 startJob: attempt 1 never started",
      "demo-1 waits: demo-1 waits for the primary to accept writes",
    ] },
  { when: "initdb is complete", given: member(ready, 0, { job: job(want, 0, "initdb"), data }), plan: [
      "demo-0 removeContainer: initdb is complete",
      "demo-0 startMember: ready to start",
      "demo-1 waits: demo-1 waits for the primary to accept writes",
    ] },
  { when: "initdb says that it is complete, and the volume could not be read", given: member(ready, 0, { job: job(want, 0, "initdb"), data: unknown("timed out") }), plan: [
      "demo-0 waits: timed out",
      "demo-1 waits: demo-1 waits for the primary to accept writes",
    ] },
  { when: "initdb failed just now", given: member(ready, 0, { job: job(want, 0, "initdb", { exitCode: 1, finishedAt: now - 500, log: ["initdb: error: invalid locale name", "initdb: removing data directory"] }) }), plan: [
      "demo-0 waits: demo-0: initdb failed (attempt 1): initdb: error: invalid locale name",
      "demo-1 waits: demo-1 waits for the primary to accept writes",
    ] },
  { when: "initdb failed a while ago", given: member(ready, 0, { job: job(want, 0, "initdb", { exitCode: 1, attempt: 3, log: ["initdb: error: invalid locale name"] }) }), plan: [
      "demo-0 removeContainer: initdb failed",
      "demo-0 startJob: attempt 3 failed: initdb: error: invalid locale name",
      "demo-1 waits: demo-1 waits for the primary to accept writes",
    ] },
  { when: "a job could not be seen", given: member(ready, 0, { job: unknown("timed out") }), plan: [
      "demo-0 waits: timed out",
      "demo-1 waits: demo-1 waits for the primary to accept writes",
    ] },
  { when: "a standby has no data, and the primary serves", given: member(stopped(goal, 1, { state: "created", startedAt: 0, finishedAt: 0 }), 1, { data: absent }), plan: ["demo-1 startJob: no data"] },
  { when: "a standby has no data, and its volume could not be read", given: member(stopped(goal, 1), 1, { data: unknown("timed out") }), plan: ["demo-1 waits: timed out"] },
  { when: "a standby has no data, and the primary does not answer", given: silent(member(stopped(goal, 1), 1, { data: absent }), 0), plan: [
      "failover waits: demo-0: the primary is silent, for less than the time that it is given",
      "demo-0 waits: demo-0's PostgreSQL does not answer yet: demo-0: PostgreSQL is starting",
      "demo-1 waits: demo-1 waits for the primary to accept writes",
      "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "a standby has no data, and the replication account is not ready", given: changed(member(stopped(goal, 1), 1, { data: absent }), { accounts: { superuser: "current", replication: "missing", app: "current" } }), plan: [
      "accounts ensureAccount: replication account is absent",
      "demo-1 waits: demo-1 waits for the replication account",
    ] },
  { when: "a base backup runs", given: member(stopped(goal, 1), 1, { data: absent, job: job(want, 1, "basebackup", { state: "running", log: ["12345/23456 kB (52%), 0/1 tablespace"] }) }), plan: ["demo-1 waits: demo-1: base backup 52%"] },
  { when: "a base backup is complete", given: member(stopped(goal, 1, { state: "created", startedAt: 0, finishedAt: 0 }), 1, { job: job(want, 1, "basebackup") }), plan: [
      "demo-1 removeContainer: base backup is complete",
      "demo-1 startMember: ready to start",
    ] },
  { when: "a base backup met a full disk", given: member(stopped(goal, 1), 1, { data: absent, job: job(want, 1, "basebackup", { exitCode: 1, finishedAt: now - 500, log: ["pg_basebackup: error: could not write to file: No space left on device"] }) }), plan: ["demo-1 waits: demo-1: base backup failed (attempt 1): pg_basebackup: error: could not write to file: No space left on device. Make room for the volume default_demo_1 (docker volume inspect says where it lies); it is tried again"] },
  { when: "a base backup met a full disk, a while ago", given: member(stopped(goal, 1), 1, { data: absent, job: job(want, 1, "basebackup", { exitCode: 1, attempt: 2, log: ["pg_basebackup: error: could not write to file: No space left on device"] }) }), plan: [
      "demo-1 removeContainer: base backup failed",
      "demo-1 startJob: attempt 2 failed: pg_basebackup: error: could not write to file: No space left on device",
    ] },
  { when: "the fifth attempt of a base backup failed twenty seconds ago", given: member(stopped(goal, 1), 1, { data: absent, job: job(want, 1, "basebackup", { exitCode: 1, attempt: 5, finishedAt: now - 20_000, log: ["pg_basebackup: error: connection refused"] }) }), plan: ["demo-1 waits: demo-1: base backup failed (attempt 5): pg_basebackup: error: connection refused"] },
  { when: "a job of a member that runs has ended unnoticed", given: member(goal, 1, { job: job(want, 1, "basebackup") }), plan: ["demo-1 removeContainer: its work is done"] },
  { when: "a volume holds another cluster's data", given: member(stopped(goal, 1), 1, { data: holding({ systemIdentifier: "666" }) }), plan: ["demo-1 waits: demo-1's volume holds another cluster's data (system identifier 666, here 7000000000000000001): keep a copy if it is needed; then set reconcilePolicy Paused, docker rm -f default_demo_1, docker volume rm default_demo_1, and set Apply again"] },
  { when: "a volume holds data of another major version", given: member(stopped(goal, 1), 1, { data: holding({ major: "16" }) }), plan: ["demo-1 waits: demo-1's volume holds data of PostgreSQL 16, and postgres.version is 17: write 16 there"] },
  { when: "a standby was killed", given: stopped(goal, 1, { exitCode: 137 }), plan: ["demo-1 startMember: exited with code 137"] },
  { when: "the primary was killed", given: stopped(goal, 0, { exitCode: 137 }), plan: [
      "demo-0 startMember: exited with code 137",
      "demo-1 waits: demo-1 waits for the primary",
      "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "all were killed", given: [0, 1, 2].reduce((scene, ordinal) => stopped(scene, ordinal, { exitCode: 137 }), goal), plan: [
      "demo-0 startMember: exited with code 137",
      "demo-1 startMember: exited with code 137",
      "demo-2 startMember: exited with code 137",
    ] },
  { when: "a server does not answer yet", given: silent(goal, 1), plan: ["demo-1 waits: demo-1's PostgreSQL does not answer yet: demo-1: PostgreSQL is starting"] },
  { when: "a member that nobody wants is left, stopped", given: left(goal, 3), plan: ["demo-3 removeVolume: scaled away"] },
  { when: "a start failed with parameters that were never good", given: stopped(tuned, 1, failed, { log: fatal("invalid value") }), plan: ["demo-1 noteParameters: the start failed with the parameters of the spec: invalid value"] },
  { when: "a start failed with parameters that were good before", given: stopped(tuned, 1, failedNow, { log: fatal("invalid value"), data: noted({ good: goodNote(parameters).text }) }), plan: ["demo-1 waits: demo-1 ended with code 1: invalid value"] },
  { when: "a start failed, and its log could not be read", given: stopped(tuned, 1, failed), plan: ["demo-1 startMember: exited with code 1"] },
  { when: "a start failed for a full disk", given: stopped(tuned, 1, failedNow, { log: fatal("could not write lock file \"postmaster.pid\": No space left on device") }), plan: ["demo-1 waits: demo-1 ended with code 1: could not write lock file \"postmaster.pid\": No space left on device"] },
  { when: "a start failed for a line of pg_hba.conf", given: stopped(tuned, 1, failedNow, { log: fatal("could not load /var/lib/postgresql/data/pgdata/pg_hba.conf") }), plan: ["demo-1 waits: demo-1 ended with code 1: could not load /var/lib/postgresql/data/pgdata/pg_hba.conf"] },
  { when: "a start failed, by a clock that was set back since", given: stopped(goal, 1, { ...failed, startedAt: now + 3_600_000, finishedAt: now + 3_601_000 }, { log: fatal("something") }), plan: ["demo-1 startMember: exited with code 1"] },
  { when: "the parameters were refused, and it starts with the last good ones", given: stopped(tuned, 1, failed, { log: fatal("invalid value"), data: noted({ refused: refusedNote(hash, "invalid value").text }) }), plan: [
      "demo-0 noteParameters: another member refused the parameters of the spec: invalid value",
      "demo-1 startMember: exited with code 1",
      "demo-2 noteParameters: another member refused the parameters of the spec: invalid value",
    ] },
  { when: "the parameters were refused, and the start with the last good ones failed just now", given: stopped(tuned, 1, failedNow, { log: fatal("invalid value"), data: noted({ refused: refusedNote(hash, "invalid value").text }) }), plan: [
      "demo-0 noteParameters: another member refused the parameters of the spec: invalid value",
      "demo-2 noteParameters: another member refused the parameters of the spec: invalid value",
      "demo-1 waits: demo-1 ended with code 1: invalid value",
    ] },
]);
