/**
 * The three ways in which the outside fails us. Adapters translate once and keep the cause;
 * the controller logs once. Nothing else is thrown on purpose.
 */

interface Why {
  readonly cause?: unknown;
  /** A condition's reason, where the adapter recognised what is wrong: AddressConflict, ParentMissing, ... */
  readonly reason?: string;
}

abstract class Failure extends Error {
  readonly reason: string | undefined;
  constructor(message: string, { cause, reason }: Why = {}) {
    super(message, cause === undefined ? {} : { cause });
    this.reason = reason;
  }
}

/** Trying again later may help: the Engine is down, a call timed out, a server is starting. */
export class Transient extends Failure { override readonly name = "Transient"; }

/** Trying again cannot help until somebody changes something: a missing parent interface, a refused name. */
export class Terminal extends Failure { override readonly name = "Terminal"; }

/** The world moved under us (a resourceVersion, a name taken in between): look again, then decide. */
export class Conflict extends Failure { override readonly name = "Conflict"; }

/** What went wrong, in one line, with the causes that led to it. */
export const explain = (error: unknown): string => {
  const own = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error && error.cause !== undefined ? explain(error.cause) : "";
  return cause === "" || own.includes(cause) ? own : `${own}: ${cause}`;
};

/** The condition's reason that an error carries, if the adapter gave one. */
export const reasonOf = (error: unknown): string | undefined => error instanceof Failure ? error.reason : undefined;
