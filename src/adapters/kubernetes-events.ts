/**
 * Events as kubectl shows them. The name follows from what is said about whom, so that saying it again counts on the
 * event that is there instead of making another one, whichever operator said it first.
 */
import { createHash } from "node:crypto";
import { Conflict } from "../errors.ts";
import type { EventNote } from "../ports.ts";
import { accepted, asBody, isMissing } from "./kubernetes-connection.ts";
import type { Body, Call, Connection } from "./kubernetes-connection.ts";

/** Whom an event is about. */
export interface Subject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly namespace: string; readonly name: string; readonly uid: string; readonly resourceVersion: string };
}

const component = "pgrs-operator";
const messageBytesMax = 1024;
/** Names end at 253; the hash and a dot need 17 of them. */
const nameLengthMax = 236;
/** Others may count on, or expire, the same event between two of our calls. */
const attemptsMax = 4;

/** Says it, or counts one more time that it was said. `at` is in milliseconds since the epoch. */
export const emit = async (connection: Connection, subject: Subject, note: EventNote, at: number, signal: AbortSignal): Promise<void> => {
  const said = newEvent(subject, note, new Date(at).toISOString().replace(/\.\d+Z$/, "Z"));
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) if (await emitOnce(connection, said, signal)) return;
  throw new Conflict(`event ${said.metadata.name} changed under each of ${attemptsMax} tries to count on it`);
};

/** False when somebody else was faster. */
const emitOnce = async (connection: Connection, said: NewEvent, signal: AbortSignal): Promise<boolean> => {
  const { namespace, name } = said.metadata;
  const path = `/api/v1/namespaces/${namespace}/events`;
  const create: Call = { method: "POST", path, body: { ...said } };
  const created = await connection.ask(create, signal);
  if (created.code !== 409) return accepted(create, created) !== undefined;

  const get: Call = { method: "GET", path: `${path}/${name}` };
  const found = await connection.ask(get, signal);
  if (isMissing(found, name)) return false;
  const { metadata, count } = accepted(get, found);
  const more = { metadata: { resourceVersion: asBody(metadata).resourceVersion }, count: Number(count ?? 1) + 1, lastTimestamp: said.lastTimestamp };
  const update: Call = { method: "PATCH", path: `${path}/${name}`, body: more };
  const updated = await connection.ask(update, signal);
  if (updated.code === 409 || isMissing(updated, name)) return false;
  return accepted(update, updated) !== undefined;
};

interface NewEvent extends Body {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly lastTimestamp: string;
}

const newEvent = ({ apiVersion, kind, metadata }: Subject, { type, reason, message }: EventNote, at: string): NewEvent => {
  const { namespace, name, uid, resourceVersion } = metadata;
  const digest = createHash("sha256").update(JSON.stringify([uid, type, reason, message])).digest("hex").slice(0, 16);
  const stem = name.slice(0, nameLengthMax).replace(/[^a-z0-9]+$/, "");
  return {
    apiVersion: "v1", kind: "Event", metadata: { namespace, name: `${stem}.${digest}` },
    involvedObject: { apiVersion, kind, namespace, name, uid, resourceVersion },
    type, reason, message: shortened(message),
    source: { component }, reportingComponent: component, reportingInstance: component,
    firstTimestamp: at, lastTimestamp: at, count: 1,
  };
};

/** At most so many bytes, cut between characters. */
const shortened = (message: string): string => {
  if (Buffer.byteLength(message) <= messageBytesMax) return message;
  const ellipsis = "…";
  const bytes = Buffer.from(message).subarray(0, messageBytesMax - Buffer.byteLength(ellipsis));
  return `${bytes.toString("utf8").replace(/\uFFFD+$/, "")}${ellipsis}`;
};
