/** The query of a request, read once and checked. A value that makes no sense is refused with the words of the real server. */
import { badRequest, invalid } from "./problems.ts";
import type { Problem } from "../schema/types.ts";

export type FieldValidation = "Strict" | "Warn" | "Ignore";
export type VersionMatch = "Exact" | "NotOlderThan";

export interface WriteParams {
  readonly dryRun: boolean;
  readonly fieldValidation: FieldValidation;
  /** Who writes, for the ownership of fields. */
  readonly manager: string;
  /** False when the manager was taken from the User-Agent. */
  readonly isManagerNamed: boolean;
  readonly force: boolean;
}

export interface ListParams {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly limit: number;
  readonly continueToken: string;
  /** Undefined when the query names none. */
  readonly version?: number;
  readonly versionMatch?: VersionMatch;
}

export interface WatchParams {
  readonly isWatch: boolean;
  readonly allowBookmarks: boolean;
  readonly sendInitialEvents: boolean;
  readonly timeoutSeconds?: number;
}

const unsupported = (field: string, value: string, supported: readonly string[]): Problem => ({
  field, reason: "FieldValueNotSupported",
  message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported.map((one) => JSON.stringify(one)).join(", ")}`,
});

const options = (kind: string, group = "meta.k8s.io") => ({ group, kind });

/** `true`, `1` and a bare parameter are true; `false` and `0` are not. */
const flag = (query: URLSearchParams, name: string): boolean => {
  const value = query.get(name);
  return value !== null && value.toLowerCase() !== "false" && value !== "0";
};

const whole = (query: URLSearchParams, name: string): number | undefined => {
  const text = query.get(name);
  if (text === null || text === "") return undefined;
  const value = Number(text);
  if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return value;
};

/** Whether nothing is to be stored; `values` are those of the query and of a body's options. */
export const isDryRun = (values: readonly string[], kind: string): boolean => {
  const wrong = values.find((value) => value !== "All");
  if (wrong !== undefined) throw invalid(options(kind), "", [{ ...unsupported("dryRun", wrong, ["All"]), message: `Unsupported value: ${JSON.stringify(values)}: supported values: "All"` }]);
  return values.length > 0;
};

const fieldValidationOf = (query: URLSearchParams, kind: string): FieldValidation => {
  const value = query.get("fieldValidation") ?? "";
  if (value === "Strict" || value === "Warn" || value === "Ignore") return value;
  if (value !== "") throw invalid(options(kind), "", [unsupported("fieldValidation", value, ["", "Ignore", "Strict", "Warn"])]);
  return "Warn";
};

const managerMax = 128;

const managerOf = (query: URLSearchParams, userAgent: string, kind: string) => {
  const named = query.get("fieldManager") ?? "";
  if (named.length > managerMax)
    throw invalid(options(kind), "", [{ field: "fieldManager", reason: "FieldValueTooLong", message: `Too long: may not be more than ${managerMax} bytes` }]);
  if (!/^[\x20-\x7e\u00a0-\uffff]*$/.test(named))
    throw invalid(options(kind), "", [{ field: "fieldManager", reason: "FieldValueInvalid", message: `Invalid value: ${JSON.stringify(named)}: should only contain printable characters` }]);
  const agent = (userAgent.split("/")[0] ?? "").slice(0, managerMax);
  return { manager: named === "" ? agent === "" ? "unknown" : agent : named, isManagerNamed: named !== "" };
};

export type WriteOptions = "CreateOptions" | "UpdateOptions" | "PatchOptions" | "DeleteOptions";

export const writeParams = (query: URLSearchParams, userAgent: string, kind: WriteOptions): WriteParams => ({
  dryRun: isDryRun(query.getAll("dryRun").filter((value) => value !== ""), kind),
  fieldValidation: fieldValidationOf(query, kind),
  ...managerOf(query, userAgent, kind),
  force: flag(query, "force"),
});

const versionOf = (query: URLSearchParams): number | undefined => {
  const text = query.get("resourceVersion") ?? "";
  if (text === "") return undefined;
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text)))
    throw badRequest(`invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
};

const forbidden = (field: string, detail: string): Problem => ({ field, reason: "FieldValueForbidden", message: `Forbidden: ${detail}` });

const versionMatchOf = (query: URLSearchParams, version: number | undefined): VersionMatch | undefined => {
  const match = query.get("resourceVersionMatch") ?? "";
  if (match === "") return undefined;
  const problems: Problem[] = [];
  if (match !== "Exact" && match !== "NotOlderThan") problems.push(unsupported("resourceVersionMatch", match, ["Exact", "NotOlderThan", ""]));
  if (flag(query, "watch") || query.has("sendInitialEvents")) {
    // A stream that begins with what is there may do so without a version.
    if (query.has("sendInitialEvents") && match !== "NotOlderThan") problems.push(forbidden("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    if (!query.has("sendInitialEvents")) problems.push(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
  } else {
    if (version === undefined) problems.push(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    if ((query.get("continue") ?? "") !== "") problems.push(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
    if (match === "Exact" && version === 0) problems.push(forbidden("resourceVersionMatch", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (problems.length > 0) throw invalid(options("ListOptions"), "", problems);
  return match as VersionMatch;
};

export const listParams = (query: URLSearchParams): ListParams => {
  const version = versionOf(query);
  const versionMatch = versionMatchOf(query, version);
  const limit = whole(query, "limit") ?? 0;
  const continueToken = query.get("continue") ?? "";
  if (continueToken !== "" && version !== undefined && version !== 0) throw badRequest("specifying resource version is not allowed when using continue");
  return {
    labelSelector: query.get("labelSelector") ?? "", fieldSelector: query.get("fieldSelector") ?? "",
    limit: Math.max(limit, 0), continueToken,
    ...(version === undefined ? {} : { version }), ...(versionMatch === undefined ? {} : { versionMatch }),
  };
};

export const watchParams = (query: URLSearchParams): WatchParams => {
  const isWatch = flag(query, "watch");
  const sendInitialEvents = flag(query, "sendInitialEvents");
  const problems: Problem[] = [];
  if (query.has("sendInitialEvents") && !isWatch) problems.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  else if (query.has("sendInitialEvents") && (query.get("resourceVersionMatch") ?? "") === "")
    problems.push(forbidden("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
  if (problems.length > 0) throw invalid(options("ListOptions"), "", problems);
  const timeoutSeconds = whole(query, "timeoutSeconds");
  return { isWatch, allowBookmarks: flag(query, "allowWatchBookmarks"), sendInitialEvents, ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) };
};

/** `timeout=32s`: clients send it with discovery; it has no meaning here beyond being readable. */
export const checkTimeout = (query: URLSearchParams): void => {
  const text = query.get("timeout");
  if (text !== null && text !== "" && !/^\d+(\.\d+)?(ns|us|µs|ms|s|m|h)(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))*$/.test(text))
    throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`);
};
