import { admit, ask } from "../../box/box.ts";
import type { Connection } from "../../box/connection.ts";
import { inLanes, LaneConnections } from "../boxes/lanes.ts";
import type { NodeUnderLoad } from "../boxes/node.ts";
import { boxOfPopulation } from "../boxes/population.ts";
import type { Subject } from "../boxes/subject.ts";

export interface Admissions {
  /** Both steps of SCRAM-SHA-256. */
  readonly ours: Subject;
  /** Another access token for the refresh token that each box kept when it was admitted. */
  readonly refreshed: Subject;
}

/**
 * A node that admits boxes in two ways, with a new connection for no box. Each box has been admitted once before it is measured. Both ways
 * are renewed together, with `ours`.
 */
export async function admissions(node: NodeUnderLoad, population: number, lanes: number): Promise<Admissions> {
  const connections = new LaneConnections(() => node.url);
  const tokens: string[] = [];
  const admitAll = (): Promise<void> =>
    inLanes(lanes, population, async (lane, box) => {
      tokens[box] = String((await admitAt(connections.of(lane), box)).refreshToken);
    });
  await admitAll();
  return {
    ours: {
      name: "node-service",
      cpu: node.cpu,
      once: async (lane, box) => {
        await admitAt(connections.of(lane), box);
      },
      renew: async () => {
        await connections.close();
        await node.restart();
        await admitAll();
      },
      [Symbol.asyncDispose]: connections.close,
    },
    refreshed: {
      name: "node-service, refreshed",
      cpu: node.cpu,
      once: async (lane, box) => {
        await ask(connections.of(lane), "/v1/authenticate/refresh", { refreshToken: tokens[box] });
      },
      [Symbol.asyncDispose]: async () => {},
    },
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
