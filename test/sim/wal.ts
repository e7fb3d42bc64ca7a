/**
 * The write-ahead log as what it is: a tree. Each promotion begins a branch, and two branches can have the same
 * timeline number without being the same, which servers cannot tell and the operator must. Plain values, no behaviour.
 */

/** What one writer wrote, from where it left its parent on. Known by identity: the number is only what people see. */
export interface Branch { readonly timeline: number; readonly parent: Branch | undefined; readonly start: number }

/** All WAL up to a position, the last of it on a branch. */
export interface Point { readonly branch: Branch; readonly position: number }

/** Where a branch ends for those that went on to `tip`; undefined when nobody on `tip` has any of it. */
export function endOn(branch: Branch, tip: Branch): number | undefined {
  let end = Number.POSITIVE_INFINITY;
  for (let at: Branch | undefined = tip; at !== undefined; at = at.parent) {
    if (at === branch) return end;
    end = at.start;
  }
  return undefined;
}

/** Whether all of `point` is in what `holder` has. */
export const contains = (holder: Point, point: Point): boolean => {
  const end = endOn(point.branch, holder.branch);
  return end !== undefined && point.position <= Math.min(end, holder.position);
};

/** What lies at a position on the way to `tip`. */
export function pointAt(tip: Branch, position: number): Point {
  let branch = tip;
  while (branch.parent !== undefined && position <= branch.start) branch = branch.parent;
  return { branch, position };
}

/** How much of `point`, from its beginning, is in what `holder` has too. */
export function sharedWith(holder: Point, { branch, position }: Point): Point {
  let limit = position;
  for (let at: Branch | undefined = branch; at !== undefined; at = at.parent) {
    const end = endOn(at, holder.branch);
    if (end !== undefined) return pointAt(at, Math.min(limit, end, holder.position));
    limit = Math.min(limit, at.start);
  }
  return { branch, position: 0 };
}

/** The branches before one, oldest first, as a server tells them. */
export function historyOf(branch: Branch): readonly { readonly timeline: number; readonly end: number }[] {
  const history: { readonly timeline: number; readonly end: number }[] = [];
  for (let at = branch; at.parent !== undefined; at = at.parent) history.unshift({ timeline: at.parent.timeline, end: at.start });
  return history;
}
