// npm start, second half: from Node, Docker and kubectl in place to a replicating cluster that a person has seen work.
// Each step finds out first whether it is done already, so a second run ends in seconds and changes nothing.
// Environment: PGRS_HOME (state folder), PGRS_PORT (of the control plane), PGRS_KUBECTL (its path; set by start.sh),
// PGRS_WAIT_SECONDS. Argument: the file to apply, examples/cluster.yaml when left out.
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import type { Resource } from "../src/api/resource.ts";
import { explain } from "../src/errors.ts";
import { findRunning, isRunning, lastLogLines, startBackground } from "./background.ts";
import { findHome, makeHome, projectFolder } from "./home.ts";
import type { Home } from "./home.ts";
import { ensureImagesFor } from "./images.ts";
import { makeKubectl } from "./kubectl.ts";
import type { Kubectl } from "./kubectl.ts";
import { waitForReady } from "./progress.ts";
import { proveReplication } from "./prove.ts";
import { connectionLines, memberTable, nextCommands } from "./report.ts";

const controlPlaneSeconds = 30;

const say = (line: string): void => { console.log(`pgrs: ${line}`); };
const show = (lines: readonly string[]): void => { console.log(["", ...lines.map((line) => `  ${line}`)].join("\n")); };

const answers = (kubectl: Kubectl): Promise<boolean> => kubectl("get", "--raw", "/readyz", "--request-timeout=3s").then(() => true, () => false);

/** Waits until the control plane answers, and says at once when the program ended instead. */
const waitForControlPlane = async (home: Home, kubectl: Kubectl, pid: number): Promise<void> => {
  const deadline = Date.now() + controlPlaneSeconds * 1000;
  while (!existsSync(home.kubeconfig) || !await answers(kubectl)) {
    if (!isRunning(pid, home)) throw new Error(`control plane and operator ended at once; the end of ${home.logFile}:\n${await lastLogLines(home, 12)}`);
    if (Date.now() > deadline) throw new Error(`the control plane did not answer within ${String(controlPlaneSeconds)} s: see ${home.logFile}`);
    await sleep(100);
  }
};

const ensureControlPlane = async (home: Home, kubectl: Kubectl): Promise<void> => {
  const running = await findRunning(home);
  if (running === undefined) say(`starting control plane and operator in the background, log in ${home.logFile}`);
  const pid = running ?? await startBackground(home, process.env.PGRS_PORT);
  await waitForControlPlane(home, kubectl, pid);
  say(`control plane and operator run (pid ${String(pid)})`);
  await writeFile(home.installationFile, await kubectl("get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"));
};

/** The resource's type is served once the operator has installed its definition. */
const waitForDefinition = async (kubectl: Kubectl): Promise<void> => {
  const deadline = Date.now() + controlPlaneSeconds * 1000;
  for (;;) {
    try {
      await kubectl("wait", "--for=condition=Established", "--timeout=10s", "crd/postgresreplicasets.pgrs.dev");
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(200);
    }
  }
};

/** Applies the file, unless its resource is there: a person may have changed that since, and keeps the change. */
const ensureApplied = async (kubectl: Kubectl, file: string): Promise<string> => {
  const known = (await kubectl("get", "-f", file, "--ignore-not-found", "-o", "name")).trim();
  const target = known === "" ? (await kubectl("apply", "-f", file, "-o", "name")).trim() : known;
  const [resource, ...others] = target.split("\n").filter((line) => line.startsWith("postgresreplicaset"));
  if (resource === undefined || others.length > 0) throw new Error(`${file} must hold exactly one PostgresReplicaSet`);
  say(known === "" ? `applied ${file}` : `${resource} is there already and stays as it is (kubectl apply -f ${file} would reset it)`);
  return resource;
};

/** After a reboot the last status is old news until the operator has looked again; the databases themselves are not. */
const waitUntilProven = async (kubectl: Kubectl, docker: Docker, target: string, waitSeconds: number): Promise<Resource> => {
  const deadline = Date.now() + waitSeconds * 1000;
  for (;;) {
    const resource = await waitForReady(kubectl, target, waitSeconds, say);
    say(`${target} is Ready`);
    try {
      await proveReplication(docker, resource, (text) => { show(text.split("\n")); });
      return resource;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      say(`not proven yet: ${explain(error)}`);
      await sleep(1_000);
    }
  }
};

const start = async (file: string): Promise<void> => {
  const home = findHome();
  const kubectlPath = process.env.PGRS_KUBECTL ?? "kubectl";
  const kubectl = makeKubectl(kubectlPath, home.kubeconfig);
  const docker = new Docker();
  await readFile(file);
  await makeHome(home);
  await ensureImagesFor(docker, file, home, say);
  await ensureControlPlane(home, kubectl);
  await waitForDefinition(kubectl);
  const target = await ensureApplied(kubectl, file);
  const resource = await waitUntilProven(kubectl, docker, target, Number(process.env.PGRS_WAIT_SECONDS ?? 300));
  show(memberTable(resource));
  show(["Connect:", ...connectionLines(resource)]);
  show(["Next, try:", ...nextCommands(resource, home.kubeconfig, kubectlPath)]);
};

try {
  await start(resolve(process.argv[2] ?? join(projectFolder, "examples", "cluster.yaml")));
} catch (error) {
  console.error(`pgrs: ${explain(error)}`);
  process.exitCode = 1;
}
