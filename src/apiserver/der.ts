/** The few words of DER that certificates are written in. Source: ITU-T X.690. */

const lengthOf = (length: number): readonly number[] =>
  length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];

const tagged = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  if (content.length > 0xffff) throw new RangeError("a DER value of more than 65535 bytes");
  return Buffer.concat([Uint8Array.from([tag, ...lengthOf(content.length)]), content]);
};

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values);

/** Seven bits a byte, the highest first; all but the last have the eighth bit set. */
const base128 = (value: number): readonly number[] => value < 0x80 ? [value] : [...base128(value >> 7).map((byte) => byte | 0x80), value & 0x7f];

export const sequence = (...parts: readonly Uint8Array[]): Buffer => tagged(0x30, ...parts);
export const set = (...parts: readonly Uint8Array[]): Buffer => tagged(0x31, ...parts);
/** Big-endian; the first bit set makes the number negative. */
export const integer = (value: Uint8Array): Buffer => tagged(0x02, value);
export const yes = tagged(0x01, bytes(0xff));
export const octets = (value: Uint8Array): Buffer => tagged(0x04, value);
export const bits = (value: Uint8Array, unused = 0): Buffer => tagged(0x03, bytes(unused), value);
export const printable = (text: string): Buffer => tagged(0x13, Buffer.from(text, "ascii"));
export const explicit = (tag: number, content: Uint8Array): Buffer => tagged(0xa0 + tag, content);
export const implicit = (tag: number, content: Uint8Array): Buffer => tagged(0x80 + tag, content);

/** `2.5.29.19` */
export const oid = (text: string): Buffer => {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  return tagged(0x06, Uint8Array.from([40 * first + second, ...rest.flatMap(base128)]));
};

/** In seconds. The short form counts from 1950 to 2049. */
export const time = (at: Date): Buffer => {
  const digits = at.toISOString().replace(/\.\d+|[-:T]/g, "");
  return at.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(digits.slice(2))) : tagged(0x18, Buffer.from(digits));
};
