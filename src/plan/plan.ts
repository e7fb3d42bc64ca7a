/**
 * plan(): compares what is wanted with what was seen and names the next safe steps. It is pure: it awaits nothing,
 * reads no clock, and changes nothing. It must never take "could not be seen" for "is not there".
 */
import { archiveName, finalizer, labelsOf, memberName } from "../api/names.ts";
import { describe, type Plan, type Step, type Waiting } from "./action.ts";
import { clusterOf, isAlive } from "./cluster.ts";
import type { Desired } from "./desired.ts";
import type { MemberSighting, Observation } from "./observation.ts";
import { climb, contextOf, action, leftOf, perform, wait, type ClusterContext, type Rule } from "./rules/context.ts";
import { ladder, wires } from "./rules/member.ts";
import { network, staleNetwork } from "./rules/networks.ts";
import { accounts, elect } from "./rules/primary.ts";
import { keptSlots, slots } from "./rules/slots.ts";
import { addresses } from "./rules/addresses.ts";
import { failover, verdictOf, watch } from "./failover/failover.ts";
import { promise } from "./failover/promise.ts";
import { appSecret, secrets } from "./rules/secrets.ts";
import { dismantle, fenced, hibernate, scaleDown } from "./rules/surplus.ts";

/** How soon to look again while something is waited for, and at the goal. Milliseconds. Events come at once anyway. */
const busyMs = 500;
const restMs = 5_000;
const pullAgainMs = 30_000;

// Opening rungs: the first that is not satisfied is the whole plan, since it changes what everything below means.
const sound: Rule<ClusterContext> = ({ want }) => want.problems.length === 0 ? "satisfied" : wait(want.problems.join("; "), "SpecInvalid");
const notPaused: Rule<ClusterContext> = ({ want }) => want.paused ? wait("reconcilePolicy is Paused: nothing is changed", "Paused") : "satisfied";
const engineAnswers: Rule<ClusterContext> = ({ seen }) => seen.engine.seen === "present" ? "satisfied"
  : wait(`the Docker Engine does not answer: ${seen.engine.seen === "unknown" ? seen.engine.because : ""}`, "EngineUnreachable", 1_000);

const finalized: Rule<ClusterContext> = ({ want }) => want.resource.metadata.finalizers?.includes(finalizer) === true ? "satisfied"
  : perform(action("addFinalizer", "cluster", "so that a deletion waits for its clean-up", {}));

const opening: readonly Rule<ClusterContext>[] = [sound, notPaused, engineAnswers, finalized, secrets, elect, failover];

const image: Rule<ClusterContext> = ({ want, seen }) => {
  const name = want.images.at(-1) ?? "";
  if (seen.image.seen !== "absent" || want.spec.replicas === 0) return "satisfied";
  if (seen.pulling?.state === "running") return wait(`pulling ${name}`);
  const leftMs = leftOf(pullAgainMs, { since: seen.pulling?.at ?? 0, at: seen.at });
  if (seen.pulling !== undefined && leftMs > 0) {
    return wait(`the image ${name} can't be had: ${seen.pulling.because}. Build it (pgrs image build ${want.traits.version}), load it (docker load), or correct postgres.image`, "ImageUnavailable", 5_000);
  }
  return perform(action("pullImage", "image", "the Engine does not have it", { image: name }));
};

const archive: Rule<ClusterContext> = ({ want, seen }) => {
  if (want.archiveVolume === undefined || seen.archive.seen === "present") return "satisfied";
  if (seen.archive.seen === "unknown") return wait(seen.archive.because);
  return perform(action("createVolume", "archive", "absent", { volume: archiveName(want.owner), labels: labelsOf(want.owner, "archive") }));
};

const hasEnded = ({ container }: MemberSighting): boolean => container.seen === "absent" || (container.seen === "present" && !isAlive(container.value));

type LanedStep = readonly [lane: string, step: Step];

