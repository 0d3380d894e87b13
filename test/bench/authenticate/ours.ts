import { admit, ask } from "../../box/box.ts";
import { Connection } from "../../box/connection.ts";
import type { NodeUnderLoad } from "../boxes/node.ts";
import { boxOfPopulation } from "../boxes/population.ts";
import type { Subject } from "../boxes/subject.ts";

const TIMEOUT_MS = 10_000;

/** A node that admits boxes: both steps of SCRAM-SHA-256, with a new connection for no box. */
export function admissions(node: NodeUnderLoad): Subject {
  const lanes = new Lanes(node.url);
  return {
    name: "node-service",
    cpu: node.cpu,
    once: async (lane, box) => {
      await admitAt(lanes.of(lane), box);
    },
    [Symbol.asyncDispose]: () => lanes.drop(),
  };
}

/** A node that gives boxes another access token for the refresh token that each kept when it was admitted. */
export async function refreshes(node: NodeUnderLoad, population: number, lanesAtOnce: number): Promise<Subject> {
  const lanes = new Lanes(node.url);
  const tokens: string[] = [];
  let next = 0;
  const admitSome = async (lane: number): Promise<void> => {
    for (let box = next++; box < population; box = next++) {
      tokens[box] = String((await admitAt(lanes.of(lane), box)).refreshToken);
    }
  };
  await Promise.all(Array.from({ length: lanesAtOnce }, (_, lane) => admitSome(lane)));
  return {
    name: "node-service, refreshed",
    cpu: node.cpu,
    once: async (lane, box) => {
      await ask(lanes.of(lane), "/v1/authenticate/refresh", { refreshToken: tokens[box] });
    },
    [Symbol.asyncDispose]: () => lanes.drop(),
  };
}

function admitAt(connection: Connection, box: number): Promise<Record<string, unknown>> {
  const { keys, ...identity } = boxOfPopulation(box);
  return admit(
    (path, body) => ask(connection, path, body),
    identity,
    () => keys,
  );
}

/** A connection for each lane. */
class Lanes {
  readonly #url: string;
  readonly #connections: Connection[] = [];

  constructor(url: string) {
    this.#url = url;
  }

  of(lane: number): Connection {
    this.#connections[lane] ??= new Connection(this.#url, TIMEOUT_MS);
    return this.#connections[lane];
  }

  async drop(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.drop()));
  }
}
