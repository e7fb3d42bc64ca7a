import assert from "node:assert/strict";
import { Readable } from "node:stream";
import test from "node:test";
import fc from "fast-check";
import { demultiplex } from "../../src/adapters/docker-exec.ts";
import { fileBytesMax, packed, unpacked } from "../../src/adapters/docker-files.ts";
import { lineCharactersMax, linesOf } from "../../src/adapters/docker-lines.ts";
import { Terminal } from "../../src/errors.ts";

const frame = (stream: number, payload: Buffer): Buffer => {
  const header = Buffer.alloc(8);
  header.writeUInt8(stream, 0);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
};

test("frames come apart into what was written, in its order", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom(1, 2), fc.uint8Array())), fc.nat(7), (parts, cut) => {
    const bytes = Buffer.concat(parts.map(([stream, payload]) => frame(stream, Buffer.from(payload))));
    const half = frame(1, Buffer.from("never whole")).subarray(0, cut);
    const { payload, rest } = demultiplex(Buffer.concat([bytes, half]));
    assert.deepEqual(payload, Buffer.concat(parts.map(([, one]) => Buffer.from(one))));
    assert.deepEqual(rest, half);
  }));
});

const collected = async (stream: Readable): Promise<readonly string[]> => {
  const lines: string[] = [];
  for await (const line of linesOf(stream)) lines.push(line);
  return lines;
};

test("lines come out whole, however the stream is cut, within a character too", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.string({ unit: "grapheme" }).map((text) => `x${text.replaceAll(/[\n\r]/g, "")}`)), fc.array(fc.nat(40)), async (lines, cuts) => {
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    const chunks: Buffer[] = [];
    let at = 0;
    for (const cut of cuts) { chunks.push(bytes.subarray(at, at + cut)); at += cut; }
    chunks.push(bytes.subarray(at));
    assert.deepEqual(await collected(Readable.from(chunks.filter(({ length }) => length > 0), { objectMode: false })), lines);
  }));
});

test("empty lines are none, and the last one needs no end", async () => {
  assert.deepEqual(await collected(Readable.from([Buffer.from("a\n\n  \nb")])), ["a", "b"]);
});

test("a line without end is refused", async () => {
  await assert.rejects(collected(Readable.from([Buffer.alloc(lineCharactersMax, "x"), Buffer.from("y")])), Terminal);
});

test("a file goes into a tar and comes out the same", async () => {
  await fc.assert(fc.asyncProperty(fc.string({ unit: "grapheme", maxLength: 300 }), async (text) => {
    const archive = await packed([], [{ path: "a.conf", text }]);
    assert.equal(Buffer.from(await unpacked("read", Readable.from([archive]))).toString("utf8"), text);
  }), { numRuns: 30 });
});

test("a path longer than a plain tar header holds survives", async () => {
  const path = `${"d".repeat(90)}/${"f".repeat(90)}`;
  assert.equal(Buffer.from(await unpacked("read", Readable.from([await packed([], [{ path, text: "x" }])]))).toString(), "x");
});

test("a directory is no file", async () => {
  await assert.rejects(unpacked("read /etc", Readable.from([await packed(["etc"], [])])), { name: "Terminal", message: "read /etc: it is no regular file" });
});

test("a file over the bound is refused before it is read", async () => {
  await assert.rejects(unpacked("read", Readable.from([await packed([], [{ path: "big", text: "x".repeat(fileBytesMax + 1) }])])), { name: "Terminal", message: /more than 1048576 bytes/ });
});

test("an answer without any file is refused", async () => {
  await assert.rejects(unpacked("read", Readable.from([await packed([], [])])), { name: "Terminal", message: /sent no file/ });
});

test("an answer that breaks off is an error, not a shorter file", async () => {
  const whole = await packed([], [{ path: "a", text: "x".repeat(5000) }]);
  await assert.rejects(unpacked("read", Readable.from([whole.subarray(0, 1500)])));
});
