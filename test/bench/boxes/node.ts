import type { Identity } from "../../../node-service/src/signing-keys.ts";
import { cpuSecondsOfTree } from "../../lib/process-tree.ts";
import { until } from "../../lib/until.ts";
import { ServiceProcess } from "../../replication/fuzz/service-process.ts";
import { query, Stack } from "../../replication/stack.ts";
import type { Postgresql } from "../../services/postgresql.ts";
import type { Rabbitmq } from "../../services/rabbitmq.ts";
import { pin, SUBJECT_CORE } from "./cores.ts";
import { fillOss } from "./population.ts";
import type { Cpu } from "./subject.ts";
import { untilSynced } from "./synced.ts";

/** A node-service on the core of subjects, with a population in its database on the same core. */
export interface NodeUnderLoad extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  cpu(): Promise<Cpu>;
  /** Puts a new process in its place, with another url and pid, which has nothing in its memory. */
  restart(): Promise<void>;
  /** An access token as the node gives it to a box that has authenticated. */
  accessToken(identity: Identity): Promise<string>;
}

const DEADLINE = { deadlineMs: 300_000, intervalMs: 100 };

/**
 * Starts a node that gets its population from an OSS by a snapshot, as a new node does; OSS goes on running.
 * @param server where its database is made; nobody else may use it while its CPU seconds count
 */
export async function startNode(
  rabbitmq: Rabbitmq,
  ossServer: Postgresql,
  server: Postgresql,
  population: number,
): Promise<NodeUnderLoad> {
  await using owned = new AsyncDisposableStack();
  const stack = owned.use(await Stack.start({ rabbitmq, postgresql: ossServer }));
  // It makes the tables; it is away while they are filled, and believes what it then finds.
  await using first = new ServiceProcess("oss-0", "oss-service", stack.ossEnv("oss-0"));
  await first.start();
  await until("OSS is ready", async () => (await fetch(new URL("/readyz", first.url))).ok, DEADLINE);
  await first.kill();
  await fillOss(stack.ossDatabase.url, population);
  const oss = owned.use(new ServiceProcess("oss-0", "oss-service", stack.ossEnv("oss-0")));
  await oss.start();

  const database = await stack.database(server);
  const env = { ...stack.nodeEnv("tv-aaa-0", database), NODE_ENV: "production" };
  const node = owned.use(new ServiceProcess("tv-aaa-0", "node-service", env));
  const start = async (): Promise<void> => {
    await node.start();
    await untilSynced(node, DEADLINE.deadlineMs);
    await pin(node.pid, SUBJECT_CORE);
  };
  await start();
  // So that autovacuum does not do so while it is measured.
  await query(database, "vacuum analyze");
  await pin(server.pid, SUBJECT_CORE);
  const kept = owned.move();
  return {
    get url() {
      return node.url;
    },
    get pid() {
      return node.pid;
    },
    restart: async () => {
      await node.kill();
      await start();
    },
    accessToken: (identity) => stack.accessToken(identity),
    cpu: async () => {
      const [service, database] = await Promise.all([node.pid, server.pid].map(cpuSecondsOfTree));
      return { service: service ?? 0, database: database ?? 0 };
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
