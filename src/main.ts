/** The program: reads its command line, puts the parts together, and ends in good order. Wiring only. */
import { configOf, helpText, UsageError, type Config } from "./config.ts";
import { explain } from "./errors.ts";
import { logger } from "./log.ts";
import type { Clock, Logger } from "./ports.ts";

const clock: Clock = { now: () => Date.now() };

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

const stopped = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => { signal.addEventListener("abort", () => resolve(), { once: true }); });

// Each part is loaded when it is needed: kubectl is answered before the operator's adapters are even read.
async function run(config: Config): Promise<void> {
  const log = logger({ format: config.logFormat, level: config.logLevel, stream: process.stdout });
  const signal = untilStopped(log);
  const operate = async (kubeconfig: string | undefined): Promise<void> => {
    const operator = await import("./operate.ts");
    return operator.operate({ config, kubeconfig, clock, log, signal });
  };
  if (config.command === "operator") return operate(config.kubeconfig);
  const { startControlPlane } = await import("./apiserver/server.ts");
  const controlPlane = await startControlPlane({ directory: config.home, port: config.port, log, now: () => clock.now() });
  try {
    await (config.command === "apiserver" ? stopped(signal) : operate(controlPlane.kubeconfigPath));
  } finally {
    await controlPlane.stop();
  }
}

async function buildImage({ imageVersion, docker }: Config): Promise<void> {
  const [{ default: Docker }, images] = await Promise.all([import("dockerode"), import("./images/build.ts")]);
  const request = { docker: new Docker({ socketPath: docker }), progress: print };
  const { tag, built } = await (imageVersion === "tools" ? images.buildTools(request) : images.buildImage({ ...request, major: imageVersion }));
  print(built ? `built ${tag}` : `${tag} is there already`);
}

const print = (text: string): void => { process.stdout.write(`${text}\n`); };

async function main(): Promise<void> {
  const config = configOf();
  switch (config.command) {
    case "help": return print(helpText(config.about));
    case "version": return print("pgrs 0.1.0");
    case "crd": return print((await import("./crd-yaml.ts")).crdYaml().trimEnd());
    case "image build": return buildImage(config);
    case "up": case "operator": case "apiserver": return run(config);
  }
}

main().catch((error: unknown) => {
  const isUsage = error instanceof UsageError;
  process.stderr.write(`pgrs: ${explain(error)}\n${isUsage ? "pgrs --help lists the commands.\n" : ""}`);
  process.exitCode = isUsage ? 2 : 1;
});
