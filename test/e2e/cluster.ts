/**
 * What a scenario stands on: the program as a child process, kubectl against its control plane, the Engine seen
 * directly, and the sweep of everything that came of it. It tells the truth about failures: what the resource, the
 * Engine and the program said is printed when a test fails. PGRS_E2E_KEEP=1 leaves all in place for a look.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { CoreV1Api, CustomObjectsApi, KubeConfig } from "@kubernetes/client-node";
import { group, plural, version, type Resource } from "../../src/api/resource.ts";
import { testLabel } from "./engine.ts";
import { engineSocketPath, openEngineSocket, type EngineSocket } from "./engine-socket.ts";
import { eventually } from "./eventually.ts";
import { sweepDeadRuns, sweepRun, writeNote, type Note } from "./leftovers.ts";
import { checkAlive, programOf, type Program } from "./program.ts";

export const namespace = "e2e";
const startSeconds = 90;
const kubectlSeconds = 150;

export interface Answer { readonly code: number; readonly out: string; readonly err: string }

export interface Cluster {
  readonly id: string;
  readonly home: string;
  readonly installation: string;
  /** The Engine itself, never through the socket that a test may cut. */
  readonly docker: Docker;
  readonly engineSocket: EngineSocket;
  readonly program: Program;
  readonly core: CoreV1Api;
  /** What a thing carries that a test makes on the Engine, so that the sweep finds it. */
  readonly testLabels: Readonly<Record<string, string>>;
  /** Runs kubectl in the tests' namespace; throws its words when it fails. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** Runs kubectl and gives its exit code and words, whatever they are. */
  tryKubectl(args: readonly string[], input?: string): Promise<Answer>;
  apply(manifest: string): Promise<string>;
  resource(name: string): Promise<Resource | undefined>;
  /** Starts the program (again), and waits until its API server answers. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const run = (program: string, args: readonly string[], environment: NodeJS.ProcessEnv, input: string | undefined): Promise<Answer> => new Promise((resolve, reject) => {
  const child = execFile(program, args, { env: environment, timeout: kubectlSeconds * 1_000, maxBuffer: 16 << 20 }, (error, out, err) => {
    if (error !== null && typeof error.code !== "number") reject(new Error(`${program} ${args.join(" ")}: ${error.message}`));
    else resolve({ code: error === null ? 0 : Number(error.code), out, err });
  });
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input ?? "");
});

const isNotFound = (error: unknown): boolean => (error as { code?: number }).code === 404;

interface ControlPlane {
  /** The command line of the program, given its home and the Engine's socket. */
  readonly args: (home: string, socket: string) => readonly string[];
  readonly kubeconfig: (home: string) => string;
  /** Options for kubectl apply: an API server of old cannot validate what it does not know. */
  readonly applyOptions?: readonly string[];
}

const logging = ["--log-format", "human", "--log-level", "info"];

export const embedded: ControlPlane = {
  args: (home, socket) => ["up", "--home", home, "--port", "0", "--docker", socket, ...logging],
  kubeconfig: (home) => join(home, "kubeconfig"),
};

/** The operator alone, for the API server of a kubeconfig. */
export const apiServerOf = (kubeconfig: string): ControlPlane => ({
  args: (_, socket) => ["operator", "--kubeconfig", kubeconfig, "--docker", socket, ...logging],
  kubeconfig: () => kubeconfig, applyOptions: ["--validate=false"],
});

interface Access { readonly objects: CustomObjectsApi; readonly core: CoreV1Api }

// The port is chosen anew by a server that starts on a fresh home, so access is made after the start.
const accessTo = (kubeconfig: string): Access => {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  return { objects: config.makeApiClient(CustomObjectsApi), core: config.makeApiClient(CoreV1Api) };
};

/** Starts a control plane and an operator of their own, in a new home, and sweeps what killed runs have left. */
export async function startCluster(controlPlane: ControlPlane = embedded): Promise<Cluster> {
  const docker = new Docker({ socketPath: engineSocketPath() });
  await sweepDeadRuns(docker);
  const id = `e2e-${randomBytes(4).toString("hex")}`;
  const home = await mkdtemp(join(tmpdir(), `pgrs-${id}-`));
  await chmod(home, 0o700);
  const kubeconfig = controlPlane.kubeconfig(home);
  let note: Note = { id, home, testPid: process.pid };
  const remember = (more: Partial<Note>): void => { note = { ...note, ...more }; writeNote(note); };
  remember({});
  const engineSocket = await openEngineSocket(join(home, "engine.sock"));
  const program = programOf({ args: controlPlane.args(home, engineSocket.path), home, onStart: (programPid) => { remember({ programPid }); } });
  const environment = { ...process.env, KUBECONFIG: kubeconfig };
  const tryKubectl: Cluster["tryKubectl"] = (args, input) =>
    run(process.env["PGRS_KUBECTL"] ?? "kubectl", ["--namespace", namespace, ...args], environment, input);
  const kubectl: Cluster["kubectl"] = async (args, input) => {
    const { code, out, err } = await tryKubectl(args, input);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${err || out}`);
    return out;
  };
  let access: Access | undefined;
  const start = async (): Promise<void> => {
    program.start();
    await eventually("the API server answers", async () => {
      await checkAlive(program);
      access = accessTo(kubeconfig);
      await access.objects.listNamespacedCustomObject({ group, version, plural, namespace });
      return undefined;
    }, startSeconds);
  };
  const core = (): CoreV1Api => {
    if (access === undefined) throw new Error("the control plane has not been started");
    return access.core;
  };
  const stop = async (): Promise<void> => {
    await program.stop();
    await engineSocket.cut();
    if (process.env["PGRS_E2E_KEEP"] === "1") console.log(`kept: KUBECONFIG=${kubeconfig}, labels ${testLabel}=${id}, installation ${note.installation ?? ""}`);
    else await sweepRun(docker, note);
  };
  try {
    await start();
    const installation = (await core().readNamespace({ name: "kube-system" })).metadata?.uid ?? "";
    remember({ installation });
    await tryKubectl(["create", "namespace", namespace]);
    return {
      id, home, installation, docker, engineSocket, program, testLabels: { [testLabel]: id }, kubectl, tryKubectl, start, stop,
      get core() { return core(); },
      apply: (manifest) => kubectl(["apply", ...controlPlane.applyOptions ?? [], "-f", "-"], manifest),
      resource: async (name) => {
        const found: unknown = await access?.objects.getNamespacedCustomObject({ group, version, plural, namespace, name })
          .catch((error: unknown) => { if (isNotFound(error)) return undefined; throw error; });
        return found as Resource | undefined;
      },
    };
  } catch (error) {
    console.log(await program.log());
    await stop();
    throw error;
  }
}
