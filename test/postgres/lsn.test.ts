import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compareLsn, formatLsn, lsnDiff, parseLsn } from "../../src/postgres/lsn.ts";

const anyPosition = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

test("a position is two hexadecimal numbers", () => {
  assert.equal(parseLsn("16/B374D848"), 0x16_b374_d848n);
  assert.equal(parseLsn("0/0"), 0n);
  assert.equal(parseLsn("ffffffff/ffffffff"), (1n << 64n) - 1n);
  assert.equal(formatLsn(0x16_b374_d848n), "16/B374D848");
  assert.equal(formatLsn(0x1_0000_0000n), "1/0");
});

for (const text of ["", "16", "16/", "/16", "16/B374D8480", "G/0", "0x1/0", " 0/0", "0/0 ", "-1/0", "0/0/0"]) {
  test(`${JSON.stringify(text)} is no position`, () => { assert.throws(() => parseLsn(text), RangeError); });
}

for (const position of [-1n, 1n << 64n]) {
  test(`${position} is outside the log`, () => { assert.throws(() => formatLsn(position), RangeError); });
}

test("any position comes back as it went", () => {
  fc.assert(fc.property(anyPosition, (position) => parseLsn(formatLsn(position)) === position));
});

test("difference and order follow the bytes, not the text", () => {
  assert.equal(lsnDiff("1/0", "0/FFFFFFF0"), 16);
  assert.equal(lsnDiff("0/FFFFFFF0", "1/0"), -16);
  assert.equal(compareLsn("A/0", "9/FFFFFFFF"), 1);
  assert.equal(compareLsn("9/0", "10/0"), -1);
  assert.equal(compareLsn("0/0A", "0/a"), 0);
  fc.assert(fc.property(anyPosition, anyPosition, (a, b) => {
    const expected = a < b ? -1 : a > b ? 1 : 0;
    return compareLsn(formatLsn(a), formatLsn(b)) === expected && Math.sign(lsnDiff(formatLsn(a), formatLsn(b))) === expected;
  }));
});
