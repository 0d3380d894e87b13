import { randomFillSync } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { encodeAccessRequest, isAccepted } from "./packet.ts";

const IDS = 256;
const TIMEOUT_MS = 5_000;
const BUFFER_BYTES = 4 * 2 ** 20;

interface Waiting {
  readonly authenticator: Buffer;
  readonly accepted: () => void;
  readonly failed: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Asks a RADIUS server on loopback for boxes; has up to 256 requests under way. */
export class RadiusClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #secret: string;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  private constructor(socket: Socket, secret: string) {
    this.#socket = socket;
    this.#secret = secret;
    socket.on("message", (packet) => this.#answered(packet));
    // As long as nobody listens; what is not answered fails in its time.
    socket.on("error", () => {});
  }

  static async connect(port: number, secret: string): Promise<RadiusClient> {
    const socket = createSocket({ type: "udp4", recvBufferSize: BUFFER_BYTES, sendBufferSize: BUFFER_BYTES });
    socket.connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new RadiusClient(socket, secret);
  }

  /** Resolves when the server accepts; rejects when it does not, or not in time. */
  access(userName: string, password: string, timeoutMs = TIMEOUT_MS): Promise<void> {
    const id = this.#freeId();
    const authenticator = randomFillSync(Buffer.allocUnsafe(16));
    return new Promise((accepted, failed) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        failed(new Error(`${userName} was not answered within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.set(id, { authenticator, accepted, failed, timer });
      this.#socket.send(encodeAccessRequest({ id, authenticator, userName, password }, this.#secret));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { timer, failed } of this.#waiting.values()) {
      clearTimeout(timer);
      failed(new Error("the client was closed"));
    }
    this.#waiting.clear();
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }

  #freeId(): number {
    if (this.#waiting.size === IDS) throw new Error("256 requests are under way already");
    do this.#lastId = (this.#lastId + 1) % IDS;
    while (this.#waiting.has(this.#lastId));
    return this.#lastId;
  }

  #answered(packet: Buffer): void {
    const id = packet.length > 1 ? packet.readUInt8(1) : -1;
    const waiting = this.#waiting.get(id);
    // Late, or nobody's.
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (isAccepted(packet, waiting.authenticator, this.#secret)) waiting.accepted();
    else waiting.failed(new Error(`the server did not accept: ${packet.toString("hex", 0, 4)}…`));
  }
}
