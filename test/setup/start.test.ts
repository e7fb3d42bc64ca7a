// A stranger's path on this machine: npm start, again, stop, a crash, clean. Real Engine, own state folder and subnets,
// so that nothing else on the machine is met.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import Docker from "dockerode";
import { label } from "../../src/api/names.ts";
import { projectFolder } from "../../scripts/home.ts";

const folder = mkdtempSync(join(tmpdir(), "pgrs-start-"));
const home = join(folder, "home");
const name = `start-${randomUUID().slice(0, 6)}`;
writeFileSync(join(folder, "test.pid"), String(process.pid));
const docker = new Docker();
const bystander = `${name}-bystander`;

const sh = (script: string, args: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): { readonly code: number | null; readonly out: string } => {
  const { status, stdout, stderr } = spawnSync("sh", [join(projectFolder, "scripts", script), ...args],
    { encoding: "utf8", timeout: 240_000, maxBuffer: 16 * 1024 ** 2, env: { ...process.env, PGRS_HOME: home, PGRS_WAIT_SECONDS: "180", ...environment } });
  return { code: status, out: stdout + stderr };
};

/** The first example, under another name and on other subnets. */
const example = join(folder, "cluster.yaml");
writeFileSync(example, readFileSync(join(projectFolder, "examples", "cluster.yaml"), "utf8")
  .replace("name: demo", `name: ${name}`).replaceAll("192.168.11.", "192.168.231.").replaceAll("10.10.0.", "10.231.0."));

const fileWith = (text: string): string => {
  const file = join(folder, `${randomUUID()}.yaml`);
  writeFileSync(file, text);
  return file;
};

const pid = (): number => Number(readFileSync(join(home, "pgrs.pid"), "utf8"));
const installation = (): string => readFileSync(join(home, "installation"), "utf8");
const ofInstallation = async (id: string): Promise<number> => {
  const filters = { label: [`${label.installation}=${id}`] };
  const [containers, networks, { Volumes: volumes }] = await Promise.all([
    docker.listContainers({ all: true, filters }), docker.listNetworks({ filters }), docker.listVolumes({ filters })]);
  return containers.length + networks.length + volumes.length;
};

/** A run that was killed left its folder, from which the project's own clean knows the rest. */
before(() => {
  for (const left of readdirSync(tmpdir()).filter((entry) => entry.startsWith("pgrs-start-")).map((entry) => join(tmpdir(), entry))) {
    const pidFile = join(left, "test.pid");
    if (!existsSync(pidFile) || existsSync(`/proc/${readFileSync(pidFile, "utf8").trim()}`)) continue;
    sh("clean.sh", ["--yes"], { PGRS_HOME: join(left, "home") });
    rmSync(left, { recursive: true, force: true });
  }
});

after(async () => {
  sh("clean.sh", ["--yes"]);
  await docker.getVolume(bystander).remove().catch(() => undefined); // gone when the last test got that far
  rmSync(folder, { recursive: true, force: true });
});

describe("npm start", () => {
  test("brings a cluster to Ready and shows a row on primary and standby", () => {
    const { code, out } = sh("start.sh", [example]);
    assert.equal(code, 0, out);
    assert.match(out, new RegExp(`applied ${example}`));
    assert.match(out, /is Ready/);
    assert.match(out, new RegExp(`${name}-0 \\(Primary\\): select \\* from hello[^]*hello from ${name}-0[^]*\\| f\\n`));
    assert.match(out, new RegExp(`${name}-1 \\(Standby\\): select \\* from hello[^]*hello from ${name}-0[^]*\\| t\\n`));
    assert.match(out, /eth1 192\.168\.231\.101\/24 \(lan\), eth2 10\.231\.0\.1\/24 \(repl\)/);
    assert.match(out, new RegExp(`export KUBECONFIG=${home}/kubeconfig`));
    assert.equal(statSync(join(home, "kubeconfig")).mode & 0o777, 0o600);
  });

  test("again, finds everything in place, keeps the same program, and a person's changes", () => {
    const before = pid();
    const { code, out } = sh("start.sh", [example]);
    assert.equal(code, 0, out);
    assert.match(out, /is there already and stays as it is/);
    assert.doesNotMatch(out, /starting control plane/);
    assert.equal(pid(), before);
  });

  test("prints no password", async () => {
    const { out } = sh("start.sh", [example]);
    const kubectl = process.env.PGRS_KUBECTL ?? "kubectl";
    for (const account of ["superuser", "replication", "app"]) {
      const { stdout } = spawnSync(kubectl, ["--kubeconfig", join(home, "kubeconfig"), "get", "secret", `${name}-${account}`, "-o", "jsonpath={.data.password}"], { encoding: "utf8" });
      const password = Buffer.from(stdout, "base64").toString();
      assert.ok(password.length > 0);
      assert.ok(!out.includes(password) && !readFileSync(join(home, "pgrs.log"), "utf8").includes(password));
    }
  });

  test("after a crash of program and databases, goes on with a stale pid file", async () => {
    const crashed = pid();
    process.kill(crashed, "SIGKILL");
    for (const ordinal of [0, 1]) await docker.getContainer(`default_${name}_${String(ordinal)}`).kill();
    const { code, out } = sh("start.sh", [example]);
    assert.equal(code, 0, out);
    assert.match(out, /starting control plane and operator/);
    assert.notEqual(pid(), crashed);
  });
});

