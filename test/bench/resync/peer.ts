import { startContainer } from "../../services/container.ts";
import type { Postgresql } from "../../services/postgresql.ts";

/**
 * Copies a table from one server to an empty database of another by `pg_dump | psql`, with its indexes.
 * @returns seconds
 */
export async function dumpAndRestore(from: string, server: Postgresql, table: string): Promise<number> {
  await server.createDatabase("peer");
  const to = server.url("peer");
  const pipe = `pg_dump --no-owner --table=${table} "$1" | psql --quiet --set=ON_ERROR_STOP=1 --output=/dev/null "$2"`;
  const began = performance.now();
  const command = ["bash", "-o", "pipefail", "-c", pipe, "bash", from, to];
  await using container = await startContainer({ image: "postgresql", command });
  const code = await container.exited;
  if (code !== 0) throw new Error(`pg_dump or psql failed: ${container.log()}`);
  return (performance.now() - began) / 1000;
}
