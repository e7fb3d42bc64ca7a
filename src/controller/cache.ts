/**
 * The latest known state of each watched object, by key. It must never go back in time: streams that repeat or
 * reorder events leave it as it was, and a late event cannot bring a deleted object back.
 */

/** An object of a Kubernetes API, of which the loop reads the metadata only. */
export type Watched = object;

export interface WatchEvent {
  readonly type: string;
  readonly object: Watched;
}

/** Whether a change asks for a round; `before` is undefined for an object not known until now. */
export type IsNews = (before: Watched | undefined, after: Watched) => boolean;

export interface Cache {
  /** Takes a whole list as of that version; returns the keys that came, changed or vanished. */
  readonly replace: (items: readonly Watched[], asOf: string) => readonly string[];
  /** Takes one event; returns the key when that asks for a round. */
  readonly apply: (event: WatchEvent) => string | undefined;
  readonly get: (key: string) => Watched | undefined;
  readonly keys: () => readonly string[];
}

interface Entry {
  readonly version: string;
  /** Undefined when deleted: the version alone stays, until the next list. */
  readonly object: Watched | undefined;
}

export const createCache = (isNews: IsNews): Cache => {
  let entries = new Map<string, Entry>();
  let listedAt = ""; // what is told of a time before the list is in the list, or was undone by then
  const get = (key: string): Watched | undefined => entries.get(key)?.object;
  const keys = (): string[] => [...entries].filter(([, entry]) => entry.object !== undefined).map(([key]) => key);

  const replace = (items: readonly Watched[], asOf: string): readonly string[] => {
    const listed = new Map<string, Entry>();
    for (const object of items) {
      const key = keyOf(object);
      if (key !== undefined) listed.set(key, { version: versionOf(object), object });
    }
    const vanished = keys().filter((key) => !listed.has(key));
    const changed = [...listed].filter(([key, { object }]) => object !== undefined && isNews(get(key), object)).map(([key]) => key);
    entries = listed;
    listedAt = asOf;
    return [...changed, ...vanished];
  };

  const apply = ({ type, object }: WatchEvent): string | undefined => {
    const key = keyOf(object);
    if (key === undefined) return undefined;
    const known = entries.get(key);
    const version = versionOf(object);
    if (type === "DELETED") {
      if (known !== undefined && isOlder(version, known.version)) return undefined;
      entries.set(key, { version, object: undefined });
      return known?.object === undefined ? undefined : key;
    }
    if (!isNewer(version, listedAt) || (known !== undefined && !isNewer(version, known.version))) return undefined;
    entries.set(key, { version, object });
    return isNews(known?.object, object) ? key : undefined;
  };

  return { replace, apply, get, keys };
};

/**
 * The usual IsNews: anything but the status. A controller writes the status itself, and must not wake itself by it,
 * or a round that fails and says so there would never wait for its backoff.
 */
export const changedBesidesStatus: IsNews = (before, after) =>
  before === undefined || askedFor(before) !== askedFor(after);

/** "namespace/name", or "name" for what lives in no namespace. */
export const keyOf = (object: Watched): string | undefined => {
  const { namespace, name } = metadataOf(object);
  if (typeof name !== "string") return undefined;
  return typeof namespace === "string" ? `${namespace}/${name}` : name;
};

export const versionOf = (object: Watched): string => {
  const { resourceVersion } = metadataOf(object);
  return typeof resourceVersion === "string" ? resourceVersion : "";
};

/** Versions that are not numbers cannot be ordered; those are taken as they come. */
export const isOlder = (version: string, than: string): boolean =>
  isNumber(version) && isNumber(than) && BigInt(version) < BigInt(than);

const isNewer = (version: string, than: string): boolean => version !== than && !isOlder(version, than);

const isNumber = (version: string): boolean => /^\d{1,20}$/.test(version);

/** What users and the API server ask for in an object. A generation stands for the whole spec. */
const askedFor = (object: Watched): string => {
  const { uid, generation, deletionTimestamp, finalizers, labels, annotations, ownerReferences } = metadataOf(object);
  const spec = generation ?? versionOf(object);
  return JSON.stringify([uid, spec, deletionTimestamp, finalizers, labels, annotations, ownerReferences]);
};

const metadataOf = (object: Watched): Readonly<Record<string, unknown>> => {
  const metadata = "metadata" in object ? object.metadata : undefined;
  return typeof metadata === "object" && metadata !== null ? { ...metadata } : {};
};