/** Independent lanes: none of them waits for another, unless a rung says so. */
function lanes(context: ClusterContext): readonly LanedStep[] {
  const { want, seen, cluster } = context;
  const isHibernating = want.spec.replicas === 0;
  const surplus = cluster.surplus.map((me): LanedStep => [memberName(want.owner.name, me.ordinal), climb(isHibernating ? hibernate : scaleDown, contextOf(context, me))]);
  const members = seen.members.filter(({ ordinal }) => cluster.ordinals.includes(ordinal)).flatMap((me): readonly LanedStep[] => {
    const member = contextOf(context, me);
    // A primary among them hands over first, which is the failover's matter; one that has ended stays so.
    if (want.spec.fencedOrdinals.includes(me.ordinal) && (!member.isPrimary || hasEnded(me))) return [[member.lane, climb(fenced, member)]];
    return [[member.lane, climb(ladder, member)], [`${member.lane}/nics`, wires(member)], [`${member.lane}/slots`, keptSlots(member)]];
  });
  return [
    ["image", image(context)], ["archive", archive(context)], ["secret", appSecret(context)],
    ...want.networks.map((wish): LanedStep => [`network ${wish.name}`, isHibernating ? "satisfied" : network(context, wish)]),
    ...seen.staleNetworks.map((facts): LanedStep => [`network ${facts.name}`, staleNetwork(context, facts)]),
    ["failover", isHibernating ? "satisfied" : watch(context)], ...members,
    ["accounts", accounts(context)], ["slots", slots(context)], ["promise", promise(context)], ...addresses(context), ...surplus,
  ];
}

function finalize(context: ClusterContext): readonly LanedStep[] {
  if (context.want.resource.metadata.finalizers?.includes(finalizer) !== true) return [];
  if (context.seen.engine.seen !== "present") return [["cluster", engineAnswers(context)]];
  const steps = dismantle(context, (rules, me) => climb(rules, contextOf(context, me)));
  if (steps.every((step) => step === "satisfied")) return [["cluster", perform(action("removeFinalizer", "cluster", "all that was to go is gone", {}))]];
  return steps.map((step): LanedStep => ["cluster", step]);
}

const assemble = (steps: readonly LanedStep[]): Plan => {
  const actions = steps.flatMap(([, step]) => typeof step === "object" && "do" in step ? step.do : []);
  const waitingFor = steps.flatMap(([lane, step]): readonly Waiting[] => typeof step === "object" && "wait" in step
    ? [{ lane, because: step.wait, ...(step.reason === undefined ? {} : { reason: step.reason }), ...(step.lookAgainAfterMs === undefined ? {} : { lookAgainAfterMs: step.lookAgainAfterMs }) }] : []);
  const pauses = waitingFor.map(({ lookAgainAfterMs }) => lookAgainAfterMs ?? busyMs);
  return { actions, waitingFor, lookAgainAfterMs: actions.length > 0 ? 0 : Math.min(restMs, ...pauses) };
};

/** The next steps, in lanes; empty at the goal. */
export function plan(want: Desired, seen: Observation): Plan {
  const context: ClusterContext = { want, seen, cluster: clusterOf(want, seen) };
  if (want.deleting) return assemble(want.paused ? [["cluster", notPaused(context)]] : finalize(context));
  for (const rule of opening) {
    const step = rule(context);
    if (step !== "satisfied") return { ...assemble([["cluster", step]]), ...rule === failover ? ruleOf(context) : {} };
  }
  return { ...assemble(lanes(context)), ...ruleOf(context) };
}

const ruleOf = (context: ClusterContext): Pick<Plan, "rule"> => {
  const { row } = verdictOf(context);
  return row.decision === "Serve" ? {} : { rule: row.name };
};

/** The plan as people read it, and as status.plan shows it. */
export const printed = ({ actions, waitingFor }: Plan): readonly string[] =>
  [...actions.map(describe), ...waitingFor.map(({ lane, because }) => `${lane} waits: ${because}`)];
