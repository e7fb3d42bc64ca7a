// What a person sees at the end of npm start. Pure: texts from a resource; passwords are never among them.
import type { Resource } from "../src/api/resource.ts";

type Member = NonNullable<Resource["status"]["members"]>[number];

const nics = ({ interfaces }: Member): string => (interfaces ?? [])
  .map(({ network, name, address, state }) => `${name ?? "?"} ${address ?? "no address"} (${network}${state === "Verified" ? "" : `, ${state}`})`).join(", ");

/** Pads each column to its widest cell. */
const table = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
};

export const memberTable = ({ status }: Resource): readonly string[] => table([
  ["MEMBER", "ROLE", "STATE", "NETWORK INTERFACES"],
  ...(status.members ?? []).map((member) => [member.name, member.role, member.state, nics(member)]),
]);

const clientAddresses = ({ spec, status }: Resource): readonly string[] => {
  const client = spec.networks.find(({ purpose }) => purpose === "Client");
  return (status.members ?? []).flatMap(({ interfaces }) =>
    (interfaces ?? []).filter(({ network }) => network === client?.name).flatMap(({ address }) => address?.split("/")[0] ?? []));
};

/** Where clients connect; the account is in a Secret. */
export const connectionLines = (resource: Resource): readonly string[] => {
  const { name, namespace } = resource.metadata;
  const secret = `kubectl get secret ${name}-app -n ${namespace} -o jsonpath='{.data.uri}' | base64 -d`;
  const hosts = clientAddresses(resource).map((address) => `${address}:5432`).join(",");
  return [
    ...(hosts === "" ? [] : [`postgresql://${hosts}/?target_session_attrs=read-write`]),
    "with account and password, from the Secret:",
    `  psql "$(${secret})"`,
  ];
};

export const nextCommands = (resource: Resource, kubeconfig: string, kubectl: string): readonly string[] => {
  const target = `pgrs/${resource.metadata.name}`;
  const onPath = kubectl.startsWith("/usr/") ? [] : [`export PATH=${kubectl.replace(/\/kubectl$/, "")}:$PATH`];
  return [
    ...onPath,
    `export KUBECONFIG=${kubeconfig}`,
    "kubectl get pgrs -w",
    `kubectl scale ${target} --replicas=3`,
    `kubectl edit ${target}`,
    `kubectl describe ${target}`,
    `kubectl delete ${target}`,
    "npm stop        # ends control plane and operator, the databases go on",
    "npm run clean   # removes all of it from this machine",
  ];
};
