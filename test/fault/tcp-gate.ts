import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

const HOST = "127.0.0.1";

/**
 * A way to a TCP port of this machine, or to whichever of several answers, in turn. It can be closed, which cuts every connection on it; fall silent, which holds
 * back all that is sent, as a network that drops packets; and be opened again.
 */
export class TcpGate implements AsyncDisposable {
  readonly #server: Server;
  readonly #targets: readonly number[];
  readonly #sockets = new Set<Socket>();
  #turn = 0;
  #state: "open" | "closed" | "silent" = "open";

  private constructor(server: Server, targets: readonly number[]) {
    this.#server = server;
    this.#targets = targets;
  }

  static async start(...targets: readonly number[]): Promise<TcpGate> {
    const server = createServer((client) => gate.#pass(client));
    const gate = new TcpGate(server, targets);
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
    client.on("error", () => {});
    if (this.#state === "closed") return void client.destroy();
    this.#sockets.add(client);
    client.once("close", () => this.#sockets.delete(client));
    void this.#dial().then((server) => {
      if (server === null || client.destroyed || this.#state === "closed") {
        client.destroy();
        server?.destroy();
      } else this.#join(client, server);
    });
  }

  /** A connection to the next target that answers, or null when none does. */
  async #dial(): Promise<Socket | null> {
    this.#turn += 1;
    for (let index = 0; index < this.#targets.length; index += 1) {
      const server = connect(this.#targets[(this.#turn + index) % this.#targets.length] ?? 0, HOST);
      const connected = await once(server, "connect").then(
        () => true,
        () => false,
      );
      if (connected) return server;
      server.destroy();
    }
    return null;
  }

  #join(client: Socket, server: Socket): void {
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
