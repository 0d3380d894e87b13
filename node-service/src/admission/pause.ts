import type { Socket } from "node:net";

/** As long as the shortest `Retry-After`. */
const PAUSE_MS = 1_000;

/**
 * Connections that are not read for a second, because what came on them was refused. Whoever sends again at once waits in
 * the kernel, where that costs nothing, and not in a turn that has no time to refuse everyone again and again.
 */
export class Pause {
  #refused: Socket[] = [];

  /** The connection is paused when this turn is over: until then the rest of its request is taken, and dropped. */
  readonly add = (socket: Socket): void => {
    if (this.#refused.push(socket) === 1) setImmediate(this.#begin);
  };

  readonly #begin = (): void => {
    const sockets = this.#refused;
    this.#refused = [];
    for (const socket of sockets) socket.pause();
    setTimeout(() => {
      for (const socket of sockets) socket.resume();
    }, PAUSE_MS).unref();
  };
}
