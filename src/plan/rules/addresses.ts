/**
 * Addresses that follow the primary. One is taken off every other member before the primary gets it, so that it never
 * answers twice; where a container ended, its addresses ended with it.
 */
import { memberName } from "../../api/names.ts";
import { isAlive } from "../cluster.ts";
import type { Action, Step } from "../action.ts";
import { valueOf, type MemberSighting } from "../observation.ts";
import { action, followedBy, perform, wait, type ClusterContext } from "./context.ts";

const holds = (me: MemberSighting, address: string): boolean => valueOf(me.interfaces)?.some(({ addresses }) => addresses.includes(address)) === true;

/** A running member whose NICs could not be looked at may have it. */
const mayHold = (me: MemberSighting): boolean => {
  const container = valueOf(me.container);
  return container !== undefined && isAlive(container) && me.interfaces.seen === "unknown";
};

/** A lane for each address. */
export function addresses(context: ClusterContext): readonly (readonly [lane: string, step: Step])[] {
  return context.want.networks.flatMap(({ name, primaryAddress }) => primaryAddress === undefined ? [] : [[`address ${name}`, follow(context, name, primaryAddress)] as const]);
}

/** What puts the addresses on a member that is being promoted, where nothing stands against it; else the lanes see to it. */
export const addressesAfterPromotion = ({ want, seen, cluster }: ClusterContext): readonly Action[] =>
  addresses({ want, seen, cluster: { ...cluster, writable: true } }).flatMap(([, step]) => followedBy(step));

function follow({ want, seen, cluster }: ClusterContext, name: string, address: string): Step {
  const lane = `address ${name}`;
  const interfaceName = want.networks.find((network) => network.name === name)?.interfaceName ?? "";
  const others = seen.members.filter(({ ordinal }) => ordinal !== cluster.primaryOrdinal);
  const removals = others.filter((me) => holds(me, address)).flatMap((me) => {
    const container = valueOf(me.container);
    return container === undefined ? [] : [action("removeAddress", lane, `${address} belongs to the primary, not to ${memberName(want.owner.name, me.ordinal)}`, { container: container.id, interfaceName: nicWith(me, address) ?? interfaceName, address })];
  });
  const primary = cluster.primary;
  const container = primary === undefined ? undefined : valueOf(primary.container);
  if (primary === undefined || container === undefined || !cluster.writable || holds(primary, address)) return removals.length > 0 ? perform(...removals) : "satisfied";
  const doubtful = others.find(mayHold);
  if (doubtful !== undefined) return wait(`${address} waits until the NICs of ${memberName(want.owner.name, doubtful.ordinal)} have been looked at`);
  // Not before its own NIC is there.
  if (valueOf(primary.interfaces)?.some((nic) => nic.name === interfaceName) !== true) return wait(`${address} waits for ${interfaceName} of ${memberName(want.owner.name, primary.ordinal)}`);
  return perform(...removals, action("addAddress", lane, `${memberName(want.owner.name, primary.ordinal)} is the primary`, { container: container.id, interfaceName, address }));
}

const nicWith = (me: MemberSighting, address: string): string | undefined =>
  valueOf(me.interfaces)?.find(({ addresses: all }) => all.includes(address))?.name;
