/** A LAN outside the host: one end of a wire is the parent of macvlan networks, the other lies in a namespace of its own, where clients live. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);
const ip = async (...args: readonly string[]): Promise<void> => { await run("ip", [...args]); };

export interface Lan {
  /** The interface of this host on the LAN. */
  readonly parent: string;
  /** The network namespace of a client on the LAN. */
  readonly namespace: string;
  close(): Promise<void>;
}

/** The interface that is to be a run's parent. Linux allows fifteen characters for its name. */
export const parentOf = (id: string): string => `pg${id.slice(-8)}`;
const namespaceOf = (id: string): string => `pgrs-${id}`;

/** Removes the LAN of a run, if it has one. */
export async function closeLan(id: string): Promise<void> {
  const parent = parentOf(id);
  // The wire would go with its namespace, but the kernel takes its time for that: it is removed first.
  const isThere = await ip("link", "show", parent).then(() => true, () => false);
  if (isThere) await ip("link", "delete", parent);
  if (existsSync(`/run/netns/${namespaceOf(id)}`)) await ip("netns", "delete", namespaceOf(id));
}

export async function openLan({ id, address }: { readonly id: string; readonly address: string }): Promise<Lan> {
  const namespace = namespaceOf(id);
  const parent = parentOf(id);
  try {
    await ip("netns", "add", namespace);
    await ip("link", "add", parent, "type", "veth", "peer", "name", "eth0", "netns", namespace);
    await ip("link", "set", parent, "up");
    for (const device of ["lo", "eth0"]) await ip("-n", namespace, "link", "set", device, "up");
    await ip("-n", namespace, "address", "add", address, "dev", "eth0");
  } catch (error) {
    await closeLan(id);
    throw error;
  }
  return { parent, namespace, close: () => closeLan(id) };
}
