/**
 * The Engine's refusals in our own words. The Engine uses 403 for four different things and 500 for plain mistakes of
 * a person, so its text decides, never the code alone. Its own words stay as the cause.
 */
import { reason, type Reason } from "../api/conditions.ts";
import { Conflict, Terminal, Transient } from "../errors.ts";

type Failure = Transient | Terminal | Conflict;
type Kind = "transient" | "terminal" | "conflict";

interface Rule {
  readonly text: RegExp;
  readonly kind: Kind;
  readonly reason?: Reason;
  /** What is wrong and what to do. `$1` stands for the pattern's first group. */
  readonly says: string;
}

// The first match speaks. Texts of Engine 20.10 and 28.5; where they differ, the pattern takes both.
const rules: readonly Rule[] = [
  { text: /no space left on device/i, kind: "transient", reason: "DiskFull", says: "the Docker host's disk is full; free some space there" },
  { text: /Address already in use/i, kind: "terminal", reason: "AddressConflict",
    says: "the address is already in use on that network, by another container, the gateway or a reservation; choose another address or free that one" },
  { text: /Pool overlaps with other one|overlaps with existing|conflicts with existing route/i, kind: "terminal", reason: "SubnetOverlap",
    says: "the subnet overlaps with another network of this host; choose another subnet or remove that network" },
  { text: /invalid subinterface vlan name ([^\s,]+)/, kind: "terminal", reason: "ParentMissing",
    says: "parent interface $1 does not exist on this host; name one that `ip link` shows there" },
  { text: /not found on the host: ([^\s,]+)/, kind: "terminal", reason: "ParentMissing",
    says: "parent interface $1 does not exist on this host; name one that `ip link` shows there" },
  { text: /already using parent interface (\S+)/, kind: "terminal", reason: "DriverUnsupported",
    says: "parent interface $1 already carries another network, and an Engine before 28 allows one for each parent; use that network as driver external, or another parent" },
  { text: /is not a valid (?:ipvlan|macvlan) parent/i, kind: "terminal", reason: "ParentMissing",
    says: "the parent interface can't carry such a network; name a network card of this host" },
  { text: /error renaming interface \S+ to "(\S+)": file exists/i, kind: "conflict", reason: "NameMismatch",
    says: "the container has an interface $1 already; detach that one, or restart the member" },
  { text: /operation not supported/i, kind: "terminal", reason: "DriverUnsupported",
    says: "this host's kernel does not support the network's driver; choose another driver" },
  { text: /plugin "?([^\s":]+)"? not found|could not find plugin (\S+)/i, kind: "terminal", reason: "DriverUnsupported",
    says: "this Engine does not know the network's driver; choose bridge, macvlan or ipvlan" },
  { text: /belong to any of this network's subnets|user specified IP address is supported|invalid CIDR|invalid subnet|invalid gateway|address is out of range|no configured subnet/i,
    kind: "terminal", reason: "SpecInvalid", says: "the address does not fit the network's subnet; choose an address, a subnet and a gateway that belong together" },
  { text: /pull access denied|manifest (?:for \S+ )?(?:not found|unknown)|repository does not exist|repository name not known|unauthorized/i, kind: "terminal", reason: "ImageUnavailable",
    says: "the registry does not have the image, or does not give it to this host; name an image that it has, or build one with `pgrs image build`" },
  { text: /no such image|image not known|invalid reference format/i, kind: "terminal", reason: "ImageUnavailable",
    says: "this Engine does not have the image; name one that it has or can pull, or build one with `pgrs image build`" },
  { text: /executable file not found in \$PATH|exec: "[^"]+": stat|no such file or directory: unknown/i, kind: "terminal", reason: "ImageUnavailable",
    says: "the image lacks the program that was to run; use an image of the official postgres image's conventions" },
  { text: /(?:lookup \S+|dial tcp|TLS handshake|net\/http: request canceled|registry.*(?:timeout|refused|unreachable))/i, kind: "transient", reason: "ImageUnavailable",
    says: "no registry answered; check the Docker host's way to it, or build the image with `pgrs image build`" },
  { text: /network (\S+) not found|network with (?:name|id) \S+ not found/i, kind: "conflict", reason: "NetworkMissing", says: "the network $1 is gone" },
  { text: /is already in use by container|network with name \S+ already exists/i, kind: "terminal", reason: "NameTaken",
    says: "the name is taken by something that is not ours; remove or rename that" },
  { text: /No such container|no such exec/i, kind: "conflict", says: "the container is gone" },
  { text: /No such volume/i, kind: "conflict", says: "the volume is gone" },
  { text: /volume is in use/i, kind: "conflict", says: "a container still uses the volume" },
  { text: /has active endpoints/i, kind: "conflict", says: "containers are still attached to the network" },
  { text: /cannot remove a running container|container is running|stop the container before/i, kind: "conflict", says: "the container still runs" },
  { text: /marked for removal|removal of container \S+ is already in progress|is dead/i, kind: "conflict", says: "the container is being removed" },
  { text: /is not running|non running container|is paused|is restarting/i, kind: "conflict", says: "the container does not run just now" },
  { text: /client version \S+ is too/i, kind: "terminal", reason: "EngineUnreachable",
    says: "the Engine does not speak a version of its API that we know; use Docker Engine 20.10 or newer" },
];

