/** Addresses that follow the primary: on one member, never on two. */
import { absent, atGoal, disconnected, lan, member, memberOf, present, repl, server, silent, stopped, unknown, wanting, type Scene } from "../builders.ts";
import { table } from "./table.ts";

const address = "192.168.11.100";
const moving = [{ ...lan, primaryAddress: address }, repl] as const;
const bare = atGoal({ spec: { networks: moving } });

/** The member's NIC of that name shows one more address. */
const holding = (scene: Scene, ordinal: number, more: string = address, nic = "eth1"): Scene => {
  const { interfaces } = memberOf(scene, ordinal);
  return interfaces.seen !== "present" ? scene
    : member(scene, ordinal, { interfaces: present(interfaces.value.map((one) => one.name === nic ? { ...one, addresses: [...one.addresses, more] } : one)) });
};
const goal = holding(bare, 0);
const paired = atGoal({ spec: { networks: [moving[0], { ...repl, primaryAddress: "10.10.0.100" }] } });

table([
  { when: "the primary has it", given: goal, plan: [] },
  { when: "nobody has it", given: bare, plan: ["address lan addAddress: demo-0 is the primary"] },
  { when: "a standby has it too: it goes off there", given: holding(goal, 1), plan: ["address lan removeAddress: 192.168.11.100 belongs to the primary, not to demo-1"] },
  { when: "a standby has it: it goes off there before the primary gets it", given: holding(bare, 1), plan: [
      "address lan removeAddress: 192.168.11.100 belongs to the primary, not to demo-1",
      "address lan addAddress: demo-0 is the primary",
    ] },
  { when: "two standbys have it", given: holding(holding(bare, 1), 2), plan: [
      "address lan removeAddress: 192.168.11.100 belongs to the primary, not to demo-1",
      "address lan removeAddress: 192.168.11.100 belongs to the primary, not to demo-2",
      "address lan addAddress: demo-0 is the primary",
    ] },
  { when: "a standby has it on another NIC", given: holding(goal, 1, address, "eth2"), plan: ["address lan removeAddress: 192.168.11.100 belongs to the primary, not to demo-1"] },
  { when: "a running standby's NICs could not be looked at: it may have it", given: member(bare, 1, { interfaces: unknown("exec failed") }), plan: ["address lan waits: 192.168.11.100 waits until the NICs of demo-1 have been looked at"] },
  { when: "a running standby's NICs could not be looked at, and the primary has it", given: member(goal, 1, { interfaces: unknown("exec failed") }), plan: [] },
  { when: "a stopped standby has nothing", given: stopped(bare, 1), plan: ["demo-1 startMember: exited with code 0", "address lan addAddress: demo-0 is the primary"] },
  { when: "the primary's own NIC is not there", given: member(bare, 0, { interfaces: present([{ name: "eth0", mac: "02:42", addresses: [] }]) }), plan: ["address lan waits: 192.168.11.100 waits for eth1 of demo-0"] },
  { when: "the primary's NICs could not be looked at", given: member(bare, 0, { interfaces: unknown("exec failed") }), plan: ["address lan waits: 192.168.11.100 waits for eth1 of demo-0"] },
  { when: "the primary does not accept writes: it keeps the address that it has", given: silent(goal, 0), plan: [
      "failover waits: demo-0: the primary is silent, for less than the time that it is given",
      "demo-0 waits: demo-0's PostgreSQL does not answer yet: demo-0: PostgreSQL is starting",
      "demo-1 waits: demo-1 waits for the primary",
      "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "the primary does not accept writes, and has it not: nobody gets it", given: silent(bare, 0), plan: [
      "failover waits: demo-0: the primary is silent, for less than the time that it is given",
      "demo-0 waits: demo-0's PostgreSQL does not answer yet: demo-0: PostgreSQL is starting",
      "demo-1 waits: demo-1 waits for the primary",
      "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "the primary is promoted: it gets it in the same lane, right after", given: server(bare, 0, { inRecovery: true, senders: [] }), plan: [
      "demo-0 promote: it is read-only, and is the recorded primary (epoch 1)",
      "demo-0 addAddress: demo-0 is the primary",
      "demo-1 waits: demo-1 waits for the primary",
      "demo-2 waits: demo-2 waits for the primary",
    ] },
  { when: "a member that was scaled away still has it", given: holding(wanting(disconnected(goal, 2), { spec: { replicas: 2 } }), 2), plan: [
      "demo-1/slots dropSlot: pgrs_2 keeps WAL for nobody",
      "slots dropSlot: pgrs_2 belongs to no wanted standby",
      "address lan removeAddress: 192.168.11.100 belongs to the primary, not to demo-2",
      "demo-2 stopMember: scaled away",
    ] },
  { when: "each network's address goes its own way", given: holding(paired, 1, "10.10.0.100", "eth2"), plan: [
      "address lan addAddress: demo-0 is the primary",
      "address repl removeAddress: 10.10.0.100 belongs to the primary, not to demo-1",
      "address repl addAddress: demo-0 is the primary",
    ] },
  { when: "the primary could not be looked at, and a standby has the address", given: holding(member(bare, 0, { container: unknown("timed out"), server: absent, interfaces: absent, target: undefined }), 1), plan: [
      "address lan removeAddress: 192.168.11.100 belongs to the primary, not to demo-1",
      "failover waits: demo-0: the primary's container could not be looked at; what is not known to have ended is never replaced",
      "demo-0 waits: timed out",
      "demo-1 waits: demo-1 waits for the primary",
      "demo-2 waits: demo-2 waits for the primary",
    ] },
]);
