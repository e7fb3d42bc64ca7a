/** What a rule is asked with, and the small words that rules are written in. */
import { memberName } from "../../api/names.ts";
import type { Reason } from "../../api/conditions.ts";
import type { Action, Details, Kind, Step } from "../action.ts";
import type { Cluster } from "../cluster.ts";
import type { Desired } from "../desired.ts";
import type { MemberSighting, Observation } from "../observation.ts";

export interface ClusterContext { readonly want: Desired; readonly seen: Observation; readonly cluster: Cluster }

export interface MemberContext extends ClusterContext {
  readonly me: MemberSighting;
  /** `demo-1`: the member's name and its lane. */
  readonly lane: string;
  readonly isPrimary: boolean;
}

/** A rung: what is to be done now, what is waited for, or that the next rung may look. */
export type Rule<C = MemberContext> = (context: C) => Step;

export const contextOf = (context: ClusterContext, me: MemberSighting): MemberContext => ({
  ...context, me, lane: memberName(context.want.owner.name, me.ordinal), isPrimary: me.ordinal === context.cluster.primaryOrdinal,
});

export const action = <K extends Kind>(kind: K, lane: string, because: string, details: Details[K]): Action =>
  ({ kind, lane, because, ...details }) as unknown as Action;

export const perform = (...actions: readonly Action[]): Step => ({ do: actions });
export const wait = (sentence: string, reason?: Reason, lookAgainAfterMs?: number): Step => ({
  wait: sentence, ...(reason === undefined ? {} : { reason }), ...(lookAgainAfterMs === undefined ? {} : { lookAgainAfterMs }),
});

/**
 * What is left of a pause that began at `since`, in milliseconds. The two times may come from different clocks, or from
 * one that was set back in between: more than the pause itself (and as much again) is never waited for.
 */
export const leftOf = (pauseMs: number, { since, at }: { readonly since: number; readonly at: number }): number => {
  const leftMs = since + pauseMs - at;
  return leftMs > 2 * pauseMs ? 0 : Math.max(0, leftMs);
};

/** The actions of a step that can follow at once in the same lane, when what it rests on is being done right before it. */
export const followedBy = (step: Step): readonly Action[] => typeof step === "object" && "do" in step ? step.do : [];

const soonestMs = 150;
const latestMs = 2_000;

/**
 * How soon to ask again about something that was started then and tells nobody when it is done: often at first, seldom
 * when it has taken long. Whatever the two clocks say, it is between the bounds.
 */
export const soonAfter = (startedAt: number, at: number): number => Math.min(latestMs, Math.max(soonestMs, (at - startedAt) / 10));

/** Climbs a ladder: the first rung that is not satisfied is the step. */
export const climb = <C>(ladder: readonly Rule<C>[], context: C): Step => {
  for (const rule of ladder) {
    const step = rule(context);
    if (step !== "satisfied") return step;
  }
  return "satisfied";
};
