import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How one request is answered; null: the connection is cut; "silence": never. */
export type ScriptedAnswer =
  | { readonly status: number; readonly body: object | string; readonly headers?: Readonly<Record<string, string>> }
  | "silence"
  | null;

export interface ScriptedRequest {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A gateway on loopback that answers as the test says, and keeps what it was asked. */
export interface ScriptedGateway extends AsyncDisposable {
  readonly url: string;
  readonly requests: ScriptedRequest[];
  /** How many connections were opened so far. */
  connections(): number;
}

export async function scriptedGateway(
  answer: (request: ScriptedRequest, index: number) => ScriptedAnswer,
): Promise<ScriptedGateway> {
  const requests: ScriptedRequest[] = [];
  let connections = 0;
  const server = createServer((message, response) => void handle(message, response));
  const handle = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = "";
    for await (const chunk of message) text += String(chunk);
    const request = { path: message.url ?? "", body: JSON.parse(text) as Record<string, unknown> };
    const told = answer(request, requests.push(request) - 1);
    if (told === "silence") return;
    if (told === null) return void message.socket.destroy();
    const body = typeof told.body === "string" ? told.body : JSON.stringify(told.body);
    response.writeHead(told.status, { "content-type": "application/json", ...told.headers }).end(body);
  };
  server.on("connection", () => {
    connections += 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    connections: () => connections,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  };
}
