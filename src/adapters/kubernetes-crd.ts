/**
 * Installs a CustomResourceDefinition: makes it when absent, replaces it when it differs, and waits until the server
 * has accepted it. Labels and annotations that others put there stay. An account that may not replace it, as in a
 * cluster where people install definitions, works with the one that is there.
 */
import pRetry from "p-retry";
import { hashOf } from "../api/names.ts";
import { Conflict, Terminal, Transient } from "../errors.ts";
import { accepted, asBody, isMissing } from "./kubernetes-connection.ts";
import type { Body, Call, Connection } from "./kubernetes-connection.ts";

/** `older or newer`: it differs from the wanted one, and this account may not replace it. */
export type InstalledCrd = "as wanted" | "older or newer";

const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/** Servers add to what they are given, so what is there and what we give cannot just be compared. */
const digestAnnotation = "pgrs.dev/definition";
/** About half a minute in all: a server needs a second or two to accept a definition. */
const patience = { retries: 30, minTimeout: 100, factor: 1.5, maxTimeout: 1000 };

export const ensureCrd = (connection: Connection, crd: Body, signal: AbortSignal): Promise<InstalledCrd> =>
  pRetry(() => ensureOnce(connection, crd, signal), { ...patience, signal, shouldRetry: ({ error }) => !(error instanceof Terminal) });

const ensureOnce = async (connection: Connection, crd: Body, signal: AbortSignal): Promise<InstalledCrd> => {
  const name = String(asBody(crd.metadata).name);
  const get: Call = { method: "GET", path: `${path}/${name}` };
  const answer = await connection.ask(get, signal);
  const found = isMissing(answer, name) ? undefined : accepted(get, answer);
  const written = found !== undefined && isInstalled(crd, found) ? found : await write(connection, crd, found, signal);
  const installed = written ?? found ?? {};
  const conditions = conditionsOf(installed);
  const refused = conditions.find(({ type, status }) => type === "NamesAccepted" && status === "False");
  if (refused !== undefined) throw new Terminal(`${name}: another definition has its names: ${String(refused.message)}`);
  if (!conditions.some(({ type, status }) => type === "Established" && status === "True")) throw new Transient(`${name} is not established yet`);
  return written !== undefined || covers(installed.spec, crd.spec) ? "as wanted" : "older or newer";
};

/** The definition as it was written; undefined when there is one and this account may not replace it. */
const write = async (connection: Connection, crd: Body, found: Body | undefined, signal: AbortSignal): Promise<Body | undefined> => {
  const own = asBody(crd.metadata);
  const there = asBody(found?.metadata);
  const annotations = { ...asBody(there.annotations), ...asBody(own.annotations), [digestAnnotation]: hashOf(crd.spec) };
  const metadata = { ...there, ...own, labels: { ...asBody(there.labels), ...asBody(own.labels) }, annotations };
  const body = { ...crd, metadata };
  const call: Call = found === undefined ? { method: "POST", path, body } : { method: "PUT", path: `${path}/${String(own.name)}`, body };
  const answer = await connection.ask(call, signal);
  if (answer.code === 403 && found !== undefined) return undefined;
  // Another operator made or removed it in between: look again.
  if (answer.code === 404) throw new Conflict(`${String(own.name)} was removed while it was replaced`);
  return accepted(call, answer);
};

/** Whether this very definition was installed, and nobody has changed what it says since. */
const isInstalled = (crd: Body, found: Body): boolean =>
  asBody(asBody(found.metadata).annotations)[digestAnnotation] === hashOf(crd.spec) && covers(found.spec, crd.spec);

/** Whether all that is wanted is there; what is there besides is the server's. */
const covers = (found: unknown, wanted: unknown): boolean => {
  if (Array.isArray(wanted)) {
    return Array.isArray(found) && found.length === wanted.length && wanted.every((each, index) => covers(found[index], each));
  }
  if (typeof wanted !== "object" || wanted === null) return found === wanted;
  return Object.entries(wanted).every(([field, each]) => covers(asBody(found)[field], each));
};

const conditionsOf = (crd: Body): readonly Body[] => {
  const { conditions } = asBody(crd.status);
  return Array.isArray(conditions) ? conditions.map(asBody) : [];
};
