/** What a writer and an observer noted, judged. Pure: times in, verdicts out, all in milliseconds of one clock. */

/** An insert that the server acknowledged. */
export interface Write { readonly id: number; readonly host: string; readonly sentAt: number; readonly acknowledgedAt: number }

export interface Span { readonly from: number; readonly to: number }

/** What a member said when it was asked whether it accepts writes. `life`: the connection; a server that restarts ends it. */
export interface Answer { readonly member: string; readonly life: number; readonly askedAt: number; readonly answeredAt: number; readonly writes: boolean }

export const lengthOf = ({ from, to }: Span): number => to - from;

/** The longest time without an acknowledged write in a span; one that has not ended counts up to the span's end. */
export function longestPause(writes: readonly Write[], span: Span): Span {
  const inside = writes.map(({ acknowledgedAt }) => acknowledgedAt).filter((at) => at > span.from && at < span.to);
  const last = writes.findLast(({ acknowledgedAt }) => acknowledgedAt <= span.from)?.acknowledgedAt ?? span.from;
  const next = writes.find(({ acknowledgedAt }) => acknowledgedAt >= span.to)?.acknowledgedAt ?? span.to;
  const moments = [last, ...inside, next];
  const pauses = moments.slice(1).map((to, index): Span => ({ from: moments[index] ?? to, to }));
  return pauses.reduce((longest, pause) => lengthOf(pause) > lengthOf(longest) ? pause : longest, { from: span.from, to: span.from });
}

/** A time in which a member accepted writes. */
export interface Reign extends Span { readonly member: string }

interface Reigns {
  /** From one answer to the question before the next: all the while. */
  readonly throughout: readonly Reign[];
  /** From a question to its answer: at some moment of it. */
  readonly sometime: readonly Reign[];
}

/** A server never goes back into recovery within its life, so two answers of one life speak for all the time between them. */
function reignsOf(answers: readonly Answer[]): Reigns {
  const lives = Map.groupBy(answers.filter(({ writes }) => writes), ({ member, life }) => `${member} ${String(life)}`);
  const throughout = [...lives.values()].flatMap((all): readonly Reign[] => {
    const [first, last] = [all.at(0), all.at(-1)];
    return first === undefined || last === undefined || first.answeredAt >= last.askedAt ? [] : [{ member: first.member, from: first.answeredAt, to: last.askedAt }];
  });
  const sometime = [...lives.values()].flat().map(({ member, askedAt, answeredAt }): Reign => ({ member, from: askedAt, to: answeredAt }));
  return { throughout, sometime };
}

/** Two members that certainly accepted writes at the same moment. Empty is the proof that none was seen to. */
export function conflictsOf(answers: readonly Answer[]): readonly (readonly [Reign, Reign])[] {
  const { throughout, sometime } = reignsOf(answers);
  const against = (one: Reign, meets: (other: Reign) => boolean) =>
    throughout.filter((other) => other.member !== one.member && meets(other)).map((other): readonly [Reign, Reign] => [one, other]);
  return [
    ...throughout.flatMap((one) => against(one, (other) => one.member < other.member && one.from < other.to && other.from < one.to)),
    // A question whose whole time lies within another's reign was answered "yes" within it.
    ...sometime.flatMap((one) => against(one, (other) => other.from < one.from && one.to < other.to)),
  ];
}

/** Runs of numbers, "1-5,7", as a server tells which ids it has. */
export const idsIn = (text: string): readonly Span[] => text === "" ? [] : text.split(",").map((run) => {
  const [from = Number.NaN, to = from] = run.split("-").map(Number);
  return { from, to };
});

/** The ids that lie in none of the runs. */
export const missingFrom = (runs: readonly Span[], ids: readonly number[]): readonly number[] => {
  const sorted = runs.toSorted((one, other) => one.from - other.from);
  let at = 0;
  return ids.toSorted((one, other) => one - other).filter((id) => {
    while ((sorted[at]?.to ?? Number.POSITIVE_INFINITY) < id) at += 1;
    return !((sorted[at]?.from ?? Number.POSITIVE_INFINITY) <= id);
  });
};
