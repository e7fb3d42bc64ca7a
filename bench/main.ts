/**
 * npm run bench: how long the operator takes from apply to Ready beside a plain script that does the same steps, and
 * what it costs at rest. It prints figures and judges none. It works on the real Engine with an embedded control plane
 * of its own, and removes what it made, also when it is interrupted; all of it carries the run's labels. What a run that
 * was killed has left is removed by the next one.
 *
 *   npm run bench -- [--runs N] [PART ...]     parts: starts cluster memory npm-start (all of them)
 *   npm run bench -- failover [--by-hand]      the pauses of clients, on its own: it takes half an hour; --by-hand: the script's alone
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Docker from "dockerode";
import { dockerEngine } from "../src/adapters/docker.ts";
import { postgres } from "../src/adapters/postgres.ts";
import type { ImageFacts, Logger } from "../src/ports.ts";
import { label } from "../src/api/names.ts";
import { namespace, desiredOf, postgresVersion, resourceOf } from "./cluster.ts";
import { controlOf, isReady, type Control } from "./control.ts";
import { measureFailover } from "./failover.ts";
import { roundsAtGoal } from "./goal.ts";
import { byOperator as operatedCluster } from "./operated.ts";
import { controlPlaneStarts, memoryOf, wholeStarts } from "./others.ts";
import { plainCluster, type Tools } from "./plain.ts";
import { startProgram, type LogLine, type Program } from "./program.ts";
import { median, ms, seconds, stepTable, sumTable, table, type Step } from "./steps.ts";
import { sweepDeadRuns, sweepLabel, sweepRun, writeNote, type Note } from "../test/e2e/leftovers.ts";

/** The whole bench ends within this, whatever happens. */
const wholeLimitMs = { usual: 360_000, failover: 3_000_000 };
const goalRounds = 20;
const parts = ["starts", "cluster", "memory", "npm-start", "failover"] as const;
type Part = (typeof parts)[number];

const { values, positionals } = parseArgs({ options: { "runs": { type: "string" }, "by-hand": { type: "boolean", default: false } }, allowPositionals: true });
const isFailover = positionals.includes("failover");
const runs = Number(values.runs ?? (isFailover ? "10" : "3"));
const isWanted = (part: Part): boolean => positionals.includes(part) || (positionals.length === 0 && part !== "failover");
const runId = `bench-${randomBytes(3).toString("hex")}`;

const silent: Logger = { info: () => undefined, debug: () => undefined, with: () => silent };
const print = (text: string): void => { console.log(text); };
const title = (text: string): void => { print(`\n${text}`); };

interface Bench {
  readonly tools: Tools;
  readonly image: ImageFacts;
  readonly control: Control;
  readonly operator: Program;
  readonly installation: string;
  readonly signal: AbortSignal;
}

/** What the operator logged for one resource, as steps after a moment. */
const stepsOf = (lines: readonly LogLine[], name: string, fromMs: number): readonly Step[] => lines.flatMap((line): readonly Step[] => {
  const { message, timestamp, resource, lane, because } = line;
  const tookMs = line["ms"];
  if (resource !== `${namespace}/${name}` || typeof tookMs !== "number") return [];
  const atMs = Date.parse(timestamp) - tookMs - fromMs;
  return atMs < 0 ? [] : [{ atMs, tookMs, lane: String(lane), what: `${message} (${String(because)})` }];
});

