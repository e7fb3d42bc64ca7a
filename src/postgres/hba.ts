/**
 * Who may connect: pg_hba.conf. The operator's own lines come first, since the first line that matches decides and
 * no line of a user may lock the operator or a standby out. Source: PostgreSQL documentation, "The pg_hba.conf File".
 */
import type { Traits } from "./versions.ts";

export interface HbaRules {
  readonly traits: Traits;
  /** The role the operator connects as, from the management subnets. */
  readonly superuser: string;
  /** The role standbys connect as, from the replication subnets. */
  readonly replicationUser: string;
  readonly managementSubnets: readonly string[];
  readonly replicationSubnets: readonly string[];
  /** Open to every role by password while the user gives no lines. */
  readonly clientSubnets: readonly string[];
  /** The user's lines. */
  readonly lines: readonly string[];
}

// Quoted, so that a role called "all" or "replication" is a role and no key word.
const role = (name: string): string => `"${name}"`;

/** The complete file. */
export function renderHba({ traits, superuser, replicationUser, managementSubnets, replicationSubnets, clientSubnets, lines }: HbaRules): string {
  const method = traits.passwordEncryption;
  return [
    "# Written by the PostgresReplicaSet operator; what is changed here is overwritten. The first line that matches decides.",
    "",
    "# Inside the container, by the name of the system's user",
    "local all all peer",
    "local replication all peer",
    "",
    "# The operator",
    ...managementSubnets.map((subnet) => `host all ${role(superuser)} ${subnet} ${method}`),
    "",
    "# Standbys: streaming, and pg_rewind, which reads by an ordinary connection",
    ...replicationSubnets.flatMap((subnet) => ["replication", "postgres"].map((database) => `host ${database} ${role(replicationUser)} ${subnet} ${method}`)),
    "",
    ...(lines.length > 0
      ? ["# From spec.postgres.hba", ...lines]
      : ["# Clients, as long as spec.postgres.hba says nothing", ...clientSubnets.map((subnet) => `host all all ${subnet} ${method}`)]),
    "",
  ].join("\n");
}

/** Mistakes in a user's lines, a sentence each, with what to write instead. They would keep the server from its whole file. */
export const hbaProblems = (lines: readonly string[], traits?: Traits): string[] => lines.flatMap((line) => {
  const problem = lineProblem(line, traits);
  return problem === undefined ? [] : [`${JSON.stringify(line)}: ${problem}`];
});

const example = "for example: host all all 192.168.11.0/24 scram-sha-256";

const hostTypes = new Set(["host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"]);
const includeTypes = new Set(["include", "include_if_exists", "include_dir"]);

const encryptionTypesSince = 120_000;
const methodSince: Readonly<Record<string, number>> = {
  "trust": 0, "reject": 0, "md5": 0, "password": 0, "scram-sha-256": 100_000, "gss": 0, "sspi": 0, "ident": 0, "peer": 0,
  "ldap": 0, "radius": 0, "cert": 0, "pam": 0, "bsd": 90_600, "oauth": 180_000,
};

function lineProblem(line: string, traits: Traits | undefined): string | undefined {
  if (/[\0\n\r]/.test(line)) return "holds a line break; write one line per entry";
  if (/\\\s*$/.test(line)) return "ends in a backslash, which would draw in the next line; write it without";
  const fields = fieldsOf(line);
  if (fields === undefined) return 'has a " without its partner; write both or none';
  const [type, ...rest] = fields;
  if (type === undefined) return undefined; // a comment, or nothing
  const connection = type.join(",");
  if (includeTypes.has(connection)) return "includes a file that members do not have; write its lines here";
  if (connection !== "local" && !hostTypes.has(connection)) return `begins with ${JSON.stringify(connection)}; write local, host, hostssl or hostnossl, ${example}`;
  if (traits !== undefined && connection.includes("gssenc") && traits.number < encryptionTypesSince) return `${connection} came with PostgreSQL 12; write host`;
  const [database, user, ...where] = rest;
  if (database === undefined || user === undefined) return `names no database or no user; write all three of type, database and user, ${example}`;
  if (connection === "local") return methodProblem(where, connection, traits);
  return addressProblem(where, connection, traits);
}

// A field is a list of words; a comma right after a word goes on with the same field. Undefined: a quote stays open.
function fieldsOf(line: string): string[][] | undefined {
  const word = /[\s,]*(?:(#.*)|((?:"[^"]*"|[^\s,"#])+)(,?)|("))/y;
  const fields: string[][] = [];
  let field: string[] | undefined;
  for (let match = word.exec(line); match !== null; match = word.exec(line)) {
    const [, , text, comma, strayQuote] = match;
    if (strayQuote !== undefined) return undefined;
    if (text === undefined) break; // a comment
    if (field === undefined) fields.push(field = []);
    field.push(text.replaceAll('"', ""));
    if (comma === "") field = undefined;
  }
  return fields;
}

const isIpv4 = (text: string): boolean => /^(\d{1,3})(\.\d{1,3}){3}$/.test(text) && text.split(".").every((part) => Number(part) <= 255);
const isIpv6 = (text: string): boolean => text.includes(":") && URL.canParse(`http://[${text}]/`);

function addressProblem([address, ...rest]: readonly string[][], connection: string, traits: Traits | undefined): string | undefined {
  const text = address?.join(",");
  if (text === undefined) return `names no address; write a subnet, ${example}`;
  const [ip = "", bits, more] = text.split("/");
  if (bits !== undefined) {
    const most = isIpv4(ip) ? 32 : isIpv6(ip) ? 128 : -1;
    if (more !== undefined || !/^\d{1,3}$/.test(bits) || Number(bits) > most) return `${text} is no subnet; write it like 192.168.11.0/24 or fd00::/64`;
    return methodProblem(rest, connection, traits);
  }
  if (isIpv4(ip) || isIpv6(ip)) {
    const mask = rest[0]?.join(",") ?? "";
    if (isIpv4(ip) ? isIpv4(mask) : isIpv6(mask)) return methodProblem(rest.slice(1), connection, traits);
    return `${ip} has no prefix length; write ${ip}/${isIpv4(ip) ? 32 : 128} for this one address`;
  }
  // Also the key words all, samehost and samenet.
  if (!/^[A-Za-z0-9_.-]+$/.test(ip) || /^[\d.]+$/.test(ip)) return `${text} is no address; write a subnet like 192.168.11.0/24, a host name, or all`;
  return methodProblem(rest, connection, traits);
}

function methodProblem([method, ...options]: readonly string[][], connection: string, traits: Traits | undefined): string | undefined {
  const text = method?.join(",");
  if (text === undefined) return `has no method; end it with one, ${example}`;
  const since = Object.hasOwn(methodSince, text) ? methodSince[text] : undefined;
  const known = Object.keys(methodSince).join(", ");
  if (since === undefined) return `${JSON.stringify(text)} is no method; write one of ${known}`;
  if (traits !== undefined && since > traits.number) return `PostgreSQL ${traits.version} has no method ${text}; write ${traits.passwordEncryption}`;
  if (text === "peer" && connection !== "local") return `peer works for local connections only; write ${traits?.passwordEncryption ?? "scram-sha-256"}`;
  if (text === "cert" && connection !== "hostssl") return "cert works for hostssl connections only; write hostssl";
  const odd = options.flat().find((option) => !/^\w+=/.test(option));
  return odd === undefined ? undefined : `${JSON.stringify(odd)} is no option of a method; write options as name=value`;
}
