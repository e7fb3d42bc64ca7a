/** What is compared: an API server with kubectl beside it, whether embedded or real. */
import { spawn } from "node:child_process";
import { readdirSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { requestJson, type Body, type Reply } from "./requests.ts";

export interface Site {
  readonly name: string;
  readonly url: string;
  readonly token: string;
  /** For kubectl's cache and files. */
  readonly directory: string;
  readonly kubeconfig: string;
}

export interface Finished { readonly code: number; readonly stdout: string; readonly stderr: string }

const commandMs = 60_000;

/**
 * The kubectl to use. Some distributions ship a dispatcher that picks another version for each server beside the
 * versions themselves; then one version is used for all servers, so that differences are the servers'.
 */
const findKubectl = (): string => {
  const given = process.env["PGRS_KUBECTL"];
  const paths = (process.env["PATH"] ?? "").split(":").map((directory) => join(directory, "kubectl"));
  const found = [...(given === undefined ? [] : [given]), ...paths].flatMap((path) => {
    try { return [realpathSync(path)]; } catch { return []; }
  })[0];
  if (found === undefined) throw new Error("kubectl is not on PATH");
  const beside = readdirSync(dirname(found));
  return beside.includes("kubectl.1.32") ? join(dirname(found), "kubectl.1.32") : found;
};

const kubectlPath = findKubectl();

/** Runs kubectl to its end; never rejects for what kubectl says. */
export const kubectl = (site: Site, args: readonly string[], input = ""): Promise<Finished> => new Promise((resolve, reject) => {
  const env = { ...process.env, KUBECONFIG: site.kubeconfig, HOME: site.directory, KUBECTL_EXTERNAL_DIFF: "diff -u -N" };
  const child = spawn(kubectlPath, [`--cache-dir=${join(site.directory, "cache")}`, ...args], { env, timeout: commandMs, killSignal: "SIGKILL" });
  const out = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => { out.stdout += text; });
  child.stderr.setEncoding("utf8").on("data", (text: string) => { out.stderr += text; });
  child.once("error", reject);
  child.once("close", (code) => { resolve({ code: code ?? -1, ...out }); });
  // A command that does not read its input may be gone before it is written.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
});

export const send = (site: Site, method: string, path: string, body: Body = {}): Promise<Reply> => requestJson(site, method, path, body);
