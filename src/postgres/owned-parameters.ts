/**
 * The settings that are the operator's, because two hands on them would break replication or the rule that every
 * start is read-only. Each comes with what to use instead. Source: PostgreSQL documentation, "Server Configuration".
 */

const upstream = "the operator points each standby at its primary; leave it out";
const names = "set spec.replication.mode and minSync";
const addresses = "members listen on every NIC at port 5432; say who may connect in spec.postgres.hba";
const recovery = "members start as standbys and only the operator promotes one; leave it out";
const place = "the operator decides where a member's files lie; leave it out";
const archive = "set spec.archive";
const one = "write its settings into spec.postgres.parameters";

/** Setting -> what to use instead. A name that ends in * stands for all that begin so. */
export const ownedParameters: Readonly<Record<string, string>> = {
  "primary_conninfo": upstream,
  "primary_slot_name": "set spec.replication.slots",
  "synchronous_standby_names": names,
  "listen_addresses": addresses,
  "port": addresses,
  "unix_socket_directories": place,
  "data_directory": place,
  "config_file": place,
  "hba_file": "set spec.postgres.hba",
  "ident_file": place,
  "hot_standby": "standbys always take queries; leave it out",
  "standby_mode": recovery,
  "trigger_file": recovery,
  "promote_trigger_file": recovery,
  "recovery_target*": recovery,
  "recovery_end_command": recovery,
  "recovery_min_apply_delay": "every member must be able to take over at once; leave it out",
  "restore_command": "slots keep the WAL that standbys need; set spec.replication.slots",
  "archive_mode": archive,
  "archive_command": archive,
  "archive_library": archive,
  "archive_cleanup_command": archive,
  "cluster_name": "it shows the member's name; leave it out",
  "include*": one,
  "pgrs.*": "the operator marks what it has written with it; leave it out",
};

const owner = (name: string): string | undefined => {
  const lower = name.toLowerCase();
  return Object.keys(ownedParameters).find((pattern) => pattern.endsWith("*") ? lower.startsWith(pattern.slice(0, -1)) : lower === pattern);
};

export const isOwned = (name: string): boolean => owner(name) !== undefined;

/** What to use instead of a setting that is the operator's. */
export function ownedParameterProblem(name: string): string | undefined {
  const pattern = owner(name);
  return pattern === undefined ? undefined : `${name} is kept by the operator: ${ownedParameters[pattern] ?? one}`;
}

// As the server's own scanner takes them: a name, or two with a dot between for an extension's setting.
const namePattern = /^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?$/;

const levelsBelow = new Set(["minimal", "archive"]);

/** Why a parameter of the spec can't be used, with what to write instead. Whether its value suits only the server can tell. */
export function parameterProblem(name: string, value: string): string | undefined {
  if (!namePattern.test(name)) return `${JSON.stringify(name)} is no name of a setting; write one like work_mem or auto_explain.log_min_duration`;
  if (value.includes("\0")) return `the value of ${name} contains a NUL character; write it without`;
  if (name.toLowerCase() === "wal_level" && levelsBelow.has(value.toLowerCase())) return `wal_level ${value} is too low for standbys; write replica or logical, or leave it out`;
  return ownedParameterProblem(name);
}

/** All mistakes in the parameters of a spec. */
export function parameterProblems(parameters: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(parameters).toSorted();
  const twice = names.filter((name, at) => names.findIndex((other) => other.toLowerCase() === name.toLowerCase()) !== at);
  return [
    ...Object.entries(parameters).toSorted(([a], [b]) => a < b ? -1 : 1).flatMap(([name, value]) => parameterProblem(name, value) ?? []),
    ...twice.map((name) => `${name} stands there twice, since capitals make no difference; write it once`),
  ];
}
