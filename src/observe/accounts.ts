/** How the primary's password verifiers compare with the Secrets. The comparison is slow by design, so it is remembered. */
import type { Account } from "../api/names.ts";
import type { Desired } from "../plan/desired.ts";
import { valueOf, type AccountState, type MemberSighting, type Observation } from "../plan/observation.ts";
import { sha256 } from "../postgres/digest.ts";
import { verifies } from "../postgres/password.ts";

const remembered = new Map<string, boolean>();
const rememberedMax = 1_000;

/** A pure answer, kept by a digest of its question, so that no password stays in memory for it. */
function matches(verifier: string, username: string, password: string): boolean {
  const question = sha256(Buffer.from(JSON.stringify([verifier, username, password]))).toString("base64");
  const known = remembered.get(question);
  if (known !== undefined) return known;
  const answer = verifies(verifier, username, password);
  if (remembered.size >= rememberedMax) remembered.clear();
  remembered.set(question, answer);
  return answer;
}

export function accountStates(want: Desired, members: readonly MemberSighting[], secrets: Observation["secrets"]): Observation["accounts"] {
  const primary = members.find(({ ordinal }) => ordinal === want.status.primary?.ordinal);
  const server = primary === undefined ? undefined : valueOf(primary.server);
  const state = (account: Account): AccountState => {
    const login = valueOf(secrets[account]);
    if (server === undefined || server.inRecovery || server.roles === undefined || login === undefined) return "unknown";
    const role = server.roles.find(({ name }) => name === login.username);
    if (role === undefined) return "missing";
    return role.verifier !== undefined && matches(role.verifier, login.username, login.password) ? "current" : "differs";
  };
  return { superuser: state("superuser"), replication: state("replication"), app: state("app") };
}
