/** The facts that the failover table asks about, read from one look. */
import { isOurs } from "../../api/names.ts";
import { compareLsn, type Lsn } from "../../postgres/lsn.ts";
import { memberAt, positionOf, type Cluster } from "../cluster.ts";
import type { Desired } from "../desired.ts";
import { valueOf, type MemberSighting, type Observation } from "../observation.ts";
import { hasFailedStart } from "../rules/start.ts";
import { isSynchronous, type Candidate, type Election } from "./election.ts";
import type { Facts } from "./table.ts";

export interface Situation { readonly want: Desired; readonly seen: Observation; readonly cluster: Cluster }

const secondMs = 1_000;
/** How long a primary's data has to be missed, in a container that is there, before it counts as lost. */
const missedMs = 2_000;

/** Time that passed since then; a clock that was set back makes it none. */
const elapsedMs = (since: string | undefined, at: number): number => since === undefined ? 0 : Math.max(0, at - Date.parse(since));

/** How long a recorded primary has been seen not to accept writes. */
export const downMs = ({ want, seen }: Situation): number => elapsedMs(want.status.primary?.downSince, seen.at);

const isDamped = ({ want: { spec, status }, seen }: Situation): boolean => {
  const { lastFailover } = status;
  if (lastFailover === undefined || lastFailover.cause === "Switchover" || lastFailover.cause === "Fenced") return false;
  const sinceMs = seen.at - Date.parse(lastFailover.at);
  return sinceMs >= 0 && sinceMs < spec.failover.dampingSeconds * secondMs;
};

/** How long a primary whose container runs may be silent. Milliseconds. */
export const patienceMs = (situation: Situation): number =>
  situation.want.spec.failover.detectionSeconds * secondMs * (isDamped(situation) ? 3 : 1);

/** A standby that got a message from the primary within the patience: it lives, whatever the operator can reach. */
const isHeard = ({ want, seen, cluster }: Situation, patience: number): boolean => seen.members.some(({ ordinal, server }) => {
  const receiver = valueOf(server)?.receiver;
  return ordinal !== cluster.primaryOrdinal && cluster.ordinals.includes(ordinal) && receiver?.status === "streaming"
    && (receiver.messageAgeMs ?? Number.POSITIVE_INFINITY) < Math.min(patience, want.spec.failover.detectionSeconds * secondMs);
});

function runningState(situation: Situation, me: MemberSighting): Facts["primary"] {
  const { want: { spec }, cluster } = situation;
  const server = valueOf(me.server);
  if (server !== undefined && !server.inRecovery) return cluster.writable ? "serves" : "unseen";
  // A clean stop takes as long as it takes: the last checkpoint, and all WAL to the standbys.
  if (me.server.seen === "unknown" && /system is shutting down/.test(me.server.because)) return "stopping";
  const isLate = downMs(situation) > spec.failover.restartSeconds * secondMs;
  // It may have served all along, and only the operator, new itself, has not reached it yet.
  if (server === undefined && isLate && isHeard(situation, patienceMs(situation))) return "heard";
  // In recovery it is to be promoted; a server that never answered in this boot is starting.
  if (server !== undefined || me.heard === undefined || !me.heard.answered) return isLate ? "stuck" : "starting";
  const patience = patienceMs(situation);
  if (me.heard.silentMs < patience) return "quiet";
  return isHeard(situation, patience) ? "heard" : "silent";
}

function primaryState(situation: Situation): Facts["primary"] {
  const { want, cluster } = situation;
  const { spec, status } = want;
  const me = cluster.primary;
  if (me === undefined || spec.replicas === 0 || status.systemIdentifier === undefined) return "unmade";
  if (me.container.seen === "unknown" || me.volume.seen === "unknown") return "unseen";
  const container = valueOf(me.container);
  // Whoever took the name may work on the member's volume: nobody knows whether that accepts writes.
  if (container !== undefined && !isOurs(want.owner, container.labels)) return "unseen";
  if (container?.state === "paused") return (me.heard?.silentMs ?? 0) < patienceMs(situation) ? "quiet" : "frozen";
  if (container?.state === "running") return runningState(situation, me);
  if (me.volume.seen === "absent") return "lost";
  if (container === undefined) return "crashed";
  if (container.state === "restarting" || container.state === "removing" || container.state === "dead") return "unseen";
  // A container that somebody is just removing shows no data either: it has to be missed twice.
  if (me.data.seen === "absent" && downMs(situation) < missedMs) return "unseen";
  // How it ended is known without its data; a clean end is not.
  if (me.data.seen === "unknown") return container.exitCode !== 0 ? "crashed" : "unseen";
  if (me.data.seen === "absent" || me.data.value.isTorn || me.data.value.systemIdentifier !== status.systemIdentifier) return "lost";
  return me.data.value.state === "shutDown" || me.data.value.state === "shutDownInRecovery" ? "stopped" : "crashed";
}

