import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { mirrorOf, packageFilesOf } from "../../src/images/packages.ts";
import { majors, postgresRecipe } from "../../src/images/recipes.ts";
import { run } from "../../src/images/run.ts";
import { addServer } from "../../src/images/server.ts";

const mirrors: readonly { when: string; lines: readonly string[]; mirror: ReturnType<typeof mirrorOf> }[] = [
  { when: "the machine has an archive and its security updates",
    lines: ["http://mirror.test/debian/ bookworm-updates", "http://mirror.test/debian/ bookworm", "http://mirror.test/debian-security/ bookworm-security"],
    mirror: { archive: "http://mirror.test/debian/", security: "http://mirror.test/debian-security/" } },
  { when: "it has no security updates", lines: ["https://mirror.test/debian trixie"], mirror: { archive: "https://mirror.test/debian" } },
  { when: "other vendors' sources stand around it", lines: ["https://deb.vendor.test/node nodistro", "http://mirror.test/d sid"], mirror: { archive: "http://mirror.test/d" } },
  { when: "it is no Debian", lines: ["http://archive.test/ubuntu noble"], mirror: undefined },
  { when: "the archive is a CD", lines: ["cdrom:[Debian]/ bookworm"], mirror: undefined },
  { when: "there are no sources", lines: [""], mirror: undefined },
];
for (const { when, lines, mirror } of mirrors) {
  test(`the mirror when ${when}`, () => { assert.deepEqual(mirrorOf(lines.join("\n")), mirror); });
}

test("package files from apt's dry run: new ones, upgraded ones, epochs; nothing from other lines", () => {
  const dryRun = [
    "NOTE: This is only a simulation!",
    "Inst libc6 (2.36-9+deb12u14 Debian:12.15/oldstable [amd64])",
    "Inst libllvm19 [99:0] (1:19.1.7-3+b1 Debian:13/stable [amd64])",
    "Inst tzdata (2026b-0+deb12u1 Debian:12/oldstable, Debian-Security:12/oldstable [all])",
    "Conf libc6 (2.36-9+deb12u14 Debian:12.15/oldstable [amd64])",
  ].join("\n");
  assert.deepEqual(packageFilesOf(dryRun, "/cache").map(({ name, version, path }) => [name, version, path]), [
    ["libc6", "2.36-9+deb12u14", "/cache/libc6_2.36-9+deb12u14_amd64.deb"],
    ["libllvm19", "1:19.1.7-3+b1", "/cache/libllvm19_1%3a19.1.7-3+b1_amd64.deb"],
    ["tzdata", "2026b-0+deb12u1", "/cache/tzdata_2026b-0+deb12u1_all.deb"],
  ]);
});

test("a program's failure carries its last words", async () => {
  await assert.rejects(run({ program: "sh", args: ["-c", "echo first >&2; echo no space left >&2; exit 3"] }), /sh failed: first; no space left/);
  await assert.rejects(run({ program: "sh", args: ["-c", "echo only output; exit 1"] }), /sh failed: only output/);
});

test("a program that is missing, and one that does not end, are said in a sentence", async () => {
  await assert.rejects(run({ program: "no-such-program", args: [] }), /no-such-program could not be run/);
  await assert.rejects(run({ program: "sleep", args: ["60"], timeoutSeconds: 0.05 }), /sleep did not end within 0.05 s/);
});

test("a server package that is not the pinned one is refused and thrown away", async () => {
  const cache = await mkdtemp(join(tmpdir(), "pgrs-cache-"));
  try {
    await run({ program: "mkdir", args: [join(cache, "npm")] });
    const kept = join(cache, "npm", "server-1.0.0.tgz");
    await writeFile(kept, "something else");
    const server = { package: "@some/server", version: "1.0.0", integrity: "sha512-expected" };
    await assert.rejects(addServer({ server, major: "11", clientMajor: "15", root: cache, cache, work: cache }), /is not the pinned package: expected sha512-expected/);
    await assert.rejects(run({ program: "cat", args: [kept] }), /No such file/);
  } finally {
    await rm(cache, { recursive: true });
  }
});

test("there is a recipe for each major from 10 to 18, laid out as the official image of that major", () => {
  assert.deepEqual(majors, ["10", "11", "12", "13", "14", "15", "16", "17", "18"]);
  assert.deepEqual(postgresRecipe("17")?.buildArguments, { PG_MAJOR: "17" });
  assert.deepEqual(postgresRecipe("18")?.buildArguments, { PG_MAJOR: "18", PGDATA: "/var/lib/postgresql/18/docker", VOLUME: "/var/lib/postgresql" });
});

test("a client is never older than the server it stands in for", () => {
  for (const major of majors) {
    const recipe = postgresRecipe(major);
    assert.ok(recipe !== undefined);
    assert.ok(Number(recipe.clientMajor ?? major) >= Number(major), major);
  }
});
