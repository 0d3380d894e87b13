/** Powers of ten, as exponents: a product such as 43 * 1e-3 is not the number that "0.043" is. */
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY: Readonly<Record<string, number>> = {
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** The number that a Kubernetes quantity ("250m", "1Gi", 2) stands for; undefined when it is none. */
export function parseQuantity(quantity: unknown): number | undefined {
  const match = /^([+-]?[0-9.]+)(?:[eE]([+-]?[0-9]+))?([a-zA-Z]*)$/.exec(String(quantity));
  if (match === null) return undefined;
  const [, digits, exponent = "0", suffix = ""] = match;
  const binary = BINARY[suffix];
  const decimal = binary === undefined ? DECIMAL[suffix] : 0;
  if (decimal === undefined) return undefined;
  const value = Number(`${digits}e${Number(exponent) + decimal}`) * (binary ?? 1);
  return Number.isNaN(value) ? undefined : value;
}
