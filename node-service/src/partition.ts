import { partitionQueue } from "@aaa-cluster/contract";
import { NEVER_SYNCED, type Place } from "./watermark.ts";

/** Where this node is in the stream, as its consumer last knew. */
export class Partition {
  readonly name: string;
  readonly queue: string;
  watermark: Place = NEVER_SYNCED;
  /** Whether the node follows the stream: connected, and not waiting for a snapshot. */
  following = false;
  /** Messages in the queue that are not in the database yet. */
  lag = 0;

  constructor(name: string) {
    this.name = name;
    this.queue = partitionQueue(name);
  }

  get everSynced(): boolean {
    return this.watermark.epoch > NEVER_SYNCED.epoch;
  }

  get synced(): boolean {
    return this.everSynced && this.following;
  }
}
