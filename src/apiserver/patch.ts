/**
 * The three patches that say how to change an object: JSON patch (RFC 6902), merge patch (RFC 7386) and the
 * strategic merge patch of built-in kinds (strategic-merge.ts). Pure: the live object and a patch in, the patched
 * object out; the input is never changed, and a patch that can't be applied is a refusal, never half applied.
 */
import { applyPatch, type Operation } from "rfc6902";
import { badRequest, refusal } from "./problems.ts";
import type { KubeObject } from "./kind.ts";
import { isList, isObject, mapObject, own } from "../schema/json.ts";
import type { Json, JsonObject } from "../schema/types.ts";

export { strategicMergePatch } from "./strategic-merge.ts";

/** As real servers bound it: each operation walks the document. */
const maxOperations = 10_000;
/** Deeper nesting than any resource has; recursion must end before the stack does. */
const maxDepth = 500;

const unprocessable = (message: string) => refusal({
  code: 422, reason: "Invalid", message: "the server rejected our request due to an error in our request",
  details: { causes: [{ reason: "UnexpectedServerResponse", message }] },
});

const operationNames = new Set(["add", "remove", "replace", "move", "copy", "test"]);

/** Steps that the library skips in silence, so that an operation would land somewhere else. */
const unsafeStep = /(?:^|\/)(?:__proto__|constructor|prototype)(?:\/|$)/;

const isSafe = (pointer: Json | undefined): boolean => typeof pointer !== "string" || !unsafeStep.test(pointer);

const isOperation = (value: Json): boolean => {
  if (!isObject(value)) return false;
  const { op, path, from } = value;
  if (!isSafe(path) || !isSafe(from)) return false;
  if (typeof op !== "string" || !operationNames.has(op) || typeof path !== "string") return false;
  if (op === "move" || op === "copy") return typeof from === "string";
  return op === "remove" || Object.hasOwn(value, "value");
};

const failureOf = (operation: Operation | undefined, error: Error): string => {
  const path = operation?.path ?? "";
  const name = operation?.op ?? "operation";
  if (error.name === "TestError") return `testing value ${path} failed`;
  return `${name} operation does not apply: doc is missing path: ${path}: missing value`;
};

/** The object after a JSON patch; all operations apply or none. */
export const jsonPatch = (live: KubeObject | JsonObject, operations: Json): JsonObject => {
  if (!isList(operations)) throw badRequest("error decoding patch: a JSON patch is a list of operations");
  if (operations.length > maxOperations) {
    throw refusal({
      code: 413, reason: "RequestEntityTooLarge",
      message: `Request entity too large: The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`,
    });
  }
  const wrong = operations.findIndex((operation) => !isOperation(operation));
  if (wrong !== -1) throw unprocessable(`operation ${wrong} of the patch is not a JSON patch operation`);
  const patched = { document: structuredClone(live) as JsonObject };
  const known = operations as unknown as readonly Operation[];
  // One level down, so that operations on the whole document ("" as path) are like any other.
  const moved = known.map((operation) => below(operation));
  for (const [at, operation] of moved.entries()) {
    const [error] = attempt(patched, operation);
    if (error) throw unprocessable(failureOf(known[at], error));
  }
  if (!isObject(patched.document)) throw badRequest("the patch leaves no object");
  return patched.document;
};

const below = (operation: Operation): Operation => ({
  ...operation,
  path: `/document${operation.path}`,
  ...("from" in operation ? { from: `/document${operation.from}` } : {}),
});

const attempt = (target: object, operation: Operation): readonly (Error | null)[] => {
  try {
    // The library keeps references to the patch's values; a copy keeps later operations from changing the patch.
    return applyPatch(target, [structuredClone(operation)]);
  } catch (error) {
    return [error instanceof Error ? error : new Error(String(error))];
  }
};

const merged = (live: Json | undefined, patch: Json, depth: number): Json => {
  if (depth > maxDepth) throw badRequest("the patch nests too deep");
  if (!isObject(patch)) return patch;
  const base = isObject(live) ? live : {};
  return {
    ...mapObject(base, (value, key) => (Object.hasOwn(patch, key) ? undefined : value)),
    ...mapObject(patch, (value, key) => (value === null ? undefined : merged(own(base, key), value, depth + 1))),
  };
};

/** The object after a merge patch: objects merge, null removes, everything else replaces. */
export const mergePatch = (live: KubeObject | JsonObject, patch: Json): JsonObject => {
  if (!isObject(patch)) throw badRequest("error decoding patch: a merge patch is an object");
  return merged(live as JsonObject, patch, 0) as JsonObject;
};
