import http from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { outageMs } from "./outages.ts";

/** One question: when it was asked, and what became of it. */
interface Probe {
  readonly at: number;
  outcome: Outcome;
  /** Resolves when it has an outcome. */
  readonly over: Promise<void>;
}

/** Why a question was not answered; the answer that a box wants is `answered`. */
export type Outcome = "answered" | "unanswered yet" | "refused" | "reset" | "timeout" | `HTTP ${number}` | "other";

/** What became of the questions since a moment. */
export interface Failures {
  readonly asked: number;
  readonly failed: number;
  /** By why they failed: how many there were, and the first and the last, in milliseconds after that moment. */
  readonly kinds: Readonly<
    Record<string, { readonly count: number; readonly firstMs: number; readonly lastMs: number }>
  >;
}

const EVERY_MS = 20;
/** Shorter than a box waits, to see that nobody answers. */
const TIMEOUT_MS = 250;

/** Asks again and again, each time by a connection of its own, until it is disposed of. It never asks the same twice. */
export class Prober implements AsyncDisposable {
  readonly #probes: Probe[] = [];
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(url: string, timeoutMs = TIMEOUT_MS) {
    this.#running = this.#run(url, timeoutMs);
  }

  /** For how many milliseconds since a moment there was no answer. Those questions that have only just been asked say nothing. */
  outageMs(since: number): number {
    const all = this.#since(since);
    const asked = all.slice(0, all.findLastIndex(({ outcome }) => outcome !== "unanswered yet") + 1);
    return outageMs(asked.map(({ at, outcome }) => ({ at, answered: outcome === "answered" })));
  }

  /** What became of the questions that were asked since a moment until now, once all of them have an outcome. */
  async failuresSince(since: number): Promise<Failures> {
    const asked = this.#since(since);
    await Promise.all(asked.map(({ over }) => over));
    const failed = asked.filter(({ outcome }) => outcome !== "answered");
    const kinds = [...Map.groupBy(failed, ({ outcome }) => outcome)].map(([kind, probes]) => {
      const times = probes.map(({ at }) => Math.round(at - since));
      return [kind, { count: probes.length, firstMs: Math.min(...times), lastMs: Math.max(...times) }];
    });
    return { asked: asked.length, failed: failed.length, kinds: Object.fromEntries(kinds) };
  }

  /** Whether all questions of the last so many milliseconds were answered. */
  isWell(lastMs: number): boolean {
    const asked = this.#since(performance.now() - lastMs);
    return asked.length > 0 && asked.every(({ outcome }) => outcome === "answered");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  #since(moment: number): readonly Probe[] {
    // They are in order, and nearly always only the last of very many are asked for.
    return this.#probes.slice(this.#probes.findLastIndex(({ at }) => at < moment) + 1);
  }

  async #run(url: string, timeoutMs: number): Promise<void> {
    while (!this.#stopped) {
      const asked = ask(url, timeoutMs);
      const probe: Probe = {
        at: performance.now(),
        outcome: "unanswered yet",
        over: asked.then((outcome) => {
          probe.outcome = outcome;
        }),
      };
      this.#probes.push(probe);
      await sleep(EVERY_MS);
    }
    await Promise.all(this.#probes.map(({ over }) => over));
  }
}

/** Whether a box is answered there at all: what it sends is refused, which is an answer too. */
function ask(url: string, timeout: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const request = http.request(url, { method: "POST", agent: false }, (response) => {
      const { statusCode = 500 } = response;
      response.on("error", (error) => done(kindOf(error)));
      response.on("end", () => done(statusCode < 500 ? "answered" : `HTTP ${statusCode}`));
      response.resume();
    });
    const timer = setTimeout(() => {
      done("timeout");
      request.destroy();
    }, timeout);
    const done = (outcome: Outcome): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    request.on("error", (error) => done(kindOf(error)));
    request.end();
  });
}

function kindOf({ code }: NodeJS.ErrnoException): Outcome {
  if (code === "ECONNREFUSED") return "refused";
  if (code === "ECONNRESET" || code === "EPIPE") return "reset";
  return code === "ETIMEDOUT" ? "timeout" : "other";
}
