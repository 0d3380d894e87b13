import { once } from "node:events";
import { connect, type Socket } from "node:net";

const END_OF_HEAD = "\r\n\r\n";
const TIMEOUT_MS = 10_000;

/** A request as it goes over the wire, so that sending it again costs the load nothing. */
export function rawRequest(path: string, body: object): Buffer {
  const text = JSON.stringify(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
  ];
  return Buffer.from(`${head.join("\r\n")}${END_OF_HEAD}${text}`);
}

/** One connection that takes one request after the other, with less work than any client that can do more. */
export class RawHttp implements AsyncDisposable {
  readonly #socket: Socket;
  #answer = "";
  #asked = Promise.withResolvers<string>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", this.#read);
    socket.on("error", (error) => this.#asked.reject(error));
    socket.on("close", () => this.#asked.reject(new Error("the connection was closed")));
    socket.on("timeout", () => socket.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    this.#asked.promise.catch(() => {});
  }

  static async open(port: number): Promise<RawHttp> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    return new RawHttp(socket);
  }

  /** Sends a request and resolves to its answer, from the status line on. The answer must have a content-length. */
  ask(request: Buffer): Promise<string> {
    this.#asked = Promise.withResolvers();
    this.#socket.setTimeout(TIMEOUT_MS);
    this.#socket.write(request);
    return this.#asked.promise;
  }

  readonly #read = (chunk: Buffer): void => {
    this.#answer += chunk.toString("latin1");
    const body = this.#answer.indexOf(END_OF_HEAD) + END_OF_HEAD.length;
    if (body < END_OF_HEAD.length) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#answer)?.[1]);
    if (this.#answer.length < body + length) return;
    const answer = this.#answer;
    this.#answer = "";
    this.#socket.setTimeout(0);
    this.#asked.resolve(answer);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }
}
