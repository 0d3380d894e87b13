import type { V1Container, V1EnvVar, V1Probe, V1VolumeMount } from "@kubernetes/client-node";
import type { ResourcesSpec } from "../../api/fields.ts";
import { env, execProbe, restrictedContainer } from "./pod.ts";

/** The folder of PostgreSQL's socket, shared between containers of a pod. */
export const SOCKET_DIR = "/run/postgresql";

/** PostgreSQL may have to replay much of its log after a crash before it answers. */
const START_ATTEMPTS = 1800;

export interface PostgresqlOptions {
  readonly image: string;
  readonly resources: ResourcesSpec;
  readonly args: string[];
  /** User and database, which have the same name. */
  readonly user: string;
  readonly authentication: readonly V1EnvVar[];
  readonly mounts?: readonly V1VolumeMount[];
  readonly probeHost: string;
}

/** A PostgreSQL container; its pod has the volumes `data`, `postgresql` (the socket's folder) and `tmp`. */
export function postgresqlContainer(options: PostgresqlOptions): V1Container & { startupProbe: V1Probe } {
  const isReady = ["pg_isready", "-q", "-h", options.probeHost, "-U", options.user, "-d", options.user];
  return {
    ...restrictedContainer({
      name: "postgresql",
      image: options.image,
      args: options.args,
      env: [
        ...env({
          POSTGRES_USER: options.user,
          POSTGRES_DB: options.user,
          PGDATA: "/var/lib/postgresql/data/pgdata",
        }),
        ...options.authentication,
      ],
      resources: options.resources,
      volumeMounts: [
        { name: "data", mountPath: "/var/lib/postgresql/data" },
        { name: "postgresql", mountPath: SOCKET_DIR },
        { name: "tmp", mountPath: "/tmp" },
        ...(options.mounts ?? []),
      ],
    }),
    startupProbe: execProbe(isReady, { periodSeconds: 1, failureThreshold: START_ATTEMPTS }),
    readinessProbe: execProbe(isReady, { periodSeconds: 10 }),
  };
}
