import type { FastifyInstance, FastifyReply } from "fastify";
import type { Place } from "./partition/watermark.ts";

declare module "fastify" {
  interface FastifyReply {
    /** The place that its headers name. */
    place: Place | null;
  }
}

/** Says in an answer which node it is from, and from which place of the stream. The texts are made once for each place. */
export class PlaceHeaders {
  readonly #partition: string;
  readonly #at: () => Place;
  #place: Place | null = null;
  #headers: Readonly<Record<string, string>> = {};

  /**
   * @param app whose answers these are
   * @param at where the node is now; the same object as long as it is the same place
   */
  constructor(app: FastifyInstance, partition: string, at: () => Place) {
    app.decorateReply("place", null);
    this.#partition = partition;
    this.#at = at;
  }

  /** Sets the headers to where the node is now. */
  set(reply: FastifyReply): void {
    const place = this.#at();
    if (place === reply.place) return;
    reply.place = place;
    if (place !== this.#place) {
      const { epoch, sequence } = place;
      this.#place = place;
      this.#headers = {
        "aaa-partition": this.#partition,
        "aaa-epoch": String(epoch),
        "aaa-sequence": String(sequence),
      };
    }
    reply.headers(this.#headers);
  }
}
