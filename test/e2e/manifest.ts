/** Manifests of the scenarios: the examples as they are, moved to other subnets only where the machine uses theirs already. */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type Docker from "dockerode";

const examples = join(import.meta.dirname, "..", "..", "examples");

/** A value that has to be there; throws what is missing. */
export const valueIn = <T>(value: T | undefined, what: string): T => {
  if (value === undefined) throw new Error(`there is no ${what}`);
  return value;
};

const prefixOf = (address: string): string => address.split(".").slice(0, 3).join(".");

/** The /24 neighbourhoods that Docker networks and the machine's own interfaces use. */
const takenPrefixes = async (docker: Docker): Promise<ReadonlySet<string>> => {
  const networks = await docker.listNetworks();
  const subnets = networks.flatMap(({ IPAM }) => (IPAM?.Config ?? []).map(({ Subnet }) => Subnet ?? ""));
  const own = Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address));
  return new Set([...subnets, ...own].map(prefixOf));
};

const elsewhere = (prefix: string, taken: ReadonlySet<string>): string => {
  const [first = "10", second = "0", third = "0"] = prefix.split(".");
  for (let step = 100; step < 200; step += 1) {
    const other = first === "192" ? `${first}.${second}.${String((Number(third) + step) % 256)}` : `${first}.${String((Number(second) + step) % 256)}.${third}`;
    if (!taken.has(other)) return other;
  }
  throw new Error(`no free subnet beside ${prefix}.0/24`);
};

/** The text with every /24 that is taken moved to a free one. */
const clearOf = (text: string, taken: ReadonlySet<string>): string =>
  text.replace(/\b(\d+\.\d+\.\d+)\.(\d+)\b/g, (whole, prefix: string, host: string) => taken.has(prefix) ? `${elsewhere(prefix, taken)}.${host}` : whole);

/** The text on subnets that are free here. */
export const clear = async (docker: Docker, text: string): Promise<string> => clearOf(text, await takenPrefixes(docker));

/** An example of examples/, on subnets that are free here. */
export const example = (docker: Docker, file: string): Promise<string> => clear(docker, readFileSync(join(examples, file), "utf8"));

/** A resource of the given name and spec. JSON is YAML. */
export const manifestAsIs = (name: string, spec: object): string =>
  JSON.stringify({ apiVersion: "pgrs.dev/v1alpha1", kind: "PostgresReplicaSet", metadata: { name }, spec });

/** The same, on subnets that are free here. */
export const manifest = (docker: Docker, name: string, spec: object): Promise<string> => clear(docker, manifestAsIs(name, spec));
