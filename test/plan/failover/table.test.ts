/** The failover table as a whole: every combination of facts is tried, and what must never be decided never is. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { failoverPage } from "../../../docs/failover.ts";
import { decide, decisions, factValues, rows, type Decision, type Facts } from "../../../src/plan/failover/table.ts";

/** Every combination of facts. */
const product: readonly Facts[] = Object.entries(factValues).reduce<readonly Readonly<Record<string, string>>[]>(
  (done, [fact, values]) => done.flatMap((one) => Object.keys(values).map((value) => ({ ...one, [fact]: value }))), [{}]) as readonly unknown[] as readonly Facts[];
const decided = product.map((facts) => ({ facts, row: decide(facts) }));

test("every combination of facts finds a row", () => {
  assert.equal(product.length, Object.values(factValues).reduce((count, values) => count * Object.keys(values).length, 1));
  assert.equal(decided.length, product.length);
});

test("every row decides some combination that no earlier row has taken", () => {
  const reached = new Set(decided.map(({ row }) => row.name));
  assert.deepEqual(rows.map(({ name }) => name).filter((name) => !reached.has(name)), []);
});

test("every value that a row names is one of its fact's, and some combination decides by it", () => {
  for (const { name, when } of rows) {
    for (const [fact, pattern] of Object.entries(when)) {
      const values: readonly string[] = typeof pattern === "string" ? [pattern] : pattern;
      const decides = new Set(decided.filter(({ row }) => row.name === name).map(({ facts }) => facts[fact as keyof Facts] as string));
      assert.deepEqual(values.filter((value) => !decides.has(value)), [], `${name}: ${fact}`);
    }
  }
});

test("rows have names of their own, words that events carry, and sentences", () => {
  const names = rows.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, sentence } of rows) {
    assert.match(name, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(sentence.length > 10 && !sentence.endsWith("."), sentence);
  }
});

test("what is no fact falls through, and says so", () => {
  assert.throws(() => decide({ ...product[0], primary: "elsewhere" } as unknown as Facts), { name: "RangeError", message: /no row of the failover table fits/ });
});

interface Law { readonly says: string; readonly of: (facts: Facts) => boolean; readonly never: readonly Decision[]; readonly but?: readonly string[] }

const among = <T>(value: T, ...values: readonly T[]): boolean => values.includes(value);
const mayRun = ({ primary }: Facts): boolean => !among(primary, "stopped", "crashed", "lost");
const isUnasked = ({ request }: Facts): boolean => among(request, "none", "refused");

