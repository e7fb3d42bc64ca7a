/** Docker networks, and the NICs of members on them. */
import { labelsOf } from "../../src/api/names.ts";
import { absent, atGoal, changed, container, containerFacts, foreignLabels, introduced, lan, member, memberOf, networkFacts, networks, owner, present, repl, stopped, unknown, wanting, type Scene } from "../builders.ts";
import { table } from "./table.ts";

const goal = atGoal({ spec: { networks } });
const { want } = goal;
const seeing = (scene: Scene, name: string, sight: Scene["seen"]["networks"][string]): Scene => changed(scene, { networks: { ...scene.seen.networks, [name]: sight } });
const external = { name: "office", interfaceName: "eth1", purpose: "Client", driver: "external", addresses: ["10.99.0.11", "10.99.0.12", "10.99.0.13"] };
const outside = atGoal({ spec: { networks: [external] } });

const endpointsOf = (ordinal: number) => containerFacts(want, ordinal).endpoints;
const without = (scene: Scene, ordinal: number, network: string): Scene => {
  const facts = memberOf(scene, ordinal).container;
  return facts.seen === "present" ? container(scene, ordinal, { endpoints: facts.value.endpoints.filter((one) => !one.network.includes(network)) }) : scene;
};
const renamed = (scene: Scene, ordinal: number, from: string, to: string): Scene => {
  const { interfaces } = memberOf(scene, ordinal);
  return interfaces.seen === "present" ? member(scene, ordinal, { interfaces: present(interfaces.value.map((nic) => nic.name === from ? { ...nic, name: to } : nic)) }) : scene;
};
const stale = networkFacts(want, "old", { name: "pgrs_default_demo_03_old", labels: labelsOf(owner, "network") });
const onStale = { network: stale.name, address: "10.99.0.11", wanted: "10.99.0.11", mac: "02:99" };

