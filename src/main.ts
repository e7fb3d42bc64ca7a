/** The program: reads its command line, puts the parts together, and ends in good order. Wiring only. */
import { randomBytes } from "node:crypto";
import Docker from "dockerode";
import { setTimeout as sleep } from "node:timers/promises";
import { dockerEngine } from "./adapters/docker.ts";
import { kubernetes } from "./adapters/kubernetes.ts";
import { loadKubeConfig } from "./adapters/kubernetes-config.ts";
import { postgres } from "./adapters/postgres.ts";
import { startControlPlane } from "./apiserver/server.ts";
import { configOf, helpText, UsageError, type Config } from "./config.ts";
import { crdYaml } from "./crd-yaml.ts";
import { explain } from "./errors.ts";
import { buildImage } from "./images/build.ts";
import { logger } from "./log.ts";
import { runOperator } from "./operator.ts";
import type { Clock, Logger } from "./ports.ts";

const clock: Clock = { now: () => Date.now() };
const ticks = { now: () => performance.now(), sleep: (ms: number, signal: AbortSignal) => sleep(Math.max(0, ms), undefined, { signal }) };

/** Fires at the first SIGTERM or SIGINT; a second one ends the program at once. */
function untilStopped(log: Logger): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.once(name, () => {
      log.info("stopping; the databases run on", { signal: name });
      stop.abort(new Error(`stopped by ${name}`));
    });
  }
  return stop.signal;
}

async function operate({ docker, namespace }: Config, kubeconfig: string | undefined, log: Logger, signal: AbortSignal): Promise<void> {
  const engine = dockerEngine({ socketPath: docker, log, clock });
  const servers = postgres({ exec: (...call) => engine.exec(...call), log });
  const resources = kubernetes({ kubeConfig: loadKubeConfig(kubeconfig), clock, ...(namespace === undefined ? {} : { namespace }) });
  try {
    await runOperator({
      engine, postgres: servers, kubernetes: resources, clock, ticks, log, namespace, signal,
      random: Math.random, newPassword: () => randomBytes(24).toString("base64url"),
    });
  } finally {
    servers.close();
    engine.close();
  }
}

const serve = ({ home, port }: Config, log: Logger) => startControlPlane({ directory: home, port, log, now: () => clock.now() });

const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => { signal.addEventListener("abort", () => resolve(), { once: true }); });

async function run(config: Config): Promise<void> {
  const log = logger({ format: config.logFormat, level: config.logLevel, stream: process.stdout });
  const signal = untilStopped(log);
  if (config.command === "operator") return operate(config, config.kubeconfig, log, signal);
  const controlPlane = await serve(config, log);
  try {
    if (config.command === "apiserver") await stopped(signal);
    else await operate(config, controlPlane.kubeconfigPath, log, signal);
  } finally {
    await controlPlane.stop();
  }
}

const print = (text: string): void => { process.stdout.write(`${text}\n`); };

async function main(): Promise<void> {
  const config = configOf();
  switch (config.command) {
    case "help": return print(helpText(config.about));
    case "version": return print("pgrs 0.1.0");
    case "crd": return print(crdYaml().trimEnd());
    case "image build": {
      const { tag, built } = await buildImage({ major: config.imageVersion, docker: new Docker({ socketPath: config.docker }), progress: print });
      return print(built ? `built ${tag}` : `${tag} is there already`);
    }
    case "up": case "operator": case "apiserver": return run(config);
  }
}

main().catch((error: unknown) => {
  const isUsage = error instanceof UsageError;
  process.stderr.write(`pgrs: ${explain(error)}\n${isUsage ? "pgrs --help lists the commands.\n" : ""}`);
  process.exitCode = isUsage ? 2 : 1;
});
