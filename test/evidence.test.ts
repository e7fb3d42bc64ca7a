// What the writer and the observer of the failover tests conclude from what they noted.
import assert from "node:assert/strict";
import { test } from "node:test";
import { conflictsOf, idsIn, lengthOf, longestPause, missingFrom, type Answer, type Write } from "./e2e/evidence.ts";

const writesAt = (...moments: readonly number[]): readonly Write[] => moments.map((at, index) => ({ id: index + 1, host: "a", sentAt: at - 1, acknowledgedAt: at }));

for (const { when, moments, span, expect } of [
  { when: "one between two writes", moments: [0, 10, 20, 320, 330], span: { from: 5, to: 325 }, expect: { from: 20, to: 320 } },
  { when: "one that began before the span", moments: [0, 400, 410], span: { from: 100, to: 500 }, expect: { from: 0, to: 400 } },
  { when: "one that has not ended", moments: [0, 10], span: { from: 0, to: 900 }, expect: { from: 10, to: 900 } },
  { when: "one that ended after the span", moments: [0, 10, 700], span: { from: 0, to: 300 }, expect: { from: 10, to: 700 } },
  { when: "the longest of several", moments: [0, 50, 60, 160, 170], span: { from: 0, to: 170 }, expect: { from: 60, to: 160 } },
]) test(`the longest pause is ${when}`, () => { assert.deepEqual(longestPause(writesAt(...moments), span), expect); });

test("without writes, all of the span is the pause", () => { assert.equal(lengthOf(longestPause([], { from: 3, to: 8 })), 5); });

const said = (member: string, life: number, ...answers: readonly (readonly [asked: number, answered: number, writes?: boolean])[]): readonly Answer[] =>
  answers.map(([askedAt, answeredAt, writes = true]) => ({ member, life, askedAt, answeredAt, writes }));

const rows: readonly { readonly when: string; readonly answers: readonly Answer[]; readonly conflict: boolean }[] = [
  { when: "one accepts writes after the other", answers: [...said("a", 1, [0, 1], [20, 21]), ...said("b", 1, [0, 1, false], [30, 31], [50, 51])], conflict: false },
  { when: "two accept writes side by side", answers: [...said("a", 1, [0, 1], [20, 21], [40, 41]), ...said("b", 1, [10, 11], [30, 31])], conflict: true },
  { when: "an answer came late, from before the other began", answers: [...said("a", 1, [0, 1], [20, 90]), ...said("b", 1, [50, 51], [70, 71], [100, 101])], conflict: false },
  { when: "a frozen one goes on beside the new one", answers: [...said("a", 1, [0, 1], [20, 90], [95, 96]), ...said("b", 1, [50, 51], [70, 71], [110, 111])], conflict: true },
  { when: "one answer of a new life falls into the other's time", answers: [...said("a", 2, [60, 61]), ...said("b", 1, [50, 51], [70, 71])], conflict: true },
  { when: "one restarts: nothing is known between its lives", answers: [...said("a", 1, [0, 1], [10, 11]), ...said("b", 1, [20, 21], [30, 31]), ...said("a", 2, [40, 41], [50, 51])], conflict: false },
];
for (const { when, answers, conflict } of rows) test(`${when}: ${conflict ? "a conflict" : "no conflict"}`, () => { assert.equal(conflictsOf(answers).length > 0, conflict); });

test("ids that lie in no run are missing", () => {
  assert.deepEqual(missingFrom(idsIn("1-5,7,9-12"), [1, 5, 6, 7, 8, 12, 13]), [6, 8, 13]);
  assert.deepEqual(missingFrom(idsIn(""), [2, 1]), [1, 2]);
  assert.deepEqual(missingFrom(idsIn("9-12,1-5"), [5, 9, 6]), [6]);
});
