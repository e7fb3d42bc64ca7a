/** An API server's side of a watch, played from a script, and objects for it to serve. */
import type { Watched, WatchEvent } from "../../src/controller/cache.ts";

export interface Facts {
  readonly generation?: number;
  readonly finalizers?: readonly string[];
  readonly ready?: boolean;
}

/** An object in namespace "n" with that version. */
export const object = (name: string, version: number | string, { generation = 1, finalizers, ready }: Facts = {}): Watched => ({
  metadata: { namespace: "n", name, uid: `uid of ${name}`, resourceVersion: String(version), generation, ...(finalizers && { finalizers }) },
  ...(ready !== undefined && { status: { ready } }),
});

export const event = (type: string, of: Watched): WatchEvent => ({ type, object: of });
export const bookmark = (version: number): WatchEvent => ({ type: "BOOKMARK", object: { metadata: { resourceVersion: String(version) } } });
export const expired: WatchEvent = { type: "ERROR", object: { kind: "Status", code: 410, message: "too old resource version" } };

/** One stream that a client opened. */
export interface Stream {
  readonly from: string;
  readonly signal: AbortSignal;
  readonly say: (event: WatchEvent) => void;
  readonly close: () => void;
  readonly fail: (error: Error) => void;
}

export interface FakeServer {
  readonly list: (signal: AbortSignal) => Promise<{ resourceVersion: string; items: readonly Watched[] }>;
  readonly watch: (from: string, onEvent: (event: WatchEvent) => void, signal: AbortSignal) => Promise<void>;
  /** What the next lists answer; an Error refuses, "hang" never answers. */
  next: { readonly version: number; readonly items: readonly Watched[] } | Error | "hang";
  readonly streams: readonly Stream[];
  readonly lists: () => number;
}

export const fakeServer = (): FakeServer => {
  const streams: Stream[] = [];
  let lists = 0;
  const server: FakeServer = {
    next: { version: 1, items: [] },
    streams,
    lists: () => lists,
    list: async () => {
      lists += 1;
      if (server.next === "hang") return new Promise(() => undefined);
      if (server.next instanceof Error) throw server.next;
      return { resourceVersion: String(server.next.version), items: server.next.items };
    },
    watch: (from, onEvent, signal) => new Promise((resolve, reject) => {
      streams.push({ from, signal, say: onEvent, close: () => resolve(), fail: reject });
    }),
  };
  return server;
};
