/**
 * Files in and out of containers, running or not, through the Engine's archive: no shell is needed for it, and none
 * has to run. Everything put belongs to user 999. Bounded: 1 MiB a file.
 */
import { posix } from "node:path";
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import { extract, pack } from "tar-stream";
import { Conflict, Terminal } from "../errors.ts";
import type { Engine, File } from "../ports.ts";
import type { Calls } from "./docker-calls.ts";
import { answered, ownWords } from "./docker-errors.ts";

type Part = Pick<Engine, "putFiles" | "own" | "readFile">;

export const fileBytesMax = 1024 * 1024;
const postgres = { uid: 999, gid: 999 };
const fileMode = 0o600;
const directoryMode = 0o700;
const noSuchFile = /could not find the file|no such file or directory|no such directory/i;

/** The directories above a relative path, outermost first: "a/b/c" has "a" and "a/b". */
const parentsOf = (path: string): readonly string[] => {
  const parts = posix.dirname(path).split("/");
  return parts[0] === "." ? [] : parts.map((_, index) => parts.slice(0, index + 1).join("/"));
};

/** Paths that would leave the directory, or that the tar format cuts, are refused before anything is sent. */
const checked = (directory: string, files: readonly File[]): readonly File[] => files.map((file) => {
  const path = posix.normalize(file.path);
  if (posix.isAbsolute(path) || path.startsWith("..") || path === "." || path.endsWith("/")) throw new Terminal(`put ${file.path} into ${directory}: the path leaves the directory`);
  if (Buffer.byteLength(file.text) > fileBytesMax) throw new Terminal(`put ${file.path} into ${directory}: more than ${fileBytesMax} bytes`);
  return { ...file, path };
});

/** A tar of the files and of the directories given, as PUT archive wants it. */
export const packed = async (directories: readonly string[], files: readonly File[]): Promise<Buffer> => {
  const archive = pack();
  for (const name of directories) archive.entry({ name, type: "directory", mode: directoryMode, ...postgres });
  for (const { path, text, mode } of files) archive.entry({ name: path, mode: mode ?? fileMode, ...postgres }, text);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

/** The first file of a tar. Destroys the stream once it has more than the bound. */
export const unpacked = async (what: string, stream: Readable): Promise<Uint8Array> => {
  const archive = extract();
  stream.on("error", (error) => archive.destroy(error));
  stream.pipe(archive);
  try {
    for await (const entry of archive) {
      if (entry.header.type !== "file") throw new Terminal(`${what}: it is no regular file`);
      if ((entry.header.size ?? 0) > fileBytesMax) throw new Terminal(`${what}: it has more than ${fileBytesMax} bytes`);
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    }
    throw new Terminal(`${what}: the Engine sent no file`);
  } finally {
    stream.destroy();
  }
};

const isMissing = (error: unknown): boolean => answered(error, 404, noSuchFile);

const isThere = async (container: Docker.Container, path: string, abortSignal: AbortSignal): Promise<boolean> => {
  try {
    (await container.infoArchive({ path, abortSignal }) as Readable).destroy();
    return true;
  } catch (error) {
    // A HEAD has no body to tell what is missing; if it is the container, the PUT will say so.
    if (!answered(error, 404)) throw error;
    return false;
  }
};

interface Load { readonly directory: string; readonly files: readonly File[] }

const put = async (container: Docker.Container, { directory, files }: Load, abortSignal: AbortSignal): Promise<void> => {
  const missing: string[] = [];
  for (const parent of new Set(files.flatMap(({ path }) => parentsOf(path)))) {
    if (!await isThere(container, posix.join(directory, parent), abortSignal)) missing.push(parent);
  }
  await container.putArchive(await packed(missing, files), { path: directory, noOverwriteDirNonDir: "1", abortSignal });
};

/** The same load one level higher. */
const raised = ({ directory, files }: Load): Load =>
  ({ directory: posix.dirname(directory), files: files.map((file) => ({ ...file, path: posix.join(posix.basename(directory), file.path) })) });

export const fileCalls = ({ call }: Calls): Part => ({
  putFiles: async (container, directory, files, signal) => {
    const what = `put files into ${directory} of ${container.slice(0, 12)}`;
    const load = { directory: posix.normalize(directory), files: checked(directory, files) };
    await call(what, signal, async (docker, abortSignal) => {
      const target = docker.getContainer(encodeURIComponent(container));
      try {
        await put(target, load, abortSignal).catch((error: unknown) => {
          // The directory itself may be missing; what it lies in may not, or data could seem to be where there is none.
          if (!isMissing(error)) throw error;
          return put(target, raised(load), abortSignal);
        });
      } catch (error) {
        if (isMissing(error)) throw new Conflict(`${what}: the directory is not there`, { cause: ownWords(error) });
        throw error;
      }
    });
  },

  // A directory's entry in a tar changes the owner and mode of a directory that is there.
  own: (container, directory, signal) => call(`take ${directory} of ${container.slice(0, 12)} over for user 999`, signal, async (docker, abortSignal) => {
    const entry = await packed([posix.basename(directory)], []);
    await docker.getContainer(encodeURIComponent(container)).putArchive(entry, { path: posix.dirname(directory), abortSignal });
  }),

  readFile: (container, path, signal) => call(`read ${path} of ${container.slice(0, 12)}`, signal, async (docker, abortSignal) => {
    try {
      const stream = await docker.getContainer(encodeURIComponent(container)).getArchive({ path, abortSignal }) as Readable;
      return await unpacked(`read ${path} of ${container.slice(0, 12)}`, stream);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }, { read: true }),
});
