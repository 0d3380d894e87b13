import type { KubeClient } from "../client/client.ts";
import { Conflict, LeadershipLost, NotFound } from "../client/errors.ts";
import { pathOf } from "../objects.ts";
import { microTime } from "../time.ts";
import { type Candidate, holderOf, LEASE, type Lease, newLease, released, renewed, taken } from "./lease.ts";

export interface LeaseStoreOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  readonly candidate: Candidate;
  /** How long the next request may take, in ms. */
  readonly timeoutMs: () => number;
}

type LeaseEdit = (lease: Lease, time: string) => Lease;

/**
 * One Lease at the API server, as a candidate reads and writes it. Every write names the version it was made from, so
 * that of two candidates one gets a Conflict. Methods reject with what the API server says; nothing is tried twice but
 * what is said so.
 */
export class LeaseStore {
  readonly #options: LeaseStoreOptions;
  #timestamps = 0;

  constructor(options: LeaseStoreOptions) {
    this.#options = options;
  }

  /** The lease as it is, undefined when there is none. */
  find(signal?: AbortSignal): Promise<Lease | undefined> {
    const { client, namespace, name, timeoutMs } = this.#options;
    return client.find<Lease>(pathOf(LEASE, { namespace, name }), { timeoutMs: timeoutMs(), attempts: 1, signal });
  }

  /** Makes the candidate the holder of what was found. */
  take(found: Lease | undefined): Promise<Lease> {
    const { namespace, name, candidate } = this.#options;
    return this.#write(taken(found ?? newLease(namespace, name), candidate, this.#timestamp()));
  }

  /** Renews the candidate's lease, also when others changed fields that are not ours; rejects with LeadershipLost. */
  renew(lease: Lease): Promise<Lease> {
    return this.#change(lease, renewed);
  }

  /** Leaves the candidate's lease without a holder; rejects as `renew` does. */
  release(lease: Lease): Promise<Lease> {
    return this.#change(lease, released);
  }

  /** After a timeout an earlier write of ours may have come through: a Conflict alone does not mean another holder. */
  async #change(lease: Lease, change: LeaseEdit): Promise<Lease> {
    try {
      return await this.#write(change(lease, this.#timestamp()));
    } catch (error) {
      if (!(error instanceof Conflict || error instanceof NotFound)) throw error;
      const found = await this.find();
      if (found === undefined) throw new LeadershipLost("the lease was deleted");
      const holder = holderOf(found);
      if (holder !== this.#options.candidate.identity)
        throw new LeadershipLost(`${holder ?? "nobody"} holds the lease`);
      return await this.#write(change(found, this.#timestamp()));
    }
  }

  /** Has no signal to end it early: nobody would know whether it took place. */
  #write(lease: Lease): Promise<Lease> {
    const { client, namespace, name, timeoutMs } = this.#options;
    const options = { body: lease, timeoutMs: timeoutMs(), attempts: 1 };
    return lease.metadata.resourceVersion === undefined
      ? client.request<Lease>("POST", pathOf(LEASE, { namespace }), options)
      : client.request<Lease>("PUT", pathOf(LEASE, { namespace, name }), options);
  }

  /**
   * Two renewals differ also while the clock stands still: the server does not store, and nobody would see, an update
   * that changes nothing.
   */
  #timestamp(): string {
    this.#timestamps += 1;
    return microTime(new Date(), this.#timestamps);
  }
}
