/**
 * What a run makes on the machine, and its removal. Everything carries either the label of the run's own installation
 * (what the operator made) or the run's id (what a test made). A run that was killed is found by its note and swept by
 * the next one. Nothing without such a label is ever touched.
 */
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type Docker from "dockerode";
import { label } from "../../src/api/names.ts";
import { testLabel } from "./engine.ts";
import { closeLan } from "./lan.ts";

export interface Note {
  readonly id: string;
  /** The test's own process, and the program it started, with the home that stands in that one's command line. */
  readonly testPid: number;
  readonly home: string;
  readonly programPid?: number;
  readonly installation?: string;
}

const notes = join(tmpdir(), "pgrs-e2e");
const noteOf = (id: string): string => join(notes, `${id}.json`);

/** Written in one step, so that who reads it meanwhile reads all of it. */
export const writeNote = (note: Note, path = noteOf(note.id)): void => {
  mkdirSync(notes, { recursive: true });
  writeFileSync(`${path}.new`, JSON.stringify(note));
  renameSync(`${path}.new`, path);
};

const isNotFound = (error: unknown): boolean => (error as { statusCode?: number }).statusCode === 404;
const goneIsFine = (error: unknown): void => { if (!isNotFound(error)) throw error; };

/** Removes all containers, then networks, then volumes that carry a label. */
export const sweepLabel = async (docker: Docker, filter: string): Promise<void> => {
  const filters = { label: [filter] };
  const containers = await docker.listContainers({ all: true, filters });
  await Promise.all(containers.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true }).catch(goneIsFine)));
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove().catch(goneIsFine);
  for (const { Name } of (await docker.listVolumes({ filters })).Volumes ?? []) await docker.getVolume(Name).remove().catch(goneIsFine);
};

const isAlive = (pid: number): boolean => {
  try { return process.kill(pid, 0); } catch { return false; }
};

/** Ends a program only when its command line names the home that the run made. */
const endProgram = ({ programPid, home }: Note): void => {
  if (programPid === undefined || !isAlive(programPid)) return;
  if (readFileSync(`/proc/${String(programPid)}/cmdline`, "utf8").includes(home)) process.kill(programPid, "SIGKILL");
};

/** Disks that a test mounted in the run's home. */
const unmountIn = async (home: string): Promise<void> => {
  const points = readFileSync("/proc/self/mounts", "utf8").split("\n").map((line) => line.split(" ")[1] ?? "");
  for (const point of points.filter((one) => one.startsWith(`${home}/`))) await promisify(execFile)("umount", ["--lazy", point]);
};

/** Removes what a run made, its home and its note included. */
export const sweepRun = async (docker: Docker, note: Note, path = noteOf(note.id)): Promise<void> => {
  endProgram(note);
  if (note.installation !== undefined) await sweepLabel(docker, `${label.installation}=${note.installation}`);
  await sweepLabel(docker, `${testLabel}=${note.id}`);
  await closeLan(note.id);
  await unmountIn(note.home);
  await rm(note.home, { recursive: true, force: true });
  await rm(path, { force: true });
};

/** Takes a dead run's note for this process alone: of several that start at once, one gets it. */
const claim = (path: string): { readonly note: Note; readonly path: string } | undefined => {
  try {
    const note = JSON.parse(readFileSync(path, "utf8")) as Note;
    if (isAlive(note.testPid)) return undefined;
    const mine = join(notes, `${note.id}.${String(process.pid)}.json`);
    renameSync(path, mine);
    writeNote({ ...note, testPid: process.pid }, mine);
    return { note, path: mine };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

/** Removes what runs left whose test process is no more, in the order of their ids. */
export const sweepDeadRuns = async (docker: Docker): Promise<void> => {
  const files = await readdir(notes).catch((): string[] => []);
  for (const file of files.filter((name) => name.endsWith(".json")).sort()) {
    const dead = claim(join(notes, file));
    if (dead !== undefined) await sweepRun(docker, dead.note, dead.path);
  }
};
