import type { Partition } from "../api/status.ts";
import { PORTS, partitionQueue } from "./names.ts";
import { addressOf } from "./pods.ts";
import type { LivePod } from "./world.ts";

/** What the services say of themselves. */

/** An AAA node as a consumer, as it says itself. */
export interface NodeReport extends Partition {
  /** Whether it has a live consumer on its queue. */
  readonly consuming: boolean;
  /** Whether it has not seen the newest broadcasts for longer than it may. */
  readonly behind: boolean;
}

const TIMEOUT_MS = 2_000;

/** How far an AAA node is. One that does not answer is neither synced nor known to consume. */
export async function nodeReport(pod: LivePod): Promise<NodeReport> {
  const { name } = pod.metadata;
  const silent = { name, queue: partitionQueue(name), synced: false, consuming: false, behind: false };
  const said = await ask<NodeReport>(pod, PORTS.aaa, "/v1/partition");
  if (said === undefined) return silent;
  const { queue, epoch, sequence, lag, lagSeconds, synced, consuming, behind } = said;
  return {
    name,
    queue,
    ...(epoch === undefined ? {} : { epoch }),
    ...(sequence === undefined ? {} : { sequence }),
    ...(lag === undefined ? {} : { lag }),
    ...(lagSeconds === undefined ? {} : { lagSeconds }),
    synced,
    consuming,
    behind,
  };
}

/** Whether an OSS pod is the one that broadcasts now. One that does not answer is not. */
export async function isRelaying(pod: LivePod): Promise<boolean> {
  const said = await ask<{ readonly relaying: boolean }>(pod, PORTS.oss, "/v1/relay");
  return said?.relaying ?? false;
}

async function ask<T>(pod: LivePod, port: number, path: string): Promise<T | undefined> {
  const address = addressOf(pod, port);
  if (address === undefined || pod.metadata.deletionTimestamp !== undefined) return undefined;
  try {
    const response = await fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return response.ok ? ((await response.json()) as T) : undefined;
  } catch {
    return undefined;
  }
}
