/** A doorbell between whatever has news and the one loop that waits for it. A ring while nobody waits is kept. */
export class Wake {
  #rung = false;
  #answer: () => void = () => {};

  readonly ring = (): void => {
    this.#rung = true;
    this.#answer();
  };

  /**
   * Waits for the next ring, at most `timeoutMs`; rejects with the signal's reason when it aborts. A ring may be about
   * news that was already seen, so look again after it.
   * @returns whether it rang
   */
  async wait(signal: AbortSignal, timeoutMs?: number): Promise<boolean> {
    signal.throwIfAborted();
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = timeoutMs === undefined ? undefined : setTimeout(resolve, timeoutMs);
        this.#answer = () => {
          clearTimeout(timer);
          resolve();
        };
        signal.addEventListener("abort", this.#answer, { once: true });
      });
      signal.removeEventListener("abort", this.#answer);
    }
    const rung = this.#rung;
    this.#rung = false;
    signal.throwIfAborted();
    return rung;
  }
}

/** Rejects with the signal's reason when it aborts; never resolves. */
export async function untilAborted(signal: AbortSignal): Promise<never> {
  for (;;) await new Wake().wait(signal);
}
