/** Rows of a rule's table: a sentence, a world, and the plan as people read it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { planned, type Scene } from "../builders.ts";

export interface Row { readonly when: string; readonly given: Scene; readonly plan: readonly string[] }

export const table = (rows: readonly Row[]): void => {
  for (const { when, given, plan } of rows) test(when, () => assert.deepEqual(planned(given), plan));
};
