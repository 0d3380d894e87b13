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
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#answer = resolve;
      const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
      signal.addEventListener("abort", this.ring, { once: true });
      await promise;
      signal.removeEventListener("abort", this.ring);
      clearTimeout(timer);
    }
    this.#rung = false;
    signal.throwIfAborted();
  }
}
