import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exchangesOf, permissionsOf, policiesOf } from "../../operator/src/cluster/broker/topology.ts";
import { ownedFolder, removeFolder } from "./folders.ts";
import { type Management, managementOf } from "./management.ts";
import { postgresqlUrl, query } from "./postgresql.ts";
import type { RabbitmqAddress } from "./rabbitmq.ts";
import { type PostgresqlAddress, sharedPostgresql, sharedRabbitmq } from "./shared.ts";

/** An empty database, dropped when disposed of. */
export interface FreshDatabase extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
}

/** A RabbitMQ user, and a folder with the files `username`, `password` and perhaps `ca.crt` as a pod mounts them. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
  readonly dir: string;
}

/** A virtual host with the topology and the users that the operator makes; gone when disposed of. */
export interface FreshVhost extends AsyncDisposable {
  readonly name: string;
  /** amqp URL without credentials. */
  readonly url: string;
  /** amqps URL without credentials; the CA is the file `ca.crt` beside every user's credentials. */
  readonly tlsUrl: string;
  readonly oss: Credentials;
  readonly node: Credentials;
  readonly management: Management;
  /** Sets the operator's policies with other limits of the nodes' queues. */
  limitQueues(limits: Partial<QueueLimits>): Promise<void>;
  /** amqp URL with a user's credentials in it. */
  urlAs(user: "oss" | "node" | "admin"): string;
}

type QueueLimits = Parameters<typeof policiesOf>[0];

const EXCHANGE = "oss_exchange";
const LIMITS: QueueLimits = {
  maxLength: 1_000_000,
  maxLengthBytes: 2 ** 28,
  deliveryLimit: 1_000,
  expiresAfterSeconds: 3_600,
};

/** Makes a database on a PostgreSQL, by default the one that the test run shares. */
export async function freshDatabase(server: PostgresqlAddress = sharedPostgresql()): Promise<FreshDatabase> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  await query(server.port, `CREATE DATABASE "${name}"`);
  return {
    name,
    url: postgresqlUrl(server.port, name),
    [Symbol.asyncDispose]: () => dropDatabase(server.port, name),
  };
}

/** By itself PostgreSQL waits five seconds for sessions to end. To end one that is ending shows as an error of its client. */
async function dropDatabase(port: number, name: string): Promise<void> {
  const drop = `DROP DATABASE IF EXISTS "${name}"`;
  await query(port, drop).catch(() => query(port, `${drop} WITH (FORCE)`));
}

/** Makes a virtual host on a RabbitMQ, by default the one that the test run shares. */
export async function freshVhost(server: RabbitmqAddress = sharedRabbitmq()): Promise<FreshVhost> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  const management = managementOf(server);
  const folder = await ownedFolder();
  await management("PUT", `/vhosts/${name}`);
  for (const { name: exchange, type } of exchangesOf(EXCHANGE)) {
    await management("PUT", `/exchanges/${name}/${exchange}`, { type, durable: true });
  }
  const limitQueues = async (limits: Partial<QueueLimits>): Promise<void> => {
    for (const { name: policy, pattern, definition } of policiesOf({ ...LIMITS, ...limits })) {
      const body = { pattern, definition, "apply-to": "queues" };
      await management("PUT", `/policies/${name}/${policy}`, body);
    }
  };
  await limitQueues({});
  await management("PUT", `/permissions/${name}/${server.adminUser}`, { configure: ".*", write: ".*", read: ".*" });
  const users = {
    oss: await makeUser(server, name, "oss", folder),
    node: await makeUser(server, name, "node", folder),
    admin: { username: server.adminUser, password: server.adminPassword },
  };
  return {
    name,
    management,
    limitQueues,
    url: `amqp://${server.host}:${server.port}/${name}`,
    tlsUrl: `amqps://localhost:${server.tls?.port}/${name}`,
    oss: users.oss,
    node: users.node,
    urlAs: (user) => {
      const { username, password } = users[user];
      return `amqp://${username}:${password}@${server.host}:${server.port}/${name}`;
    },
    [Symbol.asyncDispose]: async () => {
      await management("DELETE", `/vhosts/${name}`);
      for (const { username } of [users.oss, users.node]) await management("DELETE", `/users/${username}`);
      await removeFolder(folder);
    },
  };
}

async function makeUser(
  server: RabbitmqAddress,
  vhost: string,
  role: "oss" | "node",
  folder: string,
): Promise<Credentials> {
  const management = managementOf(server);
  const dir = join(folder, role);
  const credentials = { username: `${vhost}_${role}`, password: randomBytes(12).toString("hex") };
  await management("PUT", `/users/${credentials.username}`, { password: credentials.password, tags: "" });
  await management("PUT", `/permissions/${vhost}/${credentials.username}`, permissionsOf(EXCHANGE)[role]);
  await mkdir(dir);
  const files = { ...credentials, ...(server.tls === undefined ? {} : { "ca.crt": server.tls.ca }) };
  for (const [file, content] of Object.entries(files)) await writeFile(join(dir, file), content);
  return { ...credentials, dir };
}
