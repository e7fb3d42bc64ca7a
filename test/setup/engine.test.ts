// What a killed machine leaves behind must not keep the next start from working. Runs an Engine of its own, in
// namespaces of its own, so that the machine's Engine is not touched; that needs root.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { projectFolder } from "../../scripts/home.ts";

/** A private /run, /var/lib and network; everything in it dies with the shell, which is pid 1 there. */
const inOwnWorld = (script: string): { readonly code: number | null; readonly out: string } => {
  const setUp = "set -eu; mount -t tmpfs none /run; mount -t tmpfs none /var/lib; mount -t tmpfs none /var/log; ip link set lo up";
  const { status, stdout, stderr } = spawnSync("unshare", ["-m", "-n", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", `${setUp}\n${script}`],
    { cwd: projectFolder, encoding: "utf8", timeout: 150_000, env: { ...process.env, DOCKER_HOST: "" } });
  return { code: status, out: stdout + stderr };
};

const killContainerd = 'for comm in /proc/[0-9]*/comm; do if [ "$(cat $comm 2>/dev/null)" = containerd ]; then kill -9 "$(echo $comm | cut -d/ -f3)" || true; fi; done'; // it may be ending already
const start = "sh scripts/ensure-docker.sh";

test("an Engine is started where no service manager does, and found when it runs", { skip: process.getuid?.() !== 0 && "needs root" }, () => {
  const { code, out } = inOwnWorld(`${start}; ${start}`);
  assert.equal(code, 0, out);
  assert.equal(out.match(/starting dockerd/g)?.length, 1);
  assert.equal(out.match(/Docker Engine \S+ answers/g)?.length, 2);
});

test("stale pid files and sockets of a killed Engine are cleared, also when their pid is another program's by now", { skip: process.getuid?.() !== 0 && "needs root" }, () => {
  const { code, out } = inOwnWorld([
    `${start}; kill -9 "$(cat /run/docker.pid)"; ${killContainerd}; sleep 0.5`,
    "sleep 1000 & echo $! > /run/docker.pid; echo $! > /run/docker/containerd/containerd.pid",
    "mkdir -p /run/containerd; node -e 'require(\"net\").createServer().listen(\"/run/containerd/containerd.sock\", () => process.kill(process.pid, \"SIGKILL\"))' || true",
    `${start}; kill -9 "$(cat /run/docker.pid)"; sleep 0.5; ${start}`,
  ].join("\n"));
  assert.equal(code, 0, out);
  assert.match(out, /removing the stale \/var\/run\/docker\.pid/);
  assert.match(out, /removing the stale \/run\/containerd\/containerd\.sock/);
  assert.equal(out.match(/Docker Engine \S+ answers/g)?.length, 3);
});