// Where no answer came: by the code that Node gives, or by the words of errors that have none.
const unreachable: readonly (readonly [RegExp, string])[] = [
  [/ETIMEDOUT|TimeoutError/, "the Engine did not answer in time"],
  [/ENOENT/, "the Docker socket is not there; is the Engine running?"],
  [/ECONNREFUSED/, "nothing listens on the Docker socket; is the Engine running?"],
  [/EACCES|EPERM/, "the Docker socket refuses this user; join the docker group or run as root"],
  [/ECONNRESET|EPIPE|socket hang up|aborted|ERR_STREAM_PREMATURE_CLOSE/i, "the Engine broke the connection off"],
  [/EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|EHOSTDOWN/, "the Docker host can't be reached"],
];

const constructors = { transient: Transient, terminal: Terminal, conflict: Conflict } as const;

// Where the answer was a stream, dockerode has the Engine's words only within its own.
const wrapped = /^\(HTTP code \d+\) [^-]* - (.*)$/s;

const textOf = (error: unknown): string => {
  const { json, message } = error as { json?: { message?: unknown }; message?: unknown };
  const text = String(json?.message ?? message ?? error);
  return (wrapped.exec(text)?.[1] ?? text).trim();
};

/** The Engine's own words, as the cause of a failure that a caller of ours has words for. */
export const ownWords = (error: unknown): Error => new Error(textOf(error));

/** The HTTP status that the Engine answered with; undefined when it did not answer. */
export const statusOf = (error: unknown): number | undefined => {
  const code = (error as { statusCode?: unknown } | undefined)?.statusCode;
  return typeof code === "number" ? code : undefined;
};

/** Whether the Engine answered with this status and, where a pattern is given, with such a text. */
export const answered = (error: unknown, status: number, text?: RegExp): boolean =>
  statusOf(error) === status && (text === undefined || text.test(textOf(error)));

/** Whether an error says that the Engine gave no answer at all. */
export const isUnreachable = (error: unknown): boolean => error instanceof Transient && error.reason === reason.EngineUnreachable;

/** The failure that a text of the Engine's stands for, as in an answer, in State.Error or in a pull's stream. */
export const failureOf = (what: string, text: string, cause: unknown): Failure | undefined => {
  const rule = rules.find((candidate) => candidate.text.test(text));
  if (rule === undefined) return undefined;
  const [, first = ""] = rule.text.exec(text) ?? [];
  return new constructors[rule.kind](`${what}: ${rule.says.replace("$1", first)}`, { cause, ...(rule.reason && { reason: rule.reason }) });
};

/** Translates whatever a call threw; our own failures pass. */
export const translate = (what: string, error: unknown): Failure => {
  if (error instanceof Transient || error instanceof Terminal || error instanceof Conflict) return error;
  const status = statusOf(error);
  const text = textOf(error);
  if (status === undefined) {
    const { code, name } = error as { code?: unknown; name?: unknown };
    const [, says] = unreachable.find(([pattern]) => pattern.test(`${String(code)} ${String(name)} ${text}`)) ?? [];
    return says === undefined
      ? new Transient(`${what}: the call to the Engine failed`, { cause: error })
      : new Transient(`${what}: ${says}`, { cause: error, reason: reason.EngineUnreachable });
  }
  const own = ownWords(error);
  const known = failureOf(what, text, own);
  if (known !== undefined) return known;
  // 400 is the one code that means what it says: the request itself can't be right.
  return status === 400
    ? new Terminal(`${what}: the Engine refused the request`, { cause: own })
    : new Transient(`${what}: the Engine answered ${status}`, { cause: own });
};
