import { until } from "../../lib/until.ts";
import { nodeState } from "../../replication/stack.ts";

/** Resolves when a node has everything that OSS has; rejects after so many ms. */
export async function untilSynced(node: { readonly url: string }, deadlineMs: number): Promise<void> {
  await until("the node is synced", async () => (await nodeState(node)).synced, { deadlineMs, intervalMs: 50 });
}
