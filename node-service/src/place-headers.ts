import type { FastifyReply } from "fastify";
import type { Place } from "./partition/watermark.ts";

const EPOCH = "aaa-epoch";
const SEQUENCE = "aaa-sequence";

/** Says in an answer which node it is from, and from which place of the stream. The texts are made once for each place. */
export class PlaceHeaders {
  readonly #partition: string;
  readonly #at: () => Place;
  #place: Place | null = null;
  #headers = { "aaa-partition": "", [EPOCH]: "", [SEQUENCE]: "" };

  /** @param at where the node is now; the same object as long as it is the same place */
  constructor(partition: string, at: () => Place) {
    this.#partition = partition;
    this.#at = at;
  }

  /** Sets the headers to where the node is now. */
  set(reply: FastifyReply): void {
    const place = this.#at();
    if (place !== this.#place) {
      const { epoch, sequence } = place;
      this.#place = place;
      this.#headers = { "aaa-partition": this.#partition, [EPOCH]: String(epoch), [SEQUENCE]: String(sequence) };
    }
    const isSet =
      reply.getHeader(SEQUENCE) === this.#headers[SEQUENCE] && reply.getHeader(EPOCH) === this.#headers[EPOCH];
    if (!isSet) reply.headers(this.#headers);
  }
}
