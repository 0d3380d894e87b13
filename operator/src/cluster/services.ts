import Type from "typebox";
import Value from "typebox/value";
import { Partition } from "../api/status.ts";
import { exchange } from "./exchange.ts";
import { PORTS, partitionQueue } from "./names.ts";
import type { LivePod } from "./world.ts";

/** What the services say of themselves. */

/** An AAA node as a consumer, as it says itself. */
export interface NodeReport extends Partition {
  /** Whether it has a live consumer on its queue. */
  readonly consuming: boolean;
  /** Whether it has not seen the newest broadcasts for longer than it may. */
  readonly behind: boolean;
  /** Whether it was found to have another content than OSS at the same place of the stream. */
  readonly differs: boolean;
}

/** What of a node's answer must be right, or the API server would refuse the whole status: images may be of any version. */
const Said = Type.Intersect([
  Type.Omit(Partition, ["name"]),
  Type.Object({
    consuming: Type.Boolean(),
    behind: Type.Optional(Type.Boolean()),
    differs: Type.Optional(Type.Boolean()),
  }),
]);

const TIMEOUT_MS = 2_000;

/** How far an AAA node is. One that does not answer is neither synced nor known to consume. */
export async function nodeReport(pod: LivePod): Promise<NodeReport> {
  const { name } = pod.metadata;
  const silent = { name, queue: partitionQueue(name), synced: false, consuming: false, behind: false, differs: false };
  const said = await ask(pod, PORTS.aaa, "/v1/partition");
  if (!Value.Check(Said, said)) return silent;
  const { queue, epoch, sequence, digest, lag, lagSeconds, synced, consuming, behind = false, differs = false } = said;
  return {
    name,
    queue,
    ...(epoch === undefined ? {} : { epoch }),
    ...(sequence === undefined ? {} : { sequence }),
    ...(digest === undefined ? {} : { digest }),
    ...(lag === undefined ? {} : { lag }),
    ...(lagSeconds === undefined ? {} : { lagSeconds }),
    synced,
    consuming,
    behind,
    differs,
  };
}

/** Whether an OSS pod is the one that broadcasts now. One that does not answer is not. */
export async function isRelaying(pod: LivePod): Promise<boolean> {
  return Value.Check(Type.Object({ relaying: Type.Literal(true) }), await ask(pod, PORTS.oss, "/v1/relay"));
}

/** A pod of a gateway, as its HAProxy says itself. */
export interface GatewayReport {
  readonly pod: string;
  /** Pods behind it that it found and that answer as they should. */
  readonly servers: number;
  /** The virtual IP at which it is this one that answers. */
  readonly holds?: string;
  /** The Kubernetes node that it is on. */
  readonly node?: string;
}

const GatewaySaid = Type.Object({
  servers: Type.Integer(),
  virtualIP: Type.Optional(Type.String()),
  holds: Type.Optional(Type.Integer()),
});

/** How a pod of a gateway is. One that does not answer knows nobody to send to. */
export async function gatewayReport(pod: LivePod, healthPort: number): Promise<GatewayReport> {
  const said = await ask(pod, healthPort, "/v1/gateway");
  const { servers, virtualIP, holds = 0 } = Value.Check(GatewaySaid, said) ? said : { servers: 0 };
  const node = pod.spec?.nodeName;
  return {
    pod: pod.metadata.name,
    servers,
    ...(virtualIP === undefined || holds === 0 ? {} : { holds: virtualIP }),
    ...(node === undefined ? {} : { node }),
  };
}

/** What a pod answers, as it says it; undefined when it does not. */
async function ask(pod: LivePod, port: number, path: string): Promise<unknown> {
  const { deletionTimestamp } = pod.metadata;
  const host = pod.status?.podIP;
  if (host === undefined || deletionTimestamp !== undefined) return undefined;
  try {
    // A connection for this one question: it would idle until the next, and there are thousands of pods.
    const { status, text } = await exchange("http", {
      host,
      port,
      path,
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return status === 200 ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
