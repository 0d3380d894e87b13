import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { KubeClient } from "../client/client.ts";
import { Conflict, LeadershipLost, NotLeading } from "../client/errors.ts";
import { type Candidate, holderOf, isFree, type Lease, type Observation, observed } from "./lease.ts";
import { LeaseStore } from "./lease-store.ts";

export interface LeaderElectionOptions {
  /** Must not be guarded by this election: the lease is written before we lead. */
  readonly client: KubeClient;
  readonly namespace: string;
  /** Name of the Lease, the same in all processes of which one is to lead. */
  readonly name: string;
  /** Unique per process, also among processes of one pod: the pod's name plus something random. */
  readonly identity: string;
  /** How long the others keep away after our last renewal. Written in whole seconds, rounded up. Default 15 s. */
  readonly leaseDurationMs?: number;
  /** How long after the start of our last renewal we still lead. Default 10 s. */
  readonly renewDeadlineMs?: number;
  /** The pause between renewals, and between a standby's looks at the lease. Default 2 s. */
  readonly retryPeriodMs?: number;
  readonly log: Logger;
  /** Told when we begin and when we cease to lead, for metrics. */
  readonly onChange?: (leading: boolean) => void;
  /** A clock that is never set, in ms. Default: performance.now. */
  readonly monotonicNow?: () => number;
}

/** Attempts to renew that fit between a renewal and its deadline, even when each hangs until its timeout. */
const ATTEMPTS = 3;
/** The share of a pause that chance takes off, so that candidates do not keep step. */
const JITTER = 0.2;

/**
 * Makes one of several processes the leader, by a Lease of coordination.k8s.io/v1. Use: `acquire`, then at once `hold`
 * for as long as the work goes on, then `release`; writes of the work go through a client guarded by `assertLeading`.
 *
 * Nobody's clock is compared with anybody else's. The leader counts `renewDeadlineMs` from before each renewal was
 * sent; the others count the longer `leaseDurationMs` from when they saw the record change. The difference is the time
 * that a write under way has to arrive.
 */
export class LeaderElector {
  readonly #log: Logger;
  readonly #onChange: (leading: boolean) => void;
  readonly #now: () => number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #candidate: Candidate;
  readonly #store: LeaseStore;
  /** The record as we know it, while we hold it. */
  #lease: Lease | undefined;
  #renewedAt = Number.NEGATIVE_INFINITY;

