import type { Logger } from "pino";
import type { KubeClient } from "../client/client.ts";
import type { KubeObject } from "../objects.ts";
import { RecentMap } from "../recent-map.ts";
import { DEFAULT_LIMITS, EventLimiter, type EventLimits } from "./event-limiter.ts";
import { aboutOf, type EventInput, eventOf, identityOf, type Reporter, recreated } from "./event-object.ts";
import { EventSender, type Series } from "./event-sender.ts";

export interface EventRecorderOptions extends Reporter {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly limits?: Partial<EventLimits>;
  /** The time that Events show. */
  readonly now?: () => Date;
  /** Measures durations, in ms. Default: performance.now. */
  readonly monotonicNow?: () => number;
}

/** Times in ms of the monotonic clock. */
interface Recorded extends Series {
  seenAt: number;
  /** When it may be written next. */
  nextAt: number;
}

/**
 * Tells users what happened to their objects, as Events of events.k8s.io/v1. An event that repeats is one Event that
 * counts: its first repeat is written at once, later ones together at most once a minute. Events beyond the limits are
 * dropped. Events are best effort: whatever fails ends in the log, never at the caller.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #limits: EventLimits;
  readonly #monotonicNow: () => number;
  readonly #recorded: RecentMap<Recorded>;
  readonly #limiter: EventLimiter;
  readonly #sender: EventSender;
  /** What is to be sent later, when its timer says so. */
  readonly #later = new Map<Recorded, NodeJS.Timeout>();
  /** What is to be sent now, one after the other. */
  readonly #outbox = new Set<Recorded>();
  #sending: Recorded | undefined;
  #drained: Promise<void> | undefined;

  constructor(options: EventRecorderOptions) {
    const { client, limits, log, monotonicNow = () => performance.now() } = options;
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#monotonicNow = monotonicNow;
    this.#recorded = new RecentMap(this.#limits.capacity);
    this.#limiter = new EventLimiter(this.#limits, monotonicNow, log);
    this.#sender = new EventSender(client, this.#limits, log);
  }

  /** How many events were dropped because of the limits. */
  get dropped(): number {
    return this.#limiter.dropped;
  }

  /** Notes that something happened to an object. Never throws and never waits. */
  record(regarding: KubeObject, input: EventInput): void {
    try {
      this.#note(regarding, input);
    } catch (error) {
      this.#options.log.error({ err: error }, "Could not record an event");
    }
  }

  /**
   * Resolves when everything recorded so far was sent or given up. What fails meanwhile is tried at most once more, and
   * a server that does not answer is not waited for longer than about 10 seconds.
   */
  async flush(): Promise<void> {
    await this.#sender.hurried(async () => {
      // What repeated while it was being sent waits for its turn only after that.
      await this.#drained;
      for (const recorded of this.#later.keys()) this.#send(recorded);
      await this.#drained;
    });
  }

  #note(regarding: KubeObject, input: EventInput): void {
    const { now = () => new Date() } = this.#options;
    const identity = identityOf(regarding, input);
    const seenAt = this.#monotonicNow();
    const lastObserved = now();
    const known = this.#recorded.get(identity);
    if (known !== undefined && seenAt - known.seenAt <= this.#limits.seriesMs) {
      known.count += 1;
      known.lastObserved = lastObserved;
      known.seenAt = seenAt;
      this.#plan(known);
      return;
    }
    const { kind, metadata } = regarding;
    const fields = { kind, name: metadata.name, namespace: metadata.namespace, reason: input.reason };
    if (!this.#limiter.admits(aboutOf(regarding), fields, this.#outbox.size)) return;
    const event = eventOf(regarding, input, this.#options, lastObserved);
    const recorded = { event, count: 1, lastObserved, written: 0, seenAt, nextAt: 0 };
    this.#recorded.set(identity, recorded);
    this.#send(recorded);
  }

  /** Sees to it that a repeat is written when its time comes. */
  #plan(recorded: Recorded): void {
    if (recorded === this.#sending || this.#outbox.has(recorded) || this.#later.has(recorded)) return;
    this.#sendAfter(recorded, recorded.nextAt - this.#monotonicNow());
  }

  #sendAfter(recorded: Recorded, delayMs: number): void {
    if (delayMs <= 0 && this.#limiter.admitsUpdate()) {
      this.#send(recorded);
      return;
    }
    const waitMs = delayMs <= 0 ? this.#limits.updateEveryMs : delayMs;
    const timer = setTimeout(() => this.#sendAfter(recorded, 0), waitMs);
    this.#later.set(recorded, timer.unref());
  }

  #send(recorded: Recorded): void {
    clearTimeout(this.#later.get(recorded));
    this.#later.delete(recorded);
    this.#outbox.add(recorded);
    this.#drained ??= this.#drain();
  }

  async #drain(): Promise<void> {
    // The walk also comes by at what is added on the way.
    for (const recorded of this.#outbox) {
      this.#outbox.delete(recorded);
      this.#sending = recorded;
      await this.#write(recorded);
    }
    this.#drained = undefined;
  }

  async #write(recorded: Recorded): Promise<void> {
    const { count, lastObserved, written } = recorded;
    const outcome = await this.#sender.send(recorded);
    this.#sending = undefined;
    const isFirst = outcome === "written" && written === 0;
    recorded.nextAt = isFirst ? 0 : this.#monotonicNow() + this.#limits.updateEveryMs;
    if (outcome === "gone") {
      recorded.event = recreated(recorded.event, lastObserved);
      recorded.count -= written;
      recorded.written = 0;
      this.#outbox.add(recorded);
      return;
    }
    const told = outcome === "written" ? recorded.written : count;
    if (recorded.count > told) this.#plan(recorded);
  }
}
