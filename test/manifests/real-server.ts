/**
 * A real etcd and kube-apiserver, with RBAC, from the folder that KUBEBUILDER_ASSETS names: on loopback, in a folder of
 * their own, ended by their handles. No controllers run beside them.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../../src/images/run.ts";
import { eventually } from "../e2e/eventually.ts";

export interface RealServer {
  readonly folder: string;
  /** For an administrator. */
  readonly kubeconfig: string;
  /** Writes a kubeconfig for the bearer of a token; returns its path. */
  kubeconfigFor(user: string, token: string): Promise<string>;
  stop(): Promise<void>;
}

const readySeconds = 90;

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
};

const start = (assets: string, folder: string, name: string, args: readonly string[]): ChildProcess => {
  const log = openSync(join(folder, `${name}.log`), "a", 0o600);
  const child = spawn(join(assets, name), args, { stdio: ["ignore", log, log] });
  closeSync(log);
  return child;
};

const end = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  const limit = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await once(child, "exit");
  clearTimeout(limit);
};

const kubeconfigText = (url: string, authority: Buffer, user: string, token: string): string => JSON.stringify({
  apiVersion: "v1", kind: "Config", "current-context": user,
  clusters: [{ name: "real", cluster: { server: url, "certificate-authority-data": authority.toString("base64") } }],
  users: [{ name: user, user: { token } }],
  contexts: [{ name: user, context: { cluster: "real", user } }],
});

/** The keys that tokens of service accounts are signed with and checked by, and the administrator's token. */
const writeCredentials = async (folder: string, token: string): Promise<void> => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await writeFile(join(folder, "sa.pub"), publicKey.export({ type: "spki", format: "pem" }));
  await writeFile(join(folder, "sa.key"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  await writeFile(join(folder, "tokens.csv"), `${token},admin,admin,"system:masters"\n`, { mode: 0o600 });
};

export async function startRealServer(assets: string): Promise<RealServer> {
  const folder = await mkdtemp(join(tmpdir(), "pgrs-real-"));
  const token = randomBytes(16).toString("hex");
  await writeCredentials(folder, token);
  const [port, clientPort, peerPort] = [await freePort(), await freePort(), await freePort()];
  const client = `http://127.0.0.1:${String(clientPort)}`;
  const peer = `http://127.0.0.1:${String(peerPort)}`;
  const etcd = start(assets, folder, "etcd", [
    `--data-dir=${join(folder, "etcd")}`, `--listen-client-urls=${client}`, `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`, `--initial-cluster=default=${peer}`, "--log-level=warn",
  ]);
  const server = start(assets, folder, "kube-apiserver", [
    "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", `--secure-port=${String(port)}`, `--etcd-servers=${client}`,
    "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local", `--service-account-key-file=${join(folder, "sa.pub")}`,
    `--service-account-signing-key-file=${join(folder, "sa.key")}`, `--token-auth-file=${join(folder, "tokens.csv")}`, `--cert-dir=${folder}`,
    // Without a controller manager nobody makes default accounts, and this would refuse all Pods.
    "--disable-admission-plugins=ServiceAccount",
  ]);
  const stop = async (): Promise<void> => {
    await end(server);
    await end(etcd);
    await rm(folder, { recursive: true, force: true });
  };
  const kubeconfigFor = async (user: string, bearer: string): Promise<string> => {
    const path = join(folder, `kubeconfig-${user}`);
    await writeFile(path, kubeconfigText(`https://127.0.0.1:${String(port)}`, await readFile(join(folder, "apiserver.crt")), user, bearer), { mode: 0o600 });
    return path;
  };
  try {
    await eventually("kube-apiserver is ready", async () => {
      const ended = [etcd, server].find(({ exitCode }) => exitCode !== null);
      if (ended !== undefined) return `${ended.spawnfile} ended with code ${String(ended.exitCode)}`;
      await run({ program: "kubectl", args: ["--kubeconfig", await kubeconfigFor("admin", token), "get", "--raw", "/readyz"], timeoutSeconds: 10 });
      return undefined;
    }, readySeconds);
    return { folder, kubeconfig: await kubeconfigFor("admin", token), kubeconfigFor, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