/** Whether starting it in place was tried since it was lost, and failed or took too long. */
function restartState(situation: Situation): Facts["restart"] {
  const { want: { spec, status }, cluster } = situation;
  const container = cluster.primary === undefined ? undefined : valueOf(cluster.primary.container);
  const since = status.primary?.downSince;
  const wasTried = container !== undefined && since !== undefined && container.startedAt > Date.parse(since);
  return downMs(situation) > spec.failover.restartSeconds * secondMs || (wasTried && hasFailedStart(container)) ? "failed" : "untried";
}

export interface Request { readonly kind: Facts["request"]; readonly to: Candidate | undefined; /** Why not. */ readonly objection: string }

const none: Request = { kind: "none", to: undefined, objection: "" };

/** The end of all that a primary wrote which stopped cleanly: its last record is the checkpoint of its shutdown. */
const lastCheckpoint = (me: MemberSighting | undefined): Lsn | undefined => {
  const data = me === undefined ? undefined : valueOf(me.data);
  return data?.state === "shutDown" ? data.checkpoint : undefined;
};

/** What keeps a standby from taking over when the primary hands over, or has handed over. */
function handOverObjection({ seen, cluster }: Situation, one: Candidate): string | undefined {
  if (one.objection !== undefined) return one.objection;
  if (cluster.writable) return cluster.streaming.includes(one.ordinal) ? undefined : "does not stream from the primary";
  const end = lastCheckpoint(cluster.primary);
  const server = memberAt(seen, one.ordinal)?.server;
  if (end === undefined || server === undefined) return undefined;
  const position = server.seen === "present" ? positionOf(server.value) : "0/0";
  return compareLsn(position, end) > 0 ? undefined : `has received up to ${position} only, and the primary wrote its last record at ${end}`;
}

/** Why a standby may lack what was acknowledged: the winner surely has it all, and so has who has as much. */
function commitsObjection(to: Candidate, { winner, arithmetic }: Election): string | undefined {
  if (winner === undefined) return `may lack acknowledged commits: ${arithmetic ?? "no standby surely has them"}`;
  const hasAsMuch = to.timeline === winner.timeline && compareLsn(to.position ?? "0/0", winner.position ?? "0/0") >= 0;
  return hasAsMuch ? undefined : `may lack acknowledged commits: ordinal ${winner.ordinal} has received up to ${winner.position ?? "0/0"}`;
}

/** Who is asked for by name, or by the fence around the primary. */
export function requestOf(situation: Situation, election: Election): Request {
  const { want: { spec, status }, cluster } = situation;
  if (cluster.primaryOrdinal !== undefined && spec.fencedOrdinals.includes(cluster.primaryOrdinal)) {
    const to = election.candidates.filter((one) => handOverObjection(situation, one) === undefined).find((one) => cluster.writable || one.ordinal === election.winner?.ordinal);
    return { kind: to === undefined ? "fenced, nobody" : "fenced, ready", to, objection: "" };
  }
  const { switchover } = spec;
  if (switchover === undefined || switchover.token === status.observedSwitchoverToken) return none;
  if (switchover.toOrdinal === cluster.primaryOrdinal) return { kind: "refused", to: undefined, objection: "is the primary already" };
  const to = election.candidates.find(({ ordinal }) => ordinal === switchover.toOrdinal);
  if (to === undefined) return { kind: "refused", to, objection: "is no member: replicas is lower" };
  // After a crash only who has every acknowledged commit may take over, asked for or not.
  const isCrash = !cluster.writable && lastCheckpoint(cluster.primary) === undefined;
  const objection = handOverObjection(situation, to) ?? (isCrash && isSynchronous(situation.want) ? commitsObjection(to, election) : undefined);
  return objection === undefined ? { kind: "ready", to, objection: "" } : { kind: "refused", to, objection };
}

export function factsOf(situation: Situation, election: Election, request: Request): Facts {
  const { want: { spec, status } } = situation;
  const isSpent = spec.failover.whenNoCandidate === "PromoteAfter" && downMs(situation) > spec.failover.promoteAfterSeconds * secondMs
    && election.best !== undefined && status.primary?.downSince !== undefined;
  return {
    primary: primaryState(situation), mode: spec.failover.mode,
    replication: isSynchronous(situation.want) ? "synchronous" : "asynchronous",
    candidate: election.winner === undefined ? "none" : "ready", restart: restartState(situation),
    pace: isDamped(situation) ? "damped" : "calm", request: request.kind, budget: isSpent ? "spent" : "open",
  };
}
