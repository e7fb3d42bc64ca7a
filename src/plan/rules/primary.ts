/** Who the primary is, and what only the primary can be asked to do: promote, accounts, database. */
import { containerName, isOurs, type Account } from "../../api/names.ts";
import type { Action } from "../action.ts";
import { dataOf, isAlive, memberAt, newestFirst, positionOf } from "../cluster.ts";
import { valueOf } from "../observation.ts";
import { addressesAfterPromotion } from "./addresses.ts";
import { action, perform, wait, type ClusterContext, type MemberContext, type Rule } from "./context.ts";

/**
 * Decides who is primary while nobody is recorded. With no data anywhere it is the lowest ordinal, and initdb follows.
 * With data left by an earlier resource, all members boot read-only, and the newest data is chosen once every one
 * of them has answered and has replayed all that its disk holds: before that its position is not its last.
 */
export const elect: Rule<ClusterContext> = ({ want, seen, cluster }) => {
  if (cluster.primaryOrdinal !== undefined || want.spec.replicas === 0) return "satisfied";
  const members = cluster.ordinals.map((ordinal) => memberAt(seen, ordinal)).filter((member) => member !== undefined);
  if (members.some(({ volume }) => volume.seen === "present" && !isOurs(want.owner, volume.value.labels))) return "satisfied";
  if (members.length > 0 && members.every((member) => dataOf(member) === "none")) {
    const ordinal = Math.min(...cluster.ordinals);
    return perform(action("recordPrimary", "cluster", `ordinal ${ordinal} (epoch 1), since nobody has data yet`, { ordinal, epoch: 1, change: {} }));
  }
  // Data that a rewind left half-done starts nothing any more: nobody waits for it.
  const usable = members.filter(({ data }) => valueOf(data)?.isTorn !== true);
  if (usable.some((member) => dataOf(member) === "unknown" || (dataOf(member) === "data" && member.server.seen !== "present"))) return "satisfied";
  const replaying = members.find(({ server }) => valueOf(server)?.replaying === true);
  if (replaying !== undefined) return wait(`ordinal ${replaying.ordinal} replays the WAL on its disk; then the newest data is known`, undefined, 300);
  // One that accepts writes goes on: by the time that it has stopped it may have more than was seen.
  const [best] = members.flatMap(({ ordinal, server }) => server.seen === "present"
    ? [{ ordinal, timeline: server.value.timeline ?? 0, lsn: positionOf(server.value), isReadOnly: server.value.inRecovery }] : [])
    .sort((one, other) => other.timeline - one.timeline || Number(one.isReadOnly) - Number(other.isReadOnly) || newestFirst(one, other) || one.ordinal - other.ordinal);
  const systems = new Set(members.flatMap(({ server }) => server.seen === "present" ? [server.value.systemIdentifier] : []));
  if (systems.size > 1) return wait("the volumes hold data of several clusters: move away those that do not belong here", "ForeignData");
  // Servers refuse a decision that is older than the one that they were configured by.
  const epoch = 1 + Math.max(0, ...members.map(({ server }) => valueOf(server)?.epoch ?? 0));
  return best === undefined ? "satisfied"
    : perform(action("recordPrimary", "cluster", `ordinal ${best.ordinal} (epoch ${epoch}), since it has the newest data: timeline ${best.timeline}, ${best.lsn}`, { ordinal: best.ordinal, epoch, change: {} }));
};

type Former = { readonly is: "no matter" | "unseen" } | { readonly is: "stopped" | "running unknown" | "running behind"; readonly container: string };

/**
 * The former primary, which has to be seen ended once more before its successor is promoted: an operator of the epoch
 * before could still be about to promote it. One that runs with this epoch's configuration refuses that.
 */
