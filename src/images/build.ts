/**
 * `pgrs image build`: local images by the conventions of the official ones, for machines where no registry answers.
 * A tag is made of the recipe's content, so an image that is there is never built again. It must never pull or push,
 * and touches no image but the ones it makes.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import type Docker from "dockerode";
import { Terminal, Transient, explain } from "../errors.ts";
import { download, findMirror } from "./packages.ts";
import type { Mirror, PackageFile } from "./packages.ts";
import { majors, postgresRecipe, toolsRecipe } from "./recipes.ts";
import type { Recipe } from "./recipes.ts";
import { pack, unpackAll } from "./rootfs.ts";
import { addServer } from "./server.ts";

/** What a build needs from its caller. */
export interface BuildRequest {
  readonly docker: Docker;
  /** Called with a line for a person at each step. */
  readonly progress: (line: string) => void;
  /** Where downloaded packages are kept and trees are unpacked; by default a folder of the project. */
  readonly cache?: string;
  /** A Debian archive; by default the one of this machine's apt sources. */
  readonly mirror?: string;
}

/** The image's name by content, and whether it had to be built. */
export interface BuiltImage { readonly tag: string; readonly built: boolean }

const projectFolder = join(import.meta.dirname, "..", "..");
const neededBytes = 1024 ** 3;
const buildSeconds = 600;
/** How much of the builder's output is kept, for its last words and its last layer. */
const keptCharacters = 64 * 1024;

const folderOf = (recipe: Recipe): string => join(projectFolder, "images", recipe.folder);

/** The name by content: the recipe's values and every file of its folder. */
export const contentTag = async (recipe: Recipe): Promise<string> => {
  const hash = createHash("sha256").update(JSON.stringify(recipe));
  for (const file of (await readdir(folderOf(recipe))).sort()) {
    hash.update(`\0${file}\0`).update(await readFile(join(folderOf(recipe), file)));
  }
  const content = hash.digest("hex").slice(0, 12);
  return recipe.tag === "latest" ? `${recipe.repository}:${content}` : `${recipe.repository}:${recipe.tag}-${content}`;
};

const statusOf = (error: unknown): number | undefined =>
  typeof error === "object" && error !== null && "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : undefined;

const isPresent = async (docker: Docker, tag: string): Promise<boolean> => {
  try {
    await docker.getImage(tag).inspect();
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw new Transient("the Docker Engine does not answer: is it running, and may this user reach its socket?", { cause: error });
  }
};

const checkSpace = async (folder: string): Promise<void> => {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= neededBytes) return;
  throw new Terminal(`${folder} has ${String(Math.floor(bavail * bsize / 1024 ** 2))} MiB free; an image build needs ${String(neededBytes / 1024 ** 2)} MiB: free some space`);
};

/** What the Engine's builder prints, one object at a time. */
interface BuildEvent { readonly stream?: string; readonly error?: string }

/** A failed build leaves the layers it had made, untagged: the last one takes its parents along. */
const removeLayers = async (docker: Docker, printed: string): Promise<void> => {
  const last = [...printed.matchAll(/^ ---> ([0-9a-f]{12})$/gm)].at(-1)?.[1];
  if (last !== undefined) await docker.getImage(last).remove().catch(() => undefined); // the failure itself matters more
};

/** The Engine tells of a failed instruction inside an answer that began with 200. */
const followBuild = async (docker: Docker, stream: NodeJS.ReadableStream): Promise<void> => {
  let printed = "";
  let failure: string | undefined;
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => { if (error === null) resolve(); else reject(error); }, (event: BuildEvent) => {
      printed = (printed + (event.stream ?? "")).slice(-keptCharacters);
      failure = event.error ?? failure;
    });
  }).catch((error: unknown) => { failure ??= explain(error); });
  if (failure === undefined) return;
  await removeLayers(docker, printed);
  throw new Terminal(`the Engine could not build the image: ${failure}: ${printed.trim().split("\n").slice(-3).join("; ")}`);
};

