import { Connection } from "../../box/connection.ts";

const TIMEOUT_MS = 10_000;

/** Does something for every number below `count` once, in so many lanes at a time. Rejects with the first failure. */
export async function inLanes(
  lanes: number,
  count: number,
  work: (lane: number, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const inLane = async (lane: number): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(lane, index);
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => inLane(lane)));
}

/** A connection for each lane, opened when it is used first. */
export class LaneConnections {
  readonly #url: () => string;
  #connections: Connection[] = [];

  /** @param url where to connect; a function, as the server may start anew */
  constructor(url: () => string) {
    this.#url = url;
  }

  of(lane: number): Connection {
    this.#connections[lane] ??= new Connection(this.#url(), TIMEOUT_MS);
    return this.#connections[lane];
  }

  /** Closes all; a lane that is used again opens another one. */
  readonly close = async (): Promise<void> => {
    await Promise.all(this.#connections.map((connection) => connection.drop()));
    this.#connections = [];
  };
}
