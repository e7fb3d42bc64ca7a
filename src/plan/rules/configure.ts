/** Settings of running members: reload where that is enough, else a restart in turn, standbys before the primary. */
import { md5 } from "../../postgres/digest.ts";
import { beforeNames } from "../failover/promise.ts";
import { configurationOf, goodNote, parametersOf, refusedNote, synchronousNames } from "../configuration.ts";
import { memberAt, type Cluster } from "../cluster.ts";
import { valueOf, type MemberSighting } from "../observation.ts";
import { action, contextOf, perform, wait, type MemberContext, type Rule } from "./context.ts";
import { hasWrongNames } from "./nics.ts";
import { needsNewContainer } from "./container.ts";

/** What another member refused is noted here too, so that it is not tried while that one is away for a moment. */
export const noteRefused: Rule = ({ want, cluster, me, lane }) => {
  const container = valueOf(me.container);
  const { wanted, refusal, isNoted } = parametersOf(want, cluster, me);
  if (container === undefined || valueOf(me.server) === undefined || refusal === undefined || isNoted) return "satisfied";
  return perform(action("noteParameters", lane, `another member refused the parameters of the spec: ${refusal}`, {
    container: container.id, directory: want.dataDirectory, file: refusedNote(wanted, refusal),
  }));
};

export const configure: Rule = ({ want, seen, cluster, me, lane, isPrimary }) => {
  const server = valueOf(me.server);
  const made = configurationOf(want, seen, cluster, me);
  if (server === undefined || me.target === undefined || "missing" in made || cluster.primaryOrdinal === undefined) return "satisfied";
  if (server.configHash === made.configuration.hash) return "satisfied";
  const changes = server.parametersHash !== made.configuration.parametersHash;
  // recovery.conf is read at start only. Left as it is, its difference from what is wanted asks for the restart.
  const files = made.files.filter(({ path }) => !server.inRecovery || path !== "pgdata/recovery.conf");
  // On the primary, what is promised of commits changes with the names that they wait for.
  const before = isPrimary ? beforeNames({ want, seen, cluster }, lane, synchronousNames(want, seen, cluster)) : [];
  return perform(...before, action("configure", lane, changes ? "parameters differ" : "settings differ", {
    target: me.target, directory: want.mount, files, ...(changes ? { check: { hash: parametersOf(want, cluster, me).wanted } } : {}),
  }));
};

const reasons = new WeakMap<Cluster, Map<MemberSighting, string | undefined>>();

/** Why a running member has to be restarted; undefined when it need not be. Found once a round, though many rules ask. */
export function restartReason(context: MemberContext): string | undefined {
  const ofAll = reasons.get(context.cluster) ?? new Map<MemberSighting, string | undefined>();
  reasons.set(context.cluster, ofAll);
  if (!ofAll.has(context.me)) ofAll.set(context.me, findReason(context));
  return ofAll.get(context.me);
}

function findReason(context: MemberContext): string | undefined {
  const { want, seen, cluster, me } = context;
  const server = valueOf(me.server);
  if (server === undefined) return undefined;
  if (needsNewContainer(context)) return "the container is made for another image, limits or mounts";
  if (server.pendingRestart.length > 0) return `pending restart: ${server.pendingRestart.join(", ")}`;
  const made = configurationOf(want, seen, cluster, me);
  const recovery = "files" in made ? made.configuration.files["recovery.conf"] : undefined;
  if (recovery !== undefined && server.inRecovery && server.recoveryHash !== md5(recovery)) return "recovery.conf differs";
  return hasWrongNames(context) ? "a NIC has another name than the spec says" : undefined;
}

/**
 * Restarts go in turn: standbys by ordinal, each streaming again before the next, the primary last. The primary is
 * restarted in place: it boots read-only and is promoted again.
 */
export const restart: Rule = (context) => {
  const { seen, cluster, me, lane, isPrimary } = context;
  const because = restartReason(context);
  const container = valueOf(me.container);
  if (because === undefined || container === undefined || cluster.primaryOrdinal === undefined) return "satisfied";
  // Standbys still take queries, and nothing that they are restarted for helps the primary.
  if (!isPrimary && !cluster.writable) return wait(`${lane} is restarted when the primary accepts writes (${because})`);
  const standbys = cluster.ordinals.filter((ordinal) => ordinal !== cluster.primaryOrdinal && !context.want.spec.fencedOrdinals.includes(ordinal));
  const others = isPrimary ? standbys : standbys.filter((ordinal) => ordinal !== me.ordinal);
  const absent = others.find((ordinal) => !cluster.streaming.includes(ordinal));
  const earlier = others.find((ordinal) => {
    const member = memberAt(seen, ordinal);
    return (isPrimary || ordinal < me.ordinal) && member !== undefined && restartReason(contextOf(context, member)) !== undefined;
  });
  if (cluster.streaming.includes(me.ordinal) || isPrimary) {
    if (earlier !== undefined) return wait(`${lane} is restarted after ordinal ${earlier} (${because})`);
    if (absent !== undefined) return wait(`${lane} is restarted when ordinal ${absent} streams (${because})`);
  }
  return perform(action("stopMember", lane, because, { container: container.id }));
};

/** Parameters that a server has started with are noted on its volume: what it can go back to. */
export const noteGood: Rule = ({ want, cluster, me, lane }) => {
  const server = valueOf(me.server);
  const container = valueOf(me.container);
  const { wanted, good, effective, refusal, held } = parametersOf(want, cluster, me);
  const isEmpty = Object.keys(effective).length === 0 && good === undefined;
  if (server === undefined || container === undefined || isEmpty || refusal !== undefined || held.length > 0 || good === wanted
    || server.parametersHash !== wanted || server.pendingRestart.length > 0) return "satisfied";
  return perform(action("noteParameters", lane, "the server runs with these parameters", {
    container: container.id, directory: want.dataDirectory, file: goodNote(want.spec.postgres.parameters),
  }));
};
