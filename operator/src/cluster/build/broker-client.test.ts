import { expect, test } from "@jest/globals";
import { environmentOf } from "../testing/children.ts";
import { aCluster } from "../testing/fixtures.ts";
import { ALL_EXTERNAL, EXTERNAL_BROKER, WITH_TLS } from "../testing/specs.ts";
import { brokerCredentialsMount, brokerCredentialsVolume, brokerEnv } from "./broker-client.ts";

const environment = (spec = {}) => environmentOf({ name: "c", env: brokerEnv(aCluster(spec)) });
const sources = (role: "oss" | "node", spec = {}) => brokerCredentialsVolume(aCluster(spec), role).projected?.sources;

test("services find the broker behind its gateway, in the virtual host of the cluster", () => {
  expect(environment()).toEqual({
    BROKER_URL: "amqp://tv-broker-gateway.aaa.svc:5670/aaa",
    BROKER_CREDENTIALS_DIR: "/run/secrets/broker",
  });
});

test("with TLS they speak to the same name, which the certificate must be for", () => {
  expect(environment(WITH_TLS).BROKER_URL).toBe("amqps://tv-broker-gateway.aaa.svc:5670/aaa");
});

test("an external broker is where its Secret says, with a virtual host for this cluster alone", () => {
  expect(environment(EXTERNAL_BROKER)).toEqual({
    BROKER_HOST: "secret:my-broker/host",
    BROKER_PORT: "secret:my-broker/port",
    BROKER_URL: "amqp://$(BROKER_HOST):$(BROKER_PORT)/aaa.tv",
    BROKER_CREDENTIALS_DIR: "/run/secrets/broker",
  });
  expect(environment(ALL_EXTERNAL).BROKER_URL).toBe("amqps://$(BROKER_HOST):$(BROKER_PORT)/aaa.tv");
});

test("the URL of an external broker comes after the variables that it is put together from", () => {
  const names = brokerEnv(aCluster(EXTERNAL_BROKER)).map(({ name }) => name);
  expect(names.indexOf("BROKER_URL")).toBeGreaterThan(names.indexOf("BROKER_HOST"));
  expect(names.indexOf("BROKER_URL")).toBeGreaterThan(names.indexOf("BROKER_PORT"));
});

test("each service is a user of its own at the broker", () => {
  expect(sources("oss")).toEqual([{ secret: { name: "tv-broker-oss" } }]);
  expect(sources("node")).toEqual([{ secret: { name: "tv-broker-node" } }]);
});

test("at an external broker a service is the cluster's user there, never its administrator", () => {
  for (const role of ["oss", "node"] as const) {
    const names = sources(role, EXTERNAL_BROKER)?.map(({ secret }) => secret?.name);
    expect(names).not.toContain("my-broker");
    expect(names).not.toContain(`tv-broker-${role}`);
    expect(names).toHaveLength(1);
  }
});

test.each(["oss", "node"] as const)(
  "%s gets the authority of the certificate if there is one, and never its key",
  (role) => {
    expect(sources(role, WITH_TLS)).toEqual([
      { secret: { name: `tv-broker-${role}` } },
      { secret: { name: "broker-tls", items: [{ key: "ca.crt", path: "ca.crt" }], optional: true } },
    ]);
  },
);

test("the credentials are mounted where the services are told to look, and cannot be written", () => {
  expect(brokerCredentialsMount).toEqual({
    name: brokerCredentialsVolume(aCluster(), "oss").name,
    mountPath: "/run/secrets/broker",
    readOnly: true,
  });
});
