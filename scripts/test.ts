// Runs the checks and every test file, suite by suite, and sums up. Cheap suites come first, so that a plain mistake
// shows within seconds; those on the Docker Engine run one file at a time, since they share the machine's networks.
// Arguments: names of suites; none means all. It exits non-zero when anything failed or nothing ran.
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Docker from "dockerode";
import { projectFolder } from "./home.ts";
import { readTotals } from "./totals.ts";
import type { Totals } from "./totals.ts";

interface Suite { readonly name: string; readonly minutes: number; readonly command: () => readonly string[] }

/** All suites together, about twice what they take on two cores; what has not begun by then counts as failed, since it proves nothing. */
const minutesForAll = 60;

const reports = join(projectFolder, ".pgrs", "test");
const reportOf = (name: string): string => join(reports, `${name}.tap`);

/** Folders whose tests need servers, a Docker Engine, or both. */
const heavy = ["conformance", "images", "setup", "manifests", "e2e"] as const;

const filesOf = (name: string): readonly string[] => {
  const all = globSync("test/**/*.test.ts", { cwd: projectFolder }).sort();
  const folder = (file: string): string | undefined => heavy.find((known) => file.startsWith(`test/${known}/`));
  return all.filter((file) => (folder(file) ?? "unit") === name);
};

const nodeTests = (name: string, minutes: number, ...options: readonly string[]): Suite => ({
  name, minutes, command: () => [
    process.execPath, "--test", ...options, "--test-reporter=spec", "--test-reporter-destination=stdout",
    "--test-reporter=tap", `--test-reporter-destination=${reportOf(name)}`, ...filesOf(name),
  ],
});

const serial = "--test-concurrency=1";

const suites: readonly Suite[] = [
  { name: "types", minutes: 5, command: () => ["npm", "run", "-s", "types"] },
  { name: "lint", minutes: 5, command: () => ["npm", "run", "-s", "lint"] },
  nodeTests("unit", 20),
  nodeTests("conformance", 12, serial),
  nodeTests("images", 5, serial),
  nodeTests("setup", 10, serial),
  nodeTests("manifests", 6, serial),
  nodeTests("e2e", 40, serial),
];

/** Runs a command in a process group of its own and ends the whole group when its minutes are over. */
const runToEnd = (name: string, [program = "", ...args]: readonly string[], minutes: number): Promise<number> => new Promise((resolve) => {
  const child = spawn(program, args, { cwd: projectFolder, stdio: "inherit", detached: true });
  const limit = setTimeout(() => {
    console.log(`pgrs: ${name} did not end within ${minutes.toFixed(1)} minutes and is ended`);
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, minutes * 60_000);
  const end = (code: number): void => { clearTimeout(limit); resolve(code); };
  child.on("error", (error) => { console.log(`pgrs: ${program}: ${error.message}`); end(1); });
  child.on("close", (code) => { end(code ?? 1); });
});

/** What a suite came to: the report's totals for node's tests, one check for the others. A crash counts as a failure. */
const runSuite = async ({ name, minutes, command }: Suite, minutesLeft: number): Promise<Totals> => {
  if (minutesLeft <= 0) {
    console.log(`\npgrs: ${name}: not begun, for the ${String(minutesForAll)} minutes are over`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const words = command();
  const isNode = words.includes("--test");
  if (isNode && filesOf(name).length === 0) {
    console.log(`\npgrs: ${name}: no test files`);
    return { passed: 0, failed: 0, skipped: 0 };
  }
  console.log(`\npgrs: ${name}`);
  await rm(reportOf(name), { force: true });
  const code = await runToEnd(name, words, Math.min(minutes, minutesLeft));
  if (!isNode) return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 };
  return readTotals(await readFile(reportOf(name), "utf8").catch(() => ""), code);
};

/** What a killed test session left on the Engine carries the label pgrs.test. */
const sweep = async (): Promise<void> => {
  const docker = new Docker();
  const filters = { label: ["pgrs.test"] };
  for (const { Id } of await docker.listContainers({ all: true, filters })) await docker.getContainer(Id).remove({ force: true, v: true });
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove();
  for (const { Name } of (await docker.listVolumes({ filters })).Volumes) await docker.getVolume(Name).remove();
};

const add = (one: Totals, other: Totals): Totals =>
  ({ passed: one.passed + other.passed, failed: one.failed + other.failed, skipped: one.skipped + other.skipped });

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) throw new Error(`no suite ${unknown.join(", ")}: there are ${suites.map(({ name }) => name).join(", ")}`);

await mkdir(reports, { recursive: true });
await sweep();
let total: Totals = { passed: 0, failed: 0, skipped: 0 };
const lines: string[] = [];
const deadline = Date.now() + minutesForAll * 60_000;
for (const suite of suites.filter(({ name }) => chosen.length === 0 || chosen.includes(name))) {
  const startedAt = Date.now();
  const came = await runSuite(suite, (deadline - startedAt) / 60_000);
  total = add(total, came);
  lines.push(`${suite.name}: ${String(came.passed)} passed, ${String(came.failed)} failed, ${String(came.skipped)} skipped, ${String(Math.round((Date.now() - startedAt) / 1000))} s`);
}
console.log(`\n${lines.join("\n")}`);
if (total.skipped > 0) console.log(`SKIPPED: ${String(total.skipped)} tests did not run; their reasons stand above`);
const verdict = `${String(total.passed)} passed, ${String(total.failed)} failed`;
await writeFile(join(reports, "verdict"), `${verdict}\n`);
console.log(verdict);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
