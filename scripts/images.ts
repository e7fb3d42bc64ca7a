// Sees to it that the Engine has the PostgreSQL images that an example asks for: there already, else pulled when a
// registry answers within seconds, else built from packages.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type Docker from "dockerode";
import { loadAll } from "js-yaml";
import { buildImage, buildTools, type BuildRequest } from "../src/images/build.ts";
import { withHeartbeat } from "./heartbeat.ts";
import type { Home } from "./home.ts";

/** How long a registry may take for its first word; a machine without one must not wait for the Engine's own minute. */
const registryPatienceMs = 6_000;
const pullSeconds = 900;

type Say = (line: string) => void;

const field = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined;

/** The versions in a file's resources that leave the choice of the image to the operator. */
export const versionsIn = (yaml: string): readonly string[] => loadAll(yaml).flatMap((document) => {
  if (field(document, "kind") !== "PostgresReplicaSet") return [];
  const postgres = field(field(document, "spec"), "postgres");
  if (field(postgres, "image") !== undefined) return [];
  const version = field(postgres, "version");
  return typeof version === "string" ? [version] : []; // anything else is for the API server to refuse
});

const listIn = (value: unknown): readonly unknown[] => Array.isArray(value) ? value : [];

/** Whether an address follows a primary in one of the file's resources, which takes the helper's image. */
export const needsTools = (yaml: string): boolean => loadAll(yaml).some((document) =>
  field(document, "kind") === "PostgresReplicaSet" && listIn(field(field(document, "spec"), "networks")).some((network) => field(network, "primaryAddress") !== undefined));

const isPresent = (docker: Docker, name: string): Promise<boolean> =>
  docker.getImage(name).inspect().then(() => true, () => false);

/** Follows a pull to its end; the first progress line within the patience, the whole within a quarter of an hour. */
const pull = async (docker: Docker, name: string, say: Say): Promise<void> => {
  const stop = new AbortController();
  const impatience = setTimeout(() => { stop.abort(new Error("no registry answered")); }, registryPatienceMs);
  const stream = await docker.pull(name, { abortSignal: AbortSignal.any([stop.signal, AbortSignal.timeout(pullSeconds * 1000)]) });
  let saidAt = 0;
  let failure: string | undefined;
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => {
      clearTimeout(impatience);
      if (error === null && failure === undefined) resolve();
      else reject(error ?? new Error(failure));
    }, (event: { readonly status?: string; readonly progress?: string; readonly error?: string }) => {
      clearTimeout(impatience);
      failure ??= event.error; // told inside an answer that began well
      if (Date.now() - saidAt < 2_000) return;
      saidAt = Date.now();
      say(`${name}: ${event.status ?? ""} ${event.progress ?? ""}`.trimEnd());
    });
  }).finally(() => { clearTimeout(impatience); });
};

/** A build tells of itself for as long as it takes. */
const buildWith = async (home: Home, say: Say, build: (request: Omit<BuildRequest, "docker">) => Promise<unknown>): Promise<void> => {
  const mirror = process.env.PGRS_DEBIAN_MIRROR;
  await withHeartbeat(say, (progress) => build({ progress, cache: join(home.folder, "cache"), ...(mirror === undefined ? {} : { mirror }) }));
};

const ensureImage = async (docker: Docker, version: string, home: Home, say: Say): Promise<void> => {
  const local = `pgrs/postgres:${version}`;
  const official = `postgres:${version}`;
  if (await isPresent(docker, local)) { say(`image ${local} is there`); return; }
  if (await isPresent(docker, official)) { say(`image ${official} is there`); return; }
  say(`asking a registry for ${official}`);
  try {
    await pull(docker, official, say);
    say(`pulled ${official}`);
  } catch {
    say(`no registry gives ${official}; building ${local} from Debian packages (about half a minute)`);
    await buildWith(home, say, (request) => buildImage({ ...request, docker, major: version }));
  }
};

const ensureTools = async (docker: Docker, home: Home, say: Say): Promise<void> => {
  if (await isPresent(docker, "pgrs/tools:latest")) { say("image pgrs/tools is there"); return; }
  say("building pgrs/tools from a Debian package (seconds): an address follows the primary");
  await buildWith(home, say, (request) => buildTools({ ...request, docker }));
};

/** Every image that the file's resources need and that the operator would not be given by name. */
export const ensureImagesFor = async (docker: Docker, file: string, home: Home, say: Say): Promise<void> => {
  const yaml = await readFile(file, "utf8");
  for (const version of new Set(versionsIn(yaml))) await ensureImage(docker, version, home, say);
  if (needsTools(yaml)) await ensureTools(docker, home, say);
};