function formerOf({ want, seen, cluster }: MemberContext, epoch: number): Former {
  const previous = want.status.primary?.previous;
  const former = previous === undefined || previous === want.status.primary?.ordinal ? undefined : memberAt(seen, previous);
  if (former === undefined || (valueOf(former.server)?.epoch ?? -1) >= epoch) return { is: "no matter" };
  if (former.container.seen === "unknown") return { is: "unseen" };
  const container = valueOf(former.container);
  // A stranger that took its name is not ours to kill, and no decision of ours reaches it.
  if (container !== undefined && !isOurs(want.owner, container.labels)) return { is: "no matter" };
  if (container === undefined || !isAlive(container)) return { is: "stopped", container: containerName(want.owner, former.ordinal) };
  // One that is on its way out is given no new configuration.
  return { is: former.server.seen === "present" && cluster.ordinals.includes(former.ordinal) ? "running behind" : "running unknown", container: container.id };
}

/** Promotes the recorded primary after a boot, once nobody else is seen to accept writes. */
export const promote: Rule = (context) => {
  const { want, seen, cluster, me, lane, isPrimary } = context;
  const server = valueOf(me.server);
  const epoch = want.status.primary?.epoch;
  if (!isPrimary || server === undefined || me.target === undefined || epoch === undefined || !server.inRecovery) return "satisfied";
  if (want.spec.fencedOrdinals.includes(me.ordinal)) return wait(`${lane} is fenced and is not promoted`, "Fenced");
  if (cluster.systemIdentifier !== undefined && server.systemIdentifier !== cluster.systemIdentifier) {
    return wait(`${lane} runs with another cluster's data and is not promoted`, "ForeignData");
  }
  const writer = seen.members.find((member) => member.ordinal !== me.ordinal && valueOf(member.server)?.inRecovery === false);
  if (writer !== undefined) return wait(`${lane} is promoted when ordinal ${writer.ordinal} no longer accepts writes`, "ForkDetected");
  const former = formerOf(context, epoch);
  if (former.is === "unseen") return wait(`${lane} is promoted when the former primary's container has been looked at`, undefined, 150);
  if (former.is === "running behind") return wait(`${lane} is promoted when the former primary has its new configuration`, undefined, 150);
  if (former.is === "running unknown") return perform(action("fenceMember", lane, "the former primary runs without this decision's configuration, so another decision could still reach it", { container: former.container }));
  // Its address follows at once: clients look for it there.
  return perform(action("promote", lane, `it is read-only, and is the recorded primary (epoch ${epoch})`, {
    target: me.target, ordinal: me.ordinal, boot: { epoch, startedAt: server.startedAt }, fenced: former.is === "stopped" ? former.container : undefined,
  }), ...addressesAfterPromotion(context).map((step) => ({ ...step, lane })));
};

const attributes = { superuser: "SUPERUSER", replication: "REPLICATION", app: "LOGIN" } as const;

/** Accounts with the passwords of their Secrets, and the application's database. */
export const accounts: Rule<ClusterContext> = ({ want, seen, cluster }) => {
  const target = cluster.primary?.target;
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  if (!cluster.writable || target === undefined || server === undefined) return "satisfied";
  const steps: Action[] = [];
  for (const account of ["superuser", "replication", "app"] satisfies readonly Account[]) {
    const login = valueOf(seen.secrets[account]);
    const state = seen.accounts[account];
    if (login === undefined || state === "current" || state === "unknown") continue;
    steps.push(action("ensureAccount", "accounts", `${account} account ${state === "missing" ? "is absent" : "has another password than its Secret"}`, {
      target, account: { name: login.username, password: login.password, attributes: attributes[account] },
    }));
  }
  const { database } = want.spec.bootstrap.initdb;
  const owner = valueOf(seen.secrets.app)?.username;
  // Copies wait for the accounts, and making a database takes long: it goes side by side with them. Before 15 it stays
  // in front of them: a copy taken meanwhile could carry later changes of the template into the new database
  // (PostgreSQL documentation, "Continuous Archiving", Caveats).
  if ((steps.length === 0 || want.traits.number < 150_000) && owner !== undefined && !server.databases.includes(database)) {
    steps.push(action("ensureDatabase", "accounts", `database ${database} is absent`, { target, database, owner }));
  }
  return steps.length > 0 ? perform(...steps) : "satisfied";
};
