/** Scenarios as tests that explain themselves: a failure prints what resource, Engine and program said. */
import { test } from "node:test";
import { label } from "../../src/api/names.ts";
import { namespace, type Cluster } from "./cluster.ts";

const logLines = 40;
const last = (text: string, count: number): string => text.trimEnd().split("\n").slice(-count).join("\n");

const containersOf = async ({ docker, installation }: Cluster): Promise<string> => {
  const containers = await docker.listContainers({ all: true, filters: { label: [`${label.installation}=${installation}`] } });
  const told = await Promise.all(containers.map(async ({ Id, Names, Status, NetworkSettings }) => {
    const log = await docker.getContainer(Id).logs({ stdout: true, stderr: true, tail: 8 }).catch(() => Buffer.from(""));
    const addresses = Object.entries(NetworkSettings.Networks).map(([name, { IPAddress }]) => `${name}=${IPAddress}`).join(" ");
    return `${Names.join()} ${Status} ${addresses}\n${log.toString("utf8").replace(/[^\t\n\x20-\x7e]/g, "")}`;
  }));
  return told.join("\n");
};

/** What is known about everything of a cluster, for a person who reads why a test failed. */
async function explainWorld(cluster: Cluster): Promise<string> {
  const [resources, events, containers, log] = await Promise.all([
    cluster.tryKubectl(["get", "pgrs", "-o", "yaml"]), cluster.tryKubectl(["get", "events", "--sort-by=.lastTimestamp"]),
    containersOf(cluster).catch(String), cluster.program.log(),
  ]);
  return [`--- resources in ${namespace}`, resources.out || resources.err, "--- events", last(events.out || events.err, logLines), "--- containers", containers, "--- the program's log", last(log, logLines)].join("\n");
}

/** A test whose failure says what the world looked like. The cluster is asked for when the test runs. `skip`: why it can't run here. */
export const scenario = (sentence: string, cluster: () => Cluster, steps: () => Promise<void>, skip: string | false = false): void => {
  test(sentence, { skip }, async () => {
    try {
      await steps();
    } catch (error) {
      console.log(await explainWorld(cluster()).catch(String));
      throw error;
    }
  });
};
