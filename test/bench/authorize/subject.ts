import { Line, postRequest } from "../../lib/line.ts";
import type { NodeUnderLoad } from "../boxes/node.ts";
import { boxOfPopulation } from "../boxes/population.ts";
import type { Cpu, Subject } from "../boxes/subject.ts";
import { requestOf } from "./routes.ts";

const TIMEOUT_MS = 10_000;

/** Something that answers HTTP with a permission to whatever one of the requests it is asked. */
export interface Authorizer {
  readonly name: string;
  /** Where it answers; a function, as it may start anew. */
  readonly port: () => number;
  cpu(): Promise<Cpu>;
}

/** A subject whose connections can be closed, for those that ask next to open their own. */
export interface Asking extends Subject {
  close(): Promise<void>;
}

/** @param requests what each box of the population sends */
export function authorizations({ name, port, cpu }: Authorizer, requests: readonly Buffer[]): Asking {
  let lines: Promise<Line>[] = [];
  const close = async (): Promise<void> => {
    for (const line of await Promise.all(lines)) line[Symbol.dispose]();
    lines = [];
  };
  return {
    name,
    cpu,
    once: async (lane, box) => {
      lines[lane] ??= Line.open(`http://127.0.0.1:${port()}`, TIMEOUT_MS);
      const { status, body } = await (await lines[lane]).ask(requests[box] as Buffer);
      const isPermitted = status === 200 && body.includes('"decision":"Permit"');
      if (!isPermitted) throw new Error(`${name} answered with ${status}:\n${body}`);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** What each box of a population sends, with an access token of its own. */
export async function authorizeRequests({ accessToken }: NodeUnderLoad, population: number): Promise<Buffer[]> {
  const requests: Buffer[] = [];
  for (let index = 0; index < population; index += 1) {
    requests.push(postRequest("/v1/authorize", requestOf(await accessToken(boxOfPopulation(index)))));
  }
  return requests;
}
