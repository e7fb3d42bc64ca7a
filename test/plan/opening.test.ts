/** What stands above everything else: a sound spec, permission, an Engine, the finalizer, the Secrets. */
import { absent, atGoal, changed, networks, unknown, unmade, wanting } from "../builders.ts";
import { table } from "./table.ts";

const goal = atGoal({ spec: { networks } });
const secrets = goal.seen.secrets;

table([
  { when: "all is as it should be", given: goal, plan: [] },
  { when: "no networks are wanted, and all is as it should be", given: atGoal(), plan: [] },
  { when: "PostgreSQL 11 with recovery.conf is as it should be", given: atGoal({ spec: { networks, postgres: { version: "11" } } }), plan: [] },
  { when: "the spec breaks a rule", given: wanting(goal, { spec: { replication: { mode: "Quorum", minSync: 3 } } }), plan: ["cluster waits: spec.replication: minSync has to be less than replicas, since the primary is not its own standby: raise replicas or lower minSync"] },
  { when: "the spec has the wrong types", given: wanting(goal, { spec: { postgres: { version: "6.5" } } }), plan: ["cluster waits: spec.postgres.version: Unsupported value: \"6.5\": supported values: \"9.3\", \"9.4\", \"9.5\", \"9.6\", \"10\", \"11\", \"12\", \"13\", \"14\", \"15\", \"16\", \"17\", \"18\""] },
  { when: "a line of hba would keep the server from its whole file", given: wanting(goal, { spec: { postgres: { version: "17", hba: ["bogus"] } } }), plan: ["cluster waits: spec.postgres.hba: \"bogus\": begins with \"bogus\"; write local, host, hostssl or hostnossl, for example: host all all 192.168.11.0/24 scram-sha-256"] },
  { when: "it is paused", given: wanting(goal, { spec: { reconcilePolicy: "Paused", replicas: 1 } }), plan: ["cluster waits: reconcilePolicy is Paused: nothing is changed"] },
  { when: "it is paused and deleted", given: wanting(goal, { spec: { reconcilePolicy: "Paused" }, metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }), plan: ["cluster waits: reconcilePolicy is Paused: nothing is changed"] },
  { when: "the Engine does not answer", given: changed(goal, { engine: unknown("nothing listens on the Docker socket; is the Engine running?") }), plan: ["cluster waits: the Docker Engine does not answer: nothing listens on the Docker socket; is the Engine running?"] },
  { when: "the finalizer is missing", given: wanting(goal, { metadata: { finalizers: [] } }), plan: ["cluster addFinalizer: so that a deletion waits for its clean-up"] },
  { when: "no Secret is there", given: changed(unmade({ spec: { networks } }), { secrets: { superuser: absent, replication: absent, app: absent } }), plan: [
      "cluster createSecret: the superuser account has no Secret",
      "cluster createSecret: the replication account has no Secret",
      "cluster createSecret: the app account has no Secret",
    ] },
  { when: "a Secret could not be read", given: changed(goal, { secrets: { ...secrets, app: unknown("the API server did not answer") } }), plan: ["cluster waits: the API server did not answer"] },
  { when: "the Secret that the spec names is not there",
    given: changed(wanting(goal, { spec: { credentials: { replicationSecretRef: { name: "mine" } } } }), { secrets: { ...secrets, replication: absent } }), plan: ["cluster waits: the Secret mine is not there: make it with the keys username and password"] },
  { when: "the image is not there", given: changed(goal, { image: absent }), plan: ["image pullImage: the Engine does not have it"] },
  { when: "the image is being pulled", given: changed(goal, { image: absent, pulling: { state: "running", because: "", at: goal.seen.at } }), plan: ["image waits: pulling postgres:17"] },
  { when: "the pull failed a moment ago", given: changed(goal, { image: absent, pulling: { state: "failed", because: "no registry answered", at: goal.seen.at - 1_000 } }), plan: ["image waits: the image postgres:17 can't be had: no registry answered. Build it (pgrs image build 17), load it (docker load), or correct postgres.image"] },
  { when: "the pull failed a while ago", given: changed(goal, { image: absent, pulling: { state: "failed", because: "no registry answered", at: goal.seen.at - 40_000 } }), plan: ["image pullImage: the Engine does not have it"] },
  { when: "the pull failed, by a clock that was set back since", given: changed(goal, { image: absent, pulling: { state: "failed", because: "no registry answered", at: goal.seen.at + 3_600_000 } }), plan: ["image pullImage: the Engine does not have it"] },
  { when: "the Engine did not say whether it has the image", given: changed(goal, { image: unknown("timed out") }), plan: [] },
  { when: "the archive volume is missing", given: changed(atGoal({ spec: { archive: { command: "cp %p /archive/%f" } } }), { archive: absent }), plan: ["archive createVolume: absent"] },
  { when: "the archive volume could not be seen", given: changed(atGoal({ spec: { archive: { command: "cp %p /archive/%f" } } }), { archive: unknown("timed out") }), plan: ["archive waits: timed out"] },
]);
