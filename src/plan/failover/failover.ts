/**
 * The failover rung: what one look means for who is primary. It must never have another promoted before the primary
 * was seen to have ended in that very look, and never decide twice: the decision is recorded, with its evidence, by
 * compare-and-swap, and everything else (promotion, re-pointing, rejoining) follows from the record.
 */
import { memberName } from "../../api/names.ts";
import type { Reason } from "../../api/conditions.ts";
import { lsnDiff } from "../../postgres/lsn.ts";
import type { Status } from "../../api/resource.ts";
import type { Action, Step } from "../action.ts";
import { valueOf } from "../observation.ts";
import { action, perform, wait, type ClusterContext } from "../rules/context.ts";
import { elect, type Candidate, type Election } from "./election.ts";
import { downMs, factsOf, patienceMs, requestOf, type Request } from "./facts.ts";
import { promiseAfter } from "./promise.ts";
import { decide, type Facts, type Row } from "./table.ts";

/** What the table decided, and what it is to be done with. */
export interface Verdict { readonly row: Row; readonly facts: Facts; readonly election: Election; readonly request: Request }

const judged = new WeakMap<ClusterContext["cluster"], Verdict>();

/** The verdict about a look: plan and status ask for the same. */
export function verdictOf(context: ClusterContext): Verdict {
  const known = judged.get(context.cluster);
  if (known !== undefined) return known;
  const election = elect(context);
  const request = requestOf(context, election);
  const facts = factsOf(context, election, request);
  const verdict = { election, request, facts, row: decide(facts) };
  judged.set(context.cluster, verdict);
  return verdict;
}

const lane = "failover";
const iso = (at: number): string => new Date(at).toISOString();

/** How it is known that the former primary accepts no writes. */
function fenceOf({ want, cluster }: ClusterContext): string {
  const container = cluster.primary === undefined ? undefined : valueOf(cluster.primary.container);
  const name = memberName(want.owner.name, cluster.primaryOrdinal ?? 0);
  if (container === undefined) return `the Engine has no container of ${name}`;
  return `the Engine says that ${container.name} is ${container.state}${container.finishedAt > 0 ? ` since ${iso(container.finishedAt)}, with code ${container.exitCode}` : ""}; its next boot is read-only`;
}

/** A primary that was silent for its whole patience before it ended was killed for that. */
const wasSilent = (context: ClusterContext): boolean => (context.cluster.primary?.heard?.silentMs ?? 0) >= patienceMs(context);

const causeOf = (context: ClusterContext, { primary, request }: Facts): string => {
  if (request.startsWith("fenced")) return "Fenced";
  if (primary === "stopped" && request === "ready") return "Switchover";
  return primary === "lost" ? "DataLost" : wasSilent(context) ? "Silence" : "Crash";
};

const verdictText = (one: Candidate, chosen: Candidate): string =>
  one.ordinal === chosen.ordinal ? "chosen" : one.objection ?? "could have taken over, and has no more than the one that was chosen";

/** What the former primary wrote and the new one has not, as far as it is known now. */
const possibleLossOf = (chosen: Candidate, { row, facts, election: { lastKnown } }: Verdict): number | undefined => {
  const keepsAll = row.decision === "Promote" && (facts.replication === "synchronous" || facts.primary === "stopped");
  if (keepsAll) return 0;
  return lastKnown === undefined || chosen.position === undefined ? undefined : Math.max(0, lsnDiff(lastKnown, chosen.position));
};

/** How long each step took, counted from the loss: the end of the container, or the first look that missed the primary. */
function phases({ want, seen, cluster }: ClusterContext): Pick<NonNullable<Status["lastFailover"]>, "downSince" | "fencedAfterMs" | "decidedAfterMs"> {
  const container = cluster.primary === undefined ? undefined : valueOf(cluster.primary.container);
  const endedAt = container !== undefined && container.finishedAt > 0 ? container.finishedAt : undefined;
  const missedAt = want.status.primary?.downSince === undefined ? seen.at : Date.parse(want.status.primary.downSince);
  const downAt = Math.min(missedAt, endedAt ?? seen.at);
  return { downSince: iso(downAt), decidedAfterMs: Math.max(0, seen.at - downAt), ...(endedAt === undefined ? {} : { fencedAfterMs: endedAt - downAt }) };
}

function evidence(context: ClusterContext, verdict: Verdict, chosen: Candidate): NonNullable<Status["lastFailover"]> {
  const { want, seen, cluster } = context;
  const { row, facts, election } = verdict;
  const { primary } = want.status;
  const loss = possibleLossOf(chosen, verdict);
  return {
    at: iso(seen.at), epoch: (primary?.epoch ?? 0) + 1, cause: causeOf(context, facts), rule: row.name, to: chosen.ordinal, fence: fenceOf(context),
    ...(cluster.primaryOrdinal === undefined ? {} : { from: cluster.primaryOrdinal }), ...(primary?.timeline === undefined ? {} : { timeline: primary.timeline }),
    candidates: election.candidates.map((one) => ({
      ordinal: one.ordinal, verdict: verdictText(one, chosen),
      ...(one.timeline === undefined ? {} : { timeline: one.timeline }), ...(one.position === undefined ? {} : { receivedLSN: one.position }),
    })),
    ...(election.arithmetic === undefined ? {} : { arithmetic: election.arithmetic }),
    ...phases(context), ...(loss === undefined ? {} : { possibleLossBytes: loss }),
  };
}

