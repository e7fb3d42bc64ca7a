/** The cluster that is measured: three members with two NICs each, asynchronous, as a person would first try it. */
import type { Owner } from "../src/api/names.ts";
import { group, kind, parse, plural, version } from "../src/api/resource.ts";
import { desire, type Desired } from "../src/plan/desired.ts";

export const namespace = "default";
export const postgresVersion = "17";
export const collectionPath = `/apis/${group}/${version}/namespaces/${namespace}/${plural}`;

/** A resource; `block` (0 to 127) says which of the bench's subnets are its own. */
export const resourceOf = (name: string, block: number, replicas = 3) => ({
  apiVersion: `${group}/${version}`, kind, metadata: { namespace, name },
  spec: {
    replicas, deletionPolicy: "Delete",
    postgres: { version: postgresVersion, parameters: { shared_buffers: "128MB" } },
    networks: [
      { name: "lan", purpose: "Client", interfaceName: "eth1", subnet: `10.202.${String(2 * block)}.0/24`, addressPool: { start: `10.202.${String(2 * block)}.11`, size: 16 } },
      { name: "repl", purpose: "Replication", interfaceName: "eth2", subnet: `10.202.${String(2 * block + 1)}.0/24`, addressPool: { start: `10.202.${String(2 * block + 1)}.11`, size: 16 } },
    ],
  },
});

/** The same cluster as the operator itself would want it, for the script that does without an operator. */
export const desiredOf = (installation: string, name: string, block: number): Desired => {
  const metadata = { namespace, name, uid: `uid-${name}`, resourceVersion: "1", generation: 1 };
  const parsed = parse({ ...resourceOf(name, block), metadata });
  const owner: Owner = { installation, namespace, name, uid: metadata.uid };
  return desire(parsed, owner);
};
