// .ci/run with an npm of the test's own: its last line and exit code, whatever becomes of the tests.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { projectFolder } from "../../scripts/home.ts";

const folder = mkdtempSync(join(tmpdir(), "pgrs-ci-"));
after(() => { rmSync(folder, { recursive: true }); });

const checkout = join(folder, "checkout");
mkdirSync(join(checkout, ".ci"), { recursive: true });
copyFileSync(join(projectFolder, ".ci", "run"), join(checkout, ".ci", "run"));
mkdirSync(join(folder, "bin"));

/** Runs it with an npm that does this, without assets of the machine's own. */
const ci = (npm: string): { readonly code: number | null; readonly out: string; readonly last: string | undefined } => {
  writeFileSync(join(folder, "bin", "npm"), `#!/bin/sh\n${npm}\n`);
  chmodSync(join(folder, "bin", "npm"), 0o755);
  const { status, stdout, stderr } = spawnSync("sh", [join(checkout, ".ci", "run")], {
    encoding: "utf8", timeout: 60_000,
    env: { ...process.env, PATH: `${join(folder, "bin")}:${process.env.PATH ?? ""}`, KUBEBUILDER_ASSETS: "", XDG_CACHE_HOME: join(folder, "cache") },
  });
  return { code: status, out: stdout + stderr, last: stdout.trimEnd().split("\n").at(-1) };
};

const verdict = (line: string): string => `mkdir -p .pgrs/test; echo "${line}" > .pgrs/test/verdict`;
const runs: readonly { when: string; npm: string; last: string; code: number }[] = [
  { when: "all pass", npm: `${verdict("12 passed, 0 failed")}; echo noise`, last: "12 passed, 0 failed", code: 0 },
  { when: "some fail", npm: `${verdict("12 passed, 3 failed")}; exit 1`, last: "12 passed, 3 failed", code: 1 },
  { when: "some fail and npm hides it", npm: verdict("12 passed, 10 failed"), last: "12 passed, 10 failed", code: 1 },
  { when: "the set-up breaks", npm: "echo no mirror; exit 1", last: "0 passed, 1 failed", code: 1 },
  { when: "npm ends without a word", npm: "exit 0", last: "0 passed, 1 failed", code: 1 },
  { when: "nothing ran", npm: `${verdict("0 passed, 0 failed")}; exit 1`, last: "0 passed, 0 failed", code: 1 },
  { when: "npm is killed", npm: "kill -9 $$", last: "0 passed, 1 failed", code: 137 },
];
for (const { when, npm, last, code } of runs) {
  test(`the last line when ${when}`, () => {
    const run = ci(npm);
    assert.deepEqual({ last: run.last, code: run.code }, { last, code }, run.out);
  });
}

test("an earlier run's verdict is not taken for this one's", () => {
  ci(verdict("9 passed, 0 failed"));
  assert.equal(ci("exit 1").last, "0 passed, 1 failed");
});

test("without real API servers it says loudly that their tests are skipped", () => {
  assert.match(ci(verdict("1 passed, 0 failed")).out, /KUBEBUILDER_ASSETS IS NOT SET: TESTS AGAINST REAL API SERVERS ARE SKIPPED/);
});

test("an archive of real API servers beside the checkout is unpacked once and named to the tests", () => {
  const assets = join(folder, "beside", "bin");
  mkdirSync(assets, { recursive: true });
  writeFileSync(join(assets, "kube-apiserver"), "");
  assert.equal(spawnSync("tar", ["-cJf", join(assets, "kubebuilder-assets.tar.xz"), "-C", assets, "kube-apiserver"]).status, 0);
  const shows = `${verdict("1 passed, 0 failed")}; echo "assets: $KUBEBUILDER_ASSETS"`;
  const first = /assets: (\S+)/.exec(ci(shows).out)?.[1] ?? "";
  assert.match(first, new RegExp(`^${folder}/cache/pgrs/kubebuilder-`));
  assert.equal(/assets: (\S+)/.exec(ci(shows).out)?.[1], first);
});
