// A person who changes their mind while the operator is half-way: what was begun is ended in good order, and nothing is left behind.
import { after, before } from "node:test";
import { label } from "../../src/api/names.ts";
import { hasMembers, holds, isGone, isReady, lifeOf, nothingLeft, notRestarted, slotsAre, streams } from "./checks.ts";
import { startCluster, type Cluster } from "./cluster.ts";
import { scenario } from "./diagnosis.ts";
import { manifest } from "./manifest.ts";
import { subjectOf, type Check, type Subject } from "./subject.ts";

let cluster: Cluster;
let hasty: Subject;

before(async () => {
  cluster = await startCluster();
  hasty = subjectOf(cluster, "hasty");
});
after(() => cluster.stop());

const apply = async (): Promise<void> => {
  await cluster.apply(await manifest(cluster.docker, "hasty", {
    replicas: 1, deletionPolicy: "Delete", postgres: { version: "17" },
    networks: [{ name: "repl", purpose: "Replication", interfaceName: "eth1", subnet: "10.10.22.0/24", addressPool: { start: "10.10.22.1", size: 4 } }],
  }));
};
const scale = (replicas: number): Promise<string> => cluster.kubectl(["scale", "pgrs/hasty", `--replicas=${String(replicas)}`]);

/** A job of that kind is there. */
const isAtWork = (kind: "initdb" | "basebackup"): Check => async ({ name }) => {
  const filters = { label: [`${label.installation}=${cluster.installation}`, `${label.name}=${name}`, `${label.job}=${kind}`] };
  return (await cluster.docker.listContainers({ all: true, filters })).length > 0 ? undefined : `no ${kind} is at work`;
};

scenario("deleted during initdb, nothing is left", () => cluster, async () => {
  await apply();
  await hasty.becomes(isAtWork("initdb"));
  await cluster.kubectl(["delete", "pgrs/hasty", "--timeout=120s"]);
  await hasty.becomes([isGone, nothingLeft]);
});

scenario("applied again under the same name, it is a new cluster", () => cluster, async () => {
  await apply();
  await hasty.becomes([isReady, hasMembers(1), holds({ containers: 1, volumes: 1, networks: 1 })]);
});

scenario("scaled up and down again during the base backup, only the primary is left", () => cluster, async () => {
  const primary = await lifeOf(hasty, 0);
  await scale(3);
  await hasty.becomes(isAtWork("basebackup"));
  await scale(1);
  await hasty.becomes([isReady, hasMembers(1), streams(), slotsAre(), notRestarted(0, primary), holds({ containers: 1, volumes: 1, networks: 1 })]);
});

scenario("put to sleep during the base backup, it is whole when it wakes", () => cluster, async () => {
  await scale(2);
  await hasty.becomes(isAtWork("basebackup"));
  await scale(0);
  await scale(2);
  await hasty.becomes([isReady, hasMembers(2), streams(1), slotsAre("pgrs_1"), holds({ containers: 2, volumes: 2, networks: 1 })]);
});

scenario("deleted during the base backup, nothing is left", () => cluster, async () => {
  await scale(3);
  await hasty.becomes(isAtWork("basebackup"));
  await cluster.kubectl(["delete", "pgrs/hasty", "--timeout=120s"]);
  await hasty.becomes([isGone, nothingLeft]);
});
