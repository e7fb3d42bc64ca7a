/** Clients outside the operator: psql of this machine, with what the application's Secret says. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { namespace } from "./cluster.ts";
import { valueIn } from "./manifest.ts";
import type { Subject } from "./subject.ts";

const run = promisify(execFile);
const psqlSeconds = 30;

export interface Login { readonly uri: string; readonly username: string; readonly password: string; readonly hosts: readonly string[] }

/** The login in the Secret that the operator made for the application. */
export async function appLogin({ cluster, name }: Subject): Promise<Login> {
  const { data = {} } = await cluster.core.readNamespacedSecret({ name: `${name}-app`, namespace });
  const value = (key: string): string => Buffer.from(valueIn(data[key], `${key} in ${name}-app`), "base64").toString("utf8");
  return { uri: value("uri"), username: value("username"), password: value("password"), hosts: value("hosts").split(",") };
}

/** Runs a statement from this machine, or from a network namespace of it; throws psql's words when it fails. */
export async function psqlOf(uri: string, statement: string, networkNamespace?: string): Promise<string> {
  const psql = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", uri, "-c", statement];
  const [program = "", ...args] = networkNamespace === undefined ? psql : ["nsenter", `--net=/run/netns/${networkNamespace}`, ...psql];
  const { stdout } = await run(program, args, { timeout: psqlSeconds * 1_000, env: { ...process.env, PGCONNECT_TIMEOUT: "10" } });
  return stdout.trim();
}
