import { partitionQueue } from "@aaa-cluster/contract";
import { Freshness } from "./freshness.ts";
import { Proofs } from "./proofs.ts";
import type { StalenessLimit } from "./staleness.ts";
import type { Watermark } from "./storage.ts";
import { NEVER_SYNCED, type Place } from "./watermark.ts";

/** Where this node is in the stream, as its consumer last knew. */
export class Partition {
  readonly name: string;
  readonly queue: string;
  readonly limit: StalenessLimit;
  readonly freshness = new Freshness(performance.now());
  readonly proofs = new Proofs();
  watermark: Place = NEVER_SYNCED;
  /** The digest of the content at the watermark. */
  digest = 0n;
  /** Whether the watermark is known: this process has read it from its database. */
  located = false;
  /** Whether the node follows the stream: connected, and not waiting for a snapshot. */
  following = false;
  /** Aborts when the consumer of the queue is lost; null while there is none. */
  consumer: AbortSignal | null = null;
  /** When it last took a snapshot because its content was another than OSS's, in ms of the monotonic clock. */
  divergedAt = Number.NEGATIVE_INFINITY;
  /** Messages of the queue that are not in the database yet, when they were last counted. Each has one event or more. */
  waiting = 0;
  /** The last sequence that OSS had given, as the current relay told last. */
  head = 0n;

  constructor(name: string, limit: StalenessLimit) {
    this.name = name;
    this.queue = partitionQueue(name);
    this.limit = limit;
  }

  reached({ place, digest }: Watermark): void {
    this.watermark = place;
    this.digest = digest;
    this.located = true;
  }

  /** Events that are not in the database yet, as far as this node knows: there are at least so many. */
  get lag(): number {
    return Math.max(this.waiting, Number(this.head - this.watermark.sequence), 0);
  }

  get everSynced(): boolean {
    return this.watermark.epoch > NEVER_SYNCED.epoch;
  }

  get synced(): boolean {
    return this.everSynced && this.following;
  }

  get consuming(): boolean {
    return this.consumer?.aborted === false;
  }

  /** Seconds since the node was last known to have every change; 0 while it has. */
  get lagSeconds(): number {
    return this.freshness.seconds(performance.now(), this.synced && this.consuming);
  }

  /** Whether it was found to have another content than OSS. */
  get differs(): boolean {
    return this.proofs.differs(performance.now());
  }

  get behind(): boolean {
    return this.lagSeconds > this.limit.maxLagSeconds;
  }
}
