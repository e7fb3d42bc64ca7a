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
import { containerNamed, writersOf, type Model, type SimImage } from "./model.ts";
import { bridge } from "./networks.ts";
import { portsOf, unreachable, type Seams } from "./ports.ts";
import { isSilent, postgresCalls } from "./postgres.ts";
import { checkDecision, checkDiscard, checkLoss, checkPromise, checkToldLoss, emptyLedger, noteKnown } from "./promises.ts";
import type { Random } from "./random.ts";
import { keyText, resourceCalls, type Api } from "./resources.ts";
import { checkClaims, checkSecrets, checkSynchronousNames, checkVolumeRemoval, checkWriters, doubledAddresses, type Round, type Watch } from "./safety.ts";
import { tick } from "./server.ts";
import { flow, sendersOf } from "./streams.ts";
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
  /** How many operators there should be; more than one only by mistake. */
  readonly setOperators: (count: number) => void;
  readonly isFrozen: () => boolean;
  /** Has an operator stand still for a while. */
  readonly freezeOperator: () => string | undefined;
  /** Checks what must hold at every moment. */
  readonly inspect: () => void;
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
  /** Whether what happens is written down, for somebody to read. Left out: it is. */
  readonly isTold?: boolean;
  /** Told of each status that is saved. */
  readonly onStatus?: (key: Key, status: Status) => void;
}

export const installation = "installation-1";
const startOfTime = Date.UTC(2026, 0, 1);
const linesKept = 5_000;
/** A first apply takes some twenty rounds on end; a busy loop takes any number. */
const roundsInRushMax = 400;
const rushMs = 5_000;
const limits = { concurrency: 8, queueMax: 100, roundMs: 180_000, resyncMs: 300_000, stopGraceMs: 1_000, beatMs: 10_000 } as const;

const emptyModel = (random: Random, time: Timeline, namesNics: boolean): Model => ({
  time, random, namesNics, containers: new Map(), volumes: new Map(), networks: new Map([["bridge", bridge]]), images: new Map(), pulls: new Map(), registry: new Map(),
  engineNow: () => startOfTime + Math.floor(time.now()), isDiskFull: false, isWriting: true, bytesPerMs: random.pick([0, 1, 20, 20, 500, 3_000]), checkpointRate: random.pick([0.01, 0.1, 0.5]),
  flownUntil: 0, acknowledged: new Map(), serial: 0, onEvent: () => undefined, onDisturbance: () => undefined, onPromotion: () => undefined, onDiscard: () => undefined, onOverlap: () => undefined, onBreach: () => undefined,
});

export const imageOf = (name: string, major: string): readonly [string, SimImage] => [name, { id: `sha256:${name}`, major }];

const keyFrom = (text: string): Key => {
  const [namespace = "", name = ""] = text.split("/");
  return { namespace, name };
};

interface Operator { readonly life: Life; readonly queue: Queue }

/** The parts that change as the simulation goes on. */
interface Inner { rates: Rates; skewMs: number; disturbances: number; operators: Operator[]; wanted: number; isCrowded: boolean; hasBegun: boolean; passwords: number }