test("npm stop ends the program and leaves the databases running", async () => {
  const { code, out } = sh("stop.sh");
  assert.equal(code, 0, out);
  assert.match(out, /stopped; the databases go on running/);
  for (const ordinal of [0, 1]) assert.equal((await docker.getContainer(`default_${name}_${String(ordinal)}`).inspect()).State.Running, true);
  assert.match(sh("stop.sh").out, /nothing runs on/);
});

test("a pid file that names another program is not believed", () => {
  writeFileSync(join(home, "pgrs.pid"), `${String(process.pid)}\n`);
  assert.match(sh("stop.sh").out, /nothing runs on/);
  assert.ok(!existsSync(join(home, "pgrs.pid")));
});

describe("bad input", () => {
  test("a port that is taken is said", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => { server.listen(0, "127.0.0.1", resolve); });
    try {
      const { port } = server.address() as AddressInfo;
      const { code, out } = sh("start.sh", [example], { PGRS_PORT: String(port) });
      assert.equal(code, 1);
      assert.match(out, new RegExp(`ended at once[^]*${String(port)}`));
    } finally {
      server.close();
    }
  });

  test("a file that is missing, holds no such resource, or is refused, is said with the reason", () => {
    const missing = sh("start.sh", [join(folder, "none.yaml")]);
    assert.equal(missing.code, 1);
    assert.match(missing.out, /no such file.*none\.yaml/);
    const other = sh("start.sh", [fileWith("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: some }\n")]);
    assert.equal(other.code, 1);
    assert.match(other.out, /must hold exactly one PostgresReplicaSet/);
    const refused = sh("start.sh", [fileWith(readFileSync(example, "utf8").replace(`name: ${name}`, `name: ${name}-x`).replace("replicas: 2", "replicas: -1"))]);
    assert.equal(refused.code, 1);
    assert.match(refused.out, /spec\.replicas/);
  });

  test("a cluster that cannot become Ready ends with the operator's own words", () => {
    const impossible = readFileSync(example, "utf8").replace(`name: ${name}`, `name: ${name}-y`).replaceAll("192.168.231.", "192.168.232.").replaceAll("10.231.0.", "10.232.0.")
      .replace('version: "17"', 'version: "17"\n    image: pgrs/no-such-image:1');
    const { code, out } = sh("start.sh", [fileWith(impossible)], { PGRS_WAIT_SECONDS: "45" });
    assert.equal(code, 1, out);
    assert.match(out, /pgrs\/no-such-image:1/);
    assert.match(out, /ImageUnavailable/);
  });
});

test("npm run clean removes all of this installation and nothing of another", async () => {
  await docker.createVolume({ Name: bystander, Labels: { [label.installation]: "another", "pgrs.test": name } });
  const id = installation();
  assert.ok(await ofInstallation(id) > 0);
  const { code, out } = sh("clean.sh", ["--yes"]);
  assert.equal(code, 0, out);
  assert.match(out, new RegExp(`to remove: container default_${name}_0`));
  assert.equal(await ofInstallation(id), 0);
  assert.ok(!existsSync(home));
  await docker.getVolume(bystander).inspect();
  assert.match(sh("clean.sh", ["--yes"]).out, /nothing to remove/);
});
