/** The page for people who run databases: what happens when the primary is lost, from the table that decides it. */
import { decisions, factValues, rows, type Facts, type Row } from "../src/plan/failover/table.ts";

const introduction = `# When the primary is lost

<!-- Written by \`npm run generate\` from src/plan/failover/table.ts; a change here would be overwritten. -->

In each round the operator looks once at all containers, volumes and servers of a cluster. It sums that look up in eight
[facts](#the-facts), and goes through the table below from the top. The **first row whose pattern fits decides**; what a
row does not name may be anything. No combination of facts falls through, and each row is reached by some: a test tries
them all. \`status.lastFailover.rule\` says which row it was.

Four things hold whatever row decides:

- **Nobody is promoted while the former primary may accept writes.** A row that promotes fits only a primary that was
  seen to have ended in that same look. One that cannot be seen is never replaced.
- **Every boot is read-only.** A former primary that somebody starts again cannot accept writes: only a promotion by the
  operator makes a member writable.
- **A decision is written down before it is acted on**, in \`status.primary\` with a new epoch, by compare-and-swap. An
  operator that was frozen, or a second one, cannot decide otherwise, and a promotion for an older epoch does nothing.
- **The evidence stays.** \`status.lastFailover\` has the row, the cause, how it is known that the former primary ended,
  each candidate with its position and why it was or was not taken, and what may be lost. \`kubectl describe pgrs NAME\`
  tells the story in events.

## Who may be promoted

A standby is a candidate when it answers, is on the newest timeline that is known of, has replayed or received all that
its disk holds, is neither fenced nor \`candidate: Never\`, and holds this cluster's data. Of those the one with the
highest received position is taken.

With asynchronous replication it must also be within \`failover.maxLagBytes\` of the last position known from the
primary. With synchronous replication the arithmetic decides instead: of N standbys that count, each acknowledged commit
is on W, and R were seen. If **R + W > N**, one of those that were seen has every acknowledged commit, and it is the most
advanced one. Otherwise nobody is promoted by the rules, however good it looks.
`;

const cell = (text: string): string => text.replaceAll("|", "\\|");
const line = (...cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
const table = (head: readonly string[], body: readonly (readonly string[])[]): string =>
  [line(...head), `|${"---|".repeat(head.length)}`, ...body.map((cells) => line(...cells))].join("\n");

const either = (values: string | readonly string[]): string => typeof values === "string" ? values : values.join(" or ");

/** A pattern as a person reads it: each fact that matters, and its values. */
const patternOf = ({ when }: Row): string => (Object.keys(factValues) as (keyof Facts)[])
  .flatMap((fact) => when[fact] === undefined ? [] : [`${fact}: **${either(when[fact])}**`]).join("<br>") || "anything";

const facts = Object.entries(factValues).map(([fact, values]) =>
  [`### ${fact}`, "", table(["value", "means"], Object.entries(values).map(([value, meaning]) => [`**${value}**`, meaning]))].join("\n"));

/** The whole page, as Markdown. */
export const failoverPage = (): string => [
  introduction,
  "## The table", "",
  table(["row", "when", "decision", "why"], rows.map((row) => [row.name, patternOf(row), `**${row.decision}**`, row.sentence])), "",
  "## What the decisions do", "",
  table(["decision", "what the operator does"], Object.entries(decisions).map(([decision, meaning]) => [`**${decision}**`, meaning])), "",
  "## The facts", "",
  facts.join("\n\n"), "",
].join("\n");
