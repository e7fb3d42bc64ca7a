/**
 * The real operator (rounds, queue, controller, backoff) in the simulated world. A simulation is driven from outside:
 * time passes when it is told to, people edit when they are told to, and every step is checked.
 */
import { runController } from "../../src/controller/controller.ts";
import { createPulse } from "../../src/controller/pulse.ts";
import { createQueue, type Queue } from "../../src/controller/queue.ts";
import { label } from "../../src/api/names.ts";
import type { Key, Resource, Status } from "../../src/api/resource.ts";
import { explain } from "../../src/errors.ts";
import type { Logger, Pulse, Target } from "../../src/ports.ts";
import { reconcile } from "../../src/reconcile.ts";
import { engineCalls } from "./engine.ts";
import { noFaults, perform, type Life, type Rates, type Trouble } from "./faults.ts";
import { containerNamed, type Model, type SimImage } from "./model.ts";
import { bridge } from "./networks.ts";
import { portsOf, unreachable, type Seams } from "./ports.ts";
import { postgresCalls } from "./postgres.ts";
import type { Random } from "./random.ts";
import { keyText, resourceCalls, type Api } from "./resources.ts";
import { checkReady, checkSecrets, checkSynchronousNames, checkVolumeRemoval, checkWriters, type Round, type Watch } from "./safety.ts";
import { tick } from "./server.ts";
import { clockOn, timeline, type Timeline } from "./timeline.ts";

export interface Simulation {
  readonly time: Timeline;
  readonly model: Model;
  readonly api: Api;
  readonly outage: { engine: boolean; api: boolean; postgres: boolean };
  readonly wiped: Set<string>;
  /** Everything that happened, a line each: the last ones only. */
  readonly story: string[];
  readonly breaches: string[];
  /** Effects on the outside world so far. */
  readonly writes: { count: number };
  readonly counts: { rounds: number };
  readonly tell: (line: string) => void;
  /** Something changed that the operator did not do. */
  readonly disturbed: () => void;
  readonly setRates: (rates: Rates) => void;
  readonly setWriting: (isWriting: boolean) => void;
  readonly shiftClock: (ms: number) => void;
  readonly start: (id: string) => void;
  /** Starts the operator, which from then on starts again after each death. */
  readonly begin: () => void;
  readonly end: () => Promise<void>;
}

export interface Options {
  readonly random: Random;
  readonly keys: readonly Key[];
  readonly namesNics?: boolean;
  /** Told of each status that is saved. */
  readonly onStatus?: (key: Key, status: Status) => void;
}

export const installation = "installation-1";
const startOfTime = Date.UTC(2026, 0, 1);
const linesKept = 400;
/** A first apply takes some twenty rounds on end; a busy loop takes any number. */
const roundsInRushMax = 400;
const rushMs = 5_000;
const limits = { concurrency: 8, queueMax: 100, roundMs: 180_000, resyncMs: 300_000, stopGraceMs: 1_000 } as const;

const emptyModel = (random: Random, time: Timeline, namesNics: boolean): Model => ({
  time, random, namesNics, containers: new Map(), volumes: new Map(), networks: new Map([["bridge", bridge]]), images: new Map(), pulls: new Map(), registry: new Map(),
  engineNow: () => startOfTime + time.now(), isDiskFull: false, acknowledged: new Map(), serial: 0, onEvent: () => undefined, onBreach: () => undefined,
});

export const imageOf = (name: string, major: string): readonly [string, SimImage] => [name, { id: `sha256:${name}`, major }];

const keyFrom = (text: string): Key => {
  const [namespace = "", name = ""] = text.split("/");
  return { namespace, name };
};

/** The parts that change as the simulation goes on. */
interface Inner { rates: Rates; isWriting: boolean; skewMs: number; disturbances: number; life: Life | undefined; queue: Queue | undefined; hasBegun: boolean; passwords: number }

