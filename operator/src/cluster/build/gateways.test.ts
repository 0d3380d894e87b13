import { expect, test } from "@jest/globals";
import { aCluster } from "../testing/fixtures.ts";
import { EXTERNAL_BROKER, FULL, WITH_TLS } from "../testing/specs.ts";
import { gatewaysOf } from "./gateways.ts";

const inShort = (spec = {}): string[] =>
  gatewaysOf(aCluster(spec)).map(
    ({ name, port, portName, backend }) =>
      `${name}:${port} (${portName}) -> ${backend.slots} x ${backend.host}:${backend.port} by ${backend.protocol}`,
  );

test("each gateway stands before the pods of one component, as many as there can ever be", () => {
  expect(inShort()).toEqual([
    "tv-broker-gateway:5670 (amqp) -> 9 x tv-broker-nodes.aaa.svc.cluster.local:5672 by amqp",
    "tv-oss-gateway:6070 (http) -> 5 x tv-oss-nodes.aaa.svc.cluster.local:6700 by http",
    "tv-aaa-gateway:6060 (http) -> 50 x tv-aaa-nodes.aaa.svc.cluster.local:6600 by http",
  ]);
});

test("TLS is passed through to the port at which brokers speak it", () => {
  expect(inShort(WITH_TLS)[0]).toBe(
    "tv-broker-gateway:5670 (amqp) -> 9 x tv-broker-nodes.aaa.svc.cluster.local:5671 by amqps",
  );
});

test("an external broker has a gateway of its own", () => {
  expect(gatewaysOf(aCluster(EXTERNAL_BROKER)).map(({ name }) => name)).toEqual(["tv-oss-gateway", "tv-aaa-gateway"]);
});

test("each gateway is as its own part of the spec says", () => {
  const ranges = gatewaysOf(aCluster(FULL)).map(({ component, spec }) => [
    component,
    spec.service.loadBalancerSourceRanges,
  ]);
  expect(ranges).toEqual([
    ["broker-gateway", ["192.0.2.1/32"]],
    ["oss-gateway", ["192.0.2.2/32"]],
    ["aaa-gateway", ["192.0.2.3/32"]],
  ]);
});
