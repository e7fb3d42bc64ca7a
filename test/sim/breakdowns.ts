/** What breaks by itself: processes, machines, disks and the ways between them. Most of it mends itself after a while. */
import { anyOf, ours, type Disturbance, type Scene } from "./scene.ts";
import { isAlive, membersOf, ordinalOf, volumeOf, writersOf, type Model, type SimContainer, type SimServer } from "./model.ts";
import { keyText } from "./resources.ts";
import { end, restartInside } from "./server.ts";
import { flow } from "./streams.ts";

/** Any member that runs, and often the primary. */
function victimOf(scene: Scene): SimContainer | undefined {
  const { model, key, random } = scene;
  const running = membersOf(model, key).filter(({ state }) => state === "running");
  const primary = writersOf(model, key)[0] ?? running.find((one) => ordinalOf(one) === scene.api.objects.get(keyText(key))?.status.primary?.ordinal);
  return primary !== undefined && random.chance(0.6) ? primary : anyOf(random, running);
}

const kill: Disturbance = (scene) => {
  const victim = scene.random.chance(0.2) ? anyOf(scene.random, ours(scene).filter(({ state }) => state === "running")) : victimOf(scene);
  if (victim === undefined) return undefined;
  const exitCode = scene.random.pick([137, 137, 1, 0]);
  end(scene.model, victim, exitCode, exitCode === 1 ? "PANIC:  could not write to file: No space left on device" : "");
  return `${victim.spec.name} ends with code ${exitCode}`;
};

/** The kernel kills one process of it. */
const killInside: Disturbance = (scene) => {
  const victim = victimOf(scene);
  if (victim?.server === undefined || !victim.server.isUp || victim.server.isStopping) return undefined;
  restartInside(scene.model, victim, victim.server);
  return `a process of ${victim.spec.name} is killed: the server restarts inside`;
};

/** Runs while the same container is in the same life. */
const laterIn = ({ model, happened }: Scene, victim: SimContainer, ms: number, what: string, run: () => void): void => {
  const { life } = victim;
  model.time.after(ms, () => {
    if (victim.life !== life || !isAlive(victim)) return;
    flow(model);
    run();
    happened(`${victim.spec.name} ${what}`);
  });
};

const pauseLengths = (scene: Scene): number => scene.random.pick([scene.random.between(200, 4_000), scene.random.between(2_000, 20_000), scene.random.between(10_000, 60_000)]);

const pause: Disturbance = (scene) => {
  const victim = victimOf(scene);
  if (victim === undefined) return undefined;
  const ms = pauseLengths(scene);
  victim.state = "paused";
  laterIn(scene, victim, ms, "is unpaused", () => { if (victim.state === "paused") victim.state = "running"; });
  return `${victim.spec.name} is paused for ${ms} ms`;
};

const trouble = (kind: "deaf" | "stuck"): Disturbance => (scene) => {
  const victim = victimOf(scene);
  const server = victim?.server;
  if (victim === undefined || server === undefined || server.trouble !== "none") return undefined;
  const ms = pauseLengths(scene);
  server.trouble = kind;
  laterIn(scene, victim, ms, "answers again", () => { server.trouble = "none"; });
  return kind === "deaf" ? `${victim.spec.name} does not answer the operator for ${ms} ms` : `the processes of ${victim.spec.name} stand still for ${ms} ms`;
};

const lag: Disturbance = (scene) => {
  const victim = anyOf(scene.random, membersOf(scene.model, scene.key).filter(({ server }) => server?.inRecovery === true));
  const server = victim?.server;
  if (victim === undefined || server === undefined) return undefined;
  const ms = pauseLengths(scene);
  server.pace = scene.random.pick([0, 1, 50]);
  laterIn(scene, victim, ms, "takes WAL as fast as before", () => { server.pace = Number.POSITIVE_INFINITY; });
  return `${victim.spec.name} takes ${server.pace} bytes of WAL a millisecond for ${ms} ms`;
};

/** A server that writes to a full disk gives up, sooner or later. */
function panic(model: Model, container: SimContainer, server: SimServer): void {
  const { life } = container;
  model.time.after(model.random.between(100, 4_000), () => {
    const isStillFull = model.isDiskFull || server.volume.isFull === true;
    if (container.life === life && container.state === "running" && isStillFull && !server.inRecovery) end(model, container, 1, "PANIC:  could not write to file \"pg_wal/xlogtemp.7\": No space left on device");
  });
}

const fullDisk: Disturbance = (scene) => {
  const { model, random, happened } = scene;
  const victim = random.chance(0.5) ? undefined : victimOf(scene);
  const volume = victim === undefined ? undefined : volumeOf(model, victim);
  if (model.isDiskFull) return undefined;
  if (volume === undefined) model.isDiskFull = true; else volume.isFull = true;
  const ms = random.between(1_000, 20_000);
  model.time.after(ms, () => {
    flow(model);
    if (volume === undefined) model.isDiskFull = false; else volume.isFull = false;
    happened("there is room on the disk again");
  });
  for (const container of volume === undefined ? model.containers.values() : victim === undefined ? [] : [victim]) if (container.server?.inRecovery === false) panic(model, container, container.server);
  return `the disk of ${volume?.name ?? "all"} is full for ${ms} ms`;
};

/** The Engine's host, or only its service, goes down and comes up: whatever ran has ended. */
const engineRestart: Disturbance = (scene) => {
  const { model, random, outage, happened } = scene;
  if (outage.engine) return undefined;
  const exitCode = random.pick([0, 137, 255]);
  const ms = random.between(500, 10_000);
  outage.engine = true;
  for (const container of model.containers.values()) if (container.spec.labels["pgrs.dev/component"] !== "other") end(model, container, exitCode);
  model.time.after(ms, () => { outage.engine = false; happened("the Engine is up"); });
  return `the Engine restarts, and all containers end with code ${exitCode}; it is up after ${ms} ms`;
};

export const breakdowns: readonly [Disturbance, ...Disturbance[]] = [
  kill, kill, kill, kill, killInside, pause, pause, trouble("deaf"), trouble("stuck"), lag, lag, fullDisk, engineRestart,
];

/** Everything that is broken and would mend itself does so now. */
export function mend(model: Model): void {
  flow(model);
  model.isDiskFull = false;
  for (const volume of model.volumes.values()) volume.isFull = false;
  for (const container of model.containers.values()) {
    if (container.state === "paused") container.state = "running";
    if (container.server !== undefined) Object.assign(container.server, { trouble: "none", pace: Number.POSITIVE_INFINITY });
  }
}
