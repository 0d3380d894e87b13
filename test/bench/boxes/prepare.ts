import { step } from "../../lib/steps.ts";
import { removeAbandonedFolders } from "../../services/folders.ts";
import { startPostgresql } from "../../services/postgresql.ts";
import { startRabbitmq } from "../../services/rabbitmq.ts";
import { LOAD_CORE, pin, requireCores } from "./cores.ts";
import { type NodeUnderLoad, startNode } from "./node.ts";

/** Starts a node with so many subscribers, alone on its core, and leaves the other core to this process and the rest. */
export async function prepareNode(owned: AsyncDisposableStack, population: number): Promise<NodeUnderLoad> {
  requireCores();
  await removeAbandonedFolders();
  // What is started stays here as well, unless it goes to the core of subjects.
  await pin(process.pid, LOAD_CORE);
  const rabbitmq = owned.use(await step("Start RabbitMQ", () => startRabbitmq()));
  const ossServer = owned.use(await step("Start PostgreSQL for OSS", () => startPostgresql()));
  const server = owned.use(await step("Start PostgreSQL for the node", () => startPostgresql()));
  return owned.use(
    await step(`Start a node with ${population} subscribers`, () => startNode(rabbitmq, ossServer, server, population)),
  );
}
