/**
 * npm run bench -- failover: how long clients can't write when a primary dies, freezes or hands over, beside a person's
 * script on the same kind of cluster, by turns in the same run. Also what clients notice of an operator or a control
 * plane that stands still: nothing. It prints figures beside what they ought to be, and every pair of members that
 * ever accepted writes at the same moment.
 */
import { setTimeout as pause } from "node:timers/promises";
import type Docker from "dockerode";
import { now } from "../test/e2e/session.ts";
import { startWriter } from "../test/e2e/writer.ts";
import { containerKilled, frozen, postgresKilled, switched, type Fault } from "./faults.ts";
import { byHand } from "./hand.ts";
import { measure, type Figures } from "./measure.ts";
import type { Operated } from "./operated.ts";
import type { Side } from "./side.ts";
import { median, seconds, stepTable, table, type Step } from "./steps.ts";

export interface FailoverBench {
  readonly docker: Docker;
  readonly id: string;
  readonly runs: number;
  /** Undefined: the script alone is measured. */
  readonly operated: Operated | undefined;
  /** Stops one of the programs, and gives back how to start it again. */
  readonly interrupt: (program: "operator" | "control plane") => Promise<() => Promise<void>>;
  /** What the operator did after a moment, by the wall clock. */
  readonly stepsSince: (from: number) => readonly Step[];
  /** What has to be ended, whatever happens. */
  readonly atEnd: (end: () => Promise<void>) => void;
  readonly print: (text: string) => void;
}

interface Kind {
  readonly fault: Fault;
  /** The spec that ours has for it. */
  readonly spec: Readonly<Record<string, unknown>>;
  readonly targetMs: number;
  readonly isInPlace?: boolean;
}

const quorum = { replication: { mode: "Quorum", minSync: 1 } };
const killedPauseMs = 500;
const wholeTargetMs = 6_000;
const addressTargetMs = 300;

const kindsOf = (docker: Docker): readonly Kind[] => [
  { fault: containerKilled(docker), spec: quorum, targetMs: killedPauseMs },
  { fault: postgresKilled(docker), spec: quorum, targetMs: killedPauseMs },
  ...[1, 3].map((detectionSeconds): Kind => ({ fault: frozen(docker, detectionSeconds), spec: { ...quorum, failover: { detectionSeconds } }, targetMs: 600 })),
  { fault: switched, spec: quorum, targetMs: 400 },
  { fault: { ...containerKilled(docker), name: "asynchronous, container killed, restarted in place" }, spec: { replication: { mode: "Async" } }, targetMs: 1_500, isInPlace: true },
];

interface Came {
  readonly kind: Kind;
  readonly ours: readonly Figures[];
  readonly byHand: readonly Figures[];
  readonly failures: readonly string[];
  /** What the operator did in its run of median pause. */
  readonly steps: readonly Step[];
}

const spread = (values: readonly number[]): string => values.length === 0 ? "" : `${seconds(median(values))} (${seconds(Math.min(...values))}..${seconds(Math.max(...values))})`;

const rowOf = (what: string, ours: readonly number[], hand: readonly number[], targetMs: number): readonly string[] => [
  what, spread(ours), spread(hand), ours.length === 0 || hand.length === 0 ? "" : (median(ours) / median(hand)).toFixed(1), seconds(targetMs),
];

const numbers = (figures: readonly Figures[], of: (figures: Figures) => number | undefined): readonly number[] => figures.flatMap((each) => of(each) ?? []);

const heading = ["", "operator, median (least..most)", "by hand", "ratio", "target"];

const tableOf = (all: readonly Came[]): string => table([
  heading,
  ...all.map(({ kind, ours, byHand: hand }) => rowOf(
    `${kind.fault.name}: pause${kind.fault.detectionMs > 0 ? " beyond it" : ""}`, numbers(ours, ({ pauseMs }) => pauseMs), numbers(hand, ({ pauseMs }) => pauseMs), kind.targetMs)),
  ...all.map(({ kind, ours, byHand: hand }) => rowOf(`${kind.fault.name}: all stream again${kind.fault.detectionMs > 0 ? ", beyond it" : ""}`, numbers(ours, ({ wholeMs }) => wholeMs), numbers(hand, ({ wholeMs }) => wholeMs), wholeTargetMs)),
  ...all.filter(({ ours }) => ours.some(({ addressMs }) => addressMs !== undefined))
    .map(({ kind, ours }) => rowOf(`${kind.fault.name}: the primary's address after the promotion`, numbers(ours, ({ addressMs }) => addressMs), [], addressTargetMs)),
]);

