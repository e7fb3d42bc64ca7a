/** The file that makes clients find and trust this control plane, and be trusted by it. */
import { readIfThere, writePrivately } from "./files.ts";
import type { Identity } from "./certificates.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

/** A kubeconfig with everything inside. */
export const kubeconfig = (url: string, { authority, admin, adminKey }: Identity): string => `apiVersion: v1
kind: Config
clusters:
- name: embedded
  cluster:
    server: ${url}
    certificate-authority-data: ${base64(authority)}
users:
- name: admin
  user:
    client-certificate-data: ${base64(admin)}
    client-key-data: ${base64(adminKey)}
contexts:
- name: embedded
  context:
    cluster: embedded
    user: admin
current-context: embedded
`;

/** Writes it where it differs: a file that stays as it is keeps its time. */
export const writeKubeconfig = (path: string, text: string): void => {
  if (readIfThere(path) !== text) writePrivately(path, text);
};

/** The port that it names: where clients look for the next start as well. Undefined where there is none. */
export const portIn = (path: string): number | undefined => {
  const port = /^ +server: https:\/\/\S+:(\d+)$/m.exec(readIfThere(path) ?? "")?.[1];
  return port === undefined ? undefined : Number(port);
};
