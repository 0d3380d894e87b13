import type { V1EnvVar, V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import { PORTS } from "../names.ts";
import { brokerScope, type ValidatedCluster } from "../validate.ts";
import { env, secretEnv } from "./pod.ts";

/** What a pod needs to speak to the broker: who it is there, and where the broker is. */

const VOLUME = "broker-credentials";
const DIR = "/run/secrets/broker";

export const brokerCredentialsMount: V1VolumeMount = { name: VOLUME, mountPath: DIR, readOnly: true };

/** The name and password of a user at the broker, and the authority of the broker's certificate where it has its own. */
export function brokerCredentialsVolume(cluster: ValidatedCluster, role: "oss" | "node"): V1Volume {
  const { broker } = cluster;
  const user = { secret: { name: brokerScope(cluster)[role].secret } };
  if (broker.tls === undefined) return { name: VOLUME, projected: { sources: [user] } };
  const items = [{ key: "ca.crt", path: "ca.crt" }];
  return {
    name: VOLUME,
    projected: { sources: [user, { secret: { name: broker.tls.secretName, items, optional: true } }] },
  };
}

/** Where the broker is: behind its gateway, or where the Secret of an external one says. */
export function brokerEnv(cluster: ValidatedCluster): V1EnvVar[] {
  const { broker, names, namespace } = cluster;
  const scheme = broker.tls === undefined ? "amqp" : "amqps";
  const { vhost } = brokerScope(cluster);
  const urlOf = (address: string): V1EnvVar[] =>
    env({ BROKER_URL: `${scheme}://${address}/${vhost}`, BROKER_CREDENTIALS_DIR: DIR });
  if (broker.external === undefined) {
    return urlOf(`${names.brokerGateway}.${namespace}.svc:${PORTS.brokerGateway}`);
  }
  const { secretName } = broker.external;
  return [
    secretEnv("BROKER_HOST", secretName, "host"),
    secretEnv("BROKER_PORT", secretName, "port"),
    ...urlOf("$(BROKER_HOST):$(BROKER_PORT)"),
  ];
}
