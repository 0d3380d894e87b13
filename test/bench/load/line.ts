import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface Answer {
  readonly status: number;
  /** Of the header Retry-After, or null without it. */
  readonly retryAfterSeconds: number | null;
  /** Whether the server wants the connection closed after this answer. */
  readonly closes: boolean;
  readonly body: string;
}

const END_OF_HEAD = Buffer.from("\r\n\r\n");

/** A request as it goes over the wire; built before it is needed, so that the load costs little. */
export function postRequest(path: string, body: object): Buffer {
  const text = JSON.stringify(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    "host: box",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${text}`);
}

/** One keep-alive connection of a box: one request at a time, with as little work as can be. */
export class Line implements Disposable {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #answered: ((answer: Answer) => void) | null = null;
  #failed: ((error: Error) => void) | null = null;
  #error: Error | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the connection was closed")));
  }

  static async open(url: string): Promise<Line> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, "connect");
    return new Line(socket);
  }

  get isOpen(): boolean {
    return this.#error === null;
  }

  /** Rejects when the connection breaks before the answer is complete. */
  ask(request: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#error !== null) return reject(this.#error);
      this.#answered = resolve;
      this.#failed = reject;
      this.#socket.write(request);
    });
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const endOfHead = this.#received.indexOf(END_OF_HEAD);
    if (endOfHead === -1) return;
    const head = this.#received.toString("latin1", 0, endOfHead);
    const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
    const end = endOfHead + END_OF_HEAD.length + length;
    if (this.#received.length < end) return;
    const body = this.#received.toString("utf8", endOfHead + END_OF_HEAD.length, end);
    this.#received = this.#received.subarray(end);
    const retryAfter = /retry-after: (\d+)/i.exec(head)?.[1];
    this.#answered?.({
      status: Number(head.slice(9, 12)),
      retryAfterSeconds: retryAfter === undefined ? null : Number(retryAfter),
      closes: /connection: close/i.test(head),
      body,
    });
    this.#answered = null;
  }

  #fail(error: Error): void {
    this.#error ??= error;
    if (this.#answered !== null) this.#failed?.(error);
    this.#answered = null;
  }
}
