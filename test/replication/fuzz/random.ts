/** Random choices that are the same for the same seed. */
export interface Random {
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number;
  oneOf<T>(choices: readonly T[]): T;
  chance(probability: number): boolean;
}

/** A generator of the SplitMix kind: a counter, whose every value is scrambled. */
export function seeded(seed: number): Random {
  let counter = Math.imul(seed + 1, 0x2545f491);
  /** The next number from 0 to 1, 1 excluded. */
  const next = (): number => {
    counter = (counter + 0x9e3779b9) | 0;
    let bits = counter;
    bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
  };
  return {
    between: (min, max) => min + Math.floor(next() * (max - min + 1)),
    oneOf: <T>(choices: readonly T[]): T => choices[Math.floor(next() * choices.length)] as T,
    chance: (probability) => next() < probability,
  };
}
