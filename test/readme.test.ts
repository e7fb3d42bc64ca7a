/** What the README says of failures is what tests of that name show. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const textOf = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");

const chapter = textOf("README.md").split(/^## /m).find((one) => one.startsWith("What happens when")) ?? "";

interface Told { readonly file: string; readonly sentence: string }

/** A paragraph that names a file, then a list of what tests of that file show. */
const told = chapter.split("\n\n").reduce<{ readonly file: string; readonly lines: readonly Told[] }>(({ file, lines }, part) => {
  const named = /\]\((test\/[^)]+)\)\):$/.exec(part)?.[1];
  if (named !== undefined || !part.startsWith("- ")) return { file: named ?? file, lines };
  return { file, lines: [...lines, ...part.slice(2).split("\n- ").map((text) => ({ file, sentence: text.replace(/\s+/g, " ").trim() }))] };
}, { file: "", lines: [] }).lines;

test("each line of the chapter on failures is a test of that name", () => {
  assert.ok(told.length > 20, "the chapter has its lines");
  assert.deepEqual(told.filter(({ sentence, file }) => !textOf(file).includes(`scenario("${sentence}"`)), []);
});
