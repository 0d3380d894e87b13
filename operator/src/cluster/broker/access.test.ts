import { expect, test } from "@jest/globals";
import { aCluster } from "../testing/fixtures.ts";
import { ALL_EXTERNAL, EXTERNAL_BROKER, WITH_TLS } from "../testing/specs.ts";
import type { LivePod } from "../world.ts";
import { brokerAccess, externalBrokerEndpoint } from "./access.ts";

const ADMIN = { username: "operator", password: "secret" };
const MINE = { host: "rabbit.example", port: "5673", username: "admin", password: "secret" };
const own = { "tv-broker-admin": ADMIN };

const pod = (podIP: string | undefined, isReady = true, metadata: object = {}): LivePod =>
  ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "tv-broker-0", ...metadata },
    status: { podIP, conditions: [{ type: "Ready", status: isReady ? "True" : "False" }] },
  }) as LivePod;
const access = (spec = {}, secrets: Parameters<typeof brokerAccess>[1] = own, pods = [pod("10.0.0.1")]) =>
  brokerAccess(aCluster(spec), secrets, pods);

test("the operator asks the first broker that is ready", () => {
  const pods = [
    pod("10.0.0.1", false),
    pod("10.0.0.2", true, { deletionTimestamp: "now" }),
    pod("10.0.0.3"),
    pod("10.0.0.4"),
  ];
  expect(access({}, own, pods)).toEqual({ admin: ADMIN, address: { host: "10.0.0.3", port: 15672 } });
});

test.each([
  ["no broker", []],
  ["no broker that is ready", [pod("10.0.0.1", false)]],
  ["no broker with an address", [pod(undefined)]],
])("with %s there is nobody to ask", (_, pods) => {
  expect(access({}, own, pods)).toBeUndefined();
});

test("without the Secret of the administrator nobody is asked", () => {
  expect(access({}, {})).toBeUndefined();
});

test("with TLS a broker must show the certificate of the gateway, signed by the authority in the Secret", () => {
  const secrets = { ...own, "broker-tls": { "ca.crt": "PEM" } };
  expect(access(WITH_TLS, secrets)?.address).toEqual({
    host: "10.0.0.1",
    port: 15671,
    tls: { serverName: "tv-broker-gateway.aaa.svc", ca: "PEM" },
  });
});

test("without an authority in the Secret a public one must have signed the certificate", () => {
  for (const secrets of [own, { ...own, "broker-tls": {} }]) {
    expect(access(WITH_TLS, secrets)?.address.tls).toEqual({ serverName: "tv-broker-gateway.aaa.svc" });
  }
});

test("an external broker is asked where its Secret says, as whom it says, whatever pods there are", () => {
  expect(access(EXTERNAL_BROKER, { ...own, "my-broker": MINE })).toEqual({
    admin: MINE,
    address: { host: "rabbit.example", port: 15672 },
  });
});

test("the management interface of an external broker may be at another port", () => {
  const secrets = { "my-broker": { ...MINE, "management-port": "443" } };
  expect(access(EXTERNAL_BROKER, secrets)?.address.port).toBe(443);
});

test("an external broker with TLS must show a certificate for its own host", () => {
  const secrets = { "my-broker": MINE, "broker-tls": { "ca.crt": "PEM" } };
  expect(access(ALL_EXTERNAL, secrets)?.address).toEqual({
    host: "rabbit.example",
    port: 15671,
    tls: { serverName: "rabbit.example", ca: "PEM" },
  });
});

test("an external broker without its Secret, or without a host in it, is nowhere", () => {
  const { host: _, ...hostless } = MINE;
  expect(access(EXTERNAL_BROKER, own)).toBeUndefined();
  expect(access(EXTERNAL_BROKER, { "my-broker": hostless })).toBeUndefined();
});

test("clients find an external broker where its Secret says, at RabbitMQ's port if it says none", () => {
  const { port: _, ...portless } = MINE;
  const endpoint = (spec: object, secrets: Parameters<typeof externalBrokerEndpoint>[1]) =>
    externalBrokerEndpoint(aCluster(spec), secrets);
  expect(endpoint(EXTERNAL_BROKER, { "my-broker": MINE })).toBe("rabbit.example:5673");
  expect(endpoint(EXTERNAL_BROKER, { "my-broker": portless })).toBe("rabbit.example:5672");
  expect(endpoint(EXTERNAL_BROKER, {})).toBeUndefined();
  expect(endpoint({}, own)).toBeUndefined();
});