/** By turns, so that a busy moment of the machine meets both. A run that fails is told, and the next one is tried. */
async function compare({ operated, runs, stepsSince, print }: FailoverBench, hand: Side, kind: Kind): Promise<Came> {
  const ours: Figures[] = [];
  const theirs: Figures[] = [];
  const failures: string[] = [];
  const steps = new Map<Figures, readonly Step[]>();
  const once = async (who: string, side: Side, figures: Figures[], address: string | undefined): Promise<void> => {
    try {
      await side.settled();
      const came = await measure(side, kind.fault, address);
      figures.push(came);
      steps.set(came, stepsSince(came.faultAt).filter(({ atMs }) => atMs < came.wholeMs + kind.fault.detectionMs));
      print(`  ${kind.fault.name}, ${who}: pause ${seconds(came.pauseMs)}, whole after ${seconds(came.wholeMs)}${came.addressMs === undefined ? "" : `, address ${seconds(came.addressMs)}`}${came.conflicts > 0 ? `, ${String(came.conflicts)} CONFLICTS` : ""}`);
    } catch (error) {
      failures.push(`${kind.fault.name}, ${who}: ${String(error)}`);
      print(`  ${failures.at(-1) ?? ""}`);
    }
  };
  if (operated !== undefined) await operated.edit(kind.spec);
  for (let run = 0; run < runs; run += 1) {
    await once("by hand", hand, theirs, undefined);
    if (operated !== undefined) await once("operator", operated, ours, kind.isInPlace === true ? undefined : operated.address);
  }
  const middle = ours.toSorted((one, other) => one.pauseMs - other.pauseMs)[Math.floor(ours.length / 2)];
  return { kind, ours, byHand: theirs, failures, steps: middle === undefined ? [] : steps.get(middle) ?? [] };
}

const standstillMs = 20_000;

/** The writer's longest pause while a program is away, and while it comes back. */
async function standstill({ interrupt, runs }: FailoverBench, operated: Operated, program: "operator" | "control plane"): Promise<readonly number[]> {
  const pauses: number[] = [];
  for (let run = 0; run < Math.min(runs, 3); run += 1) {
    const writer = await startWriter(operated.application);
    try {
      const from = now();
      const restart = await interrupt(program);
      await pause(standstillMs);
      await restart();
      await operated.settled();
      pauses.push(writer.longestPauseSince(from));
    } finally {
      await writer.stop();
    }
  }
  return pauses;
}

export async function measureFailover(bench: FailoverBench): Promise<void> {
  const { docker, id, runs, operated, atEnd, print } = bench;
  let kind: Kind | undefined;
  const hand = await byHand({
    id, block: 60, detectionMs: () => kind?.fault.detectionMs ?? 0, restartsInPlace: () => kind?.isInPlace === true,
  });
  atEnd(() => hand.close());
  const all: Came[] = [];
  for (const next of kindsOf(docker)) {
    kind = next;
    if (next.isInPlace === true) await hand.waitForNobody();
    all.push(await compare(bench, hand, next));
  }
  print(`\nFailover of three members, ${String(runs)} runs each, by turns: the longest time between two acknowledged writes`);
  print(tableOf(all));
  if (operated !== undefined) {
    print("\nNothing but the program stands still: the writer's longest pause (a write takes its 10 ms anyway)");
    const rows: (readonly string[])[] = [];
    for (const program of ["operator", "control plane"] as const) rows.push([`${program} away for ${seconds(standstillMs)}`, spread(await standstill(bench, operated, program))]);
    print(table([heading.slice(0, 2), ...rows]));
  }
  for (const { kind: { fault }, steps } of all.filter((one) => one.steps.length > 0)) print(`\nSteps of the operator in its median run, ${fault.name}\n${stepTable(steps)}`);
  const conflicts = all.reduce((sum, { ours }) => sum + ours.reduce((inner, figures) => inner + figures.conflicts, 0), 0);
  print(`\nPairs of members that accepted writes at the same moment, in ${String(all.reduce((sum, { ours }) => sum + ours.length, 0))} runs of the operator: ${String(conflicts)}`);
  for (const failure of all.flatMap(({ failures }) => failures)) print(`FAILED ${failure}`);
}
