/**
 * The story of a round: get, observe, plan, act, save the status. It holds no state between rounds and must never
 * act on what it has not just seen.
 */
import { act, type Done } from "./act/act.ts";
import type { Owner } from "./api/names.ts";
import { parse, type Key, type Resource } from "./api/resource.ts";
import type { Outcome } from "./controller/controller.ts";
import { explain, reasonOf } from "./errors.ts";
import { observe } from "./observe/observe.ts";
import type { Plan } from "./plan/action.ts";
import type { Failure } from "./plan/conditions.ts";
import { desire } from "./plan/desired.ts";
import { plan } from "./plan/plan.ts";
import { pulseOf } from "./plan/pulse.ts";
import { eventsOf, statusOf } from "./plan/status.ts";
import type { EventNote, World } from "./ports.ts";
import { isDeepStrictEqual } from "node:util";

/** One round for one resource. Throws what saving the status threw; the controller then tries again. */
export async function reconcile(key: Key, outside: World, signal: AbortSignal): Promise<Outcome> {
  const world: World = { ...outside, log: outside.log.with({ resource: `${key.namespace}/${key.name}` }) };
  const object = await world.resources.get(key, signal);
  if (object === undefined) return { then: "rest" };
  const parsed = parse(object);
  const { metadata } = parsed.resource;
  const owner: Owner = { installation: world.installation, namespace: metadata.namespace, name: metadata.name, uid: metadata.uid };
  let want = desire(parsed, owner);
  const seen = await observe(want, world, signal);
  world.pulse.follow(key, pulseOf(want, seen));
  let next = plan(want, seen);
  // Each decision about the primary names its row of the table; those that change nothing, only for who looks closely.
  if (next.rule !== undefined) world.log[next.actions.some(({ lane }) => lane === "failover") ? "info" : "debug"]("failover", { rule: next.rule });
  let done = await act(next, want.resource, world, signal);
  // A decision about the primary changes what the same look means: what follows from it need not wait for another one.
  if (hasDecided(done)) {
    want = desire({ ...parsed, resource: done.resource }, owner);
    next = plan(want, seen);
    done = joined(done, await act(next, want.resource, world, signal));
  }
  const failures = done.failed.map(failureOf);
  for (const { lane, kind, message } of failures) world.log.info(`${kind} failed`, { lane, error: message });
  if (isGone(done)) return { then: "rest" };
  const status = statusOf({ ...want, status: done.resource.status }, seen, next, failures);
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(status)), done.resource.status)) await world.resources.saveStatus(done.resource, status, signal);
  tell(done.resource, eventsOf(parsed.resource.status, status, done.succeeded, failures), world, signal);
  return outcomeOf(next, done);
}

/** Events are told beside the rounds: the next step waits for none of them, and one that is lost changes nothing. */
function tell(resource: Resource, events: readonly EventNote[], { resources, log }: World, signal: AbortSignal): void {
  for (const event of events) resources.note(resource, event, signal).catch((error: unknown) => { log.debug("an event was not noted", { reason: event.reason, because: explain(error) }); });
}

const hasDecided = ({ succeeded, failed }: Done): boolean => failed.length === 0 && succeeded.some(({ kind }) => kind === "recordPrimary");

const joined = (first: Done, second: Done): Done =>
  ({ succeeded: [...first.succeeded, ...second.succeeded], failed: [...first.failed, ...second.failed], resource: second.resource });

const failureOf = ({ action, error }: Done["failed"][number]): Failure =>
  ({ lane: action.lane, kind: action.kind, message: explain(error), reason: reasonOf(error) });

const isGone = ({ succeeded }: Done): boolean => succeeded.some(({ kind }) => kind === "removeFinalizer");

/** While other lanes move on, one that fails is tried again at this pace; alone, it backs off. Milliseconds. */
const besideOthersMs = 1_000;

function outcomeOf(next: Plan, { failed, succeeded }: Done): Outcome {
  const error = failed[0]?.error;
  if (error === undefined) return { then: "lookAgain", afterMs: next.lookAgainAfterMs };
  const isAlone = succeeded.length === 0 && next.waitingFor.every(({ reason }) => reason !== undefined);
  return isAlone ? { then: "retry", error: error instanceof Error ? error : new Error(explain(error)) } : { then: "lookAgain", afterMs: besideOthersMs };
}
