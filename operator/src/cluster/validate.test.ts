import { expect, test } from "@jest/globals";
import { settingsFrom } from "./settings.ts";
import { aCluster, anAaaCluster, SETTINGS } from "./testing/fixtures.ts";
import { InvalidSpec, validate } from "./validate.ts";

test("an empty spec is a whole cluster with the operator's images", () => {
  const cluster = aCluster();
  expect([cluster.broker.replicas, cluster.oss.replicas, cluster.nodes.replicas]).toEqual([3, 2, 2]);
  expect(cluster.broker.image).toBe("rabbitmq:1");
  expect(cluster.nodes.database.image).toBe("postgresql:1");
});

test("an image in the spec takes the place of the operator's", () => {
  const cluster = aCluster({ nodes: { image: "mine:2", database: { image: "pg:3" } } });
  expect(cluster.nodes.image).toBe("mine:2");
  expect(cluster.nodes.database.image).toBe("pg:3");
});

test("a spec that was stored under another CRD is refused with the field that is wrong", () => {
  const object = anAaaCluster();
  const old = {
    ...object,
    spec: { ...object.spec, oss: { ...object.spec.oss, replicas: "two" } },
  } as unknown as typeof object;
  expect(() => validate(old, SETTINGS)).toThrow(InvalidSpec);
  expect(() => validate(old, SETTINGS)).toThrow(/spec\.oss\.replicas/);
});

test("missing image settings are all named at once", () => {
  expect(() =>
    settingsFrom({ IMAGE_HAPROXY: "h", IMAGE_KEEPALIVED: "k", IMAGE_RABBITMQ: "r", IMAGE_POSTGRESQL: "p" }),
  ).toThrow("IMAGE_NODE_SERVICE, IMAGE_OSS_SERVICE");
});

test("namespaces to watch are a list", () => {
  const env = Object.fromEntries(
    ["NODE_SERVICE", "OSS_SERVICE", "RABBITMQ", "HAPROXY", "KEEPALIVED", "POSTGRESQL"].map((name) => [
      `IMAGE_${name}`,
      "x",
    ]),
  );
  expect(settingsFrom(env).namespaces).toEqual([]);
  expect(settingsFrom({ ...env, WATCH_NAMESPACES: "a,b" }).namespaces).toEqual(["a", "b"]);
});

test.each(["../../kube-system/secrets/admin", "..", "a/b", "a?b", "A", ""])(
  "%p is no name of a Secret, and leads to no other object",
  (secretName) => {
    expect(() => aCluster({ broker: { external: { secretName } } })).toThrow(InvalidSpec);
    expect(() => aCluster({ broker: { tls: { secretName } } })).toThrow(InvalidSpec);
    expect(() => aCluster({ oss: { database: { externalSecretName: secretName } } })).toThrow(InvalidSpec);
  },
);

test("a Secret may have any name that Kubernetes allows", () => {
  const secretName = "our-rabbitmq.default-user.0";
  expect(aCluster({ broker: { external: { secretName } } }).broker.external).toEqual({ secretName });
});
