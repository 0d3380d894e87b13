import { admit, ask } from "../../box/box.ts";
import type { Connection } from "../../box/connection.ts";
import { inLanes, LaneConnections } from "../boxes/lanes.ts";
import type { NodeUnderLoad } from "../boxes/node.ts";
import { boxOfPopulation } from "../boxes/population.ts";
import type { Subject } from "../boxes/subject.ts";

/** A node that admits boxes: both steps of SCRAM-SHA-256, with a new connection for no box. */
export function admissions(node: NodeUnderLoad): Subject {
  const connections = new LaneConnections(node.url);
  return {
    name: "node-service",
    cpu: node.cpu,
    once: async (lane, box) => {
      await admitAt(connections.of(lane), box);
    },
    [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
  };
}

/** A node that gives boxes another access token for the refresh token that each kept when it was admitted. */
export async function refreshes(node: NodeUnderLoad, population: number, lanes: number): Promise<Subject> {
  const connections = new LaneConnections(node.url);
  const tokens: string[] = [];
  await inLanes(lanes, population, async (lane, box) => {
    tokens[box] = String((await admitAt(connections.of(lane), box)).refreshToken);
  });
  return {
    name: "node-service, refreshed",
    cpu: node.cpu,
    once: async (lane, box) => {
      await ask(connections.of(lane), "/v1/authenticate/refresh", { refreshToken: tokens[box] });
    },
    [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
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
