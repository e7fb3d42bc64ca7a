/** Specs as people write them, and the edits they make. Every one of them is valid, if not always wise. */
import type { Random } from "./random.ts";

interface PlainNetwork {
  readonly name: string; readonly interfaceName: string; readonly purpose?: "Client" | "Replication" | "Other";
  readonly driver?: "bridge" | "macvlan" | "external"; readonly parent?: string; readonly externalName?: string;
  readonly subnet?: string; readonly addressPool?: { readonly start: string; readonly size: number }; readonly primaryAddress?: string;
}

export interface PlainSpec {
  readonly replicas: number;
  readonly reconcilePolicy?: "Apply" | "Paused";
  readonly deletionPolicy?: "Retain" | "Delete";
  readonly postgres: { readonly version: string; readonly parameters?: Readonly<Record<string, string>>; readonly hba?: readonly string[] };
  readonly networks?: readonly PlainNetwork[];
  readonly replication?: { readonly mode?: "Async" | "Quorum" | "Priority"; readonly minSync?: number; readonly durability?: "Required" | "Preferred"; readonly slots?: boolean };
  readonly failover?: {
    readonly mode?: "Automatic" | "Manual" | "Disabled"; readonly detectionSeconds?: number; readonly maxLagBytes?: number; readonly whenNoCandidate?: "Wait" | "PromoteAfter";
    readonly promoteAfterSeconds?: number; readonly restartSeconds?: number; readonly dampingSeconds?: number;
  };
  readonly switchover?: { readonly toOrdinal: number; readonly token: string };
  readonly fencedOrdinals?: readonly number[];
  readonly members?: readonly { readonly ordinal: number; readonly candidate: "Allowed" | "Never" }[];
  readonly archive?: { readonly command: string };
  readonly resources?: { readonly memory?: string };
}

const membersMax = 4;

const lan = (subnet: string): PlainNetwork => ({ name: "lan", purpose: "Client", interfaceName: "eth1", subnet: `192.168.${subnet}.0/24`, addressPool: { start: `192.168.${subnet}.101`, size: 8 } });
const segment = (subnet: string): PlainNetwork => ({ name: "repl", purpose: "Replication", interfaceName: "eth2", subnet: `10.10.${subnet}.0/24`, addressPool: { start: `10.10.${subnet}.1`, size: 8 } });
const backup = (subnet: string): PlainNetwork => ({ name: "backup", interfaceName: "eth3", subnet: `10.20.${subnet}.0/24`, addressPool: { start: `10.20.${subnet}.1`, size: 8 } });

export const specOf = (random: Random, subnet: string): PlainSpec => {
  const replicas = random.pick([1, 2, 2, 3, 3, 3, 4]);
  const networks = random.pick<readonly PlainNetwork[]>([[], [lan(subnet)], [lan(subnet), segment(subnet)], [lan(subnet), segment(subnet)], [{ ...lan(subnet), driver: "macvlan", parent: "lan0" }, segment(subnet)]]);
  const mode = random.pick<"Async" | "Quorum" | "Priority">(["Async", "Async", "Quorum", "Quorum", "Priority"]);
  return fitted({
    replicas, networks: random.chance(0.5) ? networks : networks.map((one) => one.name === "lan" ? withPrimaryAddress(one) : one), failover: failoverOf(random), postgres: { version: random.pick(["11", "12", "13", "17", "17", "18"]), parameters: parametersOf(random) },
    deletionPolicy: random.pick(["Retain", "Delete"]),
    replication: { mode, minSync: random.pick([1, 1, 2]), durability: random.pick(["Required", "Preferred"]), slots: random.chance(0.8) },
    ...(random.chance(0.2) ? { archive: { command: "cp %p /archive/%f" } } : {}),
  });
};

const withPrimaryAddress = (network: PlainNetwork): PlainNetwork => ({ ...network, primaryAddress: `${(network.subnet ?? "").split(".").slice(0, 3).join(".")}.100` });

const failoverOf = (random: Random): NonNullable<PlainSpec["failover"]> => ({
  mode: random.pick(["Automatic", "Automatic", "Automatic", "Automatic", "Automatic", "Manual", "Disabled"]), detectionSeconds: random.pick([1, 3, 3, 8]),
  maxLagBytes: random.pick([16_777_216, 16_777_216, 200_000, 0]), whenNoCandidate: random.pick(["Wait", "Wait", "PromoteAfter"]), promoteAfterSeconds: random.pick([1, 5, 20]),
  restartSeconds: random.pick([2, 5, 30]), dampingSeconds: random.pick([0, 5, 60]),
});

/** Valid again: minSync has to leave room for the primary. */
const fitted = (spec: PlainSpec): PlainSpec => {
  const { minSync = 1, mode } = spec.replication ?? {};
  const { switchover: wish, fencedOrdinals = [] } = spec;
  // Nobody may be asked to take over who is fenced.
  if (wish !== undefined && fencedOrdinals.includes(wish.toOrdinal)) return fitted({ ...spec, fencedOrdinals: fencedOrdinals.filter((ordinal) => ordinal !== wish.toOrdinal) });
  const isFine = mode === "Async" || spec.replicas === 0 || minSync < spec.replicas;
  return isFine ? spec : { ...spec, replication: { ...spec.replication, ...(spec.replicas < 2 ? { mode: "Async" } : { minSync: spec.replicas - 1 }) } };
};

