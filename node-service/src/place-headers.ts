import type { Head } from "./box-http/route.ts";
import type { Place } from "./partition/watermark.ts";

/** Says in an answer which node it is from, and from which place of the stream. The texts are made once for each place. */
export class PlaceHeaders {
  readonly #partition: string;
  readonly #at: () => Place;
  #place: Place | null = null;
  #head: Head = [];

  /** @param at where the node is now; the same object as long as it is the same place */
  constructor(partition: string, at: () => Place) {
    this.#partition = partition;
    this.#at = at;
  }

  /** The headers for where the node is now. */
  get now(): Head {
    const place = this.#at();
    if (place === this.#place) return this.#head;
    const { epoch, sequence } = place;
    this.#place = place;
    this.#head = ["aaa-partition", this.#partition, "aaa-epoch", String(epoch), "aaa-sequence", String(sequence)];
    return this.#head;
  }
}
