// npm run clean: removes what the project made on this machine: the background program, containers, networks and
// volumes of its installation, and the state folder. It lists them first, and asks when a person is there to answer.
// It must never touch anything that does not carry this installation's label.
// Options: --yes (do not ask), --images (also the images built here), --installation ID (when the state is lost).
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import Docker from "dockerode";
import { label } from "../src/api/names.ts";
import { explain } from "../src/errors.ts";
import { findRunning, stopBackground } from "./background.ts";
import { findHome } from "./home.ts";
import type { Home } from "./home.ts";

/** One thing to remove: what a person reads, and how it goes. */
interface Thing { readonly what: string; readonly remove: () => Promise<unknown> }

const say = (line: string): void => { console.log(`pgrs: ${line}`); };

const statusOf = (error: unknown): unknown => typeof error === "object" && error !== null && "statusCode" in error ? error.statusCode : undefined;

/** What is gone already is as good as removed. */
const unlessGone = async (removal: Promise<unknown>): Promise<void> => {
  await removal.catch((error: unknown) => { if (statusOf(error) !== 404) throw error; });
};

/** Containers before the networks and volumes that they hold on to. */
const onEngine = async (docker: Docker, installation: string): Promise<readonly Thing[]> => {
  const filters = { label: [`${label.installation}=${installation}`] };
  const [containers, networks, { Volumes: volumes }] = await Promise.all([
    docker.listContainers({ all: true, filters }), docker.listNetworks({ filters }), docker.listVolumes({ filters }),
  ]).catch((error: unknown) => {
    throw new Error("the Docker Engine does not answer: start it (sh scripts/ensure-docker.sh)", { cause: error });
  });
  return [
    ...containers.map(({ Id, Names, State }) => ({
      what: `container ${Names[0]?.replace("/", "") ?? Id} (${State})`,
      remove: () => unlessGone(docker.getContainer(Id).remove({ force: true, v: true })),
    })),
    ...networks.map(({ Id, Name }) => ({ what: `network ${Name}`, remove: () => unlessGone(docker.getNetwork(Id).remove()) })),
    ...volumes.map(({ Name }) => ({ what: `volume ${Name}, with its data`, remove: () => unlessGone(docker.getVolume(Name).remove()) })),
  ];
};

/** Without its own id nothing on the Engine is this project's; a person may know better whose the rest is. */
const sayOthers = async (docker: Docker, home: Home): Promise<void> => {
  const containers = await docker.listContainers({ all: true, filters: { label: [label.installation] } }).catch(() => []);
  const others = new Set(containers.map(({ Labels }) => Labels[label.installation] ?? ""));
  for (const id of others) say(`containers of installation ${id} stay: ${home.folder} does not know it; if it is yours, npm run clean -- --installation ${id} removes them`);
};

const builtImages = async (docker: Docker): Promise<readonly Thing[]> =>
  (await docker.listImages({ filters: { label: ["pgrs.dev/image"] } })).map(({ Id, RepoTags }) => ({
    what: `image ${RepoTags?.join(", ") ?? Id}`, remove: () => unlessGone(docker.getImage(Id).remove({ force: true })),
  }));

const background = async (home: Home): Promise<readonly Thing[]> => {
  const pid = await findRunning(home);
  return pid === undefined ? [] : [{ what: `control plane and operator (pid ${String(pid)})`, remove: () => stopBackground(pid, home) }];
};

/** A folder that was there before the project came is left, with a word about it. */
const stateFolder = (home: Home): readonly Thing[] => {
  if (existsSync(home.marker)) return [{ what: `folder ${home.folder}, with resources and certificates`, remove: () => rm(home.folder, { recursive: true, force: true }) }];
  if (existsSync(home.folder)) say(`${home.folder} was not made by npm start and stays; remove it yourself if it holds nothing else`);
  return [];
};

const findInstallation = async (home: Home, given: string | undefined): Promise<string | undefined> => {
  const text = given ?? await readFile(home.installationFile, "utf8").catch(() => "");
  return text.trim() === "" ? undefined : text.trim();
};

const isAgreed = async (skip: boolean): Promise<boolean> => {
  if (skip || !process.stdin.isTTY || !process.stdout.isTTY) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question("Remove all of this? [y/N] ");
  terminal.close();
  return /^y(es)?$/i.test(answer.trim());
};

const clean = async (): Promise<void> => {
  const { values } = parseArgs({ options: { yes: { type: "boolean", default: false }, images: { type: "boolean", default: false }, installation: { type: "string" } } });
  const home = findHome();
  const docker = new Docker();
  const installation = await findInstallation(home, values.installation);
  if (installation === undefined) await sayOthers(docker, home);
  const program = await background(home);
  const rest = async (): Promise<readonly Thing[]> => [
    ...installation === undefined ? [] : await onEngine(docker, installation),
    ...values.images ? await builtImages(docker) : [], ...stateFolder(home),
  ];
  const listed = [...program, ...await rest()];
  if (listed.length === 0) { say("nothing to remove"); return; }
  for (const { what } of listed) say(`to remove: ${what}`);
  if (!await isAgreed(values.yes)) { say("nothing was removed"); return; }
  // The operator ends first, or it would put back what is being removed; what it made meanwhile is looked up again.
  for (const { remove } of program) await remove();
  for (const { what, remove } of await rest()) {
    await remove();
    say(`removed ${what}`);
  }
};

try {
  await clean();
} catch (error) {
  console.error(`pgrs: ${explain(error)}; run this again when the cause is gone`);
  process.exitCode = 1;
}
