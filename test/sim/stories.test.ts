/** Plans that people review, as text: one file for each story. GOLDEN=write writes them anew; the diff is the review. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { stories, tell } from "./stories.ts";

const directory = new URL("../golden/plans/", import.meta.url);
const fileOf = (name: string): URL => new URL(`${name}.txt`, directory);

for (const [name, steps] of Object.entries(stories)) {
  test(`the story ${name}`, async () => {
    const text = `${(await tell(steps)).join("\n")}\n`;
    assert.doesNotMatch(text, /BREACH/);
    if (process.env["GOLDEN"] === "write") writeFileSync(fileOf(name), text);
    assert.ok(existsSync(fileOf(name)), `${name}.txt is not there: GOLDEN=write node --test test/sim/stories.test.ts`);
    assert.equal(text, readFileSync(fileOf(name), "utf8"));
  });
}

test("every golden belongs to a story", () => {
  assert.deepEqual(readdirSync(directory).sort(), Object.keys(stories).map((name) => `${name}.txt`).sort());
});
