/** Secondary NICs: attached before the first start, with the fixed address, and mended when somebody takes them away. */
import { isOurs, memberName } from "../../api/names.ts";
import type { Endpoint, Nic } from "../../ports.ts";
import type { Action, Step } from "../action.ts";
import { nicsOf, type NetworkWish } from "../desired.ts";
import { valueOf, type Observation } from "../observation.ts";
import { action, perform, wait, type MemberContext, type Rule } from "./context.ts";
import { isMisplaced, misplaced } from "./networks.ts";

/** Whether an endpoint is really there: a record alone proves nothing, the address has to be the wanted one. */
export const isAttached = (endpoint: Endpoint | undefined, nic: Nic, isRunning: boolean): boolean =>
  endpoint !== undefined && (isRunning
    ? endpoint.address !== "" && (nic.address === undefined || endpoint.address === nic.address)
    : nic.address === undefined || endpoint.wanted === nic.address);

const holderOf = (seen: Observation, network: string, address: string | undefined, own: string): string | undefined => {
  const facts = seen.networks[network];
  return address === undefined || facts?.seen !== "present" ? undefined
    : facts.value.attached.find((other) => other.address === address && other.container !== own)?.container;
};

export const nics: Rule = (context) => {
  const { want, seen, me, lane } = context;
  const container = valueOf(me.container);
  if (container === undefined) return "satisfied";
  const isRunning = container.state === "running";
  const name = memberName(want.owner.name, me.ordinal);
  const steps: Action[] = [];
  for (const nic of nicsOf(want, me.ordinal)) {
    const network = want.networks.find(({ docker }) => docker === nic.network);
    const endpoint = container.endpoints.find((one) => one.network === nic.network);
    if (network === undefined || isAttached(endpoint, nic, isRunning)) continue;
    const facts = seen.networks[network.name];
    if (facts?.seen !== "present") return wait(`${name} waits for the network ${network.name}`);
    // An attach to a stopped container succeeds all the same, and then each start fails.
    if (nic.address !== undefined && network.spec === undefined && isMisplaced(nic.address, facts.value)) return misplaced(nic.address, network, facts.value);
    if (nic.address === undefined && network.spec !== undefined) return wait(`the network ${network.name} names no address for ${name}: add one`, "AddressConflict");
    const holder = holderOf(seen, network.name, nic.address, container.name);
    if (holder !== undefined) return wait(`${nic.address ?? ""} on ${network.name} is in use by the container ${holder}: stop that one, or choose another address for ${name}`, "AddressConflict", 2_000);
    if (endpoint !== undefined) steps.push(action("detachNic", lane, "attached with another address", { container: container.id, network: nic.network }));
    steps.push(action("attachNic", lane, `${network.name} is not attached`, { container: container.id, nic }));
  }
  return steps.length > 0 ? perform(...steps) : surplus(context);
};

/** NICs on networks of ours that the spec no longer names. Networks of others are left alone. */
function surplus({ want, seen, me, lane }: MemberContext): Step {
  const container = valueOf(me.container);
  const stale = seen.staleNetworks.filter(({ labels }) => isOurs(want.owner, labels)).map(({ name }) => name);
  const steps = (container?.endpoints ?? []).filter(({ network }) => stale.includes(network))
    .map(({ network }) => action("detachNic", lane, "no longer in the spec", { container: container?.id ?? "", network }));
  return steps.length > 0 ? perform(...steps) : "satisfied";
}

/** Whether NICs that are attached have other names than asked for: an Engine before 28 numbers a NIC attached later anew. */
export const hasWrongNames = (context: MemberContext): boolean => {
  const { want, me } = context;
  const interfaces = valueOf(me.interfaces);
  const container = valueOf(me.container);
  if (interfaces === undefined || container === undefined) return false;
  const wrong = nicsOf(want, me.ordinal).filter((nic) => {
    const mac = container.endpoints.find(({ network }) => network === nic.network)?.mac;
    const found = interfaces.find((one) => one.mac === mac && mac !== "");
    return found !== undefined && found.name !== nic.interfaceName;
  });
  return wrong.length > 0 && isNamedAtStart(context);
};

/**
 * Whether a start gives every NIC the wanted name. An Engine before 28 counts them in the order of their networks'
 * names, internal ones last; where that cannot lead to the spec's names, a restart would not help.
 */
const isNamedAtStart = ({ want, seen }: MemberContext): boolean => {
  // As it is, not as it would be made now: a network may be older than a spec in which its NIC is no longer the last.
  const isLast = ({ name, spec }: NetworkWish): number => {
    const sight = seen.networks[name];
    return (sight?.seen === "present" ? sight.value.internal : spec?.internal === true) ? 1 : 0;
  };
  const order = [...want.networks].sort((one, other) => isLast(one) - isLast(other) || (one.docker < other.docker ? -1 : 1));
  return order.every(({ spec, docker, interfaceName }, index) => (spec !== undefined || docker > "bridge") && interfaceName === `eth${index + 1}`);
};
