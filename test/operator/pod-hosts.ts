import { once } from "node:events";
import http, { type RequestListener, type Server } from "node:http";
import https from "node:https";
import { json } from "node:stream/consumers";

/** Answers a request as a server in a pod does. A status other than 2xx is a refusal. */
export type PodAnswer = (method: string, path: string, body: unknown) => { status: number; body?: unknown };

/** Certificate and key of a server, as PEM. */
export interface ServerTls {
  readonly certificate: string;
  readonly key: string;
}

/** Addresses of this machine for pods, and what listens there: Linux gives all of 127.0.0.0/8, with the usual ports. */
export class PodHosts implements AsyncDisposable {
  readonly #servers: Server[] = [];
  /** Test files that run at the same time have different ones. */
  readonly #network = `127.${64 + (process.pid % 128)}`;
  #addresses = 0;

  /** An address that no pod has had. */
  newAddress(): string {
    this.#addresses += 1;
    return `${this.#network}.${this.#addresses >> 8}.${this.#addresses & 0xff}`;
  }

  async listen(address: string, port: number, answer: PodAnswer, tls?: ServerTls): Promise<void> {
    const listener: RequestListener = async (request, response) => {
      const { method = "", url = "" } = request;
      const sent = method === "PUT" || method === "POST" ? await json(request) : undefined;
      const { status, body } = answer(method, url.split("?")[0] ?? "", sent);
      response
        .writeHead(status, { "content-type": "application/json" })
        .end(body === undefined ? "" : JSON.stringify(body));
    };
    const server =
      tls === undefined
        ? http.createServer(listener)
        : https.createServer({ cert: tls.certificate, key: tls.key }, listener);
    this.#servers.push(server);
    await once(server.listen(port, address), "listening");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.closeAllConnections();
    await Promise.all(this.#servers.map((server) => once(server.close(), "close")));
  }
}
