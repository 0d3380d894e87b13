/** As long as the shortest `Retry-After`. */
const PAUSE_MS = 1_000;
const TICK_MS = 50;
/** How many are read again in a tick: while others are refused so few that refusing them anew takes little, and never more than a node serves. */
const BATCH = [100, 1_000] as const;

/** What a pause takes of a socket. */
export interface Pausable {
  readonly destroyed: boolean;
  pause(): unknown;
  resume(): unknown;
}

interface Paused {
  readonly connection: Pausable;
  /** When it may be read again, by the monotonic clock, in ms. */
  readonly until: number;
}

/**
 * Connections that are not read for a second or more, because what came on them was refused. Whoever sends again at once waits in
 * the kernel, where that costs nothing, and not in a turn that has no time to refuse everyone again and again. They are read again in the
 * order in which they were refused: few at a time while others are refused, and twice as many each time that nobody was, so that they do not come back together.
 */
export class Pause {
  #refused: Pausable[] = [];
  #paused: Paused[] = [];
  #isRefusing = false;
  #batch: number = BATCH[0];
  #timer: NodeJS.Timeout | null = null;

  /** The connection is paused when this turn is over: until then the rest of its request is taken, and dropped. */
  add(connection: Pausable): void {
    this.#isRefusing = true;
    if (this.#refused.push(connection) === 1) setImmediate(this.#begin);
  }

  readonly #begin = (): void => {
    const until = performance.now() + PAUSE_MS;
    for (const connection of this.#refused) {
      connection.pause();
      this.#paused.push({ connection, until });
    }
    this.#refused = [];
    this.#timer ??= setInterval(this.#tick, TICK_MS).unref();
  };

  readonly #tick = (): void => {
    const [fewest, most] = BATCH;
    this.#batch = this.#isRefusing ? fewest : Math.min(this.#batch * 2, most);
    this.#isRefusing = false;
    const now = performance.now();
    this.#paused = this.#paused.filter(({ connection }) => !connection.destroyed);
    const later = this.#paused.findIndex(({ until }) => until > now);
    const due = later === -1 ? this.#paused.length : later;
    for (const { connection } of this.#paused.splice(0, Math.min(due, this.#batch))) connection.resume();
    if (this.#paused.length > 0) return;
    clearInterval(this.#timer ?? undefined);
    this.#timer = null;
  };
}
