/**
 * Real API servers to compare with: etcd and a server on loopback, started from the programs in KUBEBUILDER_ASSETS
 * (as controller-runtime's envtest does), in a temporary directory, and ended by process id.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../apiserver/harness.ts";
import { requestJson } from "./requests.ts";

/** A whole API server, or Kubernetes' own server of definitions and custom resources alone. */
export type Program = "kube-apiserver" | "crdserver";

export interface RealServer {
  readonly url: string;
  readonly token: string;
  readonly directory: string;
  readonly kubeconfig: string;
  readonly stop: () => Promise<void>;
}

/** Where the programs are; undefined when nobody said so, or the program is not among them. */
export const assetsFor = (program: Program): string | undefined => {
  const directory = process.env["KUBEBUILDER_ASSETS"];
  const isThere = directory !== undefined && ["etcd", program].every((name) => existsSync(join(directory, name)));
  return isThere ? directory : undefined;
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
};

const startupMs = 90_000;

interface Started { readonly child: ChildProcess; readonly logPath: string }

const start = (path: string, args: readonly string[], logPath: string): Started => {
  const log = openSync(logPath, "w");
  const child = spawn(path, args, { stdio: ["ignore", log, log] });
  closeSync(log);
  return { child, logPath };
};

const end = async ({ child }: Started): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const hard = setTimeout(() => { child.kill("SIGKILL"); }, 15_000);
  await gone;
  clearTimeout(hard);
};

/** Answers once it is ready; a program that ends before says why. */
const ready = (started: Started, url: string, token: string): Promise<unknown> => eventually(async () => {
  if (started.child.exitCode !== null) throw new Error(`the server ended: ${readFileSync(started.logPath, "utf8").slice(-2000)}`);
  return requestJson({ url, token }, "GET", url.startsWith("https") ? "/readyz" : "/health").then(({ code }) => code, () => 0);
}, (code) => code === 200, startupMs);

const kubeconfigText = (url: string, token: string): string => JSON.stringify({
  apiVersion: "v1", kind: "Config", "current-context": "real",
  clusters: [{ name: "real", cluster: { server: url, "insecure-skip-tls-verify": true } }],
  users: [{ name: "admin", user: { token } }],
  contexts: [{ name: "real", context: { cluster: "real", user: "admin" } }],
});

const serverArguments = (program: Program, directory: string, { port, etcdUrl, token }: { port: number; etcdUrl: string; token: string }): readonly string[] => {
  const common = ["--bind-address=127.0.0.1", `--secure-port=${port}`, `--etcd-servers=${etcdUrl}`, `--cert-dir=${join(directory, "pki")}`];
  if (program === "crdserver") return [...common, "--etcd-prefix=/registry"];
  const { privateKey, publicKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048, privateKeyEncoding: { type: "pkcs1", format: "pem" }, publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const file = (name: string, text: string) => {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  return [
    ...common, "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local", `--service-account-key-file=${file("sa.pub", publicKey)}`,
    `--service-account-signing-key-file=${file("sa.key", privateKey)}`, `--token-auth-file=${file("tokens.csv", `${token},admin,admin,"system:masters"\n`)}`,
    "--authorization-mode=RBAC", "--disable-admission-plugins=ServiceAccount",
  ];
};

/** Starts etcd and the server, and answers when the server is ready. */
export const startReal = async (program: Program): Promise<RealServer> => {
  const assets = assetsFor(program);
  if (assets === undefined) throw new Error(`KUBEBUILDER_ASSETS has no etcd and ${program}`);
  const directory = mkdtempSync(join(tmpdir(), `real-${program}-`));
  mkdirSync(join(directory, "pki"));
  const running: Started[] = [];
  const stop = async () => {
    for (const one of running.toReversed()) await end(one);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const [client, peer, port] = [await freePort(), await freePort(), await freePort()];
    const etcdUrl = `http://127.0.0.1:${client}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    const etcd = start(join(assets, "etcd"), [
      "--name=real", `--data-dir=${join(directory, "etcd")}`, `--listen-client-urls=${etcdUrl}`, `--advertise-client-urls=${etcdUrl}`,
      `--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`, `--initial-cluster=real=${peerUrl}`, "--log-level=warn", "--unsafe-no-fsync",
    ], join(directory, "etcd.log"));
    running.push(etcd);
    await ready(etcd, etcdUrl, "");
    const token = randomBytes(16).toString("hex");
    const url = `https://127.0.0.1:${port}`;
    const server = start(join(assets, program), serverArguments(program, directory, { port, etcdUrl, token }), join(directory, "server.log"));
    running.push(server);
    await ready(server, url, token);
    const kubeconfig = join(directory, "kubeconfig");
    writeFileSync(kubeconfig, kubeconfigText(url, token), { mode: 0o600 });
    return { url, token, directory, kubeconfig, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};
