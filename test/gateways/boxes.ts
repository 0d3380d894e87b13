import type { Phase } from "../box/simulation.ts";
import { simulate } from "../box/simulation.ts";
import { OPERATIONS } from "../box/tally.ts";
import { boxIdentity } from "../lib/aaa-cluster.ts";

export const BOXES = 30;
const SECOND_MS = 1_000;
const TIMEOUT_MS = 5_000;
const PATIENCE_MS = 60_000;
/** People who zap all the time. */
const HABITS = {
  services: ["channel:news", "channel:sports", "channel:opera"],
  stayMs: 2_000,
  glanceMs: 500,
  interimMs: 1_000,
};

/** What became of the requests of boxes. */
export interface BoxFigures {
  readonly succeeded: number;
  /** Requests that failed and were repeated, by kind. */
  readonly failures: Readonly<Record<string, number>>;
  /** What a box did not get in the end, however often it asked. */
  readonly givenUp: number;
}

/** Simulated boxes of sample subscribers, which are on and zap until it is disposed of. They repeat what fails. */
export class Boxes implements AsyncDisposable {
  readonly #running: Promise<void>;
  #stopped = false;
  #succeeded = 0;
  #givenUp = 0;
  #failures = new Map<string, number>();

  /** @param gatewayUrl of an AAA gateway whose cluster has the sample subscribers 1 to 30 */
  constructor(gatewayUrl: string) {
    this.#running = this.#run(gatewayUrl);
  }

  /** What became of requests that ended since this was asked last, up to a second ago. */
  take(): BoxFigures {
    const figures = {
      succeeded: this.#succeeded,
      givenUp: this.#givenUp,
      failures: Object.fromEntries(this.#failures),
    };
    this.#succeeded = 0;
    this.#givenUp = 0;
    this.#failures = new Map();
    return figures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  *#phases(): Generator<Phase, void> {
    yield { name: "install" };
    yield { name: "boot", withinMs: SECOND_MS };
    while (!this.#stopped) yield { name: "watch", forMs: SECOND_MS };
  }

  async #run(gatewayUrl: string): Promise<void> {
    const reports = simulate({
      gatewayUrl,
      boxes: Array.from({ length: BOXES }, (_, index) => boxIdentity(index + 1)),
      phases: this.#phases(),
      habits: HABITS,
      seed: 1,
      run: Date.now().toString(36),
      timeoutMs: TIMEOUT_MS,
      patienceMs: PATIENCE_MS,
    });
    for await (const { operations } of reports) {
      for (const operation of OPERATIONS) {
        const { succeeded, givenUp, failures } = operations[operation];
        this.#succeeded += succeeded;
        this.#givenUp += givenUp;
        for (const [kind, count] of Object.entries(failures)) {
          this.#failures.set(kind, (this.#failures.get(kind) ?? 0) + count);
        }
      }
    }
  }
}
