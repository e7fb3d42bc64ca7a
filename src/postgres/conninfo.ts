/**
 * How programs are told to connect. Source: PostgreSQL documentation, libpq, "Connection Strings", "Parameter Key
 * Words" and "The Password File".
 */

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly applicationName?: string;
  /** Known to libpq from 10 on. */
  readonly passfile?: string;
  /** Only where a passfile can't be named: the text then is a secret. */
  readonly password?: string;
  readonly connectTimeoutSeconds?: number;
  /** Further key words, written as they are given. */
  readonly extra?: Readonly<Record<string, string>>;
}

// An old walreceiver refuses the whole string over one key word that its libpq does not know, so only those that
// every supported version has are written unasked. Keepalives let the end of a silent primary be noticed in about
// ten seconds, where the system's default is two hours.
const keepalives = { keepalives: "1", keepalives_idle: "5", keepalives_interval: "2", keepalives_count: "3" };

const refuseNul = (text: string, what: string): void => {
  if (text.includes("\0")) throw new RangeError(`${what} contains a NUL character, which PostgreSQL can't take`);
};

/** One value, quoted where it has to be. */
function conninfoValue(value: string): string {
  refuseNul(value, "a connection value");
  return /^[^\s'\\]+$/.test(value) ? value : `'${value.replace(/[\\']/g, "\\$&")}'`;
}

/** A connection string of key words and values, as primary_conninfo takes it. */
export function conninfo(connection: Connection): string {
  const { host, port, user, applicationName, passfile, password, connectTimeoutSeconds, extra = {} } = connection;
  const words: Readonly<Record<string, string | undefined>> = {
    host,
    port: String(port),
    user,
    application_name: applicationName,
    passfile,
    password,
    connect_timeout: connectTimeoutSeconds?.toString(),
    ...keepalives,
    ...extra,
  };
  return Object.entries(words).flatMap(([word, value]) => value === undefined ? [] : [`${word}=${conninfoValue(value)}`]).join(" ");
}

export interface UriTarget {
  readonly members: readonly { readonly host: string; readonly port: number }[];
  readonly user: string;
  readonly password?: string;
  readonly database: string;
  /** "read-write" finds the primary among the members. Known to libpq from 10 on, to most drivers as well. */
  readonly targetSessionAttrs?: "any" | "read-write" | "read-only" | "primary" | "standby" | "prefer-standby";
}

// encodeURIComponent leaves !'()* as they are; all but the asterisk are legal there, yet some drivers stumble.
const percent = (text: string): string => {
  refuseNul(text, "a part of a connection URI");
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
};

const uriHost = (host: string): string => host.includes(":") ? `[${host}]` : percent(host);

/** A connection URI for applications, naming every member. */
export function uri({ members, user, password, database, targetSessionAttrs }: UriTarget): string {
  if (members.length === 0) throw new RangeError("a connection URI needs at least one member");
  const who = password === undefined ? percent(user) : `${percent(user)}:${percent(password)}`;
  const where = members.map(({ host, port }) => `${uriHost(host)}:${port}`).join(",");
  const query = targetSessionAttrs === undefined ? "" : `?target_session_attrs=${targetSessionAttrs}`;
  return `postgresql://${who}@${where}/${percent(database)}${query}`;
}

export interface PasswordEntry {
  /** Each of the first four may be "*". */
  readonly host: string;
  readonly port: number | "*";
  readonly database: string;
  readonly user: string;
  readonly password: string;
}

/** The text of a password file: one line per entry, the first that matches counts. */
export const pgpass = (entries: readonly PasswordEntry[]): string => entries.map((entry) => {
  const fields = [entry.host, String(entry.port), entry.database, entry.user, entry.password];
  return `${fields.map(passwordField).join(":")}\n`;
}).join("");

function passwordField(text: string): string {
  if (/[\0\n\r]/.test(text)) throw new RangeError("a password file can't hold a NUL or a line break; choose a password of one line");
  return text.replace(/[\\:]/g, "\\$&");
}
