/** What the operator asks the Engine to make, as bodies of its API. Pure: a spec in, a body out. */
import type Docker from "dockerode";
import type { ContainerSpec, NetworkSpec, Nic } from "../ports.ts";

export const postgresUser = "999:999";
const pidsMax = 4096;
const helperPidsMax = 32;

/** The driver option that names a NIC, from Engine 28 (API 1.48). Older ones take it and do nothing. */
export const nicNameOption = "com.docker.network.endpoint.ifname";

/** What of the Engine decides the shape of a body. */
export interface Abilities { readonly namesNics: boolean; readonly loggingDriver: string }

// Ours alone would replace the Engine's default driver, which its owner may have chosen with care.
const boundedLog = (driver: string): Pick<Docker.HostConfig, "LogConfig"> =>
  driver === "json-file" || driver === "local"
    ? { LogConfig: { Type: driver, Config: { "max-size": "10m", "max-file": "3" } } }
    : {};

// Without a network namespace of its own to set them in, a container would not start.
const networking = {
  // Engines before 28 announce no address; with these the kernel does whenever a NIC comes up.
  "net.ipv4.conf.all.arp_notify": "1", "net.ipv4.conf.default.arp_notify": "1",
  // A walreceiver does not heed connect_timeout: begun over a NIC that is not there yet, its attempt would last for the
  // kernel's two minutes, although the way is free a moment later. So it ends after seconds.
  "net.ipv4.tcp_syn_retries": "2",
};

const hostConfig = (spec: ContainerSpec, { loggingDriver }: Abilities): Docker.HostConfig => ({
  // As PID 1, PostgreSQL would lose a stop signal that comes in its first milliseconds.
  Init: true,
  // A former primary must never come up by itself.
  RestartPolicy: { Name: "no" },
  CapDrop: ["ALL"],
  SecurityOpt: ["no-new-privileges"],
  PidsLimit: pidsMax,
  NetworkMode: spec.network,
  Mounts: spec.mounts.map(({ volume, path }) => ({ Type: "volume", Source: volume, Target: path })),
  ...boundedLog(loggingDriver),
  ...(spec.network !== "none" && { Sysctls: networking }),
  ...(spec.memoryBytes !== undefined && { Memory: spec.memoryBytes }),
  ...(spec.nanoCpus !== undefined && { NanoCpus: spec.nanoCpus }),
  ...(spec.shmBytes !== undefined && { ShmSize: spec.shmBytes }),
});

const firstEndpoint = ({ network, address }: ContainerSpec, { namesNics }: Abilities): Docker.EndpointSettings | undefined => {
  if (network === "none") return undefined;
  if (network === "bridge") return namesNics ? { DriverOpts: { [nicNameOption]: "eth0" } } : undefined;
  return address === undefined ? undefined : { IPAMConfig: { IPv4Address: address } };
};

export const containerBody = (spec: ContainerSpec, abilities: Abilities): Docker.ContainerCreateOptions => {
  const [program, ...rest] = spec.command;
  const endpoint = firstEndpoint(spec, abilities);
  return {
    name: spec.name,
    Image: spec.image,
    Hostname: spec.hostname,
    // The image's own entrypoint must not run: it could create a database that was not asked for.
    Entrypoint: program === undefined ? [] : [program],
    Cmd: rest,
    Env: Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`),
    Labels: { ...spec.labels },
    User: postgresUser,
    StopSignal: "SIGINT",
    StopTimeout: spec.stopTimeoutSeconds,
    // An image's health check would be one more process every few seconds, and the operator asks PostgreSQL itself.
    Healthcheck: { Test: ["NONE"] },
    HostConfig: hostConfig(spec, abilities),
    ...(endpoint !== undefined && { NetworkingConfig: { EndpointsConfig: { [spec.network]: endpoint } } }),
  };
};

export interface HelperSpec {
  readonly image: string;
  /** The container whose network namespace it works in. */
  readonly target: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

/** A helper leaves nothing behind. It has no name, since two may be at work on one container for a moment. */
export const helperBody = ({ image, target, labels, command }: HelperSpec): Docker.ContainerCreateOptions => ({
  Image: image,
  Entrypoint: command.slice(0, 1),
  Cmd: command.slice(1),
  Labels: { ...labels },
  User: "0:0",
  Healthcheck: { Test: ["NONE"] },
  HostConfig: {
    NetworkMode: `container:${target}`,
    AutoRemove: true,
    CapDrop: ["ALL"],
    // To change addresses, and to send packets that are no IP.
    CapAdd: ["NET_ADMIN", "NET_RAW"],
    SecurityOpt: ["no-new-privileges"],
    ReadonlyRootfs: true,
    PidsLimit: helperPidsMax,
    LogConfig: { Type: "none", Config: {} },
  },
});

const driverOptions = ({ driver, parent }: NetworkSpec): Readonly<Record<string, string>> => ({
  ...(parent !== undefined && { parent }),
  ...(driver === "macvlan" && { macvlan_mode: "bridge" }),
  ...(driver === "ipvlan" && { ipvlan_mode: "l2" }),
});

export const networkBody = (spec: NetworkSpec): Docker.NetworkCreateOptions => ({
  Name: spec.name,
  Driver: spec.driver,
  CheckDuplicate: true,
  Internal: spec.internal,
  Options: { ...driverOptions(spec) },
  Labels: { ...spec.labels },
  IPAM: { Driver: "default", Config: [{ Subnet: spec.subnet, Gateway: spec.gateway }] },
});

export const endpointBody = (nic: Nic, { namesNics }: Pick<Abilities, "namesNics">): Docker.EndpointSettings => ({
  ...(nic.address !== undefined && { IPAMConfig: { IPv4Address: nic.address } }),
  ...(namesNics && { DriverOpts: { [nicNameOption]: nic.interfaceName }, ...(nic.mac !== "" && { MacAddress: nic.mac }) }),
});
