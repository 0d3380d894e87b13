import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../../lib/run.ts";
import { startCommand } from "../../services/api-server-process.ts";
import { ownedFolder, removeFolder } from "../../services/folders.ts";
import { freePorts } from "../../services/ports.ts";
import { type Postgresql, startPostgresql } from "../../services/postgresql.ts";
import { pin, SUBJECT_CORE } from "../boxes/cores.ts";
import { boxOfPopulation } from "../boxes/population.ts";
import { cpuSecondsOfTree } from "../boxes/process-tree.ts";
import type { Cpu, Subject } from "../boxes/subject.ts";
import { RadiusClient } from "./client.ts";
import { type Backend, radiusdConf } from "./config.ts";
import { ensureFreeradius } from "./install.ts";
import { fillRadcheck, writeUsers } from "./population.ts";

const DATABASE = "radius";
const SERVER = "freerad";
const TRIES_MS = 200;

/**
 * Debian's FreeRADIUS as a subject: an Access-Request with PAP for a box of the population, and its Access-Accept. It runs as
 * Debian's user for it, on a free port of loopback; if it asks a PostgreSQL, that is its own, on the core of subjects too.
 */
export async function startFreeradius(options: {
  readonly backend: Backend;
  readonly population: number;
}): Promise<Subject> {
  const { backend, population } = options;
  await ensureFreeradius();
  await using owned = new AsyncDisposableStack();
  const folder = owned.adopt(await ownedFolder(), removeFolder);
  const postgresql = backend === "files" ? null : owned.use(await databaseOf(population));
  if (backend === "files") await writeUsers(join(folder, "users"), population);
  const secret = randomBytes(12).toString("hex");
  const [port = 0] = await freePorts(1);
  const database = postgresql && { host: postgresql.host, port: postgresql.port, name: DATABASE, user: "postgres" };
  const conf = radiusdConf({ backend, port, secret, folder, ...(database && { database }) });
  await writeFile(join(folder, "radiusd.conf"), conf, { mode: 0o640 });
  await run("chown", ["-R", `${SERVER}:${SERVER}`, folder]);
  const program = await startCommand(asServer("freeradius", "-f", "-l", "stdout", "-d", folder), join(folder, "log"));
  owned.defer(() => program.end("SIGTERM"));
  const client = owned.use(await RadiusClient.connect(port, secret));
  const access = (box: number, timeoutMs?: number): Promise<void> => {
    const { subscriberId, password } = boxOfPopulation(box);
    return client.access(subscriberId, password, timeoutMs);
  };
  await program.until("accepts a box", () => access(0, TRIES_MS).then(() => true));
  const taken = await client.access(boxOfPopulation(0).subscriberId, "another password").then(
    () => true,
    () => false,
  );
  if (taken) throw new Error("FreeRADIUS accepts any password");
  await pin(program.pid, SUBJECT_CORE);
  const kept = owned.move();
  return {
    name: `FreeRADIUS, ${backend}`,
    once: (_lane, box) => access(box),
    cpu: () => cpuOf(program.pid, postgresql),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function databaseOf(population: number): Promise<Postgresql> {
  const postgresql = await startPostgresql();
  try {
    await pin(postgresql.pid, SUBJECT_CORE);
    await postgresql.createDatabase(DATABASE);
    await fillRadcheck(postgresql.url(DATABASE), population);
    return postgresql;
  } catch (error) {
    await postgresql.stop();
    throw error;
  }
}

async function cpuOf(pid: number, postgresql: Postgresql | null): Promise<Cpu> {
  const [service, database] = await Promise.all([
    cpuSecondsOfTree(pid),
    postgresql === null ? 0 : cpuSecondsOfTree(postgresql.pid),
  ]);
  return { service, database };
}

/** A command as the user of Debian's package, who may read its configuration. It ends with this process. */
function asServer(command: string, ...args: readonly string[]): [string, ...string[]] {
  const user = ["--reuid", SERVER, "--regid", SERVER, "--clear-groups", "--no-new-privs"];
  return ["setpriv", ...user, "--pdeathsig", "KILL", "--", command, ...args];
}
