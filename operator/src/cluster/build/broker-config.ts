import type { V1ConfigMap } from "@kubernetes/client-node";
import { MOST_BROKERS } from "../../api/schema.ts";
import { parseQuantity } from "../../kube/index.ts";
import { componentLabels } from "../labels.ts";
import { BROKER } from "../names.ts";
import { brokerPorts, type ValidatedCluster } from "../validate.ts";

const PLUGINS = ["rabbitmq_management", "rabbitmq_prometheus"];
const FREE_DISK_SHARE = 0.1;
const MEBIBYTE = 2 ** 20;

/** Where a broker finds its certificate. */
export const TLS_DIR = "/operator/tls";

/** RabbitMQ's configuration, and the script that puts it in place before RabbitMQ starts. */
export function brokerConfigMap(cluster: ValidatedCluster): (V1ConfigMap & { metadata: { name: string } }) | null {
  if (cluster.broker.external !== undefined) return null;
  return {
    metadata: { name: cluster.names.brokerConfig, labels: componentLabels(cluster.name, "broker") },
    data: brokerConfig(cluster),
  };
}

/** The files of a broker's configuration, by name. */
export function brokerConfig(cluster: ValidatedCluster): Readonly<Record<string, string>> {
  const { additionalConfig } = cluster.broker;
  return {
    "rabbitmq.conf": rabbitmqConf(cluster),
    enabled_plugins: `[${PLUGINS.join(",")}].\n`,
    "prepare.sh": prepareScript(cluster),
    ...(additionalConfig === undefined ? {} : { "additional.conf": `${additionalConfig}\n` }),
  };
}

/** The host name of a broker pod. */
export function brokerHost({ names, namespace, clusterDomain }: ValidatedCluster, pod: string): string {
  return `${pod}.${names.brokerNodes}.${namespace}.svc.${clusterDomain}`;
}

/** TLS and nothing else. Who does not know the certificate's authority is the client's affair, so none is asked for one. */
const TLS_LINES = [
  "listeners.tcp = none",
  "listeners.ssl.default = 5671",
  "ssl_options.verify = verify_none",
  "ssl_options.versions.1 = tlsv1.3",
  "ssl_options.versions.2 = tlsv1.2",
  "management.ssl.port = 15671",
  ...["ssl_options", "management.ssl"].flatMap((section) => [
    `${section}.certfile = ${TLS_DIR}/tls.crt`,
    `${section}.keyfile = ${TLS_DIR}/tls.key`,
  ]),
];

/** Settings known to RabbitMQ 4.0 up to 4.3, none of which depends on the number of replicas: scaling rolls nothing. */
function rabbitmqConf({ broker }: ValidatedCluster): string {
  const freeDisk = Math.round((parseQuantity(broker.storage.size) ?? 0) * FREE_DISK_SHARE);
  const memory = parseQuantity(broker.resources.limits?.memory);
  const lines = [
    `default_vhost = ${BROKER.vhost}`,
    "auth_mechanisms.1 = PLAIN",
    "cluster_formation.peer_discovery_backend = classic_config",
    "cluster_formation.discovery_retry_limit = 1000000",
    "cluster_formation.discovery_retry_interval = 1000",
    "cluster_partition_handling = pause_minority",
    "queue_leader_locator = balanced",
    "quorum_queue.continuous_membership_reconciliation.enabled = true",
    "quorum_queue.continuous_membership_reconciliation.target_group_size = 3",
    "quorum_queue.continuous_membership_reconciliation.interval = 60000",
    `raft.wal_max_size_bytes = ${64 * MEBIBYTE}`,
    `disk_free_limit.absolute = ${freeDisk}`,
    "vm_memory_high_watermark.relative = 0.6",
    ...(memory === undefined ? [] : [`total_memory_available_override_value = ${Math.round(memory)}`]),
    "log.console = true",
    "log.console.level = info",
    // Gateways begin a connection every second to see whether the broker answers, which is three lines each.
    "log.connection.level = error",
    "log.file = false",
    ...(broker.tls === undefined ? [] : TLS_LINES),
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * Forms one cluster on every start order. The first broker begins alone, unless another one answers; every other one
 * knows only the first and itself, and a new one waits until the first answers. So none ever begins a second cluster,
 * unless the first loses its volume while no other is up. One that lost its volume joins as a new one.
 */
function prepareScript(cluster: ValidatedCluster): string {
  const { names, broker } = cluster;
  return `#!/bin/bash
set -euo pipefail

host_of() { echo "${brokerHost(cluster, `${names.brokerPods}-$1`)}"; }
answers() { timeout 2 bash -c "exec 3<>/dev/tcp/$(host_of "$1")/${brokerPorts(cluster).amqp}" 2>/dev/null; }

install -m 0400 /operator/cookie/cookie /var/lib/rabbitmq/.erlang.cookie
cp /operator/config/rabbitmq.conf /operator/config/enabled_plugins /etc/rabbitmq/
mkdir -p /etc/rabbitmq/conf.d
printf 'default_user = %s\\ndefault_pass = %s\\n' "$(cat /operator/admin/username)" "$(cat /operator/admin/password)" \\
  > /etc/rabbitmq/conf.d/10-admin.conf
${broker.additionalConfig === undefined ? "" : "cp /operator/config/additional.conf /etc/rabbitmq/conf.d/90-additional.conf\n"}
is_new() { [ ! -e "/var/lib/rabbitmq/mnesia/$RABBITMQ_NODENAME" ]; }

forget_this_broker() {
  local said
  said=$(rabbitmqctl --longnames --node "rabbit@$(host_of "$1")" forget_cluster_node "$RABBITMQ_NODENAME" 2>&1) ||
    grep -q not_a_cluster_node <<< "$said"
}

own=\${POD_NAME##*-}
peers=()
if [ "$own" = 0 ]; then
  for other in $(seq 1 ${MOST_BROKERS - 1}); do
    if answers "$other"; then peers+=("$other"); fi
  done
else
  peers=(0)
  if is_new; then
    until answers 0; do echo "waiting for the first broker, $(host_of 0)"; sleep 1; done
  fi
fi

# The others may know this broker from before it lost its volume, and would not let another one join by its name.
if is_new && [ "\${#peers[@]}" -gt 0 ]; then
  until forget_this_broker "\${peers[0]}"; do
    echo "waiting until $(host_of "\${peers[0]}") forgets what this broker was"
    sleep 1
  done
fi

number=1
for ordinal in "\${peers[@]}" "$own"; do
  echo "cluster_formation.classic_config.nodes.$number = rabbit@$(host_of "$ordinal")"
  number=$((number + 1))
done > /etc/rabbitmq/conf.d/20-peers.conf
`;
}
