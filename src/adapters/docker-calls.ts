/**
 * The one way to the Engine: every call has a time limit, ends with its caller's signal, and fails in our words.
 * Connections are kept and bounded; those that wait long (start, stop, exec, pull, events) have their own, so that
 * they can't keep a short look from its answer.
 */
import { Agent } from "node:http";
import { Agent as TlsAgent } from "node:https";
import type { Readable } from "node:stream";
import { inspect } from "node:util";
import Docker from "dockerode";
import pRetry from "p-retry";
import { reason } from "../api/conditions.ts";
import { Transient } from "../errors.ts";
import { isUnreachable, translate } from "./docker-errors.ts";
import { orAborted } from "./waiting.ts";

/** Where the Engine is; left out, DOCKER_HOST and its sisters decide, then the usual socket. */
export interface Where {
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Limits {
  readonly limitMs?: number;
  /** Whether the answer may take long by nature. */
  readonly slow?: boolean;
  /** Whether the call changes nothing, so that a broken connection is tried again at once. */
  readonly read?: boolean;
}

export interface EngineVersion { readonly version: string; readonly api: string }

export interface Calls {
  /** Runs one call. `what` says in a few words what it is for. */
  readonly call: <T>(what: string, signal: AbortSignal, run: (docker: Docker, signal: AbortSignal) => Promise<T>, limits?: Limits) => Promise<T>;
  /** What the Engine says of itself. Asked once for each time that it was found again. */
  readonly version: (signal: AbortSignal) => Promise<EngineVersion>;
  /** Asks once and remembers, until the Engine is lost. */
  readonly remembered: <T>(ask: (signal: AbortSignal) => Promise<T>) => (signal: AbortSignal) => Promise<T>;
  /** Opens a stream that outlives the call: until its reader closes it or the signal aborts. */
  readonly open: (what: string, signal: AbortSignal, run: (docker: Docker, signal: AbortSignal) => Promise<unknown>, limitMs: number) => Promise<Opened>;
  /** What was remembered may no longer hold: the Engine was lost. */
  readonly forget: () => void;
  readonly close: () => void;
}

export interface Opened { readonly stream: Readable; readonly close: () => void }

const limitMsDefault = 30_000;
const quickSockets = 32;
const slowSockets = 256;
const newestKnownApi = "1.51";

/** Compares "1.9" and "1.41" as versions. */
export const apiAtLeast = (api: string, wanted: string): boolean => {
  const [major = 0, minor = 0] = api.split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
};

const timedOut = (what: string, limitMs: number, cause: unknown): Transient =>
  new Transient(`${what}: the Engine did not answer within ${Math.round(limitMs / 1000)} s`, { cause, reason: reason.EngineUnreachable });

const broughtDown = (what: string, signal: AbortSignal): Transient =>
  signal.reason instanceof DOMException && signal.reason.name === "TimeoutError"
    ? new Transient(`${what}: the Engine did not answer in the time given`, { cause: signal.reason, reason: reason.EngineUnreachable })
    : new Transient(`${what}: given up before the Engine answered`, { cause: signal.reason });

/** Calls that take a signal, which their types do not tell. */
export interface Asking {
  version(options: { abortSignal: AbortSignal }): Promise<{ Version: string; ApiVersion: string }>;
  ping(options: { abortSignal: AbortSignal }): Promise<unknown>;
  info(options: { abortSignal: AbortSignal }): Promise<{ LoggingDriver?: string }>;
}

/** What docker-modem holds and its types do not tell. */
interface Modem { protocol: string; agent?: Agent; version?: string }
const modemOf = (docker: Docker): Modem => docker.modem as unknown as Modem;

/**
 * docker-modem prints each request for its debug log, the agent in all its depth included, even when nobody reads
 * that: with some sockets kept it takes a third of a second of pure computing a request. So agents here are one word.
 */
const tersely = <T extends Agent>(agent: T): T => Object.assign(agent, { [inspect.custom]: () => "Agent" });

const connect = (where: Where, options: { readonly keepAlive: boolean; readonly maxSockets: number }): Docker => {
  // dockerode prefers DOCKER_HOST to a socket that is given.
  const place = where.socketPath === undefined ? where : { ...where, host: undefined };
  const docker = new Docker({ ...place, ...(where.ca !== undefined && { protocol: "https" as const }) });
  const modem = modemOf(docker);
  // ssh brings an agent of its own.
  if (modem.protocol !== "ssh") modem.agent = tersely(modem.protocol === "https" ? new TlsAgent(options) : new Agent(options));
  return docker;
};

export const engineCalls = (where: Where): Calls => {
  const quick = connect(where, { keepAlive: true, maxSockets: quickSockets });
  const slow = connect(where, { keepAlive: false, maxSockets: slowSockets });
  const forgetters = new Set<() => void>();
  const speak = (version: string | undefined): void => {
    for (const docker of [quick, slow]) {
      if (version === undefined) delete modemOf(docker).version;
      else modemOf(docker).version = version;
    }
  };
  // What answers next may not even know the version spoken last.
  const forget = (): void => {
    speak(undefined);
    for (const each of forgetters) each();
  };

  const bounded = async <T>(what: string, signal: AbortSignal, run: (docker: Docker, signal: AbortSignal) => Promise<T>, limits: Limits): Promise<T> => {
    const limitMs = limits.limitMs ?? limitMsDefault;
    const limit = AbortSignal.timeout(limitMs);
    const either = AbortSignal.any([signal, limit]);
    try {
      return await orAborted(run(limits.slow ? slow : quick, either), either);
    } catch (error) {
      const failure = signal.aborted ? broughtDown(what, signal) : limit.aborted ? timedOut(what, limitMs, error) : translate(what, error);
      // A newer Engine may stand behind the socket when it answers again.
      if (isUnreachable(failure)) forget();
      throw failure;
    }
  };

  const remembered = <T>(ask: (signal: AbortSignal) => Promise<T>): ((signal: AbortSignal) => Promise<T>) => {
    let answer: Promise<T> | undefined;
    forgetters.add(() => { answer = undefined; });
    return async (signal) => {
      if (answer === undefined) {
        // Shared by all who ask at once, so no single one's signal may end it.
        const asked = ask(AbortSignal.timeout(limitMsDefault));
        answer = asked;
        asked.catch(() => { if (answer === asked) answer = undefined; });
      }
      const mine = answer;
      return orAborted(mine, signal).catch((error: unknown) => { throw signal.aborted ? broughtDown("ask the Engine", signal) : translate("ask the Engine", error); });
    };
  };

  const version = remembered(async (signal) => {
    const { Version, ApiVersion } = await bounded("ask the Engine's version", signal, (docker, abortSignal) =>
      (docker as unknown as Asking).version({ abortSignal }), { limitMs: 10_000 });
    // Newer features are used where the Engine has them, and its later changes must not surprise us.
    speak(`v${apiAtLeast(ApiVersion, newestKnownApi) ? newestKnownApi : ApiVersion}`);
    return { version: Version, api: ApiVersion };
  });

  const call: Calls["call"] = async (what, signal, run, limits = {}) => {
    const attempt = async () => {
      await version(signal);
      return bounded(what, signal, run, limits);
    };
    if (limits.read !== true) return attempt();
    // A kept connection may have been closed by an Engine that restarted; for a read a new one is tried at once.
    return pRetry(attempt, { retries: 1, minTimeout: 0, shouldRetry: ({ error }) => !signal.aborted && /broke the connection off/.test(error.message) });
  };

  const open: Calls["open"] = async (what, signal, run, limitMs) => {
    const control = new AbortController();
    const passOn = (): void => control.abort(signal.reason);
    signal.addEventListener("abort", passOn, { once: true });
    const stop = (): void => { signal.removeEventListener("abort", passOn); control.abort(); };
    try {
      // The call's own limit ends with the Engine's first word; the stream after it has another reader's patience.
      const stream = await call(what, signal, (docker) => run(docker, control.signal), { slow: true, limitMs }) as Readable;
      // Closing breaks the connection off, which is no error to anybody.
      stream.on("error", () => undefined);
      return { stream, close: () => { stop(); stream.destroy(); } };
    } catch (error) {
      stop();
      throw error;
    }
  };

  const close = (): void => { for (const docker of [quick, slow]) modemOf(docker).agent?.destroy(); };
  return { call, open, version, remembered, forget, close };
};
