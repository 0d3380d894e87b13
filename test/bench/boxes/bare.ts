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
  /** Puts a new process in its place, with another port. */
  restart(): Promise<void>;
}

/**
 * Starts a fastify with routes that answer the same always, on the core of subjects.
 * @param module path of the module that exports them as `routes`
 */
export async function startBareServer(module: string): Promise<BareServer> {
  let bare = await startProcess(module);
  const end = (): Promise<void> => bare[Symbol.asyncDispose]();
  return {
    get port() {
      return bare.port;
    },
    cpu: async () => ({ service: await cpuSecondsOfTree(bare.pid), database: 0 }),
    restart: async () => {
      await end();
      bare = await startProcess(module);
    },
    [Symbol.asyncDispose]: end,
  };
}

async function startProcess(module: string) {
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
    pid: program.pid,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/**
 * A bare fastify on the core of subjects, with routes that answer the same always.
 * @param module path of the module that exports them as `routes`
 * @param requests what is sent one after the other for one box, and has to be answered with 200
 */
export async function startBare(module: string, requests: readonly BareRequest[]): Promise<Subject> {
  const server = await startBareServer(module);
  const connections = new LaneConnections(() => `http://127.0.0.1:${server.port}`);
  return {
    name: "bare fastify",
    cpu: server.cpu,
    once: async (lane) => {
      for (const { path, body } of requests) {
        const { status } = await connections.of(lane).post(path, body);
        if (status !== 200) throw new Error(`${path} of the bare fastify was answered with ${status}`);
      }
    },
    renew: async () => {
      await connections.close();
      await server.restart();
    },
    [Symbol.asyncDispose]: async () => {
      await connections.close();
      await server[Symbol.asyncDispose]();
    },
  };
}
