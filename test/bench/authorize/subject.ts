import type { NodeUnderLoad } from "../boxes/node.ts";
import { boxOfPopulation } from "../boxes/population.ts";
import { RawHttp, rawRequest } from "../boxes/raw-http.ts";
import type { Cpu, Subject } from "../boxes/subject.ts";
import { requestOf } from "./routes.ts";

/** Something that answers HTTP with a permission to whatever one of the requests it is asked. */
export interface Authorizer {
  readonly name: string;
  readonly port: number;
  cpu(): Promise<Cpu>;
}

/** @param requests what each box of the population sends */
export function authorizations({ name, port, cpu }: Authorizer, requests: readonly Buffer[]): Subject {
  const connections: Promise<RawHttp>[] = [];
  return {
    name,
    cpu,
    once: async (lane, box) => {
      connections[lane] ??= RawHttp.open(port);
      const connection = await connections[lane];
      const answer = await connection.ask(requests[box] as Buffer);
      const isPermitted = answer.startsWith("HTTP/1.1 200") && answer.includes('"decision":"Permit"');
      if (!isPermitted) throw new Error(`${name} answered:\n${answer}`);
    },
    [Symbol.asyncDispose]: async () => {
      for (const connection of await Promise.all(connections)) await connection[Symbol.asyncDispose]();
    },
  };
}

/** What each box of a population sends, with an access token of its own. */
export async function authorizeRequests({ accessToken }: NodeUnderLoad, population: number): Promise<Buffer[]> {
  const requests: Buffer[] = [];
  for (let index = 0; index < population; index += 1) {
    requests.push(rawRequest("/v1/authorize", requestOf(await accessToken(boxOfPopulation(index)))));
  }
  return requests;
}
