import { expect, test } from "@jest/globals";
import { CONFIG_ANNOTATION } from "../labels.ts";
import { containerOf, environmentOf, podOf } from "../testing/children.ts";
import { aCluster } from "../testing/fixtures.ts";
import { EXTERNAL_BROKER, FULL, WITH_TLS } from "../testing/specs.ts";
import { brokerStatefulSet } from "./broker-statefulset.ts";

const pod = (spec = {}) => podOf(brokerStatefulSet(aCluster(spec)));
const rabbitmq = (spec = {}) => containerOf(pod(spec), "rabbitmq");
const prepare = (spec = {}) => containerOf(pod(spec), "prepare");
const annotation = (spec = {}) =>
  brokerStatefulSet(aCluster(spec))?.spec?.template.metadata?.annotations?.[CONFIG_ANNOTATION];

test("brokers start all at once, since after a full outage each may need any other", () => {
  expect(brokerStatefulSet(aCluster())).toMatchObject({
    metadata: { name: "tv-broker" },
    spec: { replicas: 3, serviceName: "tv-broker-nodes", podManagementPolicy: "Parallel" },
  });
});

test("a broker's name follows from its pod, whole, and is the same to the script as to RabbitMQ", () => {
  const environment = {
    POD_NAME: "field:metadata.name",
    RABBITMQ_NODENAME: "rabbit@$(POD_NAME).tv-broker-nodes.aaa.svc.cluster.local",
    RABBITMQ_USE_LONGNAME: "true",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+sbwt none +sbwtdcpu none +sbwtdio none",
  };
  expect(environmentOf(rabbitmq())).toEqual(environment);
  expect(environmentOf(prepare())).toEqual(environment);
  // A variable can only be put together from those before it.
  expect(rabbitmq().env?.map(({ name }) => name)).toEqual(Object.keys(environment));
});

test("the script finds everything that it puts in place, and RabbitMQ finds it there", () => {
  expect(prepare().command).toEqual(["bash", "/operator/config/prepare.sh"]);
  const paths = (container = prepare()) => container.volumeMounts?.map(({ mountPath }) => mountPath);
  expect(paths()).toEqual([
    "/var/lib/rabbitmq",
    "/etc/rabbitmq",
    "/operator/config",
    "/operator/admin",
    "/operator/cookie",
  ]);
  expect(paths(rabbitmq())).toEqual(["/var/lib/rabbitmq", "/etc/rabbitmq", "/var/log/rabbitmq", "/tmp"]);
  expect(pod().volumes).toEqual(
    expect.arrayContaining([
      { name: "config", configMap: { name: "tv-broker-config" } },
      { name: "admin", secret: { secretName: "tv-broker-admin" } },
      { name: "cookie", secret: { secretName: "tv-broker-erlang-cookie" } },
    ]),
  );
});

test("the script runs in the image of the broker, which has its folders", () => {
  expect(prepare(FULL).image).toBe("my-rabbitmq:2");
  expect(rabbitmq(FULL).image).toBe("my-rabbitmq:2");
});

test.each([
  ["without TLS", {}, 5672, 15672],
  ["with TLS", WITH_TLS, 5671, 15671],
])("a broker %s is ready when it takes AMQP connections", (_, spec, amqp, management) => {
  expect(rabbitmq(spec).readinessProbe?.tcpSocket?.port).toBe(amqp);
  expect(rabbitmq(spec).startupProbe?.tcpSocket?.port).toBe(amqp);
  expect(rabbitmq(spec).ports).toEqual([
    { name: "amqp", containerPort: amqp },
    { name: "management", containerPort: management },
    { name: "prometheus", containerPort: 15692 },
  ]);
});

test("a broker that waits for its peers is not restarted, which would only make it wait again", () => {
  const { periodSeconds = 0, failureThreshold = 0 } = rabbitmq().startupProbe ?? {};
  expect(periodSeconds * failureThreshold).toBe(15 * 60);
  expect(rabbitmq()).not.toHaveProperty("livenessProbe");
});

test("a broker has a minute to hand over its queues", () => {
  expect(pod().terminationGracePeriodSeconds).toBe(60);
});

test("with TLS a broker has its certificate, and without it nothing to do with one", () => {
  expect(pod(WITH_TLS).volumes).toContainEqual({ name: "tls", secret: { secretName: "broker-tls" } });
  expect(rabbitmq(WITH_TLS).volumeMounts).toContainEqual({ name: "tls", mountPath: "/operator/tls", readOnly: true });
  expect(pod().volumes?.map(({ name }) => name)).not.toContain("tls");
});

test("only a change of the configuration gives brokers another hash, and so restarts them", () => {
  expect(annotation()).toMatch(/^[0-9a-f]{16}$/);
  expect(annotation({ broker: { additionalConfig: "heartbeat = 20" } })).not.toBe(annotation());
  expect(annotation(WITH_TLS)).not.toBe(annotation());
  expect(annotation({ broker: { replicas: 9, queue: { maxLength: 5 } }, nodes: { replicas: 9 } })).toBe(annotation());
});

test("resources, storage and scheduling are those of the spec", () => {
  expect(brokerStatefulSet(aCluster(FULL))?.spec?.replicas).toBe(5);
  expect(rabbitmq(FULL).resources).toMatchObject({ limits: { memory: "2Gi" } });
  const [claim] = brokerStatefulSet(aCluster(FULL))?.spec?.volumeClaimTemplates ?? [];
  expect(claim?.spec).toMatchObject({ storageClassName: "fast", resources: { requests: { storage: "10Gi" } } });
  expect(pod(FULL)).toMatchObject({ priorityClassName: "gold", nodeSelector: { disk: "ssd" } });
});

test("with an external broker there are no broker pods", () => {
  expect(brokerStatefulSet(aCluster(EXTERNAL_BROKER))).toBeNull();
});
