/** The Secrets: made when absent; the application's is kept in step with its own password and with where the members are. */
import { isOurs, type Account } from "../../api/names.ts";
import { uri } from "../../postgres/conninfo.ts";
import type { Action } from "../action.ts";
import { memberAt } from "../cluster.ts";
import { addressOn } from "../configuration.ts";
import type { Desired } from "../desired.ts";
import { valueOf, type Login, type MemberSighting } from "../observation.ts";
import { action, perform, wait, type ClusterContext, type Rule } from "./context.ts";

type Keys = Readonly<Record<string, string>>;

/** Secrets made by the operator when absent; those that the spec names are waited for. */
export const secrets: Rule<ClusterContext> = (context) => {
  const { want, seen } = context;
  const steps: Action[] = [];
  for (const account of ["superuser", "replication", "app"] satisfies readonly Account[]) {
    const { name, isOwn, username } = want.secrets[account];
    const sight = seen.secrets[account];
    if (sight.seen === "unknown") return wait(sight.because, "CredentialsMissing");
    if (sight.seen === "present") continue;
    if (!isOwn) return wait(`the Secret ${name} is not there: make it with the keys username and password`, "CredentialsMissing", 2_000);
    steps.push(action("createSecret", "cluster", `the ${account} account has no Secret`, {
      account, secret: name, data: { username, ...(account === "app" ? whereabouts(want, hostsOf(context) ?? "") : {}) },
    }));
  }
  return steps.length > 0 ? perform(...steps) : "satisfied";
};

/** Its own lane: a Secret that can't be written must delay nothing else. */
export const appSecret: Rule<ClusterContext> = (context) => {
  const { want, seen } = context;
  const { name, isOwn } = want.secrets.app;
  const login = valueOf(seen.secrets.app);
  if (!isOwn || login === undefined) return "satisfied";
  const keys = clientKeys(context, login);
  const because = keys["hosts"] !== (login.hosts ?? "") ? "it names other members than there are"
    : keys["uri"] !== login.uri ? "its uri does not agree with its other keys" : undefined;
  return because === undefined ? "satisfied" : perform(action("updateSecret", "secret", because, { secret: name, data: keys }));
};

/** What the application's Secret should say beside its username and password, which are the user's to change. */
export const clientKeys = (context: ClusterContext, { username, password, hosts }: Login): Keys => {
  const keys = whereabouts(context.want, hostsOf(context) ?? hosts ?? "");
  return { ...keys, ...uriOf({ ...keys, username }, password) };
};

const whereabouts = ({ spec }: Desired, hosts: string): Keys =>
  ({ dbname: spec.bootstrap.initdb.database, port: "5432", host: hosts.split(",")[0] ?? "", hosts });

/** The key `uri`; none while no member has an address. */
export const uriOf = (keys: Keys, password: string): Keys => {
  const hosts = (keys["hosts"] ?? "").split(",").filter((host) => host !== "");
  return hosts.length === 0 ? {} : { uri: uri({
    members: hosts.map((host) => ({ host, port: 5432 })), user: keys["username"] ?? "", password, database: keys["dbname"] ?? "", targetSessionAttrs: "read-write",
  }) };
};

/**
 * Where clients find the members: their addresses on the first Client network, else the first network there is, else
 * the management bridge. What is not fixed is named while it is seen, since the Engine may give it to another
 * container later. Undefined when nothing better is known than what the Secret says.
 */
function hostsOf({ want, seen, cluster }: ClusterContext): string | undefined {
  const network = want.networks.find(({ purpose }) => purpose === "Client") ?? want.networks[0];
  const members = cluster.ordinals.map((ordinal) => memberAt(seen, ordinal));
  const hosts = cluster.ordinals.flatMap((ordinal, index) => network?.addresses[ordinal] ?? ownAddress(want, members[index], network?.docker ?? "bridge") ?? []);
  return hosts.length === 0 || members.some((member) => member?.container.seen === "unknown") ? undefined : hosts.join(",");
}

const ownAddress = ({ owner }: Desired, member: MemberSighting | undefined, network: string): string | undefined =>
  member?.container.seen === "present" && isOurs(owner, member.container.value.labels) ? addressOn(member, network) : undefined;
