// Reads the totals that node's TAP reporter writes at the end. Pure.
export interface Totals { readonly passed: number; readonly failed: number; readonly skipped: number }

/** The last `# name N` line; subtests print indented ones, which do not count here. */
const lastCount = (tap: string, name: string): number | undefined => {
  const text = [...tap.matchAll(new RegExp(`^# ${name} (\\d+)$`, "gm"))].at(-1)?.[1];
  return text === undefined ? undefined : Number(text);
};

/**
 * Totals of one run, with the exit code of the process that wrote it. A run without totals crashed, and a run that
 * exits non-zero without a failed test broke in some other way: either counts as one failure.
 */
export const readTotals = (tap: string, exitCode: number): Totals => {
  const passed = lastCount(tap, "pass");
  if (passed === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const failed = (lastCount(tap, "fail") ?? 0) + (lastCount(tap, "cancelled") ?? 0);
  const skipped = (lastCount(tap, "skipped") ?? 0) + (lastCount(tap, "todo") ?? 0);
  return { passed, failed: failed === 0 && exitCode !== 0 ? 1 : failed, skipped };
};
