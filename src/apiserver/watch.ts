/**
 * Watching: what there is or what came after a version, then every change as it is stored, in order and without a gap.
 * A watch that cannot go on says so and ends; it never drops a change in silence.
 */
import { listParams, watchParams } from "./params.ts";
import { selected } from "./reads.ts";
import { definitionsResource } from "./registry.ts";
import { tooOldVersion } from "./problems.ts";
import { withMetadata } from "./objects.ts";
import type { Change } from "./journal.ts";
import type { Call, Core } from "./core.ts";
import type { Kind, KubeObject } from "./kind.ts";
import type { ListParams, WatchParams } from "./params.ts";
import type { Status } from "./problems.ts";
import type { Matches } from "./selectors.ts";

export type WatchEvent =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: KubeObject }
  /** Nothing changed up to this version; with `endsInitial`, all that was there has been sent. */
  | { readonly type: "BOOKMARK"; readonly version: number; readonly endsInitial: boolean }
  | { readonly type: "ERROR"; readonly status: Status };

export interface Sink {
  send(event: WatchEvent): void;
  /** Nothing comes after this. */
  end(): void;
}

export interface Watch {
  readonly kind: Kind;
  /** Begins to send; the answer ends it from the client's side. */
  readonly start: (sink: Sink) => () => void;
}

const bookmarkEveryMs = 60_000;
const defaultSecondsMin = 1800;
const timeoutSecondsMax = 24 * 3600;

/** How a change looks through a selector: what stops to match is gone, as far as this client can see. */
const eventOf = ({ before, after, version }: Change, matches: Matches): WatchEvent | undefined => {
  const was = before !== undefined && matches(before);
  const is = after !== undefined && matches(after);
  if (is) return { type: was ? "MODIFIED" : "ADDED", object: after };
  return was ? { type: "DELETED", object: withMetadata(before, { resourceVersion: String(version) }) } : undefined;
};

const shownChange = ({ served }: Call, change: Change): Change => ({
  ...change,
  ...(change.before === undefined ? {} : { before: served.fromStored(change.before) }),
  ...(change.after === undefined ? {} : { after: served.fromStored(change.after) }),
});

interface Run { readonly core: Core; readonly call: Call; readonly list: ListParams; readonly watch: WatchParams; readonly matches: Matches }

const concerns = ({ call: { served, namespace } }: Run, { key }: Change): boolean =>
  key.resource === served.resource && (namespace === "" || key.namespace === namespace);

const sendState = ({ core, call, matches, watch }: Run, sink: Sink): void => {
  const { served, namespace } = call;
  const objects = core.store.list(served.resource, namespace === "" ? undefined : namespace).map((object) => served.fromStored(object));
  for (const object of objects) if (matches(object)) sink.send({ type: "ADDED", object });
  if (watch.sendInitialEvents && watch.allowBookmarks) sink.send({ type: "BOOKMARK", version: core.store.version, endsInitial: true });
};

const sendChange = (run: Run, sink: Sink, change: Change): void => {
  const event = eventOf(shownChange(run.call, change), run.matches);
  if (event !== undefined) sink.send(event);
};

/** What comes before the live changes; false when there is nothing to go on from. */
const sendBeginning = (run: Run, sink: Sink): boolean => {
  const { core, call, list: { version }, watch } = run;
  const isFromState = watch.sendInitialEvents || ((version === undefined || version === 0) && !call.query.has("sendInitialEvents"));
  if (isFromState) { sendState(run, sink); return true; }
  const after = version === undefined || version === 0 ? core.store.version : version;
  if (after < core.store.compacted) {
    sink.send({ type: "ERROR", status: tooOldVersion(after, core.store.compacted).status });
    return false;
  }
  for (const change of core.store.since(after, call.served.resource)) if (concerns(run, change)) sendChange(run, sink, change);
  return true;
};

const timeoutMsOf = ({ core, watch: { timeoutSeconds } }: Run): number => {
  const seconds = timeoutSeconds === undefined || timeoutSeconds <= 0 ? defaultSecondsMin + core.random(defaultSecondsMin) : timeoutSeconds;
  return Math.min(seconds, timeoutSecondsMax) * 1000;
};

const isStillServed = ({ core, call: { served: { kind } } }: Run): boolean =>
  core.registry.find(kind.group, kind.version, kind.plural)?.kind === kind;

const run = (of: Run, sink: Sink): (() => void) => {
  const { core, list: { version = 0 }, watch } = of;
  if (!sendBeginning(of, sink)) { sink.end(); return () => undefined; }
  const bookmark = () => { if (watch.allowBookmarks) sink.send({ type: "BOOKMARK", version: core.store.version, endsInitial: false }); };
  const bookmarks = setInterval(bookmark, bookmarkEveryMs);
  const timeout = setTimeout(() => { bookmark(); finish(); }, timeoutMsOf(of));
  const unsubscribe = core.store.subscribe((change) => {
    // A client may name a version that is still to come; what is older than it is not for it.
    if (change.version > version && concerns(of, change)) sendChange(of, sink, change);
    if (change.key.resource === definitionsResource && !isStillServed(of)) finish();
  });
  const stop = () => { unsubscribe(); clearInterval(bookmarks); clearTimeout(timeout); };
  const finish = () => { stop(); sink.end(); };
  return stop;
};

/** A watch for the call; parameters that make no sense are refused here, before anything is sent. */
export const openWatch = (core: Core, call: Call): Watch => {
  const list = listParams(call.query);
  const watch = watchParams(call.query);
  const matches = selected(call, list);
  return { kind: call.served.kind, start: (sink) => run({ core, call, list, watch, matches }, sink) };
};
