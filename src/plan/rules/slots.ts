/**
 * Replication slots. On the primary, one for each wanted standby, so that it keeps the WAL that the standby still needs.
 * On a standby, one for each other member, so that none of them has to be copied anew when this one is promoted; nobody
 * uses those, so they are moved forward, or they would keep WAL for ever. Source: PostgreSQL documentation,
 * "Replication Slots" and pg_replication_slot_advance.
 */
import { ordinalOfSlot, slotName } from "../../api/names.ts";
import type { Look } from "../../ports.ts";
import { compareLsn, lsnDiff, type Lsn } from "../../postgres/lsn.ts";
import type { Step } from "../action.ts";
import { valueOf } from "../observation.ts";
import { action, perform, type ClusterContext, type MemberContext } from "./context.ts";

type Slots = Look["slots"];

const missingIn = (slots: Slots, wanted: readonly number[]): readonly string[] =>
  wanted.map(slotName).filter((slot) => !slots.some(({ name }) => name === slot));

const unusedIn = (slots: Slots, wanted: readonly number[]): readonly string[] => slots.filter(({ name, active }) => {
  const ordinal = ordinalOfSlot(name);
  return ordinal !== undefined && !active && !wanted.includes(ordinal);
}).map(({ name }) => name);

export const slots = ({ want, cluster }: ClusterContext): Step => {
  const target = cluster.primary?.target;
  const server = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  if (!want.traits.slots || !cluster.writable || target === undefined || server === undefined) return "satisfied";
  const wanted = want.spec.replication.slots ? cluster.ordinals.filter((ordinal) => ordinal !== cluster.primaryOrdinal) : [];
  const create = missingIn(server.slots, wanted).map((slot) => action("createSlot", "slots", `${slot} is absent`, { target, slot }));
  const drop = unusedIn(server.slots, wanted).map((slot) => action("dropSlot", "slots", `${slot} belongs to no wanted standby`, { target, slot }));
  return create.length + drop.length > 0 ? perform(...create, ...drop) : "satisfied";
};

/** How much more WAL than needed a slot on a standby may keep. */
const surplusMaxBytes = 64 * 1024 * 1024;

const least = (one: Lsn, other: Lsn): Lsn => compareLsn(one, other) < 0 ? one : other;

/** How far the slot for a member can be moved: to what that member still needs of the primary, and not beyond what was replayed here. */
const neededBy = (ordinal: number, primary: Look, replayed: Lsn): Lsn =>
  least(primary.slots.find(({ name }) => name === slotName(ordinal))?.restartLsn ?? replayed, replayed);

/** The slots that a standby keeps for the others. Before 11 they can't be moved, and so none are kept. */
export const keptSlots = ({ want, cluster, me, lane, isPrimary }: MemberContext): Step => {
  const server = valueOf(me.server);
  const primary = cluster.primary === undefined ? undefined : valueOf(cluster.primary.server);
  if (!want.traits.slots || isPrimary || server?.inRecovery !== true || me.target === undefined || primary === undefined || !cluster.streaming.includes(me.ordinal)) return "satisfied";
  const { target } = me;
  const name = `${lane}/slots`;
  const wanted = want.spec.replication.slots && want.traits.advancesSlots ? cluster.ordinals.filter((ordinal) => ordinal !== me.ordinal) : [];
  const create = missingIn(server.slots, wanted).map((slot) => action("createSlot", name, `${slot} is absent, and ${lane} may become the primary`, { target, slot }));
  const drop = unusedIn(server.slots, wanted).map((slot) => action("dropSlot", name, `${slot} keeps WAL for nobody`, { target, slot }));
  const advance = server.slots.flatMap(({ name: slot, active, restartLsn }) => {
    const ordinal = ordinalOfSlot(slot);
    if (ordinal === undefined || active || !wanted.includes(ordinal) || restartLsn === undefined) return [];
    const to = neededBy(ordinal, primary, server.replayedLsn ?? restartLsn);
    return lsnDiff(to, restartLsn) > surplusMaxBytes ? [action("advanceSlot", name, `${slot} keeps more WAL than its member needs`, { target, slot, to })] : [];
  });
  return create.length + drop.length + advance.length > 0 ? perform(...create, ...drop, ...advance) : "satisfied";
};
