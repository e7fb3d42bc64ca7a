/** Lists and watches all objects of one kind, in one namespace or in all; who calls decides when to do which again. */
import { Transient } from "../errors.ts";
import { accepted, asBody } from "./kubernetes-connection.ts";
import type { Body, Call, Connection } from "./kubernetes-connection.ts";

export interface List { readonly resourceVersion: string; readonly items: readonly object[] }
export interface StreamEvent { readonly type: string; readonly object: object }

const pageSize = "500";
/** An expired continuation starts over; a server that lets every list expire must not keep us for ever. */
const attemptsMax = 3;

/** The whole list, read page by page, as of one version. */
export const list = async (connection: Connection, path: string, signal: AbortSignal): Promise<List> => {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const whole = await listOnce(connection, path, signal);
    if (whole !== "expired") return whole;
  }
  throw new Transient(`GET ${path}: the list expired ${attemptsMax} times while it was read`);
};

const listOnce = async (connection: Connection, path: string, signal: AbortSignal): Promise<List | "expired"> => {
  const items: object[] = [];
  let next = "";
  for (;;) {
    const call: Call = { method: "GET", path, query: { limit: pageSize, ...(next !== "" && { continue: next }) } };
    const answer = await connection.ask(call, signal);
    if (answer.code === 410 && next !== "") return "expired";
    const page = accepted(call, answer);
    const metadata = asBody(page.metadata);
    if (!Array.isArray(page.items) || typeof metadata.resourceVersion !== "string") throw new Transient(`GET ${path}: the answer is no list`);
    items.push(...page.items.map(asBody));
    if (typeof metadata.continue !== "string" || metadata.continue === "") return { resourceVersion: metadata.resourceVersion, items };
    next = metadata.continue;
  }
};

/**
 * Reports events after a version until the server closes the stream. A version that is too old is an event of type
 * ERROR, whether the server says so at once or later. Rejects when the stream breaks.
 */
export const watch = async (
  connection: Connection, path: string, resourceVersion: string, onEvent: (event: StreamEvent) => void, signal: AbortSignal,
): Promise<void> => {
  const call: Call = { method: "GET", path, query: { watch: "true", allowWatchBookmarks: "true", resourceVersion } };
  const refused = await connection.stream(call, (line) => onEvent(parseEvent(path, line)), signal);
  if (refused === undefined) return;
  if (refused.code !== 410) accepted(call, refused);
  onEvent({ type: "ERROR", object: { ...refused.body, code: 410 } });
};

const parseEvent = (path: string, line: string): StreamEvent => {
  const { type, object } = parseLine(path, line);
  if (typeof type !== "string") throw new Transient(`GET ${path}: a line of the stream is no event`);
  return { type, object: asBody(object) };
};

const parseLine = (path: string, line: string): Body => {
  try {
    return asBody(JSON.parse(line));
  } catch {
    throw new Transient(`GET ${path}: a line of the stream is no JSON`);
  }
};