table([
  { when: "a network is missing", given: seeing(goal, "lan", absent), plan: ["network lan createNetwork: absent"] },
  { when: "a network could not be seen", given: seeing(goal, "lan", unknown("timed out")), plan: ["network lan waits: timed out"] },
  { when: "a network of that name is somebody else's", given: seeing(goal, "lan", present(networkFacts(want, "lan", { labels: foreignLabels }))), plan: ["network lan waits: a Docker network named pgrs_default_demo_01_lan is there and is not ours: rename or remove it"] },
  { when: "a network was made with another subnet", given: seeing(goal, "lan", present(networkFacts(want, "lan", { subnet: "192.168.12.0/24" }))), plan: ["network lan waits: the network lan was made with subnet 192.168.12.0/24, and cannot be changed under its NICs: add a network with another name, then take this one out"] },
  { when: "a network was made with another driver", given: seeing(goal, "lan", present(networkFacts(want, "lan", { driver: "macvlan" }))), plan: ["network lan waits: the network lan was made with driver macvlan, and cannot be changed under its NICs: add a network with another name, then take this one out"] },
  { when: "a network was made with another gateway", given: seeing(goal, "lan", present(networkFacts(want, "lan", { gateway: "192.168.11.1" }))), plan: ["network lan waits: the network lan was made with gateway 192.168.11.1, and cannot be changed under its NICs: add a network with another name, then take this one out"] },
  { when: "an external network is there", given: outside, plan: [] },
  { when: "an external network is missing", given: seeing(outside, "office", absent), plan: ["network office waits: the external network office is not there: make it (docker network create office), or correct externalName"] },
  { when: "an external network can't give a member's address", given: seeing(outside, "office", present(networkFacts(outside.want, "office", { subnet: "10.98.0.0/24" }))), plan: [
      "demo-0 configure: settings differ",
      "demo-1 configure: settings differ",
      "demo-2 configure: settings differ",
      "network office waits: 10.99.0.11 is no free address of the external network office (10.98.0.0/24): choose one inside it",
    ] },
  { when: "an external network's gateway is a member's address", given: seeing(outside, "office", present(networkFacts(outside.want, "office", { gateway: "10.99.0.12" }))), plan: ["network office waits: 10.99.0.12 is no free address of the external network office (10.99.0.0/24): choose one inside it"] },
  { when: "a network is no longer in the spec, and nobody is on it", given: changed(goal, { staleNetworks: [stale] }), plan: ["network pgrs_default_demo_03_old removeNetwork: no longer in the spec"] },
  { when: "a network is no longer in the spec, and a stranger is on it", given: changed(goal, { staleNetworks: [{ ...stale, attached: [{ container: "web", address: "10.99.0.7" }] }] }), plan: ["network pgrs_default_demo_03_old waits: the network pgrs_default_demo_03_old is no longer wanted, and web still uses it: detach that one"] },
  { when: "a network is no longer in the spec, and a member is on it",
    given: changed(container(goal, 1, { endpoints: [...endpointsOf(1), onStale] }), { staleNetworks: [{ ...stale, attached: [{ container: "default_demo_1", address: "10.99.0.11" }] }] }), plan: ["demo-1/nics detachNic: no longer in the spec"] },
  { when: "a running member lost a NIC", given: without(goal, 1, "repl"), plan: ["demo-1/nics attachNic: repl is not attached"] },
  { when: "the primary lost all its NICs", given: without(without(goal, 0, "repl"), 0, "lan"), plan: [
      "demo-0/nics attachNic: lan is not attached",
      "demo-0/nics attachNic: repl is not attached",
    ] },
  { when: "a stopped member lost a NIC: it is attached before the start", given: without(stopped(goal, 1), 1, "repl"), plan: ["demo-1 attachNic: repl is not attached"] },
  { when: "a NIC is attached with another address",
    given: container(goal, 1, { endpoints: endpointsOf(1).map((one) => one.network.includes("repl") ? { ...one, address: "10.10.0.77", wanted: "10.10.0.77" } : one) }), plan: [
      "demo-1/nics detachNic: attached with another address",
      "demo-1/nics attachNic: repl is not attached",
    ] },
  { when: "a failed attach left a record without an address", given: container(goal, 1, { endpoints: endpointsOf(1).map((one) => one.network.includes("repl") ? { ...one, address: "" } : one) }), plan: [
      "demo-1/nics detachNic: attached with another address",
      "demo-1/nics attachNic: repl is not attached",
    ] },
  { when: "another container has the NIC's address",
    given: seeing(without(goal, 1, "lan"), "lan", present(networkFacts(want, "lan", { attached: [{ container: "printer", address: "192.168.11.102" }] }))), plan: ["demo-1/nics waits: 192.168.11.102 on lan is in use by the container printer: stop that one, or choose another address for demo-1"] },
  { when: "the NIC's network is missing", given: seeing(without(goal, 1, "lan"), "lan", absent), plan: [
      "network lan createNetwork: absent",
      "demo-1/nics waits: demo-1 waits for the network lan",
    ] },
  { when: "the network names no address for the primary, whose ordinal is beyond replicas",
    given: introduced(without(wanting(atGoal({ spec: { networks }, status: { primary: { ordinal: 2, epoch: 1, since: "2026-01-01T00:00:00Z" } } }), { spec: { replicas: 2, networks: [{ ...lan, addresses: lan.addresses.slice(0, 2) }, repl] } }), 2, "lan")), plan: [
      "demo-0/slots dropSlot: pgrs_1 keeps WAL for nobody",
      "demo-1 stopMember: scaled away",
      "demo-2/nics waits: the network lan names no address for demo-2: add one",
    ] },
  { when: "a running container of the member's name is somebody else's: it gets no NICs", given: without(container(goal, 1, { labels: foreignLabels }), 1, "repl"), plan: ["demo-1 waits: a container named default_demo_1 is there and is not ours: rename or remove it (docker container rm default_demo_1), or give this resource another name"] },
  { when: "a network is no longer in the spec, and a container could not be seen", given: changed(member(goal, 1, { container: unknown("timed out"), server: absent }), { staleNetworks: [stale] }), plan: ["demo-1 waits: timed out"] },
  { when: "a NIC has another name, and a restart gives the right one", given: renamed(goal, 1, "eth2", "eth4"), plan: ["demo-1 stopMember: a NIC has another name than the spec says"] },
  { when: "a NIC has another name, and no start of this Engine gives the right one",
    given: renamed(atGoal({ spec: { networks: [lan, { ...repl, interfaceName: "eth3" }] } }), 1, "eth3", "eth2"), plan: [] },
  { when: "a NIC has another name, since its network was made internal when it was the last",
    given: seeing(renamed(atGoal({ spec: { networks: [lan, repl, { name: "backup", interfaceName: "eth3", subnet: "10.20.0.0/24", addressPool: { start: "10.20.0.1", size: 4 } }] } }), 1, "eth2", "eth3"), "repl", present(networkFacts(want, "repl", { internal: true }))), plan: [] },
  { when: "the NICs could not be seen", given: member(goal, 1, { interfaces: unknown("exec failed") }), plan: [] },
]);
