import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** One question: when it was asked, and whether it was answered. */
interface Probe {
  readonly at: number;
  readonly answered: boolean;
}

const EVERY_MS = 20;
/** Shorter than a box waits, to see that nobody answers. */
const TIMEOUT_MS = 250;

/** Asks again and again, each time by a connection of its own, until it is disposed of. */
export class Prober implements AsyncDisposable {
  readonly #probes: Probe[] = [];
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(url: string, timeoutMs = TIMEOUT_MS) {
    this.#running = this.#run(url, timeoutMs);
  }

  /** How long after a moment nobody answered the questions that were asked since; 0 when every one was answered. */
  outageMs(since: number): number {
    const asked = this.#probes.filter(({ at }) => at >= since);
    const lastFailure = asked.findLastIndex(({ answered }) => !answered);
    if (lastFailure === -1) return 0;
    const next = asked[lastFailure + 1];
    return next === undefined ? Number.POSITIVE_INFINITY : next.at - since;
  }

  /** How many of the questions since a moment were asked, and not answered. */
  failuresSince(since: number): { readonly asked: number; readonly failed: number } {
    const asked = this.#probes.filter(({ at }) => at >= since);
    return { asked: asked.length, failed: asked.filter(({ answered }) => !answered).length };
  }

  /** Whether all questions of the last so many milliseconds were answered. */
  isWell(lastMs: number): boolean {
    const { asked, failed } = this.failuresSince(performance.now() - lastMs);
    return asked > 0 && failed === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(url: string, timeoutMs: number): Promise<void> {
    const asked: Promise<void>[] = [];
    while (!this.#stopped) {
      const probe = { at: performance.now(), answered: false };
      this.#probes.push(probe);
      asked.push(
        answers(url, timeoutMs).then((answered) => {
          probe.answered = answered;
        }),
      );
      await sleep(EVERY_MS);
    }
    await Promise.all(asked);
  }
}

/** Whether a box is answered there at all: what it sends is refused, which is an answer too. */
function answers(url: string, timeout: number): Promise<boolean> {
  return new Promise((resolve) => {
    const request = http.request(url, { method: "POST", agent: false, timeout }, (response) => {
      response.resume();
      resolve((response.statusCode ?? 500) < 500);
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(false));
    request.end();
  });
}
