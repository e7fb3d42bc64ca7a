/**
 * Programs run inside members, and what containers wrote. Slow (a third of a second each) and gone with the Engine's
 * API, so SQL is the first choice; output is bounded, and no password may stand among the arguments, which everybody
 * on the host can see.
 */
import type { Duplex, Readable } from "node:stream";
import { finished } from "node:stream/promises";
import type Docker from "dockerode";
import pRetry from "p-retry";
import { Terminal, Transient } from "../errors.ts";
import type { Engine, ExecResult } from "../ports.ts";
import { postgresUser } from "./docker-bodies.ts";
import type { Calls } from "./docker-calls.ts";

type Part = Pick<Engine, "exec" | "logs">;

export const outputBytesMax = 1024 * 1024;
const execLimitMs = 120_000;
const frameHeaderBytes = 8;
const lineCharactersMax = 4096;

/**
 * The payload of the Engine's frames (a byte that tells which stream, three empty ones, four of length), standard
 * output and error in the order in which the Engine read them. A rest that is no whole frame comes back as `rest`.
 */
export const demultiplex = (bytes: Buffer): { readonly payload: Buffer; readonly rest: Buffer } => {
  const parts: Buffer[] = [];
  let at = 0;
  while (bytes.length - at >= frameHeaderBytes) {
    const length = bytes.readUInt32BE(at + 4);
    const end = at + frameHeaderBytes + length;
    if (end > bytes.length) break;
    parts.push(bytes.subarray(at + frameHeaderBytes, end));
    at = end;
  }
  return { payload: Buffer.concat(parts), rest: bytes.subarray(at) };
};

const bytesOf = async (what: string, stream: Readable): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size > outputBytesMax) throw new Terminal(`${what}: more than ${outputBytesMax} bytes of output`);
    }
  } finally {
    stream.destroy();
  }
  return Buffer.concat(chunks);
};

// The stream can end a moment before the Engine has noted the exit code.
const exitCodeOf = (what: string, exec: Docker.Exec, abortSignal: AbortSignal): Promise<number> => pRetry(async () => {
  const { Running, ExitCode } = await exec.inspect({ abortSignal });
  if (Running || ExitCode === null) throw new Transient(`${what}: the program closed its output and still runs`);
  return ExitCode;
}, { retries: 6, minTimeout: 20, signal: abortSignal, shouldRetry: ({ error }) => error instanceof Transient });

interface Run { readonly container: string; readonly command: readonly string[]; readonly input: string }

const run = async (docker: Docker, { container, command, input }: Run, abortSignal: AbortSignal): Promise<ExecResult> => {
  const what = `run ${command[0] ?? ""} in ${container.slice(0, 12)}`;
  const exec = await docker.getContainer(encodeURIComponent(container)).exec({
    Cmd: [...command], User: postgresUser, AttachStdin: true, AttachStdout: true, AttachStderr: true, abortSignal,
  });
  const stream: Duplex = await exec.start({ hijack: true, stdin: true, abortSignal });
  const abort = (): void => { stream.destroy(); };
  abortSignal.addEventListener("abort", abort, { once: true });
  try {
    // A program that ends without reading its input breaks our writing off; its exit code tells the rest.
    const written = finished(stream.end(input), { readable: false }).catch(() => undefined);
    const output = await bytesOf(what, stream);
    await written;
    if (abortSignal.aborted) throw new Transient(`${what}: given up before it ended`);
    return { exitCode: await exitCodeOf(what, exec, abortSignal), output: demultiplex(output).payload.toString("utf8") };
  } finally {
    abortSignal.removeEventListener("abort", abort);
    stream.destroy();
  }
};

const readLogs = async (docker: Docker, container: string, lines: number, abortSignal: AbortSignal): Promise<readonly string[]> => {
  const { promise, resolve, reject } = Promise.withResolvers<Readable>();
  // dockerode would collect the whole answer first, however long its lines are.
  docker.modem.dial({
    path: `/containers/${encodeURIComponent(container)}/logs?`, method: "GET", isStream: true, abortSignal,
    options: { stdout: true, stderr: true, tail: lines }, statusCodes: { 200: true, 404: "no such container", 500: "server error" },
  }, (error, answer) => { if (error) reject(error); else resolve(answer as Readable); });
  const bytes = await bytesOf(`read the log of ${container.slice(0, 12)}`, await promise);
  return demultiplex(bytes).payload.toString("utf8").split("\n").map((line) => line.trimEnd().slice(0, lineCharactersMax)).filter((line) => line !== "").slice(-lines);
};

export const execCalls = ({ call }: Calls): Part => ({
  exec: (container, command, input, signal) => call(`run ${command[0] ?? ""} in ${container.slice(0, 12)}`, signal,
    (docker, abortSignal) => run(docker, { container, command, input }, abortSignal), { slow: true, limitMs: execLimitMs }),

  logs: (container, lines, signal) => call(`read the log of ${container.slice(0, 12)}`, signal, async (docker, abortSignal) => {
    try {
      return await readLogs(docker, container, lines, abortSignal);
    } catch (error) {
      // Some logging drivers can only be written to.
      if (/configured logging driver does not support reading/.test(String(error))) return [];
      throw error;
    }
  }, { read: true }),
});
