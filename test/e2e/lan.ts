/** A LAN outside the host: one end of a wire is the parent of macvlan networks, the other lies in a namespace of its own, where clients live. */
import { execFile } from "node:child_process";
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

/** Linux allows fifteen characters for the name of an interface. */
const parentOf = (id: string): string => `pg${id.slice(-8)}`;

export async function openLan({ id, address, parent = parentOf(id) }: { readonly id: string; readonly address: string; readonly parent?: string }): Promise<Lan> {
  const namespace = `pgrs-${id}`;
  const close = async (): Promise<void> => {
    // The wire goes with its namespace, and the kernel takes its time for that: it is removed first.
    await ip("link", "delete", parent).catch(() => undefined);
    await ip("netns", "delete", namespace).catch(() => undefined);
  };
  try {
    await ip("netns", "add", namespace);
    await ip("link", "add", parent, "type", "veth", "peer", "name", "eth0", "netns", namespace);
    await ip("link", "set", parent, "up");
    for (const device of ["lo", "eth0"]) await ip("-n", namespace, "link", "set", device, "up");
    await ip("-n", namespace, "address", "add", address, "dev", "eth0");
  } catch (error) {
    await close();
    throw error;
  }
  return { parent, namespace, close };
}
