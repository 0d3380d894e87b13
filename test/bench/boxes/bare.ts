import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuSecondsOfTree } from "../../lib/process-tree.ts";
import { startCommand } from "../../services/api-server-process.ts";
import { freePorts } from "../../services/ports.ts";
import { pin, SUBJECT_CORE } from "./cores.ts";
import { LaneConnections } from "./lanes.ts";
import type { Cpu, Subject } from "./subject.ts";

const MAIN = new URL("./bare-main.ts", import.meta.url).pathname;

/** One request to a bare fastify, and what its answer has to be. */
export interface BareRequest {
  readonly path: string;
  readonly body: object;
}

/** A bare fastify on the core of subjects. */
export interface BareServer extends AsyncDisposable {
  readonly port: number;
  cpu(): Promise<Cpu>;
}

/**
 * Starts a fastify with routes that answer the same always, on the core of subjects.
 * @param module path of the module that exports them as `routes`
 */
export async function startBareServer(module: string): Promise<BareServer> {
  await using owned = new AsyncDisposableStack();
  const folder = owned.adopt(await mkdtemp(join(tmpdir(), "aaa-bench-")), (path) => rm(path, { recursive: true }));
  const [port = 0] = await freePorts(1);
  const command = [process.execPath, MAIN, module, String(port)] as const;
  const env = { PATH: process.env.PATH, NODE_ENV: "production" };
  const program = await startCommand(command, join(folder, "log"), env);
  owned.defer(() => program.end("SIGTERM"));
  await program.until("answers", async () => (await fetch(`http://127.0.0.1:${port}/`)).status === 404);
  await pin(program.pid, SUBJECT_CORE);
  const kept = owned.move();
  return {
    port,
    cpu: async () => ({ service: await cpuSecondsOfTree(program.pid), database: 0 }),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/**
 * A bare fastify on the core of subjects, with routes that answer the same always.
 * @param module path of the module that exports them as `routes`
 * @param requests what is sent one after the other for one box, and has to be answered with 200
 */
export async function startBare(module: string, requests: readonly BareRequest[]): Promise<Subject> {
  const start = async () => {
    const server = await startBareServer(module);
    return { server, connections: new LaneConnections(`http://127.0.0.1:${server.port}`) };
  };
  let bare = await start();
  const close = async (): Promise<void> => {
    await bare.connections[Symbol.asyncDispose]();
    await bare.server[Symbol.asyncDispose]();
  };
  return {
    name: "bare fastify",
    cpu: () => bare.server.cpu(),
    once: async (lane) => {
      for (const { path, body } of requests) {
        const { status } = await bare.connections.of(lane).post(path, body);
        if (status !== 200) throw new Error(`${path} of the bare fastify was answered with ${status}`);
      }
    },
    renew: async () => {
      await close();
      bare = await start();
    },
    [Symbol.asyncDispose]: close,
  };
}
