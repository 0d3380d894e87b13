import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

const HOST = "127.0.0.1";

/**
 * A way to a TCP port of this machine. It can be closed, which cuts every connection on it; fall silent, which holds
 * back all that is sent, as a network that drops packets; and be opened again.
 */
export class TcpGate implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #state: "open" | "closed" | "silent" = "open";

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
  }

  static async start(target: number): Promise<TcpGate> {
    const server = createServer((client) => gate.#pass(client));
    const gate = new TcpGate(server, target);
    await once(server.listen(0, HOST), "listening");
    return gate;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  open(): void {
    this.#state = "open";
    for (const socket of this.#sockets) socket.resume();
  }

  close(): void {
    this.#state = "closed";
    for (const socket of this.#sockets) socket.destroy();
  }

  silence(): void {
    this.#state = "silent";
    for (const socket of this.#sockets) socket.pause();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await once(this.#server.close(), "close");
  }

  #pass(client: Socket): void {
    if (this.#state === "closed") return void client.destroy();
    const server = connect(this.#target, HOST);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.on("data", (chunk) => {
        if (!other.write(chunk)) socket.pause();
      });
      socket.on("end", () => other.end());
      other.on("drain", () => {
        if (this.#state === "open") socket.resume();
      });
      if (this.#state === "silent") socket.pause();
    }
  }
}
