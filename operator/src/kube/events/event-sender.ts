import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { backoffMs } from "../backoff.ts";
import type { KubeClient } from "../client/client.ts";
import { Conflict, Forbidden, NotFound, NotLeading, ServerFailed, Throttled, Unreachable } from "../client/errors.ts";
import { pathOf } from "../objects.ts";
import type { EventLimits } from "./event-limiter.ts";
import { EVENT, type Event, seriesOf } from "./event-object.ts";

/** An event that may repeat, and what the API server knows of it. */
export interface Series {
  event: Event;
  /** How often it happened. */
  count: number;
  lastObserved: Date;
  /** The count that the API server has; 0: the Event does not exist there. */
  written: number;
}

type Patience = Pick<EventLimits, "attempts" | "backoff">;

const TIMEOUT_MS = 5_000;
const MERGE_PATCH = "application/merge-patch+json";

/** Brings Events to the API server: tries again what may pass, and reports what it gives up. */
export class EventSender {
  readonly #client: KubeClient;
  readonly #patience: Patience;
  readonly #log: Logger;
  #hurry = new AbortController();
  /** Of the last failure, until something succeeds: the same failure is a warning once. */
  #failing: string | undefined;
  /** Whether, since the last hurry began, the server could once not be reached. */
  #isAway = false;

  constructor(client: KubeClient, patience: Patience, log: Logger) {
    this.#client = client;
    this.#patience = patience;
    this.#log = log;
  }

  /**
   * Creates the Event, or updates its series.
   * @returns whether the API server has it now, "gone" when it had it once and has it no more
   */
  async send(series: Series): Promise<"written" | "gone" | "given up"> {
    const { count, event } = series;
    const isNew = series.written === 0;
    if (this.#hurry.signal.aborted && this.#isAway) return "given up";
    try {
      await this.#persistently(() => (isNew ? this.#create(series, count) : this.#update(series, count)));
      this.#failing = undefined;
      return "written";
    } catch (error) {
      if (error instanceof NotFound && !isNew) return "gone";
      this.#report(error, event);
      return "given up";
    }
  }

  /**
   * Runs `work`, and does not wait meanwhile for what fails: it is tried at most once more. When the server cannot be
   * reached, the rest is given up.
   */
  async hurried(work: () => Promise<void>): Promise<void> {
    this.#hurry.abort();
    this.#isAway = false;
    try {
      await work();
    } finally {
      this.#hurry = new AbortController();
    }
  }

  async #create(series: Series, count: number): Promise<void> {
    const { event, lastObserved } = series;
    const body = count === 1 ? event : { ...event, series: seriesOf(count, lastObserved) };
    const path = pathOf(EVENT, { namespace: event.metadata.namespace });
    try {
      await this.#client.request("POST", path, { body, timeoutMs: TIMEOUT_MS, attempts: 1 });
      series.written = count;
    } catch (error) {
      // Its name is nobody else's, so an earlier try arrived after all, of which only the answer was lost.
      if (!(error instanceof Conflict)) throw error;
      series.written = 1;
    }
  }

  async #update(series: Series, count: number): Promise<void> {
    const { name, namespace } = series.event.metadata;
    const body = { series: seriesOf(count, series.lastObserved) };
    const options = { body, contentType: MERGE_PATCH, timeoutMs: TIMEOUT_MS, attempts: 1 };
    await this.#client.request("PATCH", pathOf(EVENT, { namespace, name }), options);
    series.written = count;
  }

  async #persistently(send: () => Promise<void>): Promise<void> {
    const { attempts, backoff } = this.#patience;
    for (let attempt = 1; ; attempt++) {
      const { signal } = this.#hurry;
      try {
        return await send();
      } catch (error) {
        if (!mayPass(error) || attempt >= attempts || signal.aborted) throw error;
        const askedMs = error instanceof Throttled ? Math.min(error.retryAfterMs, backoff.longestMs) : 0;
        const waitMs = Math.max(backoffMs(backoff, attempt), askedMs);
        await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  #report(error: unknown, { reason, note, regarding }: Event): void {
    const name = error instanceof Error ? error.name : String(error);
    const level = isToBeExpected(error) || name === this.#failing ? "debug" : "warn";
    this.#failing = name;
    this.#isAway ||= error instanceof Unreachable;
    this.#log[level]({ err: error, reason, note, regarding }, "Gave up writing an Event");
  }
}

function mayPass(error: unknown): boolean {
  return [Throttled, ServerFailed, Unreachable].some((type) => error instanceof type);
}

/** The namespace is gone or going, or another process leads: the Event has no place any more. */
function isToBeExpected(error: unknown): boolean {
  if (error instanceof NotFound || error instanceof NotLeading) return true;
  return error instanceof Forbidden && error.message.includes("being terminated");
}
