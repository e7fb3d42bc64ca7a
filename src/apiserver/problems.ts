/**
 * What the server says when it refuses: Kubernetes Status objects, with the codes, reasons and words that
 * clients match on. A refusal is thrown where it is found and becomes the answer in one place (server.ts);
 * nothing here decides whether something is refused.
 */
import type { Problem } from "../schema/types.ts";
import type { Kind } from "./kind.ts";

export interface StatusCause { readonly reason?: string; readonly message?: string; readonly field?: string }

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

export interface Status {
  readonly kind: "Status";
  readonly apiVersion: "v1";
  readonly metadata: { readonly continue?: string; readonly resourceVersion?: string };
  readonly status: "Success" | "Failure";
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

/** A request that is answered with a Status instead of what it asked for. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: Status & { readonly code: number };
  constructor(status: Status & { readonly code: number }, options?: ErrorOptions) {
    super(status.message ?? status.reason ?? "refused", options);
    this.status = status;
  }
}

/** The resource as messages name it. */
export type Resource = Pick<Kind, "group" | "plural">;
/** The kind as messages about validity name it. */
export type Type = Pick<Kind, "group" | "kind">;

interface Failure { readonly code: number; readonly reason: string; readonly message: string; readonly details?: StatusDetails }

/** Any refusal; prefer the makers below, which know the words. */
export const refusal = ({ code, reason, message, details }: Failure): Refusal => new Refusal({
  kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason,
  ...(details === undefined ? {} : { details }), code,
});

const dotted = (first: string, group: string) => group === "" ? first : `${first}.${group}`;

const resourceDetails = (resource: Resource, name: string): StatusDetails => ({
  ...(name === "" ? {} : { name }), ...(resource.group === "" ? {} : { group: resource.group }), kind: resource.plural,
});

const resourceNamed = (resource: Resource, name: string) => `${dotted(resource.plural, resource.group)} "${name}"`;

export const notFound = (resource: Resource, name: string): Refusal => refusal({
  code: 404, reason: "NotFound", message: `${resourceNamed(resource, name)} not found`, details: resourceDetails(resource, name),
});

/** A resource (or subresource) that the served group does not have. */
export const noSuchResource = (): Refusal => refusal({
  code: 404, reason: "NotFound", message: "the server could not find the requested resource", details: {},
});

export const alreadyExists = (resource: Resource, name: string): Refusal => refusal({
  code: 409, reason: "AlreadyExists", message: `${resourceNamed(resource, name)} already exists`, details: resourceDetails(resource, name),
});

/** Clients retry on the reason; people know the second half of this sentence by heart. */
export const objectModified = "the object has been modified; please apply your changes to the latest version and try again";

export const conflict = (resource: Resource, name: string, message: string = objectModified): Refusal => refusal({
  code: 409, reason: "Conflict", message: `Operation cannot be fulfilled on ${resourceNamed(resource, name)}: ${message}`,
  details: resourceDetails(resource, name),
});

/** Server-side apply against fields that others own: one cause a field, which kubectl prints as a list. */
export const applyConflict = (message: string, causes: readonly StatusCause[]): Refusal =>
  refusal({ code: 409, reason: "Conflict", message, details: { causes } });

/** How the API machinery prints the path of the object itself. */
const nowhere = "<nil>";

const problemLine = ({ field, message }: Problem) => `${field === "" ? nowhere : field}: ${message}`;

const problemList = (problems: readonly Problem[]) => {
  const lines = [...new Set(problems.map(problemLine))];
  return lines.length === 1 ? lines.join("") : `[${lines.join(", ")}]`;
};

/** 422 with one cause for each problem. */
export const invalid = (type: Type, name: string, problems: readonly Problem[]): Refusal => refusal({
  code: 422, reason: "Invalid", message: `${dotted(type.kind, type.group)} "${name}" is invalid: ${problemList(problems)}`,
  details: {
    ...(name === "" ? {} : { name }), ...(type.group === "" ? {} : { group: type.group }), kind: type.kind,
    causes: problems.map(({ reason, message, field }) => ({ reason, message, field: field === "" ? nowhere : field })),
  },
});

export const badRequest = (message: string): Refusal => refusal({ code: 400, reason: "BadRequest", message });

export const expired = (message: string): Refusal => refusal({ code: 410, reason: "Expired", message });

/** The compacted history cannot answer a watch from that version. */
export const tooOldVersion = (asked: number, oldest: number): Refusal =>
  expired(`too old resource version: ${asked} (${oldest})`);

/** A continue token whose snapshot is gone; the new token goes on without consistency, for those who want that. */
export const expiredContinue = (token: string): Refusal => {
  const { status } = expired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.");
  return new Refusal({ ...status, metadata: { continue: token } });
};

export const unsupportedMediaType = (accepted: readonly string[]): Refusal => refusal({
  code: 415, reason: "UnsupportedMediaType",
  message: `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`,
});

export const notAcceptable = (offered: readonly string[]): Refusal => refusal({
  code: 406, reason: "NotAcceptable", message: `only the following media types are accepted: ${offered.join(", ")}`,
});

export const methodNotAllowed = (): Refusal => refusal({
  code: 405, reason: "MethodNotAllowed", message: "the server does not allow this method on the requested resource", details: {},
});

export const forbidden = (resource: Resource, name: string, message: string, causes?: readonly StatusCause[]): Refusal => refusal({
  code: 403, reason: "Forbidden",
  message: `${name === "" ? dotted(resource.plural, resource.group) : resourceNamed(resource, name)} is forbidden: ${message}`,
  details: { ...resourceDetails(resource, name), ...(causes === undefined ? {} : { causes }) },
});

export const forbiddenPath = (user: string, verb: string, path: string): Refusal => refusal({
  code: 403, reason: "Forbidden", message: `forbidden: User "${user}" cannot ${verb} path "${path}"`, details: {},
});

export const unauthorized = (): Refusal => refusal({ code: 401, reason: "Unauthorized", message: "Unauthorized" });

export const tooLarge = (limitBytes: number): Refusal => refusal({
  code: 413, reason: "RequestEntityTooLarge", message: `Request entity too large: limit is ${limitBytes}`,
});

export const timeout = (message: string, retryAfterSeconds = 1): Refusal => refusal({
  code: 504, reason: "Timeout", message: `Timeout: ${message}`, details: { retryAfterSeconds },
});

/** A read asked for a version that this server has not reached. */
export const futureVersion = (asked: number, current: number): Refusal => refusal({
  code: 504, reason: "Timeout", message: `Timeout: Too large resource version: ${asked}, current: ${current}`,
  details: { causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }], retryAfterSeconds: 1 },
});

export const tooManyRequests = (message: string): Refusal => refusal({
  code: 429, reason: "TooManyRequests", message, details: { retryAfterSeconds: 1 },
});

export const serviceUnavailable = (message: string): Refusal => refusal({
  code: 503, reason: "ServiceUnavailable", message, details: { retryAfterSeconds: 1 },
});

/** A fault of ours; the cause is logged, and not told. */
export const internalError = (cause?: unknown): Refusal => {
  const { status } = refusal({ code: 500, reason: "InternalError", message: "Internal error occurred", details: { causes: [{ message: "see the server's log" }] } });
  return new Refusal(status, cause === undefined ? undefined : { cause });
};

/** The answer to a deletion that left nothing behind. */
export const success = (resource: Resource, name: string, uid: string): Status => ({
  kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details: { ...resourceDetails(resource, name), uid },
});
