import type { Random } from "../replication/fuzz/random.ts";

/** What the people in front of the boxes do. */
export interface Habits {
  /** What they choose from, for example `channel:news`; also what they may not see. */
  readonly services: readonly string[];
  /** On average they stay with a channel for so long before they look for another. */
  readonly stayMs: number;
  /** On average they look at a channel for so long while they zap. */
  readonly glanceMs: number;
  /** So often a box says that it is still in use. */
  readonly interimMs: number;
}

/** Somebody zaps: looks at channel after channel and stays with the last one. */
export interface Zapping {
  /** How long nobody touched the remote control before. */
  readonly afterMs: number;
  readonly services: readonly [string, ...string[]];
}

const MOST_CHANNELS = 5;

/** Pure but for `random`: what one household does, for ever. The first channel is chosen at once. */
export function* evening(habits: Habits, random: Random): Generator<Zapping, never> {
  const choose = (): string => random.oneOf(habits.services);
  yield { afterMs: 0, services: [choose()] };
  for (;;) {
    const more = Array.from({ length: random.between(0, MOST_CHANNELS - 1) }, choose);
    yield { afterMs: random.between(0, 2 * habits.stayMs), services: [choose(), ...more] };
  }
}