  /** @throws RangeError when the durations contradict each other */
  constructor(options: LeaderElectionOptions) {
    const { client, namespace, name, identity, leaseDurationMs = 15_000 } = options;
    const { renewDeadlineMs = 10_000, retryPeriodMs = 2_000 } = options;
    checkOrder({ leaseDurationMs, renewDeadlineMs, retryPeriodMs });
    this.#log = options.log.child({ lease: `${namespace}/${name}`, identity });
    this.#onChange = options.onChange ?? (() => {});
    this.#now = options.monotonicNow ?? (() => performance.now());
    this.#renewDeadlineMs = renewDeadlineMs;
    this.#retryPeriodMs = retryPeriodMs;
    this.#candidate = { identity, leaseDurationMs };
    this.#store = new LeaseStore({
      client,
      namespace,
      name,
      candidate: this.#candidate,
      timeoutMs: () => this.#requestTimeoutMs(),
    });
  }

  /**
   * Whether a write may leave now. Computed from the clock, and so right even when nothing of this process ran for a
   * while. Once false, it stays so until the next `acquire`.
   */
  get isLeading(): boolean {
    return this.#now() < this.#deadline;
  }

  /** The number of our term; terms grow for as long as the Lease exists. Undefined while we hold no lease. */
  get term(): number | undefined {
    return this.#lease?.spec?.leaseTransitions;
  }

  /** Throws NotLeading unless `isLeading`. For KubeClient.guardedBy. */
  readonly assertLeading = (): void => {
    if (!this.isLeading) throw new NotLeading(`${this.#candidate.identity} does not lead`);
  };

  /** Waits until the lease is ours, whatever the API server does; rejects with the signal's reason when aborted before. */
  async acquire(signal: AbortSignal): Promise<void> {
    let seen: Observation | undefined;
    for (;;) {
      signal.throwIfAborted();
      const startedAt = this.#now();
      try {
        seen = this.#noted(seen, await this.#store.find(signal));
        if (isFree(seen, this.#candidate, this.#now()) && (await this.#take(seen.lease))) return;
      } catch (error) {
        if (error instanceof Conflict) this.#log.info("Another was faster");
        else if (!signal.aborted) this.#log.warn({ err: error }, "Could not acquire the lease");
      }
      await this.#sleepUntil(startedAt + this.#period(), signal);
    }
  }

  /** Renews the lease until the signal, then resolves; rejects with LeadershipLost as soon as we lead no longer. */
  async hold(signal: AbortSignal): Promise<void> {
    let startedAt = this.#renewedAt;
    for (;;) {
      await this.#sleepUntil(Math.min(startedAt + this.#period(), this.#deadline), signal);
      if (signal.aborted) return;
      startedAt = this.#now();
      try {
        await this.#renew(startedAt);
      } catch (error) {
        this.#cease();
        throw error;
      }
    }
  }

  /**
   * Gives the lease away, so that a standby need not wait for its end. Call it when `hold` has ended and no write is
   * under way: nothing keeps the next leader waiting for one. Does nothing unless we lead, as the rest of a lost lease
   * is what our last writes have to arrive. Never rejects, and takes no longer than the renew deadline.
   */
  async release(): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined || !this.isLeading) return;
    this.#cease();
    try {
      await this.#store.release(lease);
      this.#log.info("Released the lease");
    } catch (error) {
      this.#log.warn({ err: error }, "Could not release the lease");
    }
  }

  get #deadline(): number {
    return this.#renewedAt + this.#renewDeadlineMs;
  }

  #noted(before: Observation | undefined, lease: Lease | undefined): Observation {
    const holder = holderOf(lease);
    if (holder !== undefined && holder !== holderOf(before?.lease)) this.#log.info({ holder }, "Found a leader");
    return observed(before, lease, this.#now());
  }

  /** Whether we lead now: not when the answer came so late that it is worth nothing. */
  async #take(found: Lease | undefined): Promise<boolean> {
    const startedAt = this.#now();
    this.#lease = await this.#store.take(found);
    this.#renewedAt = startedAt;
    if (!this.isLeading) return false;
    this.#log.info({ term: this.term }, "Acquired the lease");
    this.#onChange(true);
    return true;
  }

  async #renew(startedAt: number): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined || !this.isLeading) {
      throw new LeadershipLost(`the lease was not renewed for ${this.#renewDeadlineMs} ms`);
    }
    try {
      this.#lease = await this.#store.renew(lease);
      // A renewal that came too late must not make us lead again.
      if (this.isLeading) this.#renewedAt = startedAt;
    } catch (error) {
      if (error instanceof LeadershipLost) throw error;
      this.#log.warn({ err: error }, "Could not renew the lease");
    }
  }

  #cease(): void {
    this.#renewedAt = Number.NEGATIVE_INFINITY;
    this.#lease = undefined;
    this.#onChange(false);
  }

  /** Short enough for several attempts before the deadline, which ends a leader's request in any case. */
  #requestTimeoutMs(): number {
    const share = (this.#renewDeadlineMs - this.#retryPeriodMs) / ATTEMPTS;
    const left = this.#deadline - this.#now();
    return Math.ceil(left > 0 ? Math.min(share, left) : share);
  }

  #period(): number {
    return this.#retryPeriodMs * (1 - JITTER * Math.random());
  }

  async #sleepUntil(time: number, signal: AbortSignal): Promise<void> {
    await sleep(Math.max(0, time - this.#now()), undefined, { signal }).catch(() => undefined);
  }
}

function checkOrder(durations: Record<"leaseDurationMs" | "renewDeadlineMs" | "retryPeriodMs", number>): void {
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = durations;
  if (leaseDurationMs > renewDeadlineMs && renewDeadlineMs > retryPeriodMs && retryPeriodMs > 0) return;
  const given = Object.entries(durations).map(([name, ms]) => `${name} ${ms}`);
  throw new RangeError(`lease duration > renew deadline > retry period > 0 is wanted, not ${given.join(", ")}`);
}
