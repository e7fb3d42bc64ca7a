// Where the project keeps its state on this machine. PGRS_HOME overrides the folder in the project.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

export interface Home {
  readonly folder: string;
  readonly pidFile: string;
  readonly logFile: string;
  readonly kubeconfig: string;
  /** Holds the uid of the control plane's kube-system namespace, by which everything on the Engine is labelled. */
  readonly installationFile: string;
  /** Says that the project made this folder, so that it may be removed as a whole. */
  readonly marker: string;
}

export const projectFolder = resolve(import.meta.dirname, "..");

export const findHome = (): Home => {
  const folder = resolve(process.env.PGRS_HOME ?? join(projectFolder, ".pgrs"));
  return {
    folder, pidFile: join(folder, "pgrs.pid"), logFile: join(folder, "pgrs.log"), kubeconfig: join(folder, "kubeconfig"),
    installationFile: join(folder, "installation"), marker: join(folder, ".made-by-pgrs"),
  };
};

/** Makes the folder. One that was there before with something else in it gets no marker. */
export const makeHome = async (home: Home): Promise<void> => {
  const own = !existsSync(home.folder) || existsSync(home.marker) || home.folder === join(projectFolder, ".pgrs");
  await mkdir(home.folder, { recursive: true, mode: 0o700 });
  if (own) await writeFile(home.marker, "Made by npm start; npm run clean removes this folder.\n");
};
