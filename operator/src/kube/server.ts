import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

/** Serves plain GET routes, path -> answer. Resolves when it listens; port 0 takes a free one. */
export function serve(port: number, routes: Readonly<Record<string, () => Answer | Promise<Answer>>>): Promise<Server> {
  const server = createServer(async (request, response) => {
    const route = routes[(request.url ?? "").split("?")[0] ?? ""];
    const answer = route === undefined ? { status: 404, body: "not found\n" } : await route();
    response.writeHead(answer.status, { "content-type": answer.contentType ?? "text/plain" }).end(answer.body);
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, () => resolve(server));
  });
}

/** The port a server listens on. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
