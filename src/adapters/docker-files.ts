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

type Part = Pick<Engine, "putFiles" | "own" | "readFile" | "readDirectory">;

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

interface Unpacked { readonly name: string; readonly type: string | undefined | null; readonly bytes: Uint8Array }

/** What a tar holds. Destroys the stream once it has more than the bound. */
const entriesOf = async (what: string, stream: Readable): Promise<readonly Unpacked[]> => {
  const archive = extract();
  const entries: Unpacked[] = [];
  let bytesLeft = fileBytesMax;
  stream.on("error", (error) => archive.destroy(error));
  stream.pipe(archive);
  try {
    for await (const entry of archive) {
      bytesLeft -= entry.header.size ?? 0;
      if (bytesLeft < 0) throw new Terminal(`${what}: it has more than ${fileBytesMax} bytes`);
      const chunks: Buffer[] = [];
      for await (const chunk of entry) chunks.push(chunk as Buffer);
      entries.push({ name: entry.header.name, type: entry.header.type, bytes: Buffer.concat(chunks) });
    }
    return entries;
  } finally {
    stream.destroy();
  }
};

/** The one file of a tar. */
export const unpacked = async (what: string, stream: Readable): Promise<Uint8Array> => {
  const [entry] = await entriesOf(what, stream);
  if (entry === undefined) throw new Terminal(`${what}: the Engine sent no file`);
  if (entry.type !== "file") throw new Terminal(`${what}: it is no regular file`);
  return entry.bytes;
};

/** The files of a tar of a directory: their names begin with the directory's own. */
const unpackedDirectory = async (what: string, stream: Readable): Promise<ReadonlyMap<string, Uint8Array>> =>
  new Map((await entriesOf(what, stream)).filter(({ name, type }) => type === "file" && name.split("/").length === 2)
    .map(({ name, bytes }) => [posix.basename(name), bytes]));

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

/** Directories that were seen in a container: nothing of ours takes them away again, and each question costs a tenth of a second. */
type Seen = Set<string>;
const seenMax = 10_000;

const put = async (container: Docker.Container, { directory, files }: Load, { seen, abortSignal }: { readonly seen: Seen; readonly abortSignal: AbortSignal }): Promise<void> => {
  const missing: string[] = [];
  for (const parent of new Set(files.flatMap(({ path }) => parentsOf(path)))) {
    const place = `${container.id} ${posix.join(directory, parent)}`;
    if (seen.has(place)) continue;
    if (seen.size >= seenMax) seen.clear();
    if (await isThere(container, posix.join(directory, parent), abortSignal)) seen.add(place);
    else missing.push(parent);
  }
  await container.putArchive(await packed(missing, files), { path: directory, noOverwriteDirNonDir: "1", abortSignal });
};

/** The same load one level higher. */
const raised = ({ directory, files }: Load): Load =>
  ({ directory: posix.dirname(directory), files: files.map((file) => ({ ...file, path: posix.join(posix.basename(directory), file.path) })) });

export const fileCalls = ({ call }: Calls, seen: Seen = new Set()): Part => ({
  putFiles: async (container, directory, files, signal) => {
    const what = `put files into ${directory} of ${container.slice(0, 12)}`;
    const load = { directory: posix.normalize(directory), files: checked(directory, files) };
    await call(what, signal, async (docker, abortSignal) => {
      const target = docker.getContainer(encodeURIComponent(container));
      try {
        await put(target, load, { seen, abortSignal }).catch((error: unknown) => {
          // The directory itself may be missing; what it lies in may not, or data could seem to be where there is none.
          if (!isMissing(error)) throw error;
          return put(target, raised(load), { seen, abortSignal });
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

  readFile: (container, path, signal) => read(call, { container, path, signal }, unpacked),
  readDirectory: (container, path, signal) => read(call, { container, path, signal }, unpackedDirectory),
});

interface Reading { readonly container: string; readonly path: string; readonly signal: AbortSignal }

const read = <T>(call: Calls["call"], { container, path, signal }: Reading, unpack: (what: string, stream: Readable) => Promise<T>): Promise<T | undefined> => {
  const what = `read ${path} of ${container.slice(0, 12)}`;
  return call(what, signal, async (docker, abortSignal) => {
    try {
      return await unpack(what, await docker.getContainer(encodeURIComponent(container)).getArchive({ path, abortSignal }) as Readable);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }, { read: true });
};
