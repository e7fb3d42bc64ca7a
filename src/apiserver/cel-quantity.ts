/** Quantities of Kubernetes (`100m`, `1.5Gi`, `2e3`) in CEL: `quantity()`, `isQuantity()` and their methods. */
import type { Environment } from "@marcbachmann/cel-js";

/** Exact: a whole number of nanos, the smallest step that quantities have. */
export class Quantity {
  readonly nanos: bigint;
  constructor(nanos: bigint) {
    this.nanos = nanos;
  }
}

const decimalExponent: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const binaryExponent: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const form = /^([+-]?)(\d+\.?\d*|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?$/;
/** Longer numbers mean nothing, and their powers of ten cost. */
const maxLength = 64;
const maxExponent = 30;
const nanosPerOne = 10n ** 9n;

/** Divided away from zero, as quantities round what is finer than a nano. */
const roundedUp = (numerator: bigint, denominator: bigint): bigint => (numerator + denominator - 1n) / denominator;

export const parseQuantity = (text: string): Quantity | undefined => {
  const match = text.length > maxLength ? null : form.exec(text);
  if (match === null) return undefined;
  const [, sign, number = "", suffix = "", exponent] = match;
  const [whole = "", fraction = ""] = number.split(".");
  const digits = BigInt(`${whole}${fraction}` || "0");
  const power = exponent === undefined ? decimalExponent[suffix] ?? 0 : Number(exponent);
  if (Math.abs(power) > maxExponent) return undefined;
  const scaled = digits * nanosPerOne * 2n ** BigInt(binaryExponent[suffix] ?? 0) * 10n ** BigInt(Math.max(power, 0));
  const nanos = roundedUp(scaled, 10n ** BigInt(fraction.length + Math.max(-power, 0)));
  return new Quantity(sign === "-" ? -nanos : nanos);
};

const quantityOf = (text: string): Quantity => {
  const quantity = parseQuantity(text);
  if (quantity === undefined) throw new Error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  return quantity;
};

const isInteger = ({ nanos }: Quantity): boolean => nanos % nanosPerOne === 0n && BigInt.asIntN(64, nanos / nanosPerOne) === nanos / nanosPerOne;
const compare = (a: Quantity, b: Quantity): bigint => (a.nanos < b.nanos ? -1n : a.nanos > b.nanos ? 1n : 0n);

const sync = { async: false };

/** Adds the library to an environment. */
export const registerQuantity = (environment: Environment): void => {
  environment.registerType("kubernetes.Quantity", Quantity);
  const add = (signature: string, handler: (...values: never[]) => unknown) => environment.registerFunction(signature, handler, sync);
  add("quantity(string): kubernetes.Quantity", quantityOf);
  add("isQuantity(string): bool", (text: string) => parseQuantity(text) !== undefined);
  add("kubernetes.Quantity.isInteger(): bool", isInteger);
  add("kubernetes.Quantity.asInteger(): int", (quantity: Quantity) => {
    if (!isInteger(quantity)) throw new Error("cannot convert value to integer");
    return quantity.nanos / nanosPerOne;
  });
  add("kubernetes.Quantity.asApproximateFloat(): double", ({ nanos }: Quantity) => Number(nanos) / 1e9);
  add("kubernetes.Quantity.sign(): int", (quantity: Quantity) => compare(quantity, new Quantity(0n)));
  add("kubernetes.Quantity.compareTo(kubernetes.Quantity): int", compare);
  add("kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool", (a: Quantity, b: Quantity) => a.nanos < b.nanos);
  add("kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool", (a: Quantity, b: Quantity) => a.nanos > b.nanos);
  add("kubernetes.Quantity.add(kubernetes.Quantity): kubernetes.Quantity", (a: Quantity, b: Quantity) => new Quantity(a.nanos + b.nanos));
  add("kubernetes.Quantity.add(int): kubernetes.Quantity", (a: Quantity, b: bigint) => new Quantity(a.nanos + b * nanosPerOne));
  add("kubernetes.Quantity.sub(kubernetes.Quantity): kubernetes.Quantity", (a: Quantity, b: Quantity) => new Quantity(a.nanos - b.nanos));
  add("kubernetes.Quantity.sub(int): kubernetes.Quantity", (a: Quantity, b: bigint) => new Quantity(a.nanos - b * nanosPerOne));
  environment.registerOperator("kubernetes.Quantity == kubernetes.Quantity", (a: Quantity, b: Quantity) => a.nanos === b.nanos);
};
