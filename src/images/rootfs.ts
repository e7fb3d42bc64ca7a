/**
 * A root file system as a tar file, from package files and perhaps a server tree. Packages are only unpacked: no script
 * of theirs runs, so a build needs no root and cannot harm the machine; what their scripts would have done and a
 * container needs (users, merged /usr, locale) is done here.
 */
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readlink, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { PackageFile } from "./packages.ts";
import { run } from "./run.ts";

/** Documentation, translations and what only compilers or JIT read: half of the size, of no use to a server. */
const leftOut = [
  "./usr/share/doc/*", "./usr/share/man/*", "./usr/share/info/*", "./usr/share/lintian/*", "./usr/share/bug/*",
  "./usr/share/locale/*", "./usr/lib/postgresql/*/lib/bitcode", "./usr/lib/postgresql/*/lib/llvmjit*", "./usr/lib/postgresql/*/lib/pgxs",
  "./usr/share/bash-completion/*", "./usr/share/perl5/*", "./etc/init.d/*", "./usr/lib/systemd/*", "./lib/systemd/*",
];

const users = [
  "root:x:0:0:root:/root:/bin/bash", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
  "postgres:x:999:999::/var/lib/postgresql:/bin/bash", "",
].join("\n");
const groups = ["root:x:0:", "tty:x:5:", "nogroup:x:65534:", "postgres:x:999:", ""].join("\n");

const mergedFolders = ["bin", "sbin", "lib", "lib64"] as const;

/** One shell pipeline per package: dpkg-deb knows the compression, tar the symlinks that stand for /bin and /lib. */
const unpack = async (file: PackageFile, root: string, only: readonly string[] = []): Promise<void> => {
  const excluded = leftOut.map((pattern) => `--exclude=${pattern}`);
  await run({
    program: "sh",
    args: ["-c", 'file=$1; shift; dpkg-deb --fsys-tarfile "$file" | tar -x --keep-directory-symlink --no-same-owner "$@"',
      "unpack", file.path, "-C", root, ...excluded, ...only],
  });
};

const linksIn = async (folder: string): Promise<readonly string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isSymbolicLink()).map((entry) => join(entry.parentPath, entry.name));
};

/** The package of all locales shares files by symlinks: en_US and what it points at are a hundredth of it. */
const unpackLocale = async (file: PackageFile, root: string): Promise<void> => {
  const folder = "usr/lib/locale/en_US.utf8";
  await unpack(file, root, [`./${folder}`]);
  const targets = await Promise.all((await linksIn(join(root, folder))).map(async (link) =>
    `./${relative(root, join(dirname(link), await readlink(link)))}`));
  await unpack(file, root, [...new Set(targets)]);
};

const prepare = async (root: string): Promise<void> => {
  for (const folder of mergedFolders) {
    await mkdir(join(root, "usr", folder), { recursive: true });
    await symlink(`usr/${folder}`, join(root, folder));
  }
};

/** Newer packages bring some links themselves. */
const link = async (target: string, path: string): Promise<void> => {
  await symlink(target, path).catch((error: NodeJS.ErrnoException) => { if (error.code !== "EEXIST") throw error; });
};

const finish = async (root: string): Promise<void> => {
  await mkdir(join(root, "etc"), { recursive: true });
  await writeFile(join(root, "etc/passwd"), users);
  await writeFile(join(root, "etc/group"), groups);
  await writeFile(join(root, "etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n");
  for (const [program, name] of [["dash", "sh"], ["mawk", "awk"]] as const) {
    if (existsSync(join(root, "usr/bin", program))) await link(program, join(root, "usr/bin", name));
  }
  await mkdir(join(root, "tmp"), { recursive: true });
  await chmod(join(root, "tmp"), 0o1777);
};

/** Makes the tree under `root`, which must not exist yet. */
export const unpackAll = async (files: readonly PackageFile[], root: string): Promise<void> => {
  await prepare(root);
  for (const file of files) {
    if (file.name === "locales-all") await unpackLocale(file, root);
    else await unpack(file, root);
  }
  await finish(root);
};

/** Packs the tree; whoever built it, everything in it belongs to root. */
export const pack = (root: string, tarFile: string): Promise<string> =>
  run({ program: "tar", args: ["-c", "-f", tarFile, "-C", root, "--numeric-owner", "--owner=0", "--group=0", "."] });
