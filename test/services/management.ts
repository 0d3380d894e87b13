import type { RabbitmqAddress } from "./rabbitmq.ts";

/**
 * One request to RabbitMQ's management API as administrator; `path` begins after /api. Resolves with the decoded answer,
 * or null where it is empty; rejects on any status but 2xx.
 */
export type Management = (method: "GET" | "PUT" | "POST" | "DELETE", path: string, body?: unknown) => Promise<unknown>;

export function managementOf(address: Omit<RabbitmqAddress, "port">): Management {
  const credentials = Buffer.from(`${address.adminUser}:${address.adminPassword}`).toString("base64");
  return async (method, path, body) => {
    const response = await fetch(`http://${address.host}:${address.managementPort}/api${path}`, {
      method,
      // It may close a connection that idles just as the next request is on its way.
      headers: { authorization: `Basic ${credentials}`, "content-type": "application/json", connection: "close" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return text === "" ? null : JSON.parse(text);
  };
}