export function simulation({ random, keys, namesNics = true, isTold = true, onStatus }: Options): Simulation {
  const time = timeline();
  const inner: Inner = { rates: noFaults, skewMs: 0, disturbances: 0, operators: [], wanted: 1, isCrowded: false, hasBegun: false, passwords: 0 };
  const model = emptyModel(random, time, namesNics);
  const wallNow = (): number => startOfTime + Math.floor(time.now()) + inner.skewMs;
  const api: Api = { objects: new Map(), secrets: new Map(), events: new Map(), version: 100, now: wallNow, onChange: () => undefined, onBreach: () => undefined };
  const outage = { engine: false, api: false, postgres: false };
  const wiped = new Set<string>();
  const story: string[] = [];
  const breaches: string[] = [];
  const secrets = new Set<string>();
  const writes = { count: 0 };
  const counts = { rounds: 0 };
  const ledger = emptyLedger();

  const tell = (line: string): void => {
    if (!isTold) return;
    story.push(`${(time.now() / 1000).toFixed(3).padStart(9)} ${line}`);
    if (story.length > linesKept) story.splice(0, story.length - linesKept);
  };
  const breach = (sentence: string): void => {
    if (breaches.length < 20) breaches.push(`at ${(time.now() / 1000).toFixed(3)} s: ${sentence}`);
    tell(`BREACH ${sentence}`);
  };
  const inspect = (): void => {
    // An operator that looked before another one decided can give names by what was promised then; the next look widens the promise again.
    for (const key of keys) { checkWriters(watch, key); if (!inner.isCrowded) checkPromise(watch, key); }
  };
  const disturbed = (): void => { inner.disturbances += 1; };
  const watch: Watch = { model, api, disturbances: () => inner.disturbances, onBreach: breach, wiped, isCrowded: () => inner.isCrowded };
  Object.assign(model, {
    onBreach: breach, onDisturbance: () => { disturbed(); inspect(); }, onPromotion: (container, server) => checkLoss(ledger, watch, container, server),
    // Two operators can start a member and a job on its volume at once: nothing keeps the two apart.
    onOverlap: (sentence) => { if (inner.isCrowded) tell(sentence); else breach(sentence); },
    onDiscard: (what, volume, database) => checkDiscard(watch, what, volume, database),
  } satisfies Partial<Model>);
  api.onBreach = breach;

  // Engine and API server tell the operators that are alive, mostly.
  const wake = (text: string): void => {
    for (const { life, queue } of inner.operators) {
      // A broken watch tells it after all, when it is back.
      const isBroken = inner.rates !== noFaults && random.chance(0.2);
      time.after(isBroken ? random.between(500, 30_000) : random.between(1, 20), () => { if (!life.isDead) queue.add(text); });
    }
  };
  api.onChange = wake;
  model.onEvent = (what, labels) => {
    if (what.includes(" die ")) { tell(`  ${what}`); disturbed(); }
    if (labels[label.installation] === installation) wake(`${labels[label.namespace] ?? ""}/${labels[label.name] ?? ""}`);
  };

  const logger = (fields: Readonly<Record<string, unknown>>): Logger => ({
    info: (message, more = {}) => {
      if (!isTold) return;
      const line = `${message} ${JSON.stringify({ ...fields, ...more })}`;
      checkSecrets(line, secrets, "the log", breach);
      tell(line);
    },
    debug: () => undefined,
    with: (more) => logger({ ...fields, ...more }),
  });

  const onWrite = (what: string, args: readonly unknown[], round: Round): void => {
    if (what === "engine.stop" || what === "engine.kill") round.stopped.add(containerNamed(model, String(args[0]))?.id ?? "");
    if (what === "engine.removeVolume") checkVolumeRemoval(watch, round, String(args[0]));
    if (what === "resources.note" && isTold) checkSecrets(JSON.stringify(args[1]), secrets, "an event", breach);
    if (what === "resources.saveStatus") {
      const [resource, status] = args as readonly [Resource, Status];
      if (isTold) checkSecrets(JSON.stringify(status), secrets, "the status", breach);
      // One that the API server refuses says nothing.
      if (api.objects.get(keyText(round.key))?.metadata.resourceVersion === resource.metadata.resourceVersion) {
        checkClaims(watch, round, status);
        checkDecision(ledger, watch, round, status);
        checkToldLoss(ledger, watch, round, status);
      }
      onStatus?.(round.key, status);
    }
    if (isTold && what !== "engine.exec" && !what.startsWith("resources.")) tell(`  ${what} ${summary(model, args)}`);
  };

  const onEffect = (what: string, args: readonly unknown[], round: Round | undefined): void => {
    writes.count += 1;
    inspect();
    const server = what === "postgres.reload" ? containerNamed(model, (args[0] as Target).container)?.server : undefined;
    if (server !== undefined && round !== undefined) checkSynchronousNames(watch, round, server);
  };

  const lives = livesOf({ random, keys, time, model, inner, tell, breach, disturbed, outage, onEffect, onWrite, logger, wallNow, api, secrets, counts, ledger });

  const beat = (): void => {
    tick(model);
    inspect();
    for (const key of keys) checkAddresses(key);
    time.after(1_000, beat);
  };
  const doubled = new Map<string, { readonly disturbances: number; readonly rounds: number }>();
  const checkAddresses = (key: Key): void => {
    const spec = api.objects.get(keyText(key))?.spec;
    const [problem] = spec === undefined ? [] : doubledAddresses(model, key, spec);
    const since = doubled.get(keyText(key));
    if (problem === undefined) doubled.delete(keyText(key));
    else if (since?.disturbances !== inner.disturbances) doubled.set(keyText(key), { disturbances: inner.disturbances, rounds: counts.rounds });
    else if (inner.rates === noFaults && counts.rounds > since.rounds + 3) breach(problem);
  };
  time.after(1_000, beat);

  return {
    time, model, api, outage, wiped, story, breaches, writes, counts, tell, disturbed, inspect,
    setRates: (rates) => { inner.rates = rates; },
    setWriting: (isWriting) => { flow(model); model.isWriting = isWriting; },
    setOperators: lives.setWanted,
    isFrozen: () => inner.operators.some(({ life }) => life.thawAt > time.now()),
    freezeOperator: lives.freezeOne,
    shiftClock: (ms) => { inner.skewMs += ms; },
    start: (id) => { engineCalls(model).start(id, AbortSignal.abort()); },
    begin: () => { inner.hasBegun = true; lives.live(); },
    end: async () => {
      inner.hasBegun = false;
      for (const { life } of inner.operators) { life.isDead = true; life.clock.stop(); }
      await Promise.resolve();
    },
  };
}

interface Surroundings {
  readonly random: Random; readonly keys: readonly Key[]; readonly time: Timeline; readonly model: Model; readonly inner: Inner; readonly api: Api;
  readonly tell: (line: string) => void; readonly breach: (sentence: string) => void; readonly disturbed: () => void; readonly outage: Simulation["outage"];
  readonly onEffect: Seams["onEffect"]; readonly onWrite: Seams["onWrite"]; readonly logger: (fields: Readonly<Record<string, unknown>>) => Logger;
  readonly wallNow: () => number; readonly secrets: Set<string>; readonly counts: { rounds: number }; readonly ledger: ReturnType<typeof emptyLedger>;
}