const laws: readonly Law[] = [
  { says: "nobody is promoted while the primary may run", of: mayRun, never: ["Promote", "PromoteBest"] },
  { says: "what could not be seen is neither killed nor replaced nor stopped", of: ({ primary }) => primary === "unseen", never: ["Fence", "Promote", "PromoteBest", "HandOver", "Restart"] },
  { says: "a primary that serves is never killed", of: ({ primary }) => primary === "serves", never: ["Fence", "Restart"] },
  { says: "a primary that may be alive within its time, or is heard, is never killed for its silence", of: ({ primary }) => among(primary, "quiet", "heard", "unmade", "stopping"), never: ["Fence"] },
  { says: "a primary that starts is killed only because it is fenced", of: ({ primary }) => primary === "starting", never: ["Fence"], but: ["fenced-silent"] },
  { says: "nobody is killed without a successor, but to be started again or when a budget is spent", of: ({ candidate, request }) => candidate === "none" && isUnasked({ request } as Facts), never: ["Fence"], but: ["silent-retry", "stuck-budget-spent"] },
  { says: "nobody is promoted by the rules without a candidate or a person's word", of: ({ candidate, request }) => candidate === "none" && isUnasked({ request } as Facts), never: ["Promote"] },
  { says: "data is given up only when the time for it is over, by a policy that says so", of: ({ budget, mode }) => budget === "open" || mode !== "Automatic", never: ["PromoteBest"] },
  { says: "data is given up only when no standby may take over by the rules", of: ({ candidate }) => candidate === "ready", never: ["PromoteBest"] },
  { says: "Manual and Disabled promote nobody unasked", of: (facts) => facts.mode !== "Automatic" && isUnasked(facts), never: ["Promote", "PromoteBest"] },
  { says: "Disabled kills nobody unasked", of: (facts) => facts.mode === "Disabled" && isUnasked(facts), never: ["Fence", "HandOver"] },
  { says: "a primary hands over only when it is asked to, and to somebody", of: ({ request }) => !among(request, "ready", "fenced, ready"), never: ["HandOver"] },
  { says: "only a primary that serves can hand over", of: ({ primary }) => primary !== "serves", never: ["HandOver"] },
  { says: "a proposal is for Manual alone", of: ({ mode }) => mode !== "Manual", never: ["Propose"] },
  { says: "nothing is refused that nobody asked for", of: ({ request }) => request !== "refused", never: ["Refuse"] },
  { says: "a primary whose data is gone is not started", of: ({ primary }) => primary === "lost", never: ["Restart"] },
  { says: "a fenced primary is not started", of: ({ request }) => request.startsWith("fenced"), never: ["Restart"] },
  { says: "with asynchronous replication a crash is first restarted in place, which loses nothing",
    of: (facts) => facts.primary === "crashed" && facts.replication === "asynchronous" && facts.restart === "untried" && isUnasked(facts), never: ["Promote", "PromoteBest", "Fence"] },
  { says: "after a recent failover a crash is first restarted in place", of: (facts) => facts.primary === "crashed" && facts.pace === "damped" && facts.restart === "untried" && isUnasked(facts), never: ["Promote", "PromoteBest", "Fence"] },
  { says: "a primary that ended cleanly is first restarted in place", of: (facts) => facts.primary === "stopped" && facts.restart === "untried" && isUnasked(facts), never: ["Promote", "PromoteBest", "Fence"] },
];

for (const { says, of, never, but = [] } of laws) {
  test(says, () => {
    const about = decided.filter(({ facts }) => of(facts));
    assert.ok(about.length > 0, "some combination is what this is about");
    const breaches = about.filter(({ row }) => never.includes(row.decision) && !but.includes(row.name)).map(({ facts, row }) => `${row.name}: ${JSON.stringify(facts)}`);
    assert.deepEqual(breaches.slice(0, 3), []);
  });
}

test("with Automatic and a candidate, a primary that is lost for good is always replaced", () => {
  const about = decided.filter(({ facts }) => facts.mode === "Automatic" && facts.candidate === "ready" && facts.request === "none"
    && (among(facts.primary, "silent", "frozen", "stuck", "lost") || (among(facts.primary, "stopped", "crashed") && facts.restart === "failed")));
  assert.deepEqual([...new Set(about.map(({ row }) => row.decision))].sort(), ["Fence", "Promote"]);
});

test("what a person asked for is answered in every state in which it can be", () => {
  const about = decided.filter(({ facts }) => facts.request === "ready" && !among(facts.primary, "unmade", "unseen", "starting", "stopping", "quiet", "heard"));
  assert.deepEqual([...new Set(about.map(({ row }) => row.decision))].sort(), ["Fence", "HandOver", "Promote"]);
  const refused = decided.filter(({ facts }) => facts.request === "refused" && !among(facts.primary, "unmade", "unseen", "starting", "stopping", "quiet", "heard"));
  assert.deepEqual([...new Set(refused.map(({ row }) => row.decision))], ["Refuse"]);
});

test("every decision is explained, and made by some row", () => {
  assert.deepEqual(Object.keys(decisions).sort(), [...new Set(rows.map(({ decision }) => decision))].sort());
});

test("docs/failover.md is fresh: npm run generate would change nothing", () => {
  assert.equal(readFileSync(new URL("../../../docs/failover.md", import.meta.url), "utf8"), failoverPage());
});
