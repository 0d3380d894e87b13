import { readFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { until } from "../../lib/until.ts";
import { ServiceProcess } from "../../replication/fuzz/service-process.ts";
import { Stack } from "../../replication/stack.ts";
import type { Postgresql } from "../../services/postgresql.ts";
import type { Rabbitmq } from "../../services/rabbitmq.ts";
import { deviceOf, everyDevice, idOf, NODES, type Subject } from "./subject.ts";

export interface OurSubject extends Subject {
  /** The `/metrics` pages of OSS and of the nodes. */
  scrape(): Promise<{ readonly oss: string; readonly nodes: readonly string[] }>;
}

/** oss-service and node-services as processes of their own, with a broker and a PostgreSQL server for each of them. */
export async function startOurs(
  rabbitmq: Rabbitmq,
  publisher: Postgresql,
  subscribers: readonly Postgresql[],
): Promise<OurSubject> {
  await using starting = new AsyncDisposableStack();
  const stack = starting.use(await Stack.start({ rabbitmq, postgresql: publisher }));
  const ossEnv = stack.ossEnv("oss-0");
  const oss = starting.use(new ServiceProcess("oss-0", "oss-service", ossEnv));
  await oss.start();
  stack.useOss(oss.url);
  const replicas: string[] = [];
  const nodes: ServiceProcess[] = [];
  for (const [index, name] of NODES.entries()) {
    const url = await stack.database(subscribers[index]);
    const node = starting.use(new ServiceProcess(name, "node-service", stack.nodeEnv(name, url)));
    await node.start();
    replicas.push(url);
    nodes.push(node);
  }
  const synced = async (node: ServiceProcess): Promise<boolean> => {
    const { synced } = (await (await fetch(new URL("/v1/partition", node.url))).json()) as { synced: boolean };
    return synced;
  };
  for (const node of nodes) await until(`${node.name} is synced`, () => synced(node), { deadlineMs: 60_000 });

  const agent = starting.adopt(new Agent({ keepAlive: true }), (agent) => agent.destroy());
  const token = await readFile(ossEnv.API_TOKEN_FILE ?? "", "utf8");
  const call = (method: string, path: string, type: string, body: string): Promise<Record<string, string>> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": type, "content-length": body.length };
      const sent = request(new URL(path, oss.url), { method, agent, headers }, async (response) => {
        let text = "";
        for await (const chunk of response) text += chunk;
        if ((response.statusCode ?? 500) < 300) resolve(JSON.parse(text));
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${text}`));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  const writeLines = async (lines: readonly object[]): Promise<void> => {
    await call("POST", "/v1/bulk", "application/x-ndjson", lines.map((line) => JSON.stringify(line)).join("\n"));
  };
  const lineOf = (device: number): object => ({ entity: "Device", id: idOf(device), payload: deviceOf(device) });
  const subscribersOf = Array.from({ length: 100 }, (_, index) => ({
    entity: "Subscriber",
    id: `subscriber-${index}`,
    payload: { password: `password-${index}` },
  }));
  await writeLines([...subscribersOf, ...everyDevice.map(lineOf)]);

  const owned = starting.move();
  const page = async ({ url }: ServiceProcess): Promise<string> => (await fetch(new URL("/metrics", url))).text();
  return {
    origin: stack.ossDatabase.url,
    replicas,
    parts: {
      oss: [oss.pid],
      broker: [rabbitmq.pid],
      nodes: nodes.map(({ pid }) => pid),
      databases: [publisher, ...subscribers].map(({ pid }) => pid),
    },
    write: async (device) => {
      const body = JSON.stringify(deviceOf(device));
      const { version = "" } = await call("PUT", `/v1/devices/${idOf(device)}`, "application/json", body);
      return { entityId: idOf(device), version };
    },
    writeMany: (devices) => writeLines(devices.map(lineOf)),
    scrape: async () => ({ oss: await page(oss), nodes: await Promise.all(nodes.map(page)) }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
