import { once } from "node:events";
import { connect, type Socket } from "node:net";

const END_OF_HEAD = "\r\n\r\n";
/** More connections at once would wait for each other. */
const AT_ONCE = 100;

/** A request as it goes over the wire; built before it is needed, so that sending it costs the load little. */
export function postRequest(path: string, body: object): Buffer {
  const text = JSON.stringify(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    "host: box",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
  ];
  return Buffer.from(`${head.join("\r\n")}${END_OF_HEAD}${text}`);
}

/** An answer as it came, of which only what is asked for is read. */
export class Answer {
  readonly #head: string;
  readonly #body: string;

  /** Both with a character for each byte. */
  constructor(head: string, body: string) {
    this.#head = head;
    this.#body = body;
  }

  get status(): number {
    return Number(this.#head.slice(9, 12));
  }

  /** Of the header Retry-After, or null without it. */
  get retryAfterSeconds(): number | null {
    const seconds = /\r\nretry-after: (\d+)/i.exec(this.#head)?.[1];
    return seconds === undefined ? null : Number(seconds);
  }

  /** Whether the server wants the connection closed after this answer. */
  get closes(): boolean {
    return /\r\nconnection: close/i.test(this.#head);
  }

  get body(): string {
    return Buffer.from(this.#body, "latin1").toString();
  }
}

/** One keep-alive connection of a box: one request at a time, with less work than any client that can do more. */
export class Line implements Disposable {
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  #received = "";
  #asked: PromiseWithResolvers<Answer> | null = null;
  #error: Error | null = null;

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on("data", this.#read);
    socket.on("error", this.#fail);
    socket.on("close", () => this.#fail(new Error("the connection was closed")));
    socket.on("timeout", () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
  }

  /** @param timeoutMs how long the server may be silent when it was asked; 0 for ever */
  static async open(url: string, timeoutMs = 0): Promise<Line> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, "connect");
    return new Line(socket, timeoutMs);
  }

  get isOpen(): boolean {
    return this.#error === null;
  }

  /** Rejects when the connection breaks before the answer is complete. The answer must have a content-length. */
  ask(request: Buffer): Promise<Answer> {
    if (this.#error !== null) return Promise.reject(this.#error);
    this.#asked = Promise.withResolvers();
    if (this.#timeoutMs > 0) this.#socket.setTimeout(this.#timeoutMs);
    this.#socket.write(request);
    return this.#asked.promise;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  readonly #read = (chunk: Buffer): void => {
    this.#received += chunk.toString("latin1");
    const endOfHead = this.#received.indexOf(END_OF_HEAD);
    if (endOfHead === -1) return;
    const head = this.#received.slice(0, endOfHead);
    const begin = endOfHead + END_OF_HEAD.length;
    const end = begin + Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (this.#received.length < end) return;
    const answer = new Answer(head, this.#received.slice(begin, end));
    this.#received = this.#received.slice(end);
    if (this.#timeoutMs > 0) this.#socket.setTimeout(0);
    this.#asked?.resolve(answer);
    this.#asked = null;
  };

  readonly #fail = (error: Error): void => {
    this.#error ??= error;
    this.#asked?.reject(error);
    this.#asked = null;
  };
}

/** A connection for each of many boxes. */
export async function openLines(url: string, boxes: number): Promise<Line[]> {
  const lines: Line[] = [];
  while (lines.length < boxes) {
    const few = Array.from({ length: Math.min(AT_ONCE, boxes - lines.length) }, () => Line.open(url));
    lines.push(...(await Promise.all(few)));
  }
  return lines;
}
