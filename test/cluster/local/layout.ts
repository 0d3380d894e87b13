import { join } from "node:path";

export interface NodeLayout {
  readonly name: string;
  /** The node's network namespace. */
  readonly namespace: string;
  /** The end of the node's cable that is in the root namespace, plugged into the bridge. */
  readonly cable: string;
  readonly address: string;
  readonly podRange: string;
}

/** Everything of ours carries this name: control groups, the alias of links, the state folder. */
export const CLUSTER = "aaa-cluster";
export const BRIDGE = "aaa-br";
export const HOST_ADDRESS = "10.99.0.1";
export const NODE_RANGE = "10.99.0.0/24";
export const POD_RANGE = "10.98.0.0/16";
export const SERVICE_RANGE = "10.97.0.0/16";
export const API_SERVICE_ADDRESS = "10.97.0.1";
export const DNS_ADDRESS = "10.97.0.10";
export const API_URL = `https://${HOST_ADDRESS}:6443`;
export const ETCD_URL = `https://${HOST_ADDRESS}:2379`;

/** What the control plane listens on, at HOST_ADDRESS. */
export const PORTS = { etcd: 2379, etcdPeer: 2380, apiServer: 6443, controllerManager: 10257, scheduler: 10259 };

export const NODES: readonly NodeLayout[] = [1, 2, 3].map((number) => ({
  name: `n${number}`,
  namespace: `aaa-n${number}`,
  cable: `aaa-n${number}`,
  address: `10.99.0.${10 + number}`,
  podRange: `10.98.${number}.0/24`,
}));

/** The one folder that holds all the state of the cluster: certificates, logs, volumes, container images. */
export function stateDir(): string {
  return process.env.AAA_STATE ?? join("/var/lib", CLUSTER);
}

export function statePath(...parts: readonly string[]): string {
  return join(stateDir(), ...parts);
}
