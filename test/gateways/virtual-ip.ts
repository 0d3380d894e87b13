import { PORTS } from "../../operator/src/cluster/names.ts";
import type { NodeLayout } from "../cluster/local/layout.ts";
import { NODES } from "../cluster/local/layout.ts";
import { type AaaCluster, conditionOf } from "../lib/aaa-cluster.ts";
import type { Kubectl } from "../lib/kubectl.ts";
import { run } from "../lib/run.ts";
import { until } from "../lib/until.ts";

/** Virtual IPs on the three nodes of the local Kubernetes: who has them there. */

/** Free addresses of the nodes' network: for the AAA gateway, for the other two, and for somebody who is no candidate. */
export const VIRTUAL_IP = "10.99.0.200";
export const BROKER_VIRTUAL_IP = "10.99.0.201";
export const OSS_VIRTUAL_IP = "10.99.0.202";
export const STRANGERS_IP = "10.99.0.203";

const MINUTE_MS = 60_000;

/** A gateway in Keepalived mode on all three nodes, as a spec has it. */
export const virtualGateway = (virtualIP: string) => ({
  mode: "Keepalived",
  replicas: NODES.length,
  virtualIP,
  interface: "eth0",
  preemptDelaySeconds: 2,
  service: { type: "ClusterIP", nodePort: null },
});

/** What a merge patch needs to make a gateway as it was before it got a virtual IP. */
export function withoutVirtualIP(before: object): object {
  const fields = Object.keys({ ...virtualGateway(""), advertIntervalMilliseconds: 0 });
  return { ...Object.fromEntries(fields.map((field) => [field, null])), ...before };
}

/** The nodes that have a virtual IP, as their kernels say. */
export async function holders(virtualIP = VIRTUAL_IP): Promise<readonly string[]> {
  const found = await Promise.all(
    NODES.map(async ({ name, namespace }) => {
      const addresses = await run("ip", ["-netns", namespace, "-4", "-brief", "address", "show", "dev", "eth0"]);
      return addresses.includes(`${virtualIP}/`) ? [name] : [];
    }),
  );
  return found.flat();
}

/** Rejects when a node has one of the virtual IPs and keeps it, as of an AaaCluster that is not the tests' own. */
export async function requireFreeVirtualIPs(): Promise<void> {
  for (const address of [VIRTUAL_IP, BROKER_VIRTUAL_IP, OSS_VIRTUAL_IP, STRANGERS_IP]) {
    const isFree = async (): Promise<boolean> => {
      const found = await holders(address);
      if (found.length === 0) return true;
      throw new Error(`${found.join()} has it: let that AaaCluster go back to Service mode, or run "make down"`);
    };
    await until(`${address} is free, which the tests need`, isFree, { deadlineMs: 10_000 });
  }
}

/** The nodes of the candidates of the AAA gateway, the preferred one first. */
export async function candidateNodes(kubectl: Kubectl): Promise<readonly NodeLayout[]> {
  const pods = await kubectl.list("pods", "app.kubernetes.io/component=aaa-gateway");
  const byName = pods.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return byName.map(({ spec }) => {
    const node = NODES.find(({ name }) => name === spec.nodeName);
    if (node === undefined) throw new Error(`no node ${spec.nodeName}`);
    return node;
  });
}

/** Waits until this node has the virtual IP of the AAA gateway, and no other. */
export function heldBy({ name }: NodeLayout, deadlineMs = MINUTE_MS): Promise<unknown> {
  return held(VIRTUAL_IP, `by ${name} alone`, (found) => found.join() === name, deadlineMs);
}

/** Waits until one node alone has a virtual IP: who takes it over has it a moment before the other one lets go. */
export function heldByOne(virtualIP: string): Promise<unknown> {
  return held(virtualIP, "by one node alone", ({ length }) => length === 1, 10_000);
}

/** Waits until no node has a virtual IP. */
export function heldByNobody(virtualIP: string, deadlineMs: number): Promise<unknown> {
  return held(virtualIP, "by nobody", ({ length }) => length === 0, deadlineMs);
}

function held(
  virtualIP: string,
  byWhom: string,
  isRight: (found: readonly string[]) => boolean,
  deadlineMs: number,
): Promise<unknown> {
  const isHeldSo = async (): Promise<boolean> => {
    const found = await holders(virtualIP);
    if (!isRight(found)) throw new Error(`held by ${found.join() || "nobody"}`);
    return true;
  };
  return until(`${virtualIP} is held ${byWhom}`, isHeldSo, { deadlineMs, intervalMs: 100 });
}

/** The AAA gateway of an AaaCluster in Keepalived mode, as its status says it. */
export async function aaaGatewayOf(tv: AaaCluster): Promise<VirtualGatewayStatus> {
  const gateways: readonly VirtualGatewayStatus[] = (await tv.get()).status.gateways;
  const found = gateways.find(({ name }) => name === `${tv.name}-aaa-gateway`);
  if (found === undefined) throw new Error(`the status of ${tv.name} does not have its AAA gateway`);
  return found;
}

interface VirtualGatewayStatus {
  readonly name: string;
  readonly address?: string;
  readonly holder?: string;
  readonly virtualRouterID: number;
}

/** What a merge patch says of gateways; one that is left out stays as it is. */
export interface GatewayPatches {
  readonly aaa?: object;
  readonly broker?: object;
  readonly oss?: object;
}

/** Changes gateways in the spec of an AaaCluster. */
export async function patchGateways(tv: AaaCluster, { aaa, broker, oss }: GatewayPatches): Promise<void> {
  const spec = { nodes: { gateway: aaa }, broker: { gateway: broker }, oss: { gateway: oss } };
  await tv.kubectl.run(["patch", "aaacluster", tv.name, "--type=merge", `--patch=${JSON.stringify({ spec })}`]);
}

/** Changes gateways in the spec of an AaaCluster, and waits until the operator has done all of it. */
export async function changeGateways(tv: AaaCluster, patches: GatewayPatches): Promise<void> {
  await patchGateways(tv, patches);
  const isSeen = async (): Promise<boolean> => {
    const cluster = await tv.get();
    return (
      cluster.status.observedGeneration === cluster.metadata.generation &&
      conditionOf(cluster, "Reconciling")?.status === "False"
    );
  };
  await until("the operator has seen it", isSeen, { deadlineMs: MINUTE_MS });
  await tv.ready(5 * MINUTE_MS);
}

/** Waits until every candidate of the AAA gateway knows so many AAA nodes that answer. */
export async function everyCandidateKnows(tv: AaaCluster, count: number, deadlineMs = MINUTE_MS): Promise<void> {
  const { virtualRouterID } = await aaaGatewayOf(tv);
  const nodes = await candidateNodes(tv.kubectl);
  const known = ({ address }: NodeLayout): Promise<number> =>
    fetch(`http://${address}:${PORTS.keepalivedHealth + virtualRouterID}/v1/gateway`, {
      signal: AbortSignal.timeout(1_000),
    })
      .then((answer) => answer.json())
      .then((said) => (said as { servers: number }).servers);
  const doAll = async (): Promise<boolean> => {
    const counts = await Promise.all(nodes.map(known));
    if (counts.some((one) => one !== count)) throw new Error(`they know ${counts.join(", ")}`);
    return true;
  };
  await until(`every candidate knows ${count} AAA nodes`, doAll, { deadlineMs, intervalMs: 100 });
}
