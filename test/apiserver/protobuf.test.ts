import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { Refusal } from "../../src/apiserver/problems.ts";
import { decodeProtobuf } from "../../src/apiserver/protobuf.ts";

interface Recorded { readonly from: string; readonly body: string; readonly object: unknown }

// Bodies as real programs made them; the objects were compared with the JSON that the same servers answer.
const recorded = JSON.parse(readFileSync(new URL("recorded-bodies.json", import.meta.url), "utf8")) as readonly Recorded[];

for (const { from, body, object } of recorded) {
  test(`decodes the body of ${from}`, () => {
    assert.deepEqual(decodeProtobuf(Buffer.from(body, "base64")), object);
  });
}

const refused = (body: Uint8Array): Refusal => {
  try {
    decodeProtobuf(body);
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    return error;
  }
  throw new Error("the body was accepted");
};

const magic = [0x6b, 0x38, 0x73, 0x00];
const envelope = (apiVersion: string, kind: string, raw: readonly number[] = []): Uint8Array => {
  const text = (field: number, value: string) => [field << 3 | 2, value.length, ...Buffer.from(value)];
  const type = [...text(1, apiVersion), ...text(2, kind)];
  return Uint8Array.from([...magic, 0x0a, type.length, ...type, 0x12, raw.length, ...raw]);
};

test("a body without the prefix is refused", () => {
  assert.equal(refused(Buffer.from("{}")).status.code, 400);
  assert.equal(refused(new Uint8Array()).status.code, 400);
});

test("a kind that has no message is refused by name", () => {
  assert.match(refused(envelope("apps/v1", "Deployment")).message, /no kind "Deployment" is registered for version "apps\/v1"/);
});

test("a body beyond the limit is refused before it is decoded", () => {
  assert.equal(refused(Buffer.concat([Uint8Array.from(magic), Buffer.alloc(3 * 1024 * 1024)])).status.code, 413);
});

test("managed fields whose JSON is none are refused", () => {
  const field = (number: number, bytes: readonly number[]) => [number << 3 | 2, bytes.length, ...bytes];
  const broken = field(7, field(1, [...Buffer.from("{")]));
  const metadata = [0x8a, 0x01, broken.length, ...broken];
  assert.equal(refused(envelope("v1", "Namespace", field(1, metadata))).status.code, 400);
});

test("unknown fields are skipped", () => {
  const unknown = [0xf8, 0x07, 0x01]; // field 127, varint
  assert.deepEqual(decodeProtobuf(envelope("v1", "Namespace", unknown)), { apiVersion: "v1", kind: "Namespace" });
});

test("DeleteOptions come under the version of what they delete", () => {
  const raw = [0x08, 0x00, 0x22, 0x0a, ...Buffer.from("Background")];
  assert.deepEqual(decodeProtobuf(envelope("example.com/v1", "DeleteOptions", raw)),
    { apiVersion: "example.com/v1", kind: "DeleteOptions", gracePeriodSeconds: 0, propagationPolicy: "Background" });
});

test("garbage is decoded or refused, never anything else", () => {
  const names = recorded.map(({ body }) => Buffer.from(body, "base64"));
  fc.assert(fc.property(fc.constantFrom(...names), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 5 }), fc.nat(), (body, changes, cut) => {
    const bytes = Uint8Array.from(body);
    for (const [at, value] of changes) bytes[at % bytes.length] = value;
    try {
      decodeProtobuf(bytes.subarray(0, bytes.length - (cut % 8)));
    } catch (error) {
      assert.ok(error instanceof Refusal, String(error));
    }
  }), { numRuns: 300 });
});
