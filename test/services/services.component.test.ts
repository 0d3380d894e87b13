import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Channel, type ConsumeMessage, connect } from "amqplib";
import { Client } from "pg";
import { type FreshDatabase, type FreshVhost, freshDatabase, freshVhost } from "./fresh.ts";

let database: FreshDatabase;
let vhost: FreshVhost;

beforeAll(async () => {
  [database, vhost] = await Promise.all([freshDatabase(), freshVhost()]);
});

afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await vhost[Symbol.asyncDispose]();
});

test("a fresh database is an empty PostgreSQL 17", async () => {
  const client = new Client({ connectionString: database.url });
  await client.connect();
  const version = await client.query("SHOW server_version_num");
  const tables = await client.query("SELECT count(*)::int AS count FROM pg_tables WHERE schemaname = 'public'");
  await client.end();
  expect(version.rows[0].server_version_num).toMatch(/^17/);
  expect(tables.rows[0].count).toBe(0);
});

test("in a fresh vhost a node may take its queue and what OSS broadcasts, and OSS may not touch that queue", async () => {
  const queue = "aaa.partition.tv-aaa-0";
  const node = await connect(vhost.urlAs("node"));
  const oss = await connect(vhost.urlAs("oss"));
  try {
    const nodeChannel = await node.createChannel();
    await nodeChannel.assertQueue(queue, {
      arguments: { "x-queue-type": "quorum", "x-single-active-consumer": true },
    });
    await nodeChannel.bindQueue(queue, "oss_exchange", "");
    const ossChannel = await oss.createConfirmChannel();
    ossChannel.publish("oss_exchange", "", Buffer.from("event"));
    await ossChannel.waitForConfirms();
    expect((await firstMessage(nodeChannel, queue))?.content.toString()).toBe("event");
    ossChannel.on("error", () => {});
    await expect(ossChannel.purgeQueue(queue)).rejects.toThrow("ACCESS_REFUSED");
  } finally {
    await Promise.all([node.close(), oss.close()]);
  }
});

function firstMessage(channel: Channel, queue: string): Promise<ConsumeMessage | null> {
  return new Promise((resolve, reject) => {
    channel.consume(queue, resolve, { noAck: true }).catch(reject);
  });
}