interface Lives { readonly live: () => void; readonly setWanted: (count: number) => void; readonly freezeOne: () => string | undefined }

/** Operators: their lives, deaths, and times at which they stand still. */
function livesOf(around: Surroundings): Lives {
  const { random, keys, time, model, inner, tell, breach, disturbed, outage, onEffect, onWrite, logger, wallNow, api, secrets, counts, ledger } = around;
  const rush = { since: 0, rounds: 0 };
  const engine = engineCalls(model);
  const servers = postgresCalls(model);
  const troubleOf = (life: Life): Trouble => ({
    time, random, life, rates: () => inner.rates, note: tell, onLate: () => { inner.isCrowded = true; disturbed(); },
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
        for (const one of [...inner.operators]) one.life.die();
      }
      const streamedFrom = (one: Key): number => writersOf(model, one).reduce((sum, { server }) => sum + (server === undefined ? 0 : sendersOf(model, server).filter(({ state }) => state === "streaming").length), 0);
      const round: Round = { key, resource, disturbances: inner.disturbances, stopped: new Set(), startedAt: time.now(), streamed: streamedFrom(key) };
      noteKnown(ledger, model, round);
      return round;
    },
    rival: (key) => {
      const found = api.objects.get(keyText(key));
      if (found !== undefined) api.objects.set(keyText(key), Object.freeze({ ...found, metadata: { ...found.metadata, resourceVersion: String(api.version += 1) } }));
    },
    trouble: troubleOf(life),
  });

  const lifeOf = (): Life => {
    const life: Life = {
      isDead: false, thawAt: 0, clock: clockOn(time, () => life.thawAt),
      die: () => {
        if (life.isDead) return;
        life.isDead = true;
        life.clock.stop();
        inner.operators = inner.operators.filter((one) => one.life !== life);
        tell("an operator dies");
        time.after(random.between(50, 4_000), () => { if (inner.hasBegun && inner.operators.length < inner.wanted) live(); });
      },
      freeze: () => {
        const ms = random.pick([random.between(200, 3_000), random.between(1_000, 20_000), random.between(5_000, 90_000)]);
        life.thawAt = Math.max(life.thawAt, time.now() + ms);
        inner.isCrowded = true;
        tell(`an operator stands still for ${ms} ms`);
        time.after(ms, () => { tell("an operator goes on"); disturbed(); });
        // Somebody notices, and starts another one.
        if (random.chance(0.5)) time.after(random.between(500, 6_000), () => { if (inner.hasBegun && inner.operators.length < 2 && inner.rates !== noFaults) { inner.wanted = Math.max(inner.wanted, 1); live(); } });
      },
    };
    return life;
  };

  const live = (): void => {
    const life = lifeOf();
    const { clock } = life;
    const queue = createQueue({ clock, lengthMax: limits.queueMax, onFull: (key) => breach(`the queue is full for ${key}`) });
    const stop = new AbortController();
    const silentMs = (target: Target) => (): number | undefined => isSilent(model, target) ? limits.beatMs : undefined;
    const beats = createPulse<Target, string>({
      beat: (target, signal) => perform(troubleOf(life), { what: "postgres.beat", isWrite: false, effect: () => { flow(model); return servers.beat(target, signal); }, silentMs: silentMs(target), signal }),
      onSilence: (text) => { if (!life.isDead) queue.add(text); }, clock, signal: stop.signal,
    });
    const seams = seamsOf(life, { follow: (key, primary) => beats.follow(keyText(key), primary), heard: beats.heard, last: (key) => {
      const known = beats.last(keyText(key));
      return known && { member: known.target.member, position: known.position };
    } });
    const worlds = new Map(keys.map((key) => [keyText(key), portsOf(seams, key)]));
    inner.operators = [...inner.operators, { life, queue }];
    if (inner.operators.length > 1) inner.isCrowded = true;
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

  return {
    live,
    setWanted: (count) => {
      inner.wanted = count;
      for (const { life } of inner.operators.slice(count)) life.die();
      if (inner.hasBegun && inner.operators.length < count) live();
    },
    freezeOne: () => {
      const one = inner.operators.find(({ life }) => life.thawAt <= time.now());
      one?.life.freeze();
      return one === undefined ? undefined : "an operator is stopped in its tracks";
    },
  };
}

/** A call's arguments, short. */
const summary = (model: Model, args: readonly unknown[]): string => args.map((arg) => {
  if (typeof arg === "string") return containerNamed(model, arg)?.spec.name ?? arg;
  if (Array.isArray(arg)) return arg.map((one) => (one as { path?: string }).path ?? "").join(",").slice(0, 80);
  const { name, member, network } = arg as { readonly name?: string; readonly member?: string; readonly network?: string };
  return name ?? member ?? network ?? "";
}).join(" ");
