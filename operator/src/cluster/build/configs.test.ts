import { spawnSync } from "node:child_process";
import { expect, test } from "@jest/globals";
import { aCluster } from "../testing/fixtures.ts";
import { brokerConfig } from "./broker-config.ts";
import { type Gateway, gatewaysOf } from "./gateways.ts";
import { haproxyConfig } from "./haproxy-config.ts";

const gateway = (component: Gateway["component"]): Gateway => {
  const found = gatewaysOf(aCluster()).find((one) => one.component === component);
  if (found === undefined) throw new Error(`no gateway ${component}`);
  return found;
};

test("the broker gateway passes AMQP on to every broker that answers, and outlives quiet connections", () => {
  const config = haproxyConfig(gateway("broker-gateway"));
  expect(config).toContain("bind :5670");
  expect(config).toContain("server-template server 9 tv-broker-nodes.aaa.svc.cluster.local:5672");
  expect(config).toContain("timeout client 3h");
  expect(config).toContain("on-marked-down shutdown-sessions");
  expect(config).not.toContain("httpchk");
});

test.each([
  ["aaa-gateway", "bind :6060", "server-template server 50 tv-aaa-nodes.aaa.svc.cluster.local:6600"],
  ["oss-gateway", "bind :6070", "server-template server 5 tv-oss-nodes.aaa.svc.cluster.local:6700"],
] as const)("the %s sends requests only to pods that say they are ready", (component, bind, servers) => {
  const config = haproxyConfig(gateway(component));
  expect(config).toContain(bind);
  expect(config).toContain(servers);
  expect(config).toContain("option httpchk GET /readyz");
});

test("a gateway's configuration does not depend on how many pods are behind it", () => {
  const configs = (replicas: number): string[] =>
    gatewaysOf(aCluster({ nodes: { replicas }, oss: { replicas } })).map(haproxyConfig);
  expect(configs(5)).toEqual(configs(1));
});

test("RabbitMQ knows the memory and disk that it may use", () => {
  const conf = (memory?: string): string =>
    brokerConfig(
      aCluster({
        broker: { storage: { size: "10Gi" }, ...(memory === undefined ? {} : { resources: { limits: { memory } } }) },
      }),
    )["rabbitmq.conf"] ?? "";
  expect(conf()).toContain("disk_free_limit.absolute = 1073741824");
  expect(conf()).not.toContain("total_memory_available_override_value");
  expect(conf("1Gi")).toContain("total_memory_available_override_value = 1073741824");
});

test("the script that prepares a broker is one that bash understands", () => {
  const script = brokerConfig(aCluster())["prepare.sh"] ?? "";
  const { status, stderr } = spawnSync("bash", ["-n"], { input: script, encoding: "utf8" });
  expect(stderr).toBe("");
  expect(status).toBe(0);
});
