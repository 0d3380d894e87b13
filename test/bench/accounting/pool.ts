import pg from "pg";
import type { EmptyNode } from "../boxes/empty-node.ts";

/** One connection to the node's database with the settings that the node gives its own. */
export function poolOf({ pool }: EmptyNode, options: string): pg.Pool & AsyncDisposable {
  const own = new pg.Pool({ ...pool.options, max: 1, options });
  return Object.assign(own, { [Symbol.asyncDispose]: () => own.end() });
}
