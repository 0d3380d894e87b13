import { expect, test } from "@jest/globals";
import { aCluster } from "../testing/fixtures.ts";
import { EXTERNAL_BROKER, FULL, WITH_TLS } from "../testing/specs.ts";
import { brokerConfig, brokerConfigMap, brokerHost } from "./broker-config.ts";

/** The settings of rabbitmq.conf by their keys. Throws at a line that is none. */
function settings(spec = {}): Readonly<Record<string, string | undefined>> {
  const lines = (brokerConfig(aCluster(spec))["rabbitmq.conf"] ?? "").trimEnd().split("\n");
  return Object.fromEntries(
    lines.map((line) => {
      const [, key, value] = /^([a-z0-9_.]+) = (\S.*)$/.exec(line) ?? [];
      if (key === undefined) throw new Error(`no setting: ${line}`);
      return [key, value];
    }),
  );
}
const script = (spec = {}): string => brokerConfig(aCluster(spec))["prepare.sh"] ?? "";

test("the ConfigMap has the files that the script looks for", () => {
  expect(brokerConfigMap(aCluster())).toMatchObject({
    metadata: { name: "tv-broker-config", labels: { "app.kubernetes.io/component": "broker" } },
    data: brokerConfig(aCluster()),
  });
  expect(Object.keys(brokerConfig(aCluster()))).toEqual(["rabbitmq.conf", "enabled_plugins", "prepare.sh"]);
  expect(brokerConfig(aCluster()).enabled_plugins).toBe("[rabbitmq_management,rabbitmq_prometheus].\n");
});

test("with an external broker there is no configuration", () => {
  expect(brokerConfigMap(aCluster(EXTERNAL_BROKER))).toBeNull();
});

test("the smaller part of a split cluster stops rather than go on alone, and comes back as soon as it is found", () => {
  expect(settings()).toMatchObject({
    cluster_partition_handling: "pause_minority",
    "cluster_formation.peer_discovery_backend": "classic_config",
    "cluster_formation.discovery_retry_limit": "1000000",
    "cluster_formation.discovery_retry_interval": "1000",
  });
});

test("queues get members on three brokers without anybody's help, and their leaders are spread", () => {
  expect(settings()).toMatchObject({
    "quorum_queue.continuous_membership_reconciliation.enabled": "true",
    "quorum_queue.continuous_membership_reconciliation.target_group_size": "3",
    "quorum_queue.continuous_membership_reconciliation.interval": "60000",
    queue_leader_locator: "balanced",
  });
});

test("RabbitMQ knows the memory that it may use, when the spec has a limit", () => {
  const memory = (limits?: object) =>
    settings(limits === undefined ? {} : { broker: { resources: { limits } } }).total_memory_available_override_value;
  expect(memory()).toBeUndefined();
  expect(memory({ cpu: "1" })).toBeUndefined();
  expect(memory({ memory: "1Gi" })).toBe("1073741824");
  expect(memory({ memory: "0.1Gi" })).toBe("107374182");
});

test("a tenth of the volume is kept free", () => {
  const free = (size: string) => settings({ broker: { storage: { size } } })["disk_free_limit.absolute"];
  expect(free("10Gi")).toBe("1073741824");
  expect(free("5G")).toBe("500000000");
  expect(free("much")).toBe("0");
});

test("the log of quorum queues is kept short, since a broker has it in memory", () => {
  expect(settings()["raft.wal_max_size_bytes"]).toBe(String(64 * 1024 * 1024));
});

test("a broker takes no more messages before its memory is full, and none without a password", () => {
  expect(settings()).toMatchObject({
    "vm_memory_high_watermark.relative": "0.6",
    "auth_mechanisms.1": "PLAIN",
    default_vhost: "aaa",
  });
});

test("logs go where Kubernetes finds them", () => {
  expect(settings()).toMatchObject({ "log.console": "true", "log.console.level": "info", "log.file": "false" });
  expect(settings()["log.connection.level"]).toBe("error");
});

test("with TLS nothing is spoken without it", () => {
  expect(settings(WITH_TLS)).toMatchObject({
    "listeners.tcp": "none",
    "listeners.ssl.default": "5671",
    "management.ssl.port": "15671",
    "ssl_options.certfile": "/operator/tls/tls.crt",
    "ssl_options.keyfile": "/operator/tls/tls.key",
    "management.ssl.certfile": "/operator/tls/tls.crt",
    "management.ssl.keyfile": "/operator/tls/tls.key",
    "ssl_options.verify": "verify_none",
    "ssl_options.versions.1": "tlsv1.3",
    "ssl_options.versions.2": "tlsv1.2",
  });
  expect(Object.keys(settings()).filter((key) => /ssl|listeners/.test(key))).toEqual([]);
});

test("lines of the spec are a file of their own, if there are any", () => {
  expect(brokerConfig(aCluster(FULL))["additional.conf"]).toBe("heartbeat = 20\n");
  expect(script(FULL)).toContain("additional.conf");
  expect(script()).not.toContain("additional.conf");
});

test("no setting depends on how many brokers, nodes or OSS pods there are", () => {
  const config = (replicas: number) =>
    brokerConfig(aCluster({ broker: { replicas }, oss: { replicas }, nodes: { replicas } }));
  expect(config(5)).toEqual(config(1));
});

test("brokers know each other by names that any resolver knows", () => {
  expect(brokerHost(aCluster(), "tv-broker-0")).toBe("tv-broker-0.tv-broker-nodes.aaa.svc.cluster.local");
  expect(script()).toContain('host_of() { echo "tv-broker-$1.tv-broker-nodes.aaa.svc.cluster.local"; }');
});

test.each([
  ["without TLS", {}, 5672],
  ["with TLS", WITH_TLS, 5671],
])("the script takes a broker %s for up when it takes connections", (_, spec, port) => {
  expect(script(spec)).toContain(
    `answers() { timeout 2 bash -c "exec 3<>/dev/tcp/$(host_of "$1")/${port}" 2>/dev/null; }`,
  );
});

test("passwords are read by the script, and are in no file of the configuration", () => {
  expect(script()).toContain("$(cat /operator/admin/password)");
  expect(script()).toContain("/operator/cookie/cookie");
});
