import { admit, ask } from "../../box/box.ts";
import { Connection } from "../../box/connection.ts";
import type { NodeUnderLoad } from "../boxes/node.ts";
import { boxOfPopulation } from "../boxes/population.ts";
import type { Subject } from "../boxes/subject.ts";

const TIMEOUT_MS = 10_000;

/** A node that admits boxes: both steps of SCRAM-SHA-256, with a new connection for no box. */
export function admissions(node: NodeUnderLoad): Subject {
  const connections: Connection[] = [];
  return {
    name: "node-service",
    cpu: node.cpu,
    once: async (lane, box) => {
      connections[lane] ??= new Connection(node.url, TIMEOUT_MS);
      const connection = connections[lane];
      const { keys, ...identity } = boxOfPopulation(box);
      await admit(
        (path, body) => ask(connection, path, body),
        identity,
        () => keys,
      );
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(connections.map((connection) => connection.drop()));
    },
  };
}
