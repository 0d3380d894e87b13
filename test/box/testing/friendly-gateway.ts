import { clientFinalMessage, keysOf } from "../scram.ts";
import {
  type ScriptedAnswer,
  type ScriptedGateway,
  type ScriptedRequest,
  scriptedGateway,
} from "./scripted-gateway.ts";

/** The keys of every box that a friendly gateway admits. */
export const KEYS = keysOf(Buffer.from("any salted password"));

/** A gateway that admits every box with `KEYS`, permits everything and takes every record, unless `answer` says otherwise. */
export function friendlyGateway(
  answer: (request: ScriptedRequest, index: number) => ScriptedAnswer | undefined = () => undefined,
): Promise<ScriptedGateway> {
  return scriptedGateway((request, index) => {
    const told = answer(request, index);
    return told === undefined
      ? { status: 200, body: friendlyAnswer(request), headers: { "aaa-partition": "a" } }
      : told;
  });
}

function friendlyAnswer({ path, body }: ScriptedRequest): object {
  const clientFirst = String(body.clientFirst);
  const serverFirst = `${clientFirst.slice(clientFirst.indexOf("r="))}xyz,s=c2FsdA==,i=4096`;
  switch (path) {
    case "/v1/authenticate/challenge":
      return { serverFirst };
    case "/v1/authenticate":
      return {
        serverFinal: clientFinalMessage(KEYS, clientFirst, serverFirst).expectedServerFinal,
        accessToken: `token of ${body.deviceId}`,
      };
    case "/v1/authorize":
      return { decision: "Permit", reason: "Entitled" };
    default:
      return { recordId: "taken" };
  }
}
