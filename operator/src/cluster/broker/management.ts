import type { SecretData } from "../secrets.ts";

/** RabbitMQ's management interface did not answer, or not with success. */
export class ManagementError extends Error {
  override readonly name = "ManagementError";
}

const TIMEOUT_MS = 5_000;

/** RabbitMQ's management interface on one broker pod. */
export class Management {
  readonly #base: string;
  readonly #authorization: string;

  /** @param address host:port */
  constructor(address: string, { username, password }: SecretData) {
    this.#base = `http://${address}/api`;
    this.#authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  }

  /** @throws ManagementError */
  async request<T>(method: string, path: string, body?: unknown): Promise<T> {
    let response: Response;
    try {
      response = await fetch(this.#base + path, {
        method,
        headers: { authorization: this.#authorization, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await response.text();
      if (response.ok) return (text === "" ? undefined : JSON.parse(text)) as T;
      throw new ManagementError(`${method} ${path}: ${response.status} ${text.slice(0, 200)}`);
    } catch (error) {
      if (error instanceof ManagementError) throw error;
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
      throw new ManagementError(`${method} ${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  }
}
