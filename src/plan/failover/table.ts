/**
 * What happens when the primary is lost, as a table for people who run databases: the first row whose pattern fits
 * decides. Facts are few and have few values, so that a test can try every combination of them: every row can be
 * reached, and no combination falls through. The page docs/failover.md is made from it.
 */

/** Each fact and its values, as a person reads them. */
export const factValues = {
  primary: {
    unmade: "nobody is recorded as primary, or it has yet to be made",
    serves: "it accepts writes",
    starting: "it boots, read-only as every boot is, within the time for a restart (`failover.restartSeconds`)",
    stuck: "the same, beyond that time",
    quiet: "its container runs or is paused, and it is silent, for less than it is given (`failover.detectionSeconds`; three times that while damped)",
    stopping: "it says that it is shutting down",
    heard: "silent for longer, yet a standby still gets messages from it",
    silent: "silent for longer, and no standby hears it",
    frozen: "its container is paused, for longer than it is given",
    stopped: "it ended cleanly",
    crashed: "it ended otherwise, or its container is gone",
    lost: "its data is gone, is another cluster's, or was left half rewound",
    unseen: "the Engine could not tell",
  },
  mode: {
    Automatic: "`failover.mode`: the operator decides and acts",
    Manual: "the operator says what it would do, and a person decides",
    Disabled: "nobody is promoted unless a person asks",
  },
  replication: {
    synchronous: "each acknowledged commit is known to be on a number of standbys (`status.synchronous`)",
    asynchronous: "it is not known to be anywhere else",
  },
  candidate: {
    ready: "a standby may be promoted by the rules above",
    none: "none may",
  },
  restart: {
    untried: "starting the primary in place has not failed since it was lost",
    failed: "it failed, or took longer than `failover.restartSeconds`",
  },
  pace: {
    calm: "no failover happened lately",
    damped: "the last one was less than `failover.dampingSeconds` ago",
  },
  request: {
    none: "nobody else is asked for",
    ready: "`spec.switchover` has a new token, and the member that it names can take over",
    refused: "it has a new token, and that member cannot",
    "fenced, ready": "`spec.fencedOrdinals` names the primary, and a standby can take over",
    "fenced, nobody": "it names the primary, and no standby can",
  },
  budget: {
    open: "`failover.whenNoCandidate` is Wait, or its time is not over",
    spent: "it is PromoteAfter, `failover.promoteAfterSeconds` are over, and there is a standby with data",
  },
} as const;

export type Facts = { readonly [F in keyof typeof factValues]: keyof (typeof factValues)[F] };

/** What can be decided. */
export const decisions = {
  Serve: "nothing is to be done",
  Watch: "look again soon; everything else goes on meanwhile",
  Restart: "start it in place, read-only, and promote it again",
  HandOver: "write a checkpoint, then stop the primary cleanly, so that its successor receives all that it wrote",
  Fence: "kill the primary's container, and see that it has ended",
  Promote: "record the candidate as primary, with the evidence, then promote it",
  PromoteBest: "the same with the most advanced standby, whatever is lost",
  Propose: "say who could take over and which command says yes",
  Refuse: "note in the status that the switchover is not made, and why",
  Wait: "say what is missing: a person is needed",
} as const;

export type Decision = keyof typeof decisions;

type Pattern = { readonly [F in keyof Facts]?: Facts[F] | readonly Facts[F][] };

export interface Row {
  readonly name: string;
  readonly when: Pattern;
  readonly decision: Decision;
  /** Why, as a person reads it in events, conditions and the documentation. */
  readonly sentence: string;
}

const ended = ["stopped", "crashed", "lost"] as const;