/** Sends Dockerfile and tree to the Engine's own builder, which every Engine has without plug-ins. */
const buildInEngine = async (request: { readonly docker: Docker; readonly work: string; readonly tag: string; readonly recipe: Recipe; readonly version: string }): Promise<void> => {
  const { docker, work, tag, recipe, version } = request;
  const context = spawn("tar", ["-c", "-C", work, "rootfs.tar", ...await readdir(folderOf(recipe))], { stdio: ["ignore", "pipe", "inherit"] });
  const stream = await docker.buildImage(context.stdout, {
    t: tag, rm: true, forcerm: true, networkmode: "none",
    buildargs: { ...recipe.buildArguments, PG_VERSION: version },
    labels: { "pgrs.dev/image": recipe.folder },
    abortSignal: AbortSignal.timeout(buildSeconds * 1000),
  }).catch((error: unknown) => { throw new Terminal("the Engine could not take the image's files", { cause: error }); });
  await followBuild(docker, stream);
};

const versionOf = (recipe: Recipe, files: readonly PackageFile[]): string =>
  /^\d+\.\d+/.exec(recipe.server?.version ?? "")?.[0] ?? files.find((file) => file.name === recipe.versionOf)?.version ?? "";

const makeTree = async (recipe: Recipe, work: string, cache: string, mirror: Mirror, progress: BuildRequest["progress"]): Promise<string> => {
  const files = await download({ suite: recipe.suite, packages: recipe.packages, mirror, cache, progress });
  const root = join(work, "root");
  progress(`unpacking ${String(files.length)} packages`);
  await unpackAll(files, root);
  if (recipe.server !== undefined && recipe.clientMajor !== undefined) {
    progress(`adding the server ${recipe.server.package}@${recipe.server.version}`);
    await addServer({ server: recipe.server, major: recipe.tag, clientMajor: recipe.clientMajor, root, cache, work });
  }
  await pack(root, join(work, "rootfs.tar"));
  return versionOf(recipe, files);
};

/** Builds a recipe unless the Engine has it by content; its short name points at the result either way. */
export const build = async (recipe: Recipe, request: BuildRequest): Promise<BuiltImage> => {
  const { docker } = request;
  const tag = await contentTag(recipe);
  const name = `${recipe.repository}:${recipe.tag}`;
  const progress = (line: string): void => { request.progress(`${name}: ${line}`); };
  const built = !await isPresent(docker, tag);
  if (built) {
    const cache = request.cache ?? join(projectFolder, ".pgrs", "cache");
    await mkdir(cache, { recursive: true });
    await checkSpace(cache);
    const mirror = request.mirror === undefined ? await findMirror() : { archive: request.mirror };
    const work = await mkdtemp(join(cache, "build-"));
    try {
      const version = await makeTree(recipe, work, cache, mirror, progress);
      for (const file of await readdir(folderOf(recipe))) await copyFile(join(folderOf(recipe), file), join(work, file));
      progress("building in the Engine");
      await buildInEngine({ docker, work, tag, recipe, version });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  await docker.getImage(tag).tag({ repo: recipe.repository, tag: recipe.tag });
  progress(built ? `built ${tag}` : `present as ${tag}`);
  return { tag, built };
};

/** Builds pgrs/postgres:<major> unless the Engine has it. */
export const buildImage = async ({ major, ...request }: BuildRequest & { readonly major: string }): Promise<BuiltImage> => {
  const recipe = postgresRecipe(major);
  if (recipe === undefined) throw new Terminal(`no recipe for PostgreSQL ${major}: there are ${majors.join(", ")}`);
  return build(recipe, request);
};

/** Builds pgrs/tools, the helper image with ip and arping, unless the Engine has it. */
export const buildTools = (request: BuildRequest): Promise<BuiltImage> => build(toolsRecipe, request);
