/** Kubernetes quantities ("1Gi", "500m") as numbers. Source: Kubernetes documentation, "Quantity". */

const units: Readonly<Record<string, number>> = {
  "": 1, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40,
};

const numberOf = (quantity: string): number => {
  const [, digits = "0", unit = ""] = /^([0-9.]+)([a-zA-Z]*)$/.exec(quantity) ?? [];
  return Number(digits) * (units[unit] ?? 1);
};

export const bytesOf = (quantity: string): number => Math.ceil(numberOf(quantity));

/** CPUs in billionths, as the Engine counts them. */
export const nanoCpusOf = (quantity: string): number => Math.round(numberOf(quantity) * 1e9);
