/**
 * Positions in the write-ahead log. Source: PostgreSQL documentation, "pg_lsn Type": two hexadecimal numbers of up
 * to eight digits each, the higher and the lower 32 bits of a byte position.
 */

/** A log sequence number as PostgreSQL prints it: "16/B374D848". */
export type Lsn = string;

const pattern = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/;

/** The byte position; a RangeError when the text is not a position. */
export function parseLsn(text: Lsn): bigint {
  const [, high, low] = pattern.exec(text) ?? [];
  if (high === undefined || low === undefined) throw new RangeError(`${JSON.stringify(text)} is not a WAL position such as 16/B374D848`);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export function formatLsn(position: bigint): Lsn {
  if (position < 0n || position >= 1n << 64n) throw new RangeError(`${position} is outside the write-ahead log`);
  return `${(position >> 32n).toString(16)}/${(position & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/** Bytes from b to a: positive when a is further. */
export const lsnDiff = (a: Lsn, b: Lsn): number => Number(parseLsn(a) - parseLsn(b));

/** For sorting, lowest first. */
export const compareLsn = (a: Lsn, b: Lsn): -1 | 0 | 1 => {
  const [left, right] = [parseLsn(a), parseLsn(b)];
  return left < right ? -1 : left > right ? 1 : 0;
};
