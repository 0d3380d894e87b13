import type { Socket } from "node:net";
import type { Counter } from "prom-client";
import { boxOf, type DeviceLimit } from "./device-limit.ts";
import { Pause } from "./pause.ts";
import { overloaded, tooManyRequests } from "./problems.ts";
import { Turn } from "./turn.ts";

/**
 * A turn of the event loop that takes longer keeps the stream, the probes and every box waiting. What comes in it waits for the
 * next one, so for twice as long at most: less than probes and boxes do.
 */
const LONGEST_TURN_MS = 1_000;
/** Requests that wait for something else than this process, for example its database. */
const MOST_IN_PROGRESS = 4_000;

export type ShedReason = "turn" | "in-progress" | "accounting" | "device";

export interface AdmissionDeps {
  readonly deviceLimit: DeviceLimit;
  readonly shed: Counter<"reason">;
}

/** What is refused so that the rest is served: before it is read, with an answer that is ready. */
export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #turn = new Turn();
  readonly #pause = new Pause();
  readonly #problem = JSON.stringify(overloaded("this node has more to do than it can"));
  #inProgress = 0;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** Requests that could not be answered at once, and are being worked on. */
  get inProgress(): number {
    return this.#inProgress;
  }

  /**
   * Why there is no time for one request more, or null.
   * @param hasQueue whether what it will wait for is bounded by a queue of its own
   */
  overload(hasQueue: boolean): ShedReason | null {
    if (this.#turn.take() > LONGEST_TURN_MS) return "turn";
    return !hasQueue && this.#inProgress >= MOST_IN_PROGRESS ? "in-progress" : null;
  }

  /** Counts a request that is refused. @returns the problem to answer with, as JSON */
  shed(reason: ShedReason): string {
    this.#deps.shed.inc({ reason });
    return this.#problem;
  }

  /** Does not read for a while what comes after a request that was refused. */
  pause(connection: Socket): void {
    this.#pause.add(connection);
  }

  /** Takes a request of the box whose body it is, when that has come: whoever sends it slowly takes nobody's place. Throws Problem 429. */
  limit(body: unknown): void {
    const box = boxOf(body);
    const tooEarlyMs = box === null ? 0 : this.#deps.deviceLimit.take(box, performance.now());
    if (tooEarlyMs === 0) return;
    this.#deps.shed.inc({ reason: "device" });
    throw tooManyRequests(tooEarlyMs / 1000);
  }

  /** Counts a request as one in progress until its answer is there. */
  wait(answer: Promise<unknown>): void {
    this.#inProgress += 1;
    const end = (): void => {
      this.#inProgress -= 1;
    };
    answer.then(end, end);
  }
}