export const rows: readonly Row[] = [
  { name: "unmade", when: { primary: "unmade" }, decision: "Serve", sentence: "the cluster is being made" },
  { name: "unseen", when: { primary: "unseen" }, decision: "Watch", sentence: "the primary's container could not be looked at; what is not known to have ended is never replaced" },
  { name: "stopping", when: { primary: "stopping" }, decision: "Watch", sentence: "the primary is shutting down: what follows is decided when it has ended" },

  { name: "fenced-hand-over", when: { primary: "serves", request: "fenced, ready" }, decision: "HandOver", sentence: "the primary is to be fenced: it hands over to a standby" },
  { name: "fenced-nobody", when: { primary: "serves", request: "fenced, nobody" }, decision: "Wait", sentence: "the primary is to be fenced and no standby can take over: it goes on serving" },
  { name: "switchover", when: { primary: "serves", request: "ready" }, decision: "HandOver", sentence: "a switchover is asked for: the primary writes a checkpoint and stops cleanly" },
  { name: "switchover-refused", when: { primary: "serves", request: "refused" }, decision: "Refuse", sentence: "a switchover is asked for that cannot be made" },
  { name: "serves", when: { primary: "serves" }, decision: "Serve", sentence: "the primary accepts writes" },

  { name: "handed-over", when: { primary: "stopped", request: ["ready", "fenced, ready"] }, decision: "Promote", sentence: "the primary stopped cleanly and its successor has all that it wrote" },
  { name: "hand-over-undone", when: { primary: "stopped", request: "refused" }, decision: "Refuse", sentence: "the member that was to take over cannot: the primary starts again" },
  { name: "approved", when: { primary: ["crashed", "lost"], request: "ready" }, decision: "Promote", sentence: "the primary is down and a person asked for this member" },
  { name: "approved-fence", when: { primary: ["silent", "frozen", "stuck"], request: "ready" }, decision: "Fence", sentence: "the primary does not answer and a person asked for another member" },
  { name: "approval-refused", when: { primary: ["crashed", "lost", "silent", "frozen", "stuck"], request: "refused" }, decision: "Refuse", sentence: "the primary is down and the member that a person asked for cannot take over" },
  { name: "fenced-down", when: { primary: ["crashed", "lost"], request: "fenced, ready" }, decision: "Promote", sentence: "the primary is fenced and a standby can take over" },
  { name: "fenced-down-nobody", when: { primary: ended, request: "fenced, nobody" }, decision: "Wait", sentence: "the primary is fenced and no standby can take over: take it out of fencedOrdinals" },

  { name: "fenced-silent", when: { primary: ["starting", "silent", "frozen", "stuck"], request: "fenced, ready" }, decision: "Fence", sentence: "the primary is to be fenced and does not accept writes: it is killed, and a standby takes over" },

  { name: "starting", when: { primary: "starting" }, decision: "Watch", sentence: "the primary starts in place, which loses nothing" },
  { name: "quiet", when: { primary: "quiet" }, decision: "Watch", sentence: "the primary is silent, for less than the time that it is given" },
  { name: "heard", when: { primary: "heard" }, decision: "Watch", sentence: "the primary does not answer the operator, but standbys hear it" },

  { name: "disabled-silent", when: { mode: "Disabled", primary: ["silent", "frozen", "stuck"] }, decision: "Wait", sentence: "the primary does not answer, and failover is Disabled: restart it, or ask for a switchover" },
  { name: "disabled-lost", when: { mode: "Disabled", primary: "lost" }, decision: "Wait", sentence: "the primary's data is gone, and failover is Disabled: ask for a switchover to a standby that has the data" },
  { name: "disabled", when: { mode: "Disabled", primary: ["stopped", "crashed"] }, decision: "Restart", sentence: "the primary ended and is started in place, since failover is Disabled" },
  { name: "manual-silent", when: { mode: "Manual", primary: ["silent", "frozen", "stuck"], candidate: "ready" }, decision: "Propose", sentence: "the primary does not answer; with failover Manual a person decides" },
  { name: "manual-lost", when: { mode: "Manual", primary: "lost", candidate: "ready" }, decision: "Propose", sentence: "the primary's data is gone; with failover Manual a person decides" },
  { name: "manual-failed", when: { mode: "Manual", primary: ["stopped", "crashed"], restart: "failed", candidate: "ready" }, decision: "Propose", sentence: "the primary ended and could not be restarted in place; with failover Manual a person decides" },
  { name: "manual", when: { mode: "Manual", primary: ["stopped", "crashed"] }, decision: "Restart", sentence: "the primary ended and is started in place; with failover Manual nobody else is promoted unasked" },

  { name: "silent", when: { primary: ["silent", "frozen"], candidate: "ready" }, decision: "Fence", sentence: "the primary has been silent for longer than it is given, and no standby hears it: it is killed, and a standby takes over" },
  { name: "stuck", when: { primary: "stuck", candidate: "ready" }, decision: "Fence", sentence: "the primary takes too long to come back in place: it is killed, and a standby takes over" },
  { name: "frozen-alone", when: { primary: "frozen" }, decision: "Wait", sentence: "the primary's container is paused and no standby can take over: docker unpause it" },
  { name: "silent-retry", when: { primary: "silent", restart: "failed" }, decision: "Fence", sentence: "the primary has been silent for longer than a restart takes, and no standby can take over: it is killed and started in place" },
  { name: "silent-alone", when: { primary: "silent" }, decision: "Watch", sentence: "the primary does not answer and no standby can take over" },
  { name: "stuck-budget-spent", when: { mode: "Automatic", primary: "stuck", budget: "spent" }, decision: "Fence", sentence: "the primary does not come back in place, no standby may take over by the rules, and promoteAfterSeconds are over: it is killed, and the most advanced standby takes over" },
  { name: "stuck-alone", when: { primary: "stuck" }, decision: "Watch", sentence: "the primary takes long to come back in place, and no standby can take over" },

  { name: "stopped", when: { primary: "stopped", restart: "untried" }, decision: "Restart", sentence: "the primary ended cleanly and is started in place, which loses nothing" },
  { name: "async-restart", when: { primary: "crashed", replication: "asynchronous", restart: "untried" }, decision: "Restart", sentence: "the primary crashed; replication is asynchronous, so it is restarted in place first, which loses nothing" },
  { name: "damped-restart", when: { primary: "crashed", pace: "damped", restart: "untried" }, decision: "Restart", sentence: "the primary crashed soon after the last failover: it is restarted in place first" },
  { name: "crash", when: { primary: ["stopped", "crashed"], candidate: "ready" }, decision: "Promote", sentence: "the primary is down and a standby can take over" },
  { name: "lost", when: { primary: "lost", candidate: "ready" }, decision: "Promote", sentence: "the primary's data is gone and a standby can take over" },
  { name: "budget-spent", when: { mode: "Automatic", primary: ended, restart: "failed", budget: "spent" }, decision: "PromoteBest", sentence: "no standby may take over by the rules, the primary cannot be restarted, and promoteAfterSeconds are over" },
  { name: "lost-budget-spent", when: { mode: "Automatic", primary: "lost", budget: "spent" }, decision: "PromoteBest", sentence: "the primary's data is gone, no standby may take over by the rules, and promoteAfterSeconds are over" },
  { name: "lost-nobody", when: { primary: "lost" }, decision: "Wait", sentence: "the primary's data is gone and no standby may take over" },
  { name: "restart", when: { primary: ["stopped", "crashed"] }, decision: "Restart", sentence: "the primary is down and no standby may take over: it is started in place" },
];

const fits = <T>(pattern: T | readonly T[] | undefined, value: T): boolean =>
  pattern === undefined || (Array.isArray(pattern) ? pattern.includes(value) : pattern === value);

/** The first row that fits. The table is complete: a test tries every combination of facts. */
export function decide(facts: Facts): Row {
  const row = rows.find(({ when }) => (Object.keys(when) as (keyof Facts)[]).every((name) => fits<string>(when[name], facts[name])));
  if (row === undefined) throw new RangeError(`no row of the failover table fits ${JSON.stringify(facts)}`);
  return row;
}
