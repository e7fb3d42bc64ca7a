/** The columns in which kubectl shows built-in kinds, as real servers print them. Cells read objects and never throw. */
import { ageOf } from "./duration.ts";
import { findByPath } from "./json-path.ts";
import type { Column, KubeObject } from "./kind.ts";

type Cell = NonNullable<Column["cell"]>;

const first = (object: KubeObject, path: string): unknown => findByPath(object, path)[0];
const textAt = (object: KubeObject, path: string): string => {
  const found = first(object, path);
  return typeof found === "string" ? found : "";
};
const sizeAt = (object: KubeObject, path: string): number => {
  const found = first(object, path);
  return typeof found === "object" && found !== null ? Object.keys(found).length : 0;
};

const column = (name: string, cell: Cell, description: string, more: Partial<Column> = {}): Column =>
  ({ name, type: "string", cell, description, ...more });
const wide: Partial<Column> = { priority: 1 };

const name = column("Name", (object) => object.metadata.name,
  "Name must be unique within a namespace. It identifies the object in every request.", { format: "name" });
const age = column("Age", (object, now) => ageOf(object.metadata.creationTimestamp, now), "CreationTimestamp is when the server stored the object first.");
const createdAt: Column = column("Created At", (object) => object.metadata.creationTimestamp, "CreationTimestamp is when the server stored the object first.", { type: "date" });

export const plainColumns: readonly Column[] = [name, createdAt];

export const namespaceColumns: readonly Column[] = [
  name, column("Status", (object) => textAt(object, ".status.phase"), "The status of the namespace"), age,
];

export const configMapColumns: readonly Column[] = [
  name, column("Data", (object) => sizeAt(object, ".data") + sizeAt(object, ".binaryData"), "Number of keys"), age,
];

export const secretColumns: readonly Column[] = [
  name, column("Type", (object) => textAt(object, ".type"), "What kind of secret it is"),
  column("Data", (object) => sizeAt(object, ".data"), "Number of keys"), age,
];

export const serviceAccountColumns: readonly Column[] = [
  name, column("Secrets", (object) => sizeAt(object, ".secrets"), "Number of secrets"), age,
];

const orNone = (text: string): string => (text === "" ? "<none>" : text);

const ports = (object: KubeObject): string => findByPath(object, ".spec.ports[*]").map((port) => {
  const { port: number, nodePort, protocol } = port as { port?: number; nodePort?: number; protocol?: string };
  return `${number ?? ""}${nodePort === undefined || nodePort === 0 ? "" : `:${nodePort}`}/${protocol ?? "TCP"}`;
}).join(",");

const externalAddress = (object: KubeObject): string => {
  const own = findByPath(object, ".spec.externalIPs[*]").map(String);
  if (textAt(object, ".spec.type") === "ExternalName") return textAt(object, ".spec.externalName");
  const balanced = findByPath(object, ".status.loadBalancer.ingress[*]")
    .map((one) => (one as { ip?: string; hostname?: string }).ip ?? (one as { hostname?: string }).hostname ?? "");
  const all = [...balanced, ...own].filter((one) => one !== "");
  if (textAt(object, ".spec.type") === "LoadBalancer" && all.length === 0) return "<pending>";
  return all.join(",");
};

const pairs = (value: unknown): string => (typeof value === "object" && value !== null
  ? Object.entries(value).map(([key, one]) => `${key}=${String(one)}`).toSorted().join(",") : "");

export const serviceColumns: readonly Column[] = [
  name,
  column("Type", (object) => textAt(object, ".spec.type"), "How the service is reached"),
  column("Cluster-IP", (object) => orNone(textAt(object, ".spec.clusterIP")), "Address within the cluster"),
  column("External-IP", (object) => orNone(externalAddress(object)), "Addresses from outside"),
  column("Port(s)", (object) => orNone(ports(object)), "Ports"),
  age,
  column("Selector", (object) => orNone(pairs(first(object, ".spec.selector"))), "Labels of what it leads to", wide),
];

const unseen = "<unknown>";
const ageAt = (object: KubeObject, paths: readonly string[], now: number): string => {
  const time = paths.map((path) => textAt(object, path)).find((one) => one !== "");
  return time === undefined ? unseen : ageOf(time, now);
};

const lowered = (object: KubeObject): string => {
  const kind = textAt(object, ".involvedObject.kind").toLowerCase();
  const called = textAt(object, ".involvedObject.name");
  return called === "" ? kind : `${kind}/${called}`;
};

const source = (object: KubeObject): string => {
  const component = textAt(object, ".source.component") || textAt(object, ".reportingComponent");
  const host = textAt(object, ".source.host") || textAt(object, ".reportingInstance");
  return host === "" ? component : `${component}, ${host}`;
};

const eventCount = (object: KubeObject): number => {
  const found = first(object, ".series.count") ?? first(object, ".count");
  return typeof found === "number" && found > 0 ? found : 1;
};

/** Of events in their core form. */
export const eventColumns: readonly Column[] = [
  column("Last Seen", (object, now) => ageAt(object, [".series.lastObservedTime", ".lastTimestamp", ".firstTimestamp", ".eventTime"], now), "When it happened last"),
  column("Type", (object) => textAt(object, ".type"), "Normal or Warning"),
  column("Reason", (object) => textAt(object, ".reason"), "One word that says what happened"),
  column("Object", lowered, "What it happened to"),
  column("Subobject", (object) => textAt(object, ".involvedObject.fieldPath"), "Which part of it", wide),
  column("Source", source, "Who reported it", wide),
  column("Message", (object) => textAt(object, ".message").trim(), "A sentence that says what happened"),
  column("First Seen", (object, now) => ageAt(object, [".firstTimestamp", ".eventTime"], now), "When it happened first", wide),
  column("Count", eventCount, "How often it happened", wide),
  { ...name, priority: 1 },
];

export const leaseColumns: readonly Column[] = [
  name, column("Holder", (object) => textAt(object, ".spec.holderIdentity"), "Who holds it"), age,
];

const subjectsOf = (kind: string): Cell => (object) => findByPath(object, ".subjects[*]")
  .map((one) => one as { kind?: string; name?: string; namespace?: string })
  .filter((one) => one.kind === kind)
  .map((one) => (kind === "ServiceAccount" ? `${one.namespace ?? ""}/${one.name ?? ""}` : one.name ?? ""))
  .join(", ");

export const bindingColumns: readonly Column[] = [
  name,
  column("Role", (object) => `${textAt(object, ".roleRef.kind")}/${textAt(object, ".roleRef.name")}`, "The role that is given"),
  age,
  column("Users", subjectsOf("User"), "Users that get it", wide),
  column("Groups", subjectsOf("Group"), "Groups that get it", wide),
  column("ServiceAccounts", subjectsOf("ServiceAccount"), "Service accounts that get it", wide),
];
