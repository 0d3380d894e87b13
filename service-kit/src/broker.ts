import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type Channel, type ChannelModel, type ConfirmChannel, connect } from "amqplib";
import { type BrokerCredentials, type BrokerSettings, readCredentials } from "./broker-settings.ts";
import { untilAborted } from "./wake.ts";

const HEARTBEAT_SECONDS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 2_000;
const SET_UP_TIMEOUT_MS = 20_000;

/**
 * One connection to the broker with its channels, which live and die together: when any of them is lost, `signal`
 * aborts with the reason, and whoever uses the session starts over with a new one.
 */
export class BrokerSession {
  readonly signal: AbortSignal;
  /** Whether the broker asked publishers to stop because it is short of memory or disk. */
  blocked = false;
  readonly #connection: ChannelModel;
  readonly #lost = new AbortController();

  private constructor(connection: ChannelModel, signal: AbortSignal) {
    this.#connection = connection;
    this.signal = AbortSignal.any([signal, this.#lost.signal]);
    connection.on("error", this.fail);
    connection.on("close", () => this.fail(new Error("the broker closed the connection")));
    connection.on("blocked", () => {
      this.blocked = true;
    });
    connection.on("unblocked", () => {
      this.blocked = false;
    });
  }

  /**
   * Connects with the credentials and the CA of this moment; `name` is what the broker shows for the connection.
   * Rejects when the broker cannot be reached, or is not the one that its certificate should be for.
   */
  static async open(settings: BrokerSettings, name: string, signal: AbortSignal): Promise<BrokerSession> {
    signal.throwIfAborted();
    const credentials = await readCredentials(settings.credentialsDir);
    return new BrokerSession(await connectTo(settings, credentials, name), signal);
  }

  readonly fail = (error: Error): void => this.#lost.abort(error);

  readonly #channelClosed = (): void => this.fail(new Error("the broker closed a channel"));

  async channel(): Promise<Channel> {
    return this.#watch(await this.#connection.createChannel());
  }

  async confirmChannel(): Promise<ConfirmChannel> {
    return this.#watch(await this.#connection.createConfirmChannel());
  }

  /** Closes a channel that is not needed any more, or waits until the connection is lost with it. */
  async release(channel: Channel): Promise<void> {
    channel.off("close", this.#channelClosed);
    // A connection that is lost before the broker answers leaves the promise of `close` open for ever, not the event.
    await Promise.race([once(channel, "close"), channel.close()]).catch(() => {});
  }

  /** Runs the set-up of a session. The broker never answers for a queue without a leader; then the session fails. */
  async setUp<T>(work: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.fail(new Error("the broker does not answer")), SET_UP_TIMEOUT_MS);
    try {
      return await Promise.race([work(), untilAborted(this.signal)]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Whether a queue exists. */
  async queueExists(queue: string): Promise<boolean> {
    // The broker closes a channel that asks for a queue that is not there, so this one is not watched.
    const probe = await this.#connection.createChannel();
    probe.on("error", () => {});
    try {
      await probe.checkQueue(queue);
      await this.release(probe);
      return true;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === 404) return false;
      throw error;
    }
  }

  async close(): Promise<void> {
    const closed = this.#connection.close().catch(() => {});
    await Promise.race([closed, sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #watch<T extends Channel>(channel: T): T {
    channel.on("error", this.fail);
    channel.on("close", this.#channelClosed);
    return channel;
  }
}

async function connectTo(
  { protocol, host, port, vhost }: BrokerSettings,
  { username, password, ca }: BrokerCredentials,
  name: string,
): Promise<ChannelModel> {
  const trusted = ca === null ? {} : { ca };
  try {
    return await connect(
      { protocol, hostname: host, port, vhost, username, password, heartbeat: HEARTBEAT_SECONDS },
      {
        noDelay: true,
        timeout: CONNECT_TIMEOUT_MS,
        clientProperties: { connection_name: name },
        rejectUnauthorized: true,
        ...trusted,
      },
    );
  } catch (error) {
    const authority = ca === null ? "public CAs" : "the CA in ca.crt";
    const checked = protocol === "amqps" ? ` (its certificate is checked against ${authority})` : "";
    throw new Error(`cannot connect to the broker at ${protocol}://${host}:${port}${checked}`, { cause: error });
  }
}
