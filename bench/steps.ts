/** Times as people read them: steps on a line of time, medians, and tables. Pure. */

export interface Step { readonly atMs: number; readonly tookMs: number; readonly lane: string; readonly what: string }

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
};

export const ms = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
export const seconds = (value: number): string => `${(value / 1_000).toFixed(2)} s`;

/** Columns as wide as their widest cell; the first row is the heading. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd();
  return rows.map(line).join("\n");
};

export const stepTable = (steps: readonly Step[]): string => table([
  ["at", "took", "lane", "step"],
  ...steps.toSorted((one, other) => one.atMs - other.atMs).map(({ atMs, tookMs, lane, what }) => [seconds(atMs), ms(tookMs), lane, what]),
]);

/** How long each kind of step took in all, the longest first. */
export const sumTable = (steps: readonly Step[]): string => {
  const kinds = [...Map.groupBy(steps, ({ what }) => what)].map(([what, all]) => ({ what, count: all.length, sum: all.reduce((sum, { tookMs }) => sum + tookMs, 0) }));
  return table([["step", "times", "in all"], ...kinds.toSorted((one, other) => other.sum - one.sum).map(({ what, count, sum }) => [what, String(count), ms(sum)])]);
};
