/** The command line and the environment, read once into a frozen value. The only reader of process.env and argv. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

export type Command = "up" | "operator" | "apiserver" | "image build" | "crd" | "help" | "version";

export interface Config {
  readonly command: Command;
  readonly home: string;
  readonly port: number;
  readonly kubeconfig: string | undefined;
  readonly namespace: string | undefined;
  readonly docker: string;
  readonly logFormat: "human" | "json";
  readonly logLevel: "info" | "debug";
  /** The PostgreSQL version of `image build`, or "tools". */
  readonly imageVersion: string;
  readonly about: Command | undefined;
}

/** A command line that means nothing; the message says what to write instead. */
export class UsageError extends Error { override readonly name = "UsageError"; }

const commands: readonly Command[] = ["up", "operator", "apiserver", "image build", "crd"];

const shared = `  --log-format human|json   how log lines look (human)
  --log-level info|debug    how much is logged (info)`;
const docker = "  --docker SOCKET           the Engine's socket (DOCKER_HOST, else unix:///var/run/docker.sock)";
const home = `  --home DIR                where state is kept (PGRS_HOME, else ~/.pgrs)
  --port N                  the port of the control plane (a free one, the same at the next start)`;

const help: Readonly<Record<string, string>> = {
  "": `pgrs: high-availability PostgreSQL on Docker hosts, declared with kubectl

  pgrs up                   control plane and operator, in the foreground
  pgrs operator             only the operator, for the API server of a kubeconfig or of the cluster it runs in
  pgrs apiserver            only the embedded control plane
  pgrs image build VERSION  build pgrs/postgres:VERSION on the local Engine, without an image registry
  pgrs crd                  print the CustomResourceDefinition

pgrs COMMAND --help says more. Exit codes: 0 done, 1 failed, 2 the command line is wrong.`,
  up: `pgrs up: control plane and operator, in the foreground, until SIGTERM or SIGINT

${home}
${docker}
${shared}

The kubeconfig for kubectl is DIR/kubeconfig.`,
  operator: `pgrs operator: only the operator

  --kubeconfig FILE         which API server (KUBECONFIG, ~/.kube/config, else the pod's service account)
  --namespace NAME          look after this namespace alone (all)
${docker}
${shared}`,
  apiserver: `pgrs apiserver: only the embedded control plane, until SIGTERM or SIGINT

${home}
${shared}`,
  "image build": `pgrs image build VERSION: build pgrs/postgres:VERSION (10 to 18) on the local Engine
pgrs image build tools: build pgrs/tools, for addresses that follow the primary

${docker}
${shared}`,
  crd: "pgrs crd: print the CustomResourceDefinition as YAML",
};

export const helpText = (about: Command | undefined): string => help[about ?? ""] ?? help[""] ?? "";

const commandOf = (words: readonly string[]): { readonly command: Command | undefined; readonly rest: readonly string[] } => {
  const [first = "", second = ""] = words;
  if (first === "image") return { command: second === "build" ? "image build" : undefined, rest: words.slice(2) };
  return { command: commands.find((command) => command === first), rest: words.slice(1) };
};

const oneOf = <T extends string>(flag: string, value: string, allowed: readonly T[]): T => {
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new UsageError(`--${flag} is ${value}: write ${allowed.join(" or ")}`);
  return found;
};

const portOf = (text: string): number => {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new UsageError(`--port is ${text}: write a number from 0 (any free port) to 65535`);
  return port;
};

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args], allowPositionals: true, options: {
        home: { type: "string" }, port: { type: "string" }, kubeconfig: { type: "string" }, namespace: { type: "string" }, docker: { type: "string" },
        "log-format": { type: "string", default: "human" }, "log-level": { type: "string", default: "info" },
        help: { type: "boolean", short: "h", default: false }, version: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** Reads a command line. Throws UsageError with a sentence that says what to write instead. */
export function configOf(args: readonly string[] = process.argv.slice(2), environment: Readonly<Record<string, string | undefined>> = process.env): Config {
  const { values, positionals } = parsed(args);
  const { command, rest } = commandOf(positionals);
  const isHelp = values.help || positionals.length === 0;
  if (command === undefined && positionals.length > 0) throw new UsageError(`there is no command ${positionals.join(" ")}: write one of ${commands.join(", ")}`);
  const [imageVersion = "", ...more] = rest;
  if (!isHelp && command === "image build" && imageVersion === "") throw new UsageError("which version? Write for example: pgrs image build 17, or: pgrs image build tools");
  const surplus = command === "image build" ? more : rest;
  if (surplus.length > 0) throw new UsageError(`${surplus.join(" ")} is too much for pgrs ${command ?? ""}`);
  return Object.freeze({
    command: values.version ? "version" : isHelp ? "help" : command ?? "help", about: command, imageVersion,
    home: resolve(values.home ?? environment["PGRS_HOME"] ?? join(homedir(), ".pgrs")),
    port: portOf(values.port ?? environment["PGRS_PORT"] ?? "0"),
    kubeconfig: values.kubeconfig, namespace: values.namespace,
    docker: (values.docker ?? environment["DOCKER_HOST"] ?? "/var/run/docker.sock").replace(/^unix:\/\//, ""),
    logFormat: oneOf("log-format", values["log-format"], ["human", "json"]), logLevel: oneOf("log-level", values["log-level"], ["info", "debug"]),
  });
}
