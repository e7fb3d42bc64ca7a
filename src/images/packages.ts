/**
 * Debian packages by the machine's own mirror, without touching the machine: apt works on a private state in a cache
 * folder, so no root is needed, nothing is installed, and any suite can be had on any Debian. Signatures are checked by
 * the archive's keyring; an unsigned or foreign package is refused.
 */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Terminal } from "../errors.ts";
import { run } from "./run.ts";

/** Where packages come from: the archive and, where the machine has one, its security updates. */
export interface Mirror { readonly archive: string; readonly security?: string }

/** A package file on disk. */
export interface PackageFile { readonly name: string; readonly version: string; readonly path: string }

export const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * Packages that others depend on for being installed and configured, not for running: apt is told that they are there.
 * libllvm would double every image for the sake of JIT, which the server does without when its library is missing.
 */
const pretended = [
  "adduser", "debconf", "dpkg", "install-info", "libllvm14", "libllvm19", "libperl5.36", "locales", "openssl", "passwd",
  "perl", "perl-base", "postgresql-client-common", "postgresql-common", "sensible-utils", "ssl-cert", "sysvinit-utils", "ucf",
];

/** The machine's mirror, from lines of `archive-uri suite`: the one of its own suite, and that of its security suite. */
export const mirrorOf = (lines: string): Mirror | undefined => {
  const sources = lines.split("\n").map((line) => line.trim().split(/\s+/)).filter(([uri]) => /^https?:/.test(uri ?? ""));
  const uriOf = (suite: RegExp): string | undefined => sources.find(([, name]) => suite.test(name ?? ""))?.[0];
  const archive = uriOf(/^(bookworm|trixie|forky|sid|stable|testing|unstable)$/);
  const security = uriOf(/-security$/);
  if (archive === undefined) return undefined;
  return security === undefined ? { archive } : { archive, security };
};

/** Asks apt which mirror this machine uses. */
export const findMirror = async (): Promise<Mirror> => {
  const lines = await run({ program: "apt-get", args: ["indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE)"] });
  const mirror = mirrorOf(lines);
  if (mirror !== undefined) return mirror;
  throw new Terminal("no Debian mirror in this machine's apt sources: images are built from Debian packages, so name one in PGRS_DEBIAN_MIRROR, or use an image from a registry");
};

const sourceList = (mirror: Mirror, suite: string): string => {
  const line = (uri: string, name: string): string => `deb [signed-by=${keyring}] ${uri} ${name} main\n`;
  const secured = suite === "sid" ? undefined : mirror.security;
  return line(mirror.archive, suite) + (secured === undefined ? "" : line(secured, `${suite}-security`));
};

/** Valid-Until is not checked: a mirror that froze, or a clock that is off, would otherwise stop every build. */
const aptSettings = (state: string): string => [
  `Dir "${state}";`, `Dir::State "${state}";`, `Dir::State::status "${state}/status";`, `Dir::Cache "${state}";`,
  `Dir::Etc::sourcelist "${state}/sources.list";`, `Dir::Etc::sourceparts "-";`, `Dir::Etc::preferencesparts "-";`,
  `#clear APT::Update::Post-Invoke;`, `#clear APT::Update::Post-Invoke-Success;`, `#clear APT::Update::Pre-Invoke;`,
  `Acquire::Languages "none";`, `Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";`,
  `Acquire::Check-Valid-Until "false";`, `APT::Update::Error-Mode "any";`, `Acquire::Retries "3";`, `Acquire::http::Timeout "20";`,
  `APT::Sandbox::User "root";`, `APT::Install-Recommends "false";`, `APT::Keep-Downloaded-Packages "true";`, "",
].join("\n");

const pretend = (architecture: string): string => pretended.map((name) =>
  `Package: ${name}\nStatus: install ok installed\nVersion: 99:0\nArchitecture: ${architecture}\nMulti-Arch: foreign\nMaintainer: none\nDescription: left out\n\n`,
).join("");

/** The package files that apt would install, from its dry run: lines of `Inst name (version origin [architecture])`. */
export const packageFilesOf = (dryRun: string, folder: string): readonly PackageFile[] =>
  dryRun.split("\n").flatMap((line) => {
    const [, name, version, architecture] = /^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) .*\[(\w+)\]\)/.exec(line) ?? [];
    if (name === undefined || version === undefined || architecture === undefined) return [];
    const file = `${name}_${version.replaceAll(":", "%3a")}_${architecture}.deb`; // apt writes an epoch's colon that way
    return [{ name, version, path: join(folder, file) }];
  });

/** Downloads the packages and all that they need to run. Those already in the cache are not fetched again. */
export const download = async (request: {
  readonly suite: string; readonly packages: readonly string[]; readonly mirror: Mirror; readonly cache: string;
  readonly progress: (line: string) => void;
}): Promise<readonly PackageFile[]> => {
  const { suite, packages, mirror, cache, progress } = request;
  const state = join(cache, "apt", suite);
  await mkdir(join(state, "lists", "partial"), { recursive: true });
  await mkdir(join(state, "archives", "partial"), { recursive: true });
  const architecture = (await run({ program: "dpkg", args: ["--print-architecture"] })).trim();
  const settings = join(state, "apt.conf");
  await writeFile(settings, aptSettings(state));
  await writeFile(join(state, "sources.list"), sourceList(mirror, suite));
  await writeFile(join(state, "status"), pretend(architecture));
  const apt = (...args: readonly string[]): Promise<string> => run({ program: "apt-get", args: ["-c", settings, "-q", "-y", ...args] });
  progress(`reading ${suite}'s package lists from ${mirror.archive}`);
  await apt("update");
  const files = packageFilesOf(await apt("install", "--simulate", ...packages), join(state, "archives"));
  const absent = files.filter((file) => !existsSync(file.path)).length;
  if (absent > 0) progress(`downloading ${String(absent)} packages`);
  await apt("install", "--download-only", ...packages);
  return files;
};
