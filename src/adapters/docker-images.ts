/**
 * Images: whether the Engine has one, and pulls that run in the background. A pull never fails anybody: how it went is
 * asked for. One at a time for a name; where no registry answers it ends within seconds.
 */
import type { Readable } from "node:stream";
import { reason } from "../api/conditions.ts";
import { explain, Terminal, Transient } from "../errors.ts";
import type { Clock, Engine, Logger } from "../ports.ts";
import type { Calls } from "./docker-calls.ts";
import { orAbsent } from "./docker-containers.ts";
import { failureOf, isUnreachable, translate } from "./docker-errors.ts";
import { imageFacts } from "./docker-facts.ts";
import { linesOf } from "./docker-lines.ts";
import { orAborted } from "./waiting.ts";

type Part = Pick<Engine, "image" | "pull" | "pulling">;
type Pulling = NonNullable<ReturnType<Engine["pulling"]>>;

export interface PullLimits {
  /** Until the registry's first word. */
  readonly firstWordMs: number;
  /** Between two words of progress. */
  readonly silenceMs: number;
  readonly wholeMs: number;
}
export const pullLimits: PullLimits = { firstWordMs: 15_000, silenceMs: 300_000, wholeMs: 3_600_000 };
const namesMax = 256;

// What stands in a path of the API must not be able to leave it.
const isReference = (name: string): boolean => /^[A-Za-z0-9][A-Za-z0-9_./:@-]{0,511}$/.test(name) && !name.includes("..") && !name.includes("//");

/** Reads a pull's progress to its end; an `error` in it is how the Engine says that it failed. */
const follow = async (name: string, stream: Readable, limits: PullLimits): Promise<void> => {
  const lines = linesOf(stream);
  for (;;) {
    const { done, value } = await orAborted(lines.next(), AbortSignal.timeout(limits.silenceMs));
    if (done === true) return;
    const { error } = JSON.parse(value) as { error?: string };
    if (error !== undefined) throw failureOf(`pull ${name}`, error, new Error(error)) ?? new Transient(`pull ${name}: the registry or the Engine refused`, { cause: new Error(error), reason: reason.ImageUnavailable });
  }
};

const pullOnce = async (calls: Calls, name: string, limits: PullLimits): Promise<void> => {
  const whole = AbortSignal.timeout(limits.wholeMs);
  const [fromImage = name, tag] = name.includes("@") ? [name] : /^(.+):([^:/]+)$/.exec(name)?.slice(1) ?? [name, "latest"];
  const { stream, close } = await calls.open(`pull ${name}`, whole,
    (docker, abortSignal) => docker.createImage({ fromImage, ...(tag !== undefined && { tag }), abortSignal }), limits.firstWordMs);
  try {
    await orAborted(follow(name, stream, limits), whole);
  } catch (error) {
    throw translate(`pull ${name}`, error);
  } finally {
    close();
  }
};

interface Options { readonly clock: Clock; readonly log: Logger; readonly limits: PullLimits }

export const imageCalls = (calls: Calls, { clock, log, limits }: Options): Part => {
  const pulls = new Map<string, Pulling>();

  const note = (name: string, state: Pulling): void => {
    pulls.delete(name);
    pulls.set(name, state);
    const oldest = [...pulls].find(([, { state }]) => state === "failed")?.[0];
    if (pulls.size > namesMax && oldest !== undefined) pulls.delete(oldest);
  };

  const pull = (name: string): void => {
    if (pulls.get(name)?.state === "running") return;
    if (!isReference(name)) return note(name, { state: "failed", because: `${name} is no image reference; write one such as postgres:17`, at: clock.now() });
    note(name, { state: "running", because: "", at: clock.now() });
    log.info("pulling image", { image: name });
    pullOnce(calls, name, limits).then(
      () => { pulls.delete(name); log.info("pulled image", { image: name }); },
      (error: unknown) => {
        // A registry that stays silent keeps the Engine silent too.
        const because = isUnreachable(error) ? `${explain(error)}; does the Docker host reach a registry?` : explain(error);
        note(name, { state: "failed", because, at: clock.now() });
        log.info("pull failed", { image: name, because });
      },
    );
  };

  const image: Part["image"] = (name, signal) => {
    if (!isReference(name)) return Promise.reject(new Terminal(`look at image ${name}: this is no image reference; write one such as postgres:17`, { reason: reason.ImageUnavailable }));
    return calls.call(`look at image ${name}`, signal, async (docker, abortSignal) => {
      const info = await orAbsent(docker.getImage(name).inspect({ abortSignal } as object), /no such image/i);
      return info && imageFacts(name, info);
    }, { read: true });
  };

  return { image, pull, pulling: (name) => pulls.get(name) };
};
