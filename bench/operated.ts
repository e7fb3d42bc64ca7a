/** The cluster under measurement in the operator's care: quorum replication, two standbys, an address that follows the primary. */
import type { Body } from "../src/adapters/kubernetes-connection.ts";
import { containerName, secretName } from "../src/api/names.ts";
import { namespace, resourceOf } from "./cluster.ts";
import { isReady, type Control } from "./control.ts";
import { ordinals, type Side } from "./side.ts";

export interface Operated extends Side {
  /** Changes the spec, and resolves when all is as it says. */
  edit(spec: Body): Promise<void>;
  readonly address: string;
}

const quorumOf = (name: string, block: number, address: string) => {
  const resource = resourceOf(name, block, ordinals.length);
  const networks = resource.spec.networks.map((network) => network.purpose === "Client" ? { ...network, primaryAddress: address } : network);
  return { ...resource, spec: { ...resource.spec, networks, replication: { mode: "Quorum", minSync: 1 }, failover: { detectionSeconds: 3, dampingSeconds: 0 } } };
};

export async function byOperator(control: Control, name: string, block: number, signal: AbortSignal): Promise<Operated> {
  const prefix = `10.202.${String(2 * block)}`;
  const address = `${prefix}.200`;
  await control.apply(quorumOf(name, block, address));
  await control.until(name, isReady);
  const passwordOf = async (account: "app" | "superuser"): Promise<string> => (await control.api.secret({ namespace, name: secretName(name, account) }, signal))?.["password"] ?? "";
  const hosts = ordinals.map((ordinal) => `${prefix}.${String(11 + ordinal)}`);
  let switches = 0;
  return {
    hosts, address,
    application: { hosts, user: "app", password: await passwordOf("app"), database: "app" },
    superuser: { hosts, user: "postgres", password: await passwordOf("superuser"), database: "postgres" },
    containerOf: (ordinal) => containerName({ namespace, name }, ordinal),
    switchTo: async (toOrdinal) => {
      switches += 1;
      await control.edit(name, { switchover: { toOrdinal, token: `bench-${String(switches)}` } });
    },
    settled: () => control.until(name, isReady),
    edit: async (spec) => {
      await control.edit(name, spec);
      await control.until(name, isReady);
    },
    close: async () => {
      await control.remove(name);
      await control.until(name, (resource) => resource === undefined);
    },
  };
}