const parametersOf = (random: Random): Readonly<Record<string, string>> =>
  random.pick<Readonly<Record<string, string>>>([{}, {}, { work_mem: "8MB" }, { work_mem: "16MB", max_connections: "200" }, { max_connections: "150" }, { shared_buffers: "64MB" }, { max_connections: "50" }]);

const refusedParameters = (random: Random): Readonly<Record<string, string>> =>
  random.pick<Readonly<Record<string, string>>>([{ work_mem: "nonsense" }, { no_such_setting: "1" }, { shared_buffers: "9000GB" }]);

/** Whether PostgreSQL would take all that the spec says. */
export const isAccepted = ({ postgres: { parameters = {} } }: PlainSpec): boolean =>
  !("no_such_setting" in parameters) && parameters["work_mem"] !== "nonsense" && parameters["shared_buffers"] !== "9000GB";

type Edit = (random: Random, spec: PlainSpec) => readonly [what: string, spec: PlainSpec];

const switchover: Edit = (random, spec) => {
  const wish = { toOrdinal: random.between(0, Math.max(0, spec.replicas - 1)), token: `t${random.between(1, 1_000_000)}` };
  return [`switchover to ${wish.toOrdinal}, ${wish.token}`, { ...spec, switchover: wish }];
};

const edits: readonly [Edit, ...Edit[]] = [
  (random, spec) => { const replicas = random.between(0, membersMax); return [`replicas: ${replicas}`, { ...spec, replicas }]; },
  (random, spec) => { const replicas = random.between(1, membersMax); return [`replicas: ${replicas}`, { ...spec, replicas }]; },
  (random, spec) => { const parameters = parametersOf(random); return [`parameters: ${JSON.stringify(parameters)}`, { ...spec, postgres: { ...spec.postgres, parameters } }]; },
  (random, spec) => { const parameters = refusedParameters(random); return [`parameters: ${JSON.stringify(parameters)}`, { ...spec, postgres: { ...spec.postgres, parameters } }]; },
  (random, spec) => { const mode = random.pick<"Async" | "Quorum" | "Priority">(["Async", "Quorum", "Priority"]); return [`mode: ${mode}`, { ...spec, replication: { ...spec.replication, mode } }]; },
  (random, spec) => { const slots = random.chance(0.5); return [`slots: ${slots}`, { ...spec, replication: { ...spec.replication, slots } }]; },
  (random, spec) => { const reconcilePolicy = random.pick<"Apply" | "Paused">(["Apply", "Paused"]); return [`reconcilePolicy: ${reconcilePolicy}`, { ...spec, reconcilePolicy }]; },
  (random, spec) => { const deletionPolicy = random.pick<"Retain" | "Delete">(["Retain", "Delete"]); return [`deletionPolicy: ${deletionPolicy}`, { ...spec, deletionPolicy }]; },
  (random, spec) => { const hba = random.pick<readonly string[]>([[], ["host all all 0.0.0.0/0 md5"], ["host all all 0.0.0.0/0 ldap"], ["bogus"]]); return [`hba: ${JSON.stringify(hba)}`, { ...spec, postgres: { ...spec.postgres, hba } }]; },
  (random, spec) => { const failover = failoverOf(random); return [`failover: ${JSON.stringify(failover)}`, { ...spec, failover }]; },
  (random, spec) => { const durability = random.pick<"Required" | "Preferred">(["Required", "Preferred"]); const minSync = random.pick([1, 2]); return [`minSync: ${minSync}, durability: ${durability}`, { ...spec, replication: { ...spec.replication, durability, minSync } }]; },
  switchover, switchover, switchover,
  (random, spec) => { const fencedOrdinals = random.pick<readonly number[]>([[], [0], [1], [random.between(0, membersMax), membersMax]]); return [`fencedOrdinals: ${fencedOrdinals.join()}`, { ...spec, fencedOrdinals }]; },
  (random, spec) => { const members = random.pick<NonNullable<PlainSpec["members"]>>([[], [{ ordinal: random.between(0, 2), candidate: "Never" }]]); return [`members: ${JSON.stringify(members)}`, { ...spec, members }]; },
  (_, spec) => {
    const networks = (spec.networks ?? []).map((one): PlainNetwork => {
      const { primaryAddress, ...rest } = one;
      return one.name !== "lan" ? one : primaryAddress === undefined ? withPrimaryAddress(one) : rest;
    });
    return [`primaryAddress: ${networks.map(({ primaryAddress }) => primaryAddress ?? "none").join()}`, { ...spec, networks }];
  },
  (random, spec) => { const memory = random.pick(["1Gi", "2Gi"]); return [`memory: ${memory}`, { ...spec, resources: { memory } }]; },
  (_, spec) => {
    const networks = spec.networks ?? [];
    const [first] = networks;
    if (first?.subnet === undefined) return ["nothing", spec];
    return networks.some(({ name }) => name === "backup") ? ["network backup goes", { ...spec, networks: networks.filter(({ name }) => name !== "backup") }]
      : ["network backup comes", { ...spec, networks: [...networks, backup(first.subnet.split(".")[2] ?? "1")] }];
  },
];

/** One edit of a spec, valid again afterwards. */
export const editOf: Edit = (random, spec) => {
  const [what, next] = random.pick(edits)(random, spec);
  return [what, fitted(next)];
};
