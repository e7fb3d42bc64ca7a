/** Docker networks: made when absent, never changed, removed when no NIC of ours needs them. Others' are only looked at. */
import { isOurs } from "../../api/names.ts";
import { overlap, parseSubnet } from "../../api/addresses.ts";
import type { NetworkFacts } from "../../ports.ts";
import type { Step } from "../action.ts";
import type { NetworkWish } from "../desired.ts";
import { action, perform, wait, type ClusterContext } from "./context.ts";

export function network({ want, seen }: ClusterContext, wish: NetworkWish): Step {
  const lane = `network ${wish.name}`;
  const sight = seen.networks[wish.name];
  if (sight === undefined || sight.seen === "unknown") return wait(sight?.because ?? "not looked at yet");
  if (sight.seen === "present") return sound(want.owner, wish, sight.value);
  if (wish.spec === undefined) return wait(`the external network ${wish.docker} is not there: make it (docker network create ${wish.docker}), or correct externalName`, "NetworkMissing", 5_000);
  return perform(action("createNetwork", lane, "absent", { network: wish.spec }));
}

function sound(owner: ClusterContext["want"]["owner"], wish: NetworkWish, facts: NetworkFacts): Step {
  const { spec } = wish;
  if (spec === undefined) return outside(wish, facts);
  if (!isOurs(owner, facts.labels)) return wait(`a Docker network named ${facts.name} is there and is not ours: rename or remove it`, "NameTaken");
  const differs = facts.subnet !== spec.subnet ? `subnet ${facts.subnet}` : facts.driver !== spec.driver ? `driver ${facts.driver}`
    : facts.gateway !== spec.gateway ? `gateway ${facts.gateway}` : undefined;
  return differs === undefined ? "satisfied"
    : wait(`the network ${wish.name} was made with ${differs}, and cannot be changed under its NICs: add a network with another name, then take this one out`, "SubnetOverlap");
}

/** Whether an external network, whose subnet the spec does not choose, can't give an address to a member. */
export const isMisplaced = (address: string, { subnet, gateway }: NetworkFacts): boolean => {
  const range = parseSubnet(subnet);
  const one = parseSubnet(`${address}/32`);
  return range === undefined || one === undefined || !overlap(range, one) || address === gateway;
};

export const misplaced = (address: string, { docker }: NetworkWish, { subnet }: NetworkFacts): Step =>
  wait(`${address} is no free address of the external network ${docker} (${subnet}): choose one inside it`, "AddressConflict");

const outside = (wish: NetworkWish, facts: NetworkFacts): Step => {
  const lost = wish.addresses.find((address) => isMisplaced(address, facts));
  return lost === undefined ? "satisfied" : misplaced(lost, wish, facts);
};

/** A network that the spec no longer names goes when nothing of ours hangs on it. */
export function staleNetwork({ seen }: ClusterContext, facts: NetworkFacts): Step {
  // What could not be seen may hang on it.
  const user = seen.members.find(({ container, job }) => [container, job].some((sight) =>
    sight.seen === "unknown" || (sight.seen === "present" && sight.value.endpoints.some((endpoint) => endpoint.network === facts.name))));
  if (user !== undefined) return "satisfied";
  if (facts.attached.length > 0) return wait(`the network ${facts.name} is no longer wanted, and ${facts.attached[0]?.container ?? "a container"} still uses it: detach that one`);
  return perform(action("removeNetwork", `network ${facts.name}`, "no longer in the spec", { network: facts.name }));
}