const bare = (steps: readonly Step[]): readonly Step[] => steps.map((step) => ({ ...step, what: step.what.replace(/ \(.*/s, "") }));

interface Timed { readonly tookMs: number; readonly steps: readonly Step[] }

async function byOperator({ control, operator }: Bench, name: string, block: number): Promise<Timed> {
  const startedAt = Date.now();
  await control.apply(resourceOf(name, block));
  await control.until(name, isReady);
  return { tookMs: Date.now() - startedAt, steps: stepsOf(operator.lines, name, startedAt) };
}

async function byScript({ tools, image, signal }: Bench, name: string, block: number): Promise<Timed> {
  const startedAt = Date.now();
  const steps = await plainCluster(tools, desiredOf(runId, name, block), image, signal);
  return { tookMs: Date.now() - startedAt, steps };
}

/** Both ways by turns, so that a busy moment of the machine meets both. The last cluster of the operator stays. */
async function compare(bench: Bench): Promise<string> {
  const { tools, control } = bench;
  const operator: Timed[] = [];
  const script: Timed[] = [];
  for (let run = 0; run < runs; run += 1) {
    script.push(await byScript(bench, `plain${String(run)}`, 2 * run));
    await sweepLabel(tools.docker, `${label.installation}=${runId}`);
    const name = `bench${String(run)}`;
    operator.push(await byOperator(bench, name, 2 * run + 1));
    if (run === runs - 1) continue;
    await control.remove(name);
    await control.until(name, (resource) => resource === undefined);
  }
  const middle = (all: readonly Timed[]): Timed | undefined => all.toSorted((one, other) => one.tookMs - other.tookMs)[Math.floor(all.length / 2)];
  title(`Three members, from apply to Ready (${String(runs)} runs, by turns)`);
  const row = (who: string, all: readonly Timed[]): readonly string[] => [who, ...all.map(({ tookMs }) => seconds(tookMs)), seconds(median(all.map(({ tookMs }) => tookMs)))];
  print(table([["", ...operator.map((_, run) => `run ${String(run + 1)}`), "median"], row("plain script", script), row("operator", operator)]));
  const ratio = median(operator.map(({ tookMs }) => tookMs)) / median(script.map(({ tookMs }) => tookMs));
  print(`  ratio operator / plain script: ${ratio.toFixed(2)}`);
  title("Steps of the operator, in its median run");
  print(stepTable(middle(operator)?.steps ?? []));
  title("Steps of the plain script, in its median run");
  print(sumTable(middle(script)?.steps ?? []));
  title("Steps of the operator in sums (they overlap)");
  print(sumTable(bare(middle(operator)?.steps ?? [])));
  return `bench${String(runs - 1)}`;
}

async function scaleUp({ control, operator }: Bench, name: string): Promise<void> {
  const startedAt = Date.now();
  await control.scale(name, 4);
  await control.until(name, isReady);
  title(`Scale-up from 3 to 4 members: ${seconds(Date.now() - startedAt)}`);
  print(stepTable(stepsOf(operator.lines, name, startedAt)));
}

async function atGoal({ tools, control, installation, signal }: Bench, name: string): Promise<void> {
  const world = { ...tools, resources: control.api, clock: { now: Date.now }, log: silent, installation, newPassword: () => "", pulse: { follow: () => undefined, heard: () => undefined, last: () => undefined } };
  const { tookMs, writes } = await roundsAtGoal({ namespace, name }, world, goalRounds, signal);
  title("A round for a resource at its goal (4 members)");
  print(table([
    ["rounds", "median", "longest", "writes"],
    [String(tookMs.length), ms(median(tookMs)), ms(Math.max(...tookMs)), writes.length === 0 ? "0" : writes.join(", ")],
  ]));
}

const mebibytes = (kib: number): string => `${String(Math.round(kib / 1024))} MiB`;

async function measureCluster(bench: Bench): Promise<void> {
  const name = await compare(bench);
  await scaleUp(bench, name);
  await atGoal(bench, name);
  title(`Memory of the operator with this resource: ${mebibytes(bench.operator.residentKib())} resident`);
  await bench.control.remove(name);
  await bench.control.until(name, (resource) => resource === undefined);
}

async function measureMemory(): Promise<void> {
  title("Memory of the operator's loop with three members each, in simulated worlds (which are part of it)");
  const figures = [await memoryOf(1), await memoryOf(10), await memoryOf(100)];
  print(table([["resources", "ready", "resident", "heap"], ...figures.map(({ resources, ready, residentKib, heapKib }) => [String(resources), String(ready), mebibytes(residentKib), mebibytes(heapKib)])]));
}

const imageOn = async (engine: Bench["tools"]["engine"], signal: AbortSignal): Promise<ImageFacts> => {
  for (const name of [`pgrs/postgres:${postgresVersion}`, `postgres:${postgresVersion}`]) {
    const found = await engine.image(name, signal);
    if (found !== undefined) return found;
  }
  throw new Error(`the Engine has no image of PostgreSQL ${postgresVersion}: bin/pgrs image build ${postgresVersion} makes one`);
};

interface Plane { readonly control: Control; readonly installation: string; readonly startServer: () => Promise<Program>; readonly startOperator: () => Promise<Program> }

/** Starts a control plane of the bench's own; `keep` is told of what to end later. */
async function startPlane(keep: Keep, signal: AbortSignal): Promise<Plane & { readonly server: Program }> {
  const folder = join(keep.home, "operator");
  const start = async (port: string): Promise<Program> => {
    const started = keep.program("server", startProgram("apiserver", "--home", folder, "--port", port));
    await started.untilLogged("control plane ready");
    return started;
  };
  const server = await start("0");
  const ready = await server.untilLogged("control plane ready");
  const startServer = (): Promise<Program> => start(new URL(String(ready["url"])).port);
  const kubeconfig = String(ready["kubeconfig"]);
  const control = controlOf(kubeconfig);
  const installation = keep.installation("server", await control.api.installationId(signal));
  const startOperator = async (): Promise<Program> => {
    const started = keep.program("operator", startProgram("operator", "--kubeconfig", kubeconfig));
    await started.untilLogged("watching");
    return started;
  };
  return { control, installation, server, startServer, startOperator };
}

async function clusters(tools: Tools, image: ImageFacts, keep: Keep, signal: AbortSignal): Promise<void> {
  const { control, installation, startOperator } = await startPlane(keep, signal);
  await measureCluster({ tools, image, control, operator: await startOperator(), installation, signal });
}

async function failover(docker: Docker, keep: Keep, signal: AbortSignal): Promise<void> {
  const handOnly = { docker, id: keep.noted("hand"), runs, print, atEnd: keep.atEnd, operated: undefined, stepsSince: () => [], interrupt: () => Promise.reject(new Error("nothing to interrupt")) };
  if (values["by-hand"]) return measureFailover(handOnly);
  const plane = await startPlane(keep, signal);
  const running = { "control plane": plane.server, "operator": await plane.startOperator() };
  const start = { "control plane": plane.startServer, "operator": plane.startOperator };
  await measureFailover({
    ...handOnly, operated: await operatedCluster(plane.control, "bench", 61, signal),
    stepsSince: (from) => stepsOf(running.operator.lines, "bench", from),
    interrupt: async (program) => {
      await running[program].stop();
      return async () => { running[program] = await start[program](); };
    },
  });
}

interface Keep {
  readonly home: string;
  readonly program: (part: Noted, program: Program) => Program;
  readonly installation: (part: Noted, uid: string) => string;
  /** Notes that something of this part is made, and gives the label that its things carry. */
  readonly noted: (part: Noted) => string;
  readonly atEnd: (end: () => Promise<void>) => void;
}

/** In the order in which they are ended and swept, should this run be killed: the operator first, which would make things again. */
type Noted = "operator" | "server" | "start" | "hand";

async function main(): Promise<void> {
  const stop = new AbortController();
  process.once("SIGINT", () => { stop.abort(new Error("interrupted")); });
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(isFailover ? wholeLimitMs.failover : wholeLimitMs.usual)]);
  const docker = new Docker();
  await sweepDeadRuns(docker);
  const home = await mkdtemp(join(tmpdir(), "pgrs-bench-"));
  const engine = dockerEngine({ log: silent, clock: { now: Date.now } });
  const servers = postgres({ exec: (...call) => engine.exec(...call), log: silent });
  const programs: Program[] = [];
  const ends: (() => Promise<void>)[] = [];
  const notes = new Map<Noted, Note>();
  const note = (part: Noted, more: Partial<Note>): void => {
    const noted = { id: `${runId}-${part}`, testPid: process.pid, home, ...notes.get(part), ...more };
    notes.set(part, noted);
    writeNote(noted);
  };
  note("operator", { installation: runId });
  const keep: Keep = {
    home,
    program: (part, program) => {
      programs.push(program);
      note(part, program.pid === undefined ? {} : { programPid: program.pid });
      return program;
    },
    installation: (part, uid) => { note(part, { installation: uid }); return uid; },
    noted: (part) => { note(part, {}); return `${runId}-${part}`; },
    atEnd: (end) => { ends.push(end); },
  };
  const work = async (): Promise<void> => {
    const image = await imageOn(engine, signal);
    if (isWanted("starts")) await controlPlaneStarts(home, print);
    if (isWanted("cluster")) await clusters({ engine, postgres: servers, docker }, image, keep, signal);
    if (isWanted("npm-start")) await wholeStarts({ home, name: runId, print, onStarted: (left) => { note("start", left); } });
    if (isWanted("memory")) await measureMemory();
    if (isWanted("failover")) await failover(docker, keep, signal);
  };
  const ended = new Promise<never>((_, reject) => { signal.addEventListener("abort", () => { reject(signal.reason as Error); }, { once: true }); });
  try {
    await Promise.race([work(), ended]);
  } finally {
    for (const end of ends) await end();
    for (const program of programs.toReversed()) await program.stop();
    for (const noted of notes.values()) await sweepRun(docker, noted);
    servers.close();
    engine.close();
    await rm(home, { recursive: true, force: true });
  }
}

const unknown = positionals.filter((word) => !parts.some((part) => part === word));
if (unknown.length > 0 || !(runs >= 1)) {
  print(`npm run bench -- [--runs N] [--by-hand] [${parts.join("|")} ...]`);
  process.exitCode = 2;
} else {
  print(`bench ${runId}: PostgreSQL ${postgresVersion}, ${String(runs)} runs`);
  await main();
}