export function simulation({ random, keys, namesNics = true, onStatus }: Options): Simulation {
  const time = timeline();
  const inner: Inner = { rates: noFaults, isWriting: true, skewMs: 0, disturbances: 0, life: undefined, queue: undefined, hasBegun: false, passwords: 0 };
  const model = emptyModel(random, time, namesNics);
  const wallNow = (): number => startOfTime + time.now() + inner.skewMs;
  const api: Api = { objects: new Map(), secrets: new Map(), events: new Map(), version: 100, now: wallNow, onChange: () => undefined, onBreach: () => undefined };
  const outage = { engine: false, api: false, postgres: false };
  const wiped = new Set<string>();
  const story: string[] = [];
  const breaches: string[] = [];
  const secrets = new Set<string>();
  const writes = { count: 0 };
  const counts = { rounds: 0 };

  const tell = (line: string): void => {
    story.push(`${(time.now() / 1000).toFixed(3).padStart(9)} ${line}`);
    if (story.length > linesKept) story.splice(0, story.length - linesKept);
  };
  const breach = (sentence: string): void => {
    if (breaches.length < 20) breaches.push(`at ${(time.now() / 1000).toFixed(3)} s: ${sentence}`);
    tell(`BREACH ${sentence}`);
  };
  const disturbed = (): void => { inner.disturbances += 1; };
  const watch: Watch = { model, api, disturbances: () => inner.disturbances, onBreach: breach, wiped };
  model.onBreach = breach;
  api.onBreach = breach;

  // Engine and API server tell the operator that is alive, mostly.
  const wake = (text: string): void => {
    const { queue, life } = inner;
    if (queue === undefined || life === undefined) return;
    // A broken watch tells it after all, when it is back.
    const isBroken = inner.rates !== noFaults && random.chance(0.2);
    time.after(isBroken ? random.between(500, 30_000) : random.between(1, 20), () => { if (!life.isDead) queue.add(text); });
  };
  api.onChange = wake;
  model.onEvent = (what, labels) => {
    if (what.includes(" die ")) tell(`  ${what}`);
    if (labels[label.installation] === installation) wake(`${labels[label.namespace] ?? ""}/${labels[label.name] ?? ""}`);
  };

  const logger = (fields: Readonly<Record<string, unknown>>): Logger => ({
    info: (message, more = {}) => {
      const line = `${message} ${JSON.stringify({ ...fields, ...more })}`;
      checkSecrets(line, secrets, "the log", breach);
      tell(line);
    },
    debug: () => undefined,
    with: (more) => logger({ ...fields, ...more }),
  });

  const onWrite = (what: string, args: readonly unknown[], round: Round): void => {
    if (what === "engine.stop") round.stopped.add(containerNamed(model, String(args[0]))?.id ?? "");
    if (what === "engine.removeVolume") checkVolumeRemoval(watch, round, String(args[0]));
    if (what === "resources.note") checkSecrets(JSON.stringify(args[1]), secrets, "an event", breach);
    if (what === "resources.saveStatus") {
      const status = args[1] as Status;
      checkSecrets(JSON.stringify(status), secrets, "the status", breach);
      // A decision is written beside the conditions of the round before: it claims nothing anew.
      if (status.conditions !== (args[0] as Resource).status.conditions) checkReady(watch, round, status);
      onStatus?.(round.key, status);
    }
    if (what !== "engine.exec" && !what.startsWith("resources.")) tell(`  ${what} ${summary(model, args)}`);
  };

  const onEffect = (what: string, args: readonly unknown[], round: Round | undefined): void => {
    writes.count += 1;
    for (const key of keys) checkWriters(watch, key);
    const server = what === "postgres.reload" ? containerNamed(model, (args[0] as Target).container)?.server : undefined;
    if (server !== undefined && round !== undefined) checkSynchronousNames(watch, round, server);
  };
  const rush = { since: 0, rounds: 0 };

  const engine = engineCalls(model);
  const servers = postgresCalls(model);
  const troubleOf = (life: Life): Trouble => ({
    time, random, life, rates: () => inner.rates, note: tell, onLate: disturbed,
    outage: (what) => (what.startsWith("engine.") && outage.engine) || (what.startsWith("resources.") && outage.api) || (what.startsWith("postgres.") && outage.postgres) ? unreachable(what) : undefined,
  });
  const seamsOf = (life: Life, pulse: Pulse): Seams => ({
    model, engine, pulse, postgres: servers, resources: resourceCalls(api), log: logger({}), installation, now: wallNow, onEffect, onWrite,
    newPassword: () => {
      const password = `secret-${inner.passwords += 1}-${random.between(1_000_000, 9_999_999)}`;
      secrets.add(password);
      return password;
    },
    onRound: (key, resource: Resource | undefined) => {
      counts.rounds += 1;
      if (time.now() - rush.since > rushMs) Object.assign(rush, { since: time.now(), rounds: 0 });
      rush.rounds += 1;
      if (rush.rounds === roundsInRushMax) {
        breach(`${roundsInRushMax} rounds within ${rushMs} ms`);
        // A loop that never waits would never let us stop it.
        inner.hasBegun = false;
        life.die();
      }
      return { key, resource, disturbances: inner.disturbances, stopped: new Set() };
    },
    rival: (key) => {
      const found = api.objects.get(keyText(key));
      if (found !== undefined) api.objects.set(keyText(key), Object.freeze({ ...found, metadata: { ...found.metadata, resourceVersion: String(api.version += 1) } }));
    },
    trouble: troubleOf(life),
  });

  const live = (): void => {
    const clock = clockOn(time);
    const queue = createQueue({ clock, lengthMax: limits.queueMax, onFull: (key) => breach(`the queue is full for ${key}`) });
    const stop = new AbortController();
    const life: Life = {
      isDead: false, clock,
      die: () => {
        life.isDead = true;
        clock.stop();
        inner.life = undefined;
        tell("the operator dies");
        time.after(random.between(50, 4_000), () => { if (inner.hasBegun) live(); });
      },
    };
    const beats = createPulse<Target, string>({
      beat: (target, signal) => perform(troubleOf(life), { what: "postgres.beat", isWrite: false, effect: () => servers.beat(target, signal), signal }),
      onSilence: (text) => { if (!life.isDead) queue.add(text); }, clock, signal: stop.signal,
    });
    const seams = seamsOf(life, { follow: (key, primary) => beats.follow(keyText(key), primary), heard: beats.heard });
    const worlds = new Map(keys.map((key) => [keyText(key), portsOf(seams, key)]));
    Object.assign(inner, { life, queue });
    void runController({
      queue, reconcile: async (text, signal) => {
        const ports = worlds.get(text);
        if (ports === undefined) return { then: "rest" };
        ports.beginRound();
        return reconcile(keyFrom(text), ports.world, signal);
      },
      concurrency: limits.concurrency, roundTimeoutMs: limits.roundMs, resyncMs: limits.resyncMs, stopGraceMs: limits.stopGraceMs,
      clock, random: () => random.next(), log: logger({}), explain, signal: stop.signal,
    });
    const resync = (): void => {
      if (life.isDead) return;
      for (const key of keys) queue.add(keyText(key));
      time.after(limits.resyncMs, resync);
    };
    resync();
  };

  const beat = (): void => {
    const before = [...model.containers.values()].filter(({ server }) => server?.upstream !== undefined).length;
    tick(model, inner.isWriting);
    if ([...model.containers.values()].filter(({ server }) => server?.upstream !== undefined).length < before) disturbed();
    for (const key of keys) checkWriters(watch, key);
    time.after(1_000, beat);
  };
  time.after(1_000, beat);

  return {
    time, model, api, outage, wiped, story, breaches, writes, counts, tell, disturbed,
    setRates: (rates) => { inner.rates = rates; },
    setWriting: (isWriting) => { inner.isWriting = isWriting; },
    shiftClock: (ms) => { inner.skewMs += ms; },
    start: (id) => { engine.start(id, AbortSignal.abort()); },
    begin: () => { inner.hasBegun = true; live(); },
    end: async () => { inner.hasBegun = false; if (inner.life !== undefined) { inner.life.isDead = true; inner.life.clock.stop(); } await Promise.resolve(); },
  };
}

/** A call's arguments, short. */
const summary = (model: Model, args: readonly unknown[]): string => args.map((arg) => {
  if (typeof arg === "string") return containerNamed(model, arg)?.spec.name ?? arg;
  if (Array.isArray(arg)) return arg.map((one) => (one as { path?: string }).path ?? "").join(",").slice(0, 80);
  const { name, member, network } = arg as { readonly name?: string; readonly member?: string; readonly network?: string };
  return name ?? member ?? network ?? "";
}).join(" ");
