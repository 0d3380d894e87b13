import type { LeaderElectionSettings } from "../kube/index.ts";

/** Images by the part they run. */
export interface Images {
  readonly nodeService: string;
  readonly ossService: string;
  readonly rabbitmq: string;
  readonly haproxy: string;
  readonly keepalived: string;
  readonly postgresql: string;
}

/** What the operator is told by its environment. */
export interface Settings {
  readonly version: string;
  readonly images: Images;
  /** The cluster's DNS domain. HAProxy's resolver knows no search domains, so names must be whole. */
  readonly clusterDomain: string;
  /** Namespaces to watch; empty: all. */
  readonly namespaces: readonly string[];
  readonly metricsPort: number;
  readonly healthPort: number;
  /** The namespace of the operator's own pods, and of its Lease; absent: it does not run in Kubernetes. */
  readonly namespace?: string;
  /** Absent: this is the only process. */
  readonly leaderElection?: LeaderElectionSettings;
}

/**
 * Reads the settings from environment variables.
 * @throws Error that names every variable that is missing
 */
export function settingsFrom(env: Readonly<Record<string, string | undefined>>): Settings {
  const missing: string[] = [];
  const required = (name: string): string => {
    const value = env[name] ?? "";
    if (value === "") missing.push(name);
    return value;
  };
  const namespace = env.POD_NAMESPACE;
  const settings: Settings = {
    version: env.OPERATOR_VERSION ?? "dev",
    images: {
      nodeService: required("IMAGE_NODE_SERVICE"),
      ossService: required("IMAGE_OSS_SERVICE"),
      rabbitmq: required("IMAGE_RABBITMQ"),
      haproxy: required("IMAGE_HAPROXY"),
      keepalived: required("IMAGE_KEEPALIVED"),
      postgresql: required("IMAGE_POSTGRESQL"),
    },
    clusterDomain: env.CLUSTER_DOMAIN ?? "cluster.local",
    namespaces: (env.WATCH_NAMESPACES ?? "").split(",").filter((name) => name !== ""),
    metricsPort: Number(env.METRICS_PORT ?? 8080),
    healthPort: Number(env.HEALTH_PORT ?? 8081),
    ...(namespace === undefined ? {} : { namespace, leaderElection: { namespace } }),
  };
  if (missing.length > 0) throw new Error(`set these environment variables to image references: ${missing.join(", ")}`);
  return settings;
}
