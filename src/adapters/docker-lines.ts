/** The Engine's streams of JSON, line by line. A line is bounded, so that a stream without any can't fill the memory. */
import type { Readable } from "node:stream";
import { Terminal } from "../errors.ts";

export const lineCharactersMax = 1024 * 1024;

/** The lines that hold anything, in order; the stream is destroyed when its reader stops. */
export async function* linesOf(stream: Readable): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > lineCharactersMax) throw new Terminal(`the Engine sent a line of more than ${lineCharactersMax} characters`);
    yield* lines.filter((line) => line.trim() !== "");
  }
  if (rest.trim() !== "") yield rest;
}
