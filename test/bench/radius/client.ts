import { randomFillSync } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { encodeAccessRequest, isAccepted } from "./packet.ts";

const IDS = 256;
const TIMEOUT_MS = 10_000;
/** A packet may be lost, on loopback too, and is then sent again as it was (RFC 2865 section 2.5). */
const RESEND_MS = 1_000;
const BUFFER_BYTES = 4 * 2 ** 20;

interface Waiting {
  readonly authenticator: Buffer;
  readonly accepted: () => void;
  readonly failed: (error: Error) => void;
  readonly timers: readonly NodeJS.Timeout[];
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
    const packet = encodeAccessRequest({ id, authenticator, userName, password }, this.#secret);
    return new Promise((accepted, failed) => {
      const giveUp = (): void => {
        this.#forget(id)?.failed(new Error(`${userName} was not answered within ${timeoutMs} ms`));
      };
      const timers = [setTimeout(giveUp, timeoutMs), setInterval(() => this.#socket.send(packet), RESEND_MS)];
      this.#waiting.set(id, { authenticator, accepted, failed, timers });
      this.#socket.send(packet);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of [...this.#waiting.keys()]) this.#forget(id)?.failed(new Error("the client was closed"));
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
    const waiting = this.#forget(packet.length > 1 ? packet.readUInt8(1) : -1);
    // Late, or nobody's.
    if (waiting === undefined) return;
    if (isAccepted(packet, waiting.authenticator, this.#secret)) waiting.accepted();
    else waiting.failed(new Error(`the server did not accept: ${packet.toString("hex", 0, 4)}…`));
  }

  /** What waited for an answer with this id, and does no more. */
  #forget(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    for (const timer of waiting?.timers ?? []) clearTimeout(timer);
    return waiting;
  }
}
