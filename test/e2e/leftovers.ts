/**
 * What a run makes on the machine, and its removal. Everything carries either the label of the run's own installation
 * (what the operator made) or the run's id (what a test made). A run that was killed is found by its note and swept by
 * the next one. Nothing without such a label is ever touched.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type Docker from "dockerode";
import { label } from "../../src/api/names.ts";
import { testLabel } from "./engine.ts";

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

export const writeNote = async (note: Note): Promise<void> => {
  await mkdir(notes, { recursive: true });
  await writeFile(noteOf(note.id), JSON.stringify(note));
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

/** Removes what a run made, its home and its note included. */
export const sweepRun = async (docker: Docker, note: Note): Promise<void> => {
  endProgram(note);
  if (note.installation !== undefined) await sweepLabel(docker, `${label.installation}=${note.installation}`);
  await sweepLabel(docker, `${testLabel}=${note.id}`);
  await rm(note.home, { recursive: true, force: true });
  await rm(noteOf(note.id), { force: true });
};

/** Removes what runs left whose test process is no more. */
export const sweepDeadRuns = async (docker: Docker): Promise<void> => {
  for (const file of await readdir(notes).catch((): string[] => [])) {
    const note = JSON.parse(await readFile(join(notes, file), "utf8")) as Note;
    if (!isAlive(note.testPid)) await sweepRun(docker, note);
  }
};
