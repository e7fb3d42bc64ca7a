import assert from "node:assert/strict";
import { test } from "node:test";
import { ageOf, humanDuration } from "../../src/apiserver/duration.ts";

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const rows: readonly (readonly [milliseconds: number, text: string])[] = [
  [-3 * second, "<invalid>"], [-1 * second, "0s"], [0, "0s"], [999, "0s"], [119 * second, "119s"],
  [2 * minute, "2m"], [2 * minute + 3 * second, "2m3s"], [10 * minute, "10m"], [179 * minute, "179m"],
  [3 * hour, "3h"], [3 * hour + 5 * minute, "3h5m"], [8 * hour, "8h"], [47 * hour, "47h"],
  [2 * day, "2d"], [2 * day + hour, "2d1h"], [8 * day, "8d"], [729 * day, "729d"],
  [730 * day, "2y"], [731 * day, "2y1d"], [8 * 365 * day, "8y"],
];
for (const [milliseconds, text] of rows) {
  test(`${milliseconds} ms are ${text}`, () => { assert.equal(humanDuration(milliseconds), text); });
}

test("no time is unknown, and text that is no time is invalid", () => {
  assert.equal(ageOf(undefined, 0), "<unknown>");
  assert.equal(ageOf(null, 0), "<unknown>");
  assert.equal(ageOf("soon", 0), "<invalid>");
  assert.equal(ageOf(7, 0), "<invalid>");
  assert.equal(ageOf("1970-01-01T00:00:00Z", 5 * second), "5s");
});
