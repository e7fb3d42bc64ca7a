/** Ages as kubectl prints them: the two largest units while that says something, one after. */

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

const twoUnits = (large: number, largeUnit: string, small: number, smallUnit: string): string =>
  small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;

/** A length of time as kubectl shows it: `119s`, `2m3s`, `47h`, `3d4h`, `2y10d`. Clocks may differ by one second. */
export const humanDuration = (lengthMs: number): string => {
  const seconds = Math.trunc(lengthMs / secondMs);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(lengthMs / minuteMs);
  if (minutes < 10) return twoUnits(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(lengthMs / hourMs);
  if (hours < 8) return twoUnits(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (days < 8) return twoUnits(days, "d", hours % 24, "h");
  if (days < 730) return `${days}d`;
  const years = Math.trunc(days / 365);
  return years < 8 ? twoUnits(years, "y", days % 365, "d") : `${years}y`;
};

/** The age of an RFC 3339 time: `<unknown>` when there is none, `<invalid>` when it is not a time. */
export const ageOf = (time: unknown, now: number): string => {
  if (time === undefined || time === null || time === "") return "<unknown>";
  const then = typeof time === "string" ? Date.parse(time) : Number.NaN;
  return Number.isNaN(then) ? "<invalid>" : humanDuration(now - then);
};