/** Records the new primary: the decision, its evidence, what it promises, and the token that it answers. */
function promotion(context: ClusterContext, verdict: Verdict, chosen: Candidate): Action {
  const { want } = context;
  const { row, request } = verdict;
  const name = memberName(want.owner.name, chosen.ordinal);
  const token = request.kind === "ready" ? want.spec.switchover?.token : undefined;
  const synchronous = promiseAfter(context, chosen.ordinal);
  return action("recordPrimary", lane, `${name} (epoch ${(want.status.primary?.epoch ?? 0) + 1}), since ${row.sentence}`, {
    ordinal: chosen.ordinal, epoch: (want.status.primary?.epoch ?? 0) + 1,
    change: {
      lastFailover: evidence(context, verdict, chosen), ...(synchronous === undefined ? {} : { synchronous }),
      ...(token === undefined ? {} : { observedSwitchoverToken: token, switchover: { token, result: "Done", message: `${name} is the primary` } }),
    },
  });
}

function handOver({ want, cluster }: ClusterContext, { row, request }: Verdict): Step {
  const { target, container } = cluster.primary ?? {};
  const facts = container === undefined ? undefined : valueOf(container);
  if (target === undefined || facts === undefined) return "satisfied";
  const because = `${row.sentence}; ${memberName(want.owner.name, request.to?.ordinal ?? 0)} takes over`;
  // The checkpoint beforehand makes the one of the shutdown short: writes pause for that one only.
  return perform(action("checkpoint", lane, because, { target }), action("stopMember", lane, because, { container: facts.id }));
}

function refuse({ want }: ClusterContext, { facts, request }: Verdict): Step {
  const { switchover, failover: _ } = want.spec;
  if (switchover === undefined) return "satisfied";
  const message = `${memberName(want.owner.name, switchover.toOrdinal)} ${request.objection}`;
  const isDone = request.objection === "is the primary already";
  const result = isDone ? "Done" : facts.primary === "stopped" ? "Undone" : "Refused";
  return perform(action("recordSwitchover", lane, `${result === "Undone" ? "the switchover is undone" : "the switchover is not made"}: ${message}`, { switchover: { token: switchover.token, result, message } }));
}

const fence = ({ cluster }: ClusterContext, { row }: Verdict): Step => {
  const container = cluster.primary === undefined ? undefined : valueOf(cluster.primary.container);
  return container === undefined ? "satisfied" : perform(action("fenceMember", lane, row.sentence, { container: container.id }));
};

const promote = (context: ClusterContext, verdict: Verdict, chosen: Candidate | undefined): Step =>
  chosen === undefined ? "satisfied" : perform(promotion(context, verdict, chosen));

/** The command with which a person says yes. */
const yes = ({ want: { owner } }: ClusterContext, ordinal: number): string =>
  `kubectl -n ${owner.namespace} patch pgrs ${owner.name} --type=merge -p '{"spec":{"switchover":{"toOrdinal":${ordinal},"token":"<any new text>"}}}'`;

const longestWatchMs = 1_000;
const shortestWatchMs = 20;

/** How soon to look again: exactly when the patience ends, where that is near. */
function watchMs(context: ClusterContext, { facts }: Verdict): number {
  const heard = context.cluster.primary?.heard;
  if (facts.primary !== "quiet" || heard === undefined) return longestWatchMs;
  return Math.max(shortestWatchMs, Math.min(longestWatchMs, patienceMs(context) - heard.silentMs));
}

const objections = ({ want }: ClusterContext, { election: { candidates, arithmetic } }: Verdict): string => {
  const each = candidates.map(({ ordinal, objection }) => `${memberName(want.owner.name, ordinal)} ${objection ?? "could"}`);
  return [each.length === 0 ? "there is no standby" : each.join("; "), ...(arithmetic === undefined ? [] : [arithmetic])].join(". ");
};

const waitingReason = ({ facts, request }: Verdict): Reason =>
  request.kind === "fenced, nobody" ? "Fenced" : facts.primary === "lost" ? "DataLost" : facts.mode === "Disabled" ? "Disabled" : "NoCandidate";

/** Steps that change who is primary: they are the whole plan, since they change what everything else means. */
export function failover(context: ClusterContext): Step {
  const verdict = verdictOf(context);
  const { election, request } = verdict;
  switch (verdict.row.decision) {
    case "HandOver": return handOver(context, verdict);
    case "Fence": return fence(context, verdict);
    case "Refuse": return refuse(context, verdict);
    case "Promote": return promote(context, verdict, request.to ?? election.winner);
    case "PromoteBest": return promote(context, verdict, election.best);
    case "Serve": case "Watch": case "Restart": case "Propose": case "Wait": return "satisfied";
  }
}

/** What is waited for about the primary, while the lanes of everybody else go on. */
export function watch(context: ClusterContext): Step {
  const verdict = verdictOf(context);
  const { row, election, facts } = verdict;
  const name = memberName(context.want.owner.name, context.cluster.primaryOrdinal ?? 0);
  switch (row.decision) {
    case "Watch": return facts.primary === "starting" ? "satisfied" : wait(`${name}: ${row.sentence}`, "PrimarySilent", watchMs(context, verdict));
    case "Propose": return wait(`${name}: ${row.sentence}. ${memberName(context.want.owner.name, election.winner?.ordinal ?? 0)} could take over: ${yes(context, election.winner?.ordinal ?? 0)}`, "FailoverProposed", longestWatchMs);
    case "Wait": return wait(`${name}: ${row.sentence}. ${objections(context, verdict)}`, waitingReason(verdict), longestWatchMs);
    case "Restart": return downMs(context) === 0 ? "satisfied" : wait(`${name}: ${row.sentence}`, undefined, longestWatchMs);
    case "Serve": case "HandOver": case "Fence": case "Promote": case "PromoteBest": case "Refuse": return "satisfied";
  }
}
