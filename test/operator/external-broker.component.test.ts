import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ChannelModel, connect } from "amqplib";
import { SECRET } from "../../operator/src/cluster/kinds.ts";
import { decoded, type SecretObject } from "../../operator/src/cluster/secrets/store.ts";
import { until } from "../lib/until.ts";
import { type Management, managementOf } from "../services/management.ts";
import { sharedRabbitmq } from "../services/shared.ts";
import { Stage } from "./stage.ts";
import { DEADLINE, type TestCluster } from "./test-cluster.ts";

const MINUTE_MS = 60_000;
const QUEUE = "aaa.partition.tv-aaa-0";
const QUORUM = { durable: true, arguments: { "x-queue-type": "quorum", "x-single-active-consumer": true } };

let stage: Stage;
let cluster: TestCluster;
let management: Management;
let node: ChannelModel | undefined;
let vhost: string;

beforeAll(async () => {
  stage = await Stage.start();
  management = managementOf(sharedRabbitmq());
  await stage.startOperator();
  const spec = { broker: { external: { secretName: "theirs" } }, oss: { replicas: 1 }, nodes: { replicas: 1 } };
  cluster = await stage.newCluster(spec);
  vhost = `${cluster.namespace}.tv`;
  await writeSecret("wrong");
}, MINUTE_MS);

afterAll(async () => {
  await cluster?.end();
  await stage?.[Symbol.asyncDispose]();
  await node?.close();
  await management("DELETE", `/vhosts/${vhost}`);
  for (const user of ["oss", "node"]) await management("DELETE", `/users/${vhost}.${user}`);
}, MINUTE_MS);

/** Writes the Secret of the broker's administrator, with his password or another. */
async function writeSecret(password?: string): Promise<void> {
  const { host, port, managementPort, adminUser, adminPassword } = sharedRabbitmq();
  const stringData = {
    host,
    port: String(port),
    "management-port": String(managementPort),
    username: adminUser,
    password: password ?? adminPassword,
  };
  await cluster.kubernetes.remove(SECRET, "theirs");
  await cluster.kubernetes.create(SECRET, { metadata: { name: "theirs" }, stringData });
  stage.passTime(8_000);
  await cluster.touch();
}

/** Declares, binds and consumes the queue of the AAA node, as node-service does. */
async function consume(): Promise<void> {
  const { host, port } = sharedRabbitmq();
  const secrets = await cluster.kubernetes.list<SecretObject>(SECRET);
  const user = secrets.map(decoded).find(({ username }) => username === `${vhost}.node`);
  node = await connect(`amqp://${user?.username}:${user?.password}@${host}:${port}/${vhost}`);
  const channel = await node.createChannel();
  await channel.assertQueue(QUEUE, QUORUM);
  await channel.bindQueue(QUEUE, "oss_exchange", "");
  await channel.consume(QUEUE, () => undefined);
  const queue = async () => (await management("GET", `/queues/${vhost}/${QUEUE}`)) as { readonly consumers?: number };
  await until("the broker's statistics show the consumer", async () => (await queue()).consumers === 1, DEADLINE);
}

test(
  "an external broker that refuses the operator is named with its address",
  async () => {
    const { message } = await cluster.until("BrokerReady", { reason: "ManagementUnreachable" });
    expect(message).toContain("401");
  },
  MINUTE_MS,
);

test(
  "an external broker gets what the cluster needs there, and the cluster is ready",
  async () => {
    await writeSecret();
    await cluster.until("BrokerReady", { status: "True" });
    await consume();
    const { status } = await cluster.ready();
    const { host, port } = sharedRabbitmq();
    expect(status).toMatchObject({
      broker: { ready: "external", replicas: 0 },
      endpoints: { broker: `${host}:${port}` },
    });
  },
  MINUTE_MS,
);

test.each([
  ["exchange oss_exchange", () => `/exchanges/${vhost}/oss_exchange`],
  [`binding of ${QUEUE} to oss_exchange`, () => `/bindings/${vhost}/e/oss_exchange/q/${QUEUE}/~`],
  ["policy aaa-partitions", () => `/policies/${vhost}/aaa-partitions`],
])(
  "the %s that somebody deleted is back, and an Event says so",
  async (what, path) => {
    await management("DELETE", path());
    await cluster.reconciled();
    const isSaid = async (): Promise<boolean> =>
      (await cluster.eventNotes("TopologyRepaired")).some((note) => note.includes(what));
    await until("an Event says so", isSaid, DEADLINE);
    await cluster.ready();
  },
  MINUTE_MS,
);
