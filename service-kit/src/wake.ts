/** A doorbell between whatever has news and the one loop that waits for it. A ring while nobody waits is kept. */
export class Wake {
  #rung = false;
  #answer: () => void = () => {};

  readonly ring = (): void => {
    this.#rung = true;
    this.#answer();
  };

  /** Resolves at the next ring, or after `timeoutMs`. Rejects with the signal's reason when it aborts. */
  async wait(signal: AbortSignal, timeoutMs?: number): Promise<void> {
    signal.throwIfAborted();
    if (!this.#rung) {
      const timer = timeoutMs === undefined ? undefined : setTimeout(this.ring, timeoutMs);
      signal.addEventListener("abort", this.ring, { once: true });
      await new Promise<void>((resolve) => {
        this.#answer = resolve;
      });
      signal.removeEventListener("abort", this.ring);
      clearTimeout(timer);
    }
    this.#rung = false;
    signal.throwIfAborted();
  }
}

/** Rejects with the signal's reason when it aborts; never resolves. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Wake().wait(signal) as Promise<never>;
}
