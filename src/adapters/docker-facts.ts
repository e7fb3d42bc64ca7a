/** The Engine's answers as the facts of ports.ts. Pure: an answer in, facts out. */
import type Docker from "dockerode";
import type { ContainerFacts, Endpoint, ImageFacts, NetworkFacts, VolumeFacts } from "../ports.ts";

const states: readonly ContainerFacts["state"][] = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];

// The Engine writes year 1 for "never".
const millis = (time: string | undefined): number => Math.max(0, Date.parse(time ?? "") || 0);

/** The map of a container's endpoints by network name, with what the types leave out. */
export interface RawEndpoint {
  readonly IPAMConfig?: { readonly IPv4Address?: string } | null;
  readonly IPAddress?: string;
  readonly MacAddress?: string;
  readonly NetworkID?: string;
  readonly DriverOpts?: Readonly<Record<string, string>> | null;
}

export const rawEndpoints = (info: Docker.ContainerInspectInfo): Readonly<Record<string, RawEndpoint>> =>
  (info.NetworkSettings as { Networks?: Record<string, RawEndpoint> | null }).Networks ?? {};

const endpoint = ([network, raw]: readonly [string, RawEndpoint]): Endpoint => ({
  network, address: raw.IPAddress ?? "", wanted: raw.IPAMConfig?.IPv4Address ?? "", mac: raw.MacAddress ?? "",
});

/** `networkIds`, by name: where given, endpoints on networks of other ids are left out. */
export const containerFacts = (info: Docker.ContainerInspectInfo, networkIds?: ReadonlyMap<string, string>): ContainerFacts => ({
  id: info.Id,
  name: info.Name.replace(/^\//, ""),
  labels: info.Config.Labels ?? {},
  // What a newer Engine may call a state that we don't know is surely not a member at work.
  state: states.find((state) => state === info.State.Status) ?? "dead",
  exitCode: info.State.ExitCode,
  error: info.State.Error ?? "",
  startedAt: millis(info.State.StartedAt),
  finishedAt: millis(info.State.FinishedAt),
  imageId: info.Image,
  endpoints: Object.entries(rawEndpoints(info)).filter(([network, { NetworkID = "" }]) => NetworkID === "" || networkIds === undefined || networkIds.get(network) === NetworkID)
    .map(endpoint).sort((a, b) => a.network.localeCompare(b.network)),
});

export const imageFacts = (name: string, info: Docker.ImageInspectInfo): ImageFacts => {
  const digest = info.RepoDigests?.[0];
  return { id: info.Id, name, ...(digest !== undefined && { digest }) };
};

const isIPv4 = ({ Subnet }: { readonly Subnet?: string | undefined }): boolean => Subnet !== undefined && !Subnet.includes(":");

export const networkFacts = (info: Docker.NetworkInspectInfo): NetworkFacts => {
  const range = (info.IPAM?.Config ?? []).find(isIPv4);
  return {
    name: info.Name,
    id: info.Id,
    driver: info.Driver,
    subnet: range?.Subnet ?? "",
    gateway: range?.Gateway ?? "",
    internal: info.Internal,
    labels: info.Labels ?? {},
    attached: Object.values(info.Containers ?? {}).map(({ Name, IPv4Address }) => ({ container: Name, address: IPv4Address.replace(/\/.*$/, "") })),
  };
};

export const volumeFacts = ({ Name, Labels }: { readonly Name: string; readonly Labels: Record<string, string> | null | undefined }): VolumeFacts =>
  ({ name: Name, labels: Labels ?? {} });
