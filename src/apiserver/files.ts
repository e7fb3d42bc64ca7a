/** Files that are either the old or the new ones, whatever happens in between, and that nobody else may read. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync, chmodSync } from "node:fs";
import { dirname } from "node:path";

/** The file's text; undefined when there is no such file. */
export const readIfThere = (path: string): string | undefined => {
  try { return readFileSync(path, "utf8"); } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
};

const synced = (path: string, flags: string, write: (file: number) => void, mode?: number): void => {
  const file = openSync(path, flags, mode);
  try { write(file); fsyncSync(file); } finally { closeSync(file); }
};

/** Replaces the file as a whole; it is on disk when this returns. Mode 0600. */
export const writePrivately = (path: string, text: string): void => {
  const draft = `${path}.${process.pid}.new`;
  synced(draft, "w", (file) => { writeSync(file, text); }, 0o600);
  chmodSync(draft, 0o600);
  renameSync(draft, path);
  synced(dirname(path), "r", () => undefined);
};

/** Makes the directory, with its parents, for the owner alone. */
export const makePrivateDirectory = (path: string): void => {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
};
