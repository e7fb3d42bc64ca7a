/** Which API server to talk to, and as whom: a kubeconfig, the usual places, or the account of the pod we run in. */
import { KubeConfig } from "@kubernetes/client-node";
import { Terminal } from "../errors.ts";

/**
 * The kubeconfig at a path; without one, what $KUBECONFIG or ~/.kube/config say, else the in-cluster account.
 * Throws Terminal with a sentence that says what to do. It must never quote the file: there are keys in it.
 */
export const loadKubeConfig = (path: string | undefined): KubeConfig => {
  const kubeConfig = new KubeConfig();
  const source = path ?? "the kubeconfig";
  try {
    if (path === undefined) kubeConfig.loadFromDefault();
    else kubeConfig.loadFromFile(path);
  } catch (error) {
    // The file system says which file and why; a parser would quote the file.
    const isQuoting = !(error instanceof Error && "syscall" in error);
    throw new Terminal(`cannot read ${source}${isQuoting ? ": it is no kubeconfig" : ""}`, isQuoting ? {} : { cause: error });
  }
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) throw new Terminal(`${source} has no current context with a cluster: set one with kubectl config use-context`);
  // client-node's last resort, which nobody serves nowadays: better to say that there is no kubeconfig.
  if (path === undefined && cluster.server === "http://localhost:8080") {
    throw new Terminal("no kubeconfig found: set KUBECONFIG or pass --kubeconfig");
  }
  return kubeConfig;
};
