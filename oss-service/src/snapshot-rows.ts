import type pg from "pg";
import { to as copyTo } from "pg-copy-streams";

const ROWS = "copy (select entity, entity_id, version, payload from entities where payload is not null) to stdout";

/**
 * Reads every entity that the transaction sees, as the rows of a snapshot: PostgreSQL writes them, and nothing here looks
 * into them. When `take` throws, the connection must be given up, which goes on sending.
 * @param take gets the bytes in pieces of any size
 * @returns how many entities there were
 */
export async function readRows(client: pg.ClientBase, take: (bytes: Buffer) => Promise<void>): Promise<number> {
  const copy = client.query(copyTo(ROWS));
  // Who reads is told; but the connection can be lost when nobody does any more.
  copy.on("error", () => {});
  for await (const bytes of copy) await take(bytes);
  return copy.rowCount;
}
