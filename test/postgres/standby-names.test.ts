import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseSynchronousStandbyNames, synchronousProblem, synchronousStandbyNames, type SynchronousChoice } from "../../src/postgres/standby-names.ts";
import { traitsOf } from "../../src/postgres/versions.ts";

type Mode = SynchronousChoice["mode"];
const names = ["orders-1", "orders-2"];

const rows: readonly { version: string; mode: Mode; count: number; names: readonly string[]; value: string }[] = [
  { version: "17", mode: "Quorum", count: 1, names, value: 'ANY 1 ("orders-1", "orders-2")' },
  { version: "17", mode: "Priority", count: 2, names, value: 'FIRST 2 ("orders-1", "orders-2")' },
  { version: "10", mode: "Quorum", count: 2, names, value: 'ANY 2 ("orders-1", "orders-2")' },
  { version: "9.6", mode: "Priority", count: 2, names, value: '2 ("orders-1", "orders-2")' },
  { version: "9.5", mode: "Priority", count: 1, names, value: '"orders-1", "orders-2"' },
  { version: "9.3", mode: "Priority", count: 1, names: ["hoge"], value: '"hoge"' },
  { version: "17", mode: "Async", count: 1, names, value: "" },
  { version: "17", mode: "Quorum", count: 1, names: [], value: "" },
  { version: "17", mode: "Quorum", count: 3, names, value: 'ANY 3 ("orders-1", "orders-2")' },
  { version: "17", mode: "Quorum", count: 1, names: ['a"b, c('], value: 'ANY 1 ("a""b, c(")' },
];
for (const { version, mode, count, names: listed, value } of rows) {
  test(`${version} ${mode} ${count} of [${listed.join(" ")}] is ${value || "empty"}`, () => {
    assert.equal(synchronousStandbyNames({ mode, count, names: listed, traits: traitsOf(version) }), value);
  });
}

const refused: readonly { version: string; mode: Mode; count: number; names?: readonly string[]; message: RegExp }[] = [
  { version: "9.6", mode: "Quorum", count: 1, message: /^PostgreSQL 9\.6 has no quorum of standbys; write mode Priority/ },
  { version: "9.5", mode: "Quorum", count: 1, message: /no quorum/ },
  { version: "9.5", mode: "Priority", count: 2, message: /one synchronous standby only; write minSync 1/ },
  { version: "17", mode: "Quorum", count: 0, message: /write 1 or more/ },
  { version: "17", mode: "Quorum", count: 1.5, message: /write 1 or more/ },
  { version: "17", mode: "Quorum", count: 1, names: ["*"], message: /every standby/ },
  { version: "17", mode: "Quorum", count: 1, names: [""], message: /can't name a standby/ },
  { version: "17", mode: "Quorum", count: 1, names: ["größer"], message: /can't name a standby/ },
  { version: "17", mode: "Quorum", count: 1, names: ["x".repeat(64)], message: /1 to 63/ },
];
for (const { version, mode, count, names: listed = names, message } of refused) {
  test(`${version} ${mode} ${count} of [${listed.join(" ")}] is refused`, () => {
    assert.throws(() => synchronousStandbyNames({ mode, count, names: listed, traits: traitsOf(version) }), { name: "RangeError", message });
  });
}

test("nothing is wrong with what a version can do", () => {
  assert.equal(synchronousProblem({ mode: "Async", count: 9, traits: traitsOf("9.3") }), undefined);
  assert.equal(synchronousProblem({ mode: "Priority", count: 1, traits: traitsOf("9.3") }), undefined);
  assert.equal(synchronousProblem({ mode: "Quorum", count: 2, traits: traitsOf("10") }), undefined);
});

const read: readonly (readonly [string, ReturnType<typeof parseSynchronousStandbyNames>])[] = [
  ["", undefined],
  ["  ", undefined],
  ["hoge", { method: "FIRST", count: 1, names: ["hoge"] }],
  ['a , "b c"', { method: "FIRST", count: 1, names: ["a", "b c"] }],
  ["2 (a,b)", { method: "FIRST", count: 2, names: ["a", "b"] }],
  ['any 2 ( "a""b" , b )', { method: "ANY", count: 2, names: ['a"b', "b"] }],
  ["FIRST 1 (*)", { method: "FIRST", count: 1, names: ["*"] }],
  ["*", { method: "FIRST", count: 1, names: ["*"] }],
];
for (const [value, expected] of read) {
  test(`${JSON.stringify(value)} is read`, () => { assert.deepEqual(parseSynchronousStandbyNames(value), expected); });
}

for (const value of ["ANY 2 ()", "a,,b", "a,", '"a', "ANY 2 (a b)", "ANY (a)"]) {
  test(`${JSON.stringify(value)} is no list`, () => { assert.throws(() => parseSynchronousStandbyNames(value), RangeError); });
}

test("what is written is read back, in every version", () => {
  const name = fc.stringMatching(/^[ -~]{1,63}$/).filter((text) => text !== "*");
  fc.assert(fc.property(fc.array(name, { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 9 }), fc.constantFrom<Mode>("Quorum", "Priority"), fc.constantFrom("9.3", "9.6", "10", "18"),
    (listed, wanted, mode, version) => {
      const choice = { mode, count: version === "9.3" ? 1 : wanted, names: listed, traits: traitsOf(version) };
      fc.pre(synchronousProblem(choice) === undefined);
      assert.deepEqual(parseSynchronousStandbyNames(synchronousStandbyNames(choice)), { method: mode === "Quorum" ? "ANY" : "FIRST", count: choice.count, names: listed });
    }));
});
