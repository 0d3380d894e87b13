import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Program, startCommand } from "../../services/api-server-process.ts";

const MAIN = new URL("../../../node-service/src/main.ts", import.meta.url).pathname;

/** A node-service in a process of its own, ended when disposed of. `env` is its broker, its database and its name. */
export async function startNode(env: Readonly<Record<string, string>>): Promise<Program & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "aaa-bench-"));
  const keys = join(folder, "keys");
  const key = { kty: "oct", kid: "one", alg: "HS256", k: randomBytes(32).toString("base64url") };
  await writeFile(keys, JSON.stringify({ keys: [key] }));
  const program = await startCommand([process.execPath, MAIN], join(folder, "log"), {
    PATH: process.env.PATH,
    HOST: "127.0.0.1",
    PORT: "0",
    SIGNING_KEYS_FILE: keys,
    ...env,
  });
  return Object.assign(program, {
    [Symbol.asyncDispose]: async () => {
      await program.end("SIGTERM");
      await rm(folder, { recursive: true });
    },
  });
}
