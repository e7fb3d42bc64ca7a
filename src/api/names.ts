/**
 * Every derived name and label. Names are computed from the resource, never remembered, so that a restarted
 * operator has lost nothing. Underscores cannot occur in Kubernetes names: no two resources share a name.
 */
import { createHash } from "node:crypto";
import type { Key } from "./resource.ts";

export const label = {
  installation: "pgrs.dev/installation",
  namespace: "pgrs.dev/namespace",
  name: "pgrs.dev/name",
  uid: "pgrs.dev/uid",
  component: "pgrs.dev/component",
  ordinal: "pgrs.dev/ordinal",
  config: "pgrs.dev/config",
  job: "pgrs.dev/job",
  attempt: "pgrs.dev/attempt",
  madeAt: "pgrs.dev/made-at",
  fullAt: "pgrs.dev/full-at",
  network: "pgrs.dev/network",
} as const;

export type Component = "member" | "job" | "helper" | "network" | "volume" | "archive";

/** Who something on the Engine belongs to. `installation` is the uid of the control plane's kube-system namespace. */
export interface Owner extends Key { readonly installation: string; readonly uid: string }

/** What every thing that the operator makes carries. */
export const labelsOf = (owner: Owner, component: Component, more: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  [label.installation]: owner.installation, [label.namespace]: owner.namespace, [label.name]: owner.name,
  [label.uid]: owner.uid, [label.component]: component, ...more,
});

/**
 * Whether labels say that a thing is this resource's, or was left by an earlier one of the same installation,
 * namespace and name. The uid is not compared: what an earlier resource left is taken up again.
 */
export const isOurs = (owner: Omit<Owner, "uid">, labels: Readonly<Record<string, string>>): boolean =>
  labels[label.installation] === owner.installation && labels[label.namespace] === owner.namespace && labels[label.name] === owner.name;

/** `demo-0`: the member in messages, as application_name and as the container's host name. */
export const memberName = (name: string, ordinal: number): string => `${name}-${ordinal}`;

export const containerName = ({ namespace, name }: Key, ordinal: number): string => `${namespace}_${name}_${ordinal}`;
export const volumeName = containerName;
export const jobName = (key: Key, ordinal: number): string => `${containerName(key, ordinal)}_job`;
export const archiveName = ({ namespace, name }: Key): string => `${namespace}_${name}_archive`;

/**
 * The Docker network of a NIC. Engines before 28 name a container's NICs in the order of their networks' names,
 * so the wanted interface's number stands in front, and all sort behind `bridge`, which becomes eth0.
 */
export const networkName = ({ namespace, name }: Key, network: { readonly name: string; readonly interfaceName: string }): string =>
  `pgrs_${namespace}_${name}_${network.interfaceName.replace("eth", "").padStart(2, "0")}_${network.name}`;

/** The physical replication slot of a standby on its primary. */
export const slotName = (ordinal: number): string => `pgrs_${ordinal}`;
export const ordinalOfSlot = (slot: string): number | undefined => {
  const digits = /^pgrs_(\d+)$/.exec(slot)?.[1];
  return digits === undefined ? undefined : Number(digits);
};

export type Account = "superuser" | "replication" | "app";
export const secretName = (name: string, account: Account): string => `${name}-${account}`;

export const finalizer = "pgrs.dev/finalizer";

/** Selects the containers of a resource's members, for the scale subresource. */
export const selectorOf = ({ name }: { readonly name: string }): string => `${label.name}=${name},${label.component}=member`;

/** A value as JSON whose keys are in order: the same text for the same content. */
function canonical(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const inner = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(inner).filter((name) => inner[name] !== undefined).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(inner[name])}`).join(",")}}`;
}

/** A short hash of a value, for labels: the same for the same content, whatever the order of keys. */
export const hashOf = (value: unknown): string => createHash("sha256").update(canonical(value)).digest("hex").slice(0, 16);

const macs = new Map<string, string>();
const macsMax = 10_000;

/** A locally administered MAC that is the same at every start, and differs between installations, members and NICs. */
export const macOf = (owner: Omit<Owner, "uid">, ordinal: number, network: string): string => {
  const text = canonical([owner.installation, owner.namespace, owner.name, ordinal, network]);
  const known = macs.get(text);
  if (known !== undefined) return known;
  const digest = createHash("sha256").update(text).digest("hex");
  const mac = ["02", ...Array.from({ length: 5 }, (_, index) => digest.slice(2 * index, 2 * index + 2))].join(":");
  if (macs.size >= macsMax) macs.clear();
  macs.set(text, mac);
  return mac;
};
