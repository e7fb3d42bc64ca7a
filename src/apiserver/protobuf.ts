/**
 * Request bodies of typed clients, which travel as protobuf.
 */
import { badRequest } from "./problems.ts";
import type { JsonObject } from "../schema/types.ts";

/** The object in a protobuf body, as JSON has it. */
export const decodeProtobuf = (_body: Uint8Array): JsonObject => { throw badRequest("protobuf bodies are not understood"); };
