import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ChannelModel, connect } from "amqplib";
import { pino } from "pino";
import { until } from "../../../../test/lib/until.ts";
import { type Rabbitmq, startRabbitmq } from "../../../../test/services/rabbitmq.ts";
import { namesOf } from "../names.ts";
import { aCluster } from "../testing/fixtures.ts";
import { type BrokerReport, tendBroker } from "./index.ts";

const names = namesOf("tv");
const QUEUE = "aaa.partition.tv-aaa-1";
const QUORUM = { durable: true, arguments: { "x-queue-type": "quorum", "x-single-active-consumer": true } };

let rabbitmq: Rabbitmq;

beforeAll(async () => {
  rabbitmq = await startRabbitmq();
}, 60_000);

afterAll(() => rabbitmq.stop(), 30_000);

/** Tends the broker of a cluster with `replicas` nodes, whose pods all exist. */
function tend(replicas = 2, ossPassword = "oss-secret", syncedQueues: readonly string[] = []): Promise<BrokerReport> {
  const { host, managementPort, adminUser, adminPassword } = rabbitmq;
  return tendBroker({
    cluster: aCluster({ nodes: { replicas } }),
    secrets: {
      [names.brokerOss]: { username: "oss", password: ossPassword },
      [names.brokerNode]: { username: "node", password: "node-secret" },
    },
    access: {
      address: { host, port: managementPort },
      admin: { username: adminUser, password: adminPassword },
    },
    nodePods: Array.from({ length: replicas }, (_, ordinal) => `tv-aaa-${ordinal}`),
    syncedQueues,
    log: pino({ enabled: false }),
  });
}

const connectAs = (user: string, password: string): Promise<ChannelModel> =>
  connect(`amqp://${user}:${password}@${rabbitmq.host}:${rabbitmq.port}/aaa`);

async function declarePartition(): Promise<void> {
  const connection = await connectAs("node", "node-secret");
  const channel = await connection.createChannel();
  await channel.assertQueue(QUEUE, QUORUM);
  await channel.bindQueue(QUEUE, "oss_exchange", "");
  await connection.close();
}

const nothingToDo = { reachable: true, repaired: [] };

test("a broker with nothing on it gets everything, and then needs nothing", async () => {
  const first = await tend();
  expect(first).toMatchObject({
    reachable: true,
    members: [{ running: true }],
    version: expect.stringMatching(/^4\./),
  });
  expect(first.repaired).toContain("exchange oss_exchange");
  await declarePartition();
  expect(await tend()).toMatchObject(nothingToDo);
});

test("the users may do what their role needs and nothing else", async () => {
  const oss = await connectAs("oss", "oss-secret");
  const channel = await oss.createConfirmChannel();
  channel.publish("oss_exchange", "", Buffer.from("event"));
  await channel.waitForConfirms();
  channel.on("error", () => undefined);
  oss.on("error", () => undefined);
  await expect(channel.assertQueue("aaa.partition.mine", QUORUM)).rejects.toThrow(/ACCESS_REFUSED/);
  await oss.close();
});

test.each([
  ["exchange oss_exchange", "/exchanges/aaa/oss_exchange"],
  ["user node", "/users/node"],
  ["permissions of oss", "/permissions/aaa/oss"],
  ["policy aaa-partitions", "/policies/aaa/aaa-partitions"],
  ["exchange accounting", "/exchanges/aaa/accounting"],
  ["policy oss-accounting", "/policies/aaa/oss-accounting"],
])("the %s that somebody deleted is back", async (what, path) => {
  await rabbitmq.management("DELETE", path);
  const report = await tend();
  expect(report.repaired).toContain(what);
  expect(await tend()).toMatchObject(nothingToDo);
});

test("an accounting record that was given back thirty times is still there", async () => {
  const [oss, node] = [await connectAs("oss", "oss-secret"), await connectAs("node", "node-secret")];
  const consumer = await oss.createChannel();
  await consumer.assertQueue("oss.accounting", { durable: true, arguments: { "x-queue-type": "quorum" } });
  await consumer.bindQueue("oss.accounting", "accounting", "record");
  const publisher = await node.createConfirmChannel();
  publisher.publish("accounting", "record", Buffer.from("money"), { mandatory: true, persistent: true });
  await publisher.waitForConfirms();
  for (let turn = 0; turn < 30; turn += 1) {
    const message = await until("the record is there", () => consumer.get("oss.accounting"), { deadlineMs: 10_000 });
    consumer.reject(message, true);
  }
  await until("the record is there", () => consumer.get("oss.accounting"), { deadlineMs: 10_000 });
  await consumer.deleteQueue("oss.accounting");
  await oss.close();
  await node.close();
}, 60_000);

const unbind = (): Promise<unknown> => rabbitmq.management("DELETE", `/bindings/aaa/e/oss_exchange/q/${QUEUE}/~`);
const isBound = async (): Promise<boolean> =>
  ((await rabbitmq.management("GET", `/queues/aaa/${QUEUE}/bindings`)) as unknown[]).length === 2;

test("a binding that is missing is made, and is no repair as long as nobody consumes from the queue", async () => {
  await unbind();
  expect(await tend()).toMatchObject(nothingToDo);
  expect(await isBound()).toBe(true);
});

test("a binding that somebody removed is back", async () => {
  const node = await connectAs("node", "node-secret");
  const channel = await node.createChannel();
  await channel.consume(QUEUE, () => undefined);
  await until(
    "the broker's statistics have the consumer",
    async () => {
      const report = await tend();
      return report.reachable && report.queues.some(({ name, consumers = 0 }) => name === QUEUE && consumers > 0);
    },
    { deadlineMs: 30_000 },
  );
  await unbind();
  expect((await tend()).repaired).toEqual([`binding of ${QUEUE} to oss_exchange`]);
  expect(await isBound()).toBe(true);
  await node.close();
}, 60_000);

test("a binding that somebody removed before the broker's statistics have the consumer is a repair, when its node was in sync", async () => {
  await unbind();
  expect((await tend(2, "oss-secret", [QUEUE])).repaired).toEqual([`binding of ${QUEUE} to oss_exchange`]);
});

test("a new password in the Secret becomes the user's password", async () => {
  await tend(2, "another-secret");
  const oss = await connectAs("oss", "another-secret");
  await oss.close();
  await tend();
});

test("the queue of a node that was scaled away is deleted", async () => {
  // Nobody had to change anything for that: it is no repair.
  expect(await tend(1)).toMatchObject(nothingToDo);
  const queues = (await rabbitmq.management("GET", "/queues/aaa")) as unknown[];
  expect(queues).toEqual([]);
});

test("a broker that refuses the operator is reported, not thrown", async () => {
  await rabbitmq.management("PUT", "/users/admin", { password: "changed", tags: "administrator" });
  expect(await tend()).toMatchObject({ reachable: false, message: expect.stringContaining("401") });
});
