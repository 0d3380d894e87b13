import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

/** By path, what a GET answers. */
export type Routes = Readonly<Record<string, () => Answer | Promise<Answer>>>;

/** Serves plain GET routes. Resolves when it listens; port 0 takes a free one. */
export async function serve(port: number, routes: Routes): Promise<Server> {
  const server = createServer(async (request, response) => {
    const { status, body, contentType = "text/plain" } = await answer(routes, request.url ?? "");
    response.writeHead(status, { "content-type": contentType }).end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return server;
}

/** The port a server listens on. */
export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function answer(routes: Routes, url: string): Promise<Answer> {
  const route = routes[url.split("?")[0] ?? ""];
  if (route === undefined) return { status: 404, body: "not found\n" };
  try {
    return await route();
  } catch (error) {
    return { status: 500, body: `${error instanceof Error ? error.message : error}\n` };
  }
}
