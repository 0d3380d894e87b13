import { expect, test } from "@jest/globals";
import { containerOf, environmentOf, podOf, secretsOf } from "../testing/children.ts";
import { aCluster } from "../testing/fixtures.ts";
import { EXTERNAL_BROKER, FULL } from "../testing/specs.ts";
import { aaaNodesService, aaaStatefulSet } from "./aaa.ts";

const pod = (spec = {}) => podOf(aaaStatefulSet(aCluster(spec)));
const service = (spec = {}) => containerOf(pod(spec), "node-service");
const postgresql = (spec = {}) => containerOf(pod(spec), "postgresql");

test("AAA nodes start all at once, each by a name of its own that the gateway finds", () => {
  expect(aaaStatefulSet(aCluster())).toMatchObject({
    metadata: { name: "tv-aaa" },
    spec: { replicas: 2, serviceName: "tv-aaa-nodes", podManagementPolicy: "Parallel" },
  });
  expect(aaaNodesService(aCluster())).toMatchObject({
    metadata: { name: "tv-aaa-nodes" },
    spec: { clusterIP: "None", publishNotReadyAddresses: true, ports: [{ name: "http", port: 6600 }] },
  });
});

test("PostgreSQL is up before node-service starts, and until it has ended", () => {
  const { initContainers, containers } = pod();
  expect(initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy])).toEqual([["postgresql", "Always"]]);
  expect(containers.map(({ name }) => name)).toEqual(["node-service"]);
  expect(postgresql()).toHaveProperty("startupProbe");
});

test("node-service has the time to send its accounting records before it is killed", () => {
  expect(pod().terminationGracePeriodSeconds).toBe(45);
});

test("nobody outside of the pod reaches its PostgreSQL, so that it needs no password", () => {
  expect(postgresql()).toMatchObject({ args: ["-c", "listen_addresses="] });
  expect(environmentOf(postgresql()).POSTGRES_HOST_AUTH_METHOD).toBe("trust");
  expect(postgresql()).not.toHaveProperty("ports");
});

test("PostgreSQL is asked through its socket whether it is ready", () => {
  const command = ["pg_isready", "-q", "-h", "/run/postgresql", "-U", "aaa", "-d", "aaa"];
  expect(postgresql().startupProbe?.exec?.command).toEqual(command);
  expect(postgresql().readinessProbe?.exec?.command).toEqual(command);
});

test("node-service speaks to the PostgreSQL of its own pod, through the socket", () => {
  const { PGHOST, PGUSER, PGDATABASE } = environmentOf(service());
  const { POSTGRES_USER, POSTGRES_DB } = environmentOf(postgresql());
  expect([PGUSER, PGDATABASE]).toEqual([POSTGRES_USER, POSTGRES_DB]);
  const socket = { name: "postgresql", mountPath: PGHOST };
  expect(service().volumeMounts).toContainEqual(socket);
  expect(postgresql().volumeMounts).toContainEqual(socket);
});

test("a node's partition is the name of its pod", () => {
  expect(environmentOf(service()).PARTITION).toBe("field:metadata.name");
});

test("what the spec says of lag, stale reads and the exchange is what node-service is told", () => {
  expect(environmentOf(service())).toMatchObject({
    OSS_EXCHANGE: "oss_exchange",
    MAX_LAG_SECONDS: "30",
    STALE_READS: "Serve",
  });
  expect(environmentOf(service(FULL))).toMatchObject({
    OSS_EXCHANGE: "broadcasts",
    MAX_LAG_SECONDS: "5",
    STALE_READS: "Refuse",
  });
});

test("boxes are served on 6600, by nodes that say that they are ready", () => {
  expect(environmentOf(service()).PORT).toBe("6600");
  expect(service()).toMatchObject({
    ports: [{ name: "http", containerPort: 6600 }],
    readinessProbe: { httpGet: { path: "/readyz", port: 6600 } },
    livenessProbe: { httpGet: { path: "/livez", port: 6600 } },
  });
});

test("any node verifies any token: all have the signing keys of the cluster", () => {
  const file = environmentOf(service()).SIGNING_KEYS_FILE ?? "";
  const mount = service().volumeMounts?.find(({ mountPath }) => file.startsWith(`${mountPath}/`) && mountPath !== "/");
  const volume = pod().volumes?.find(({ name }) => name === mount?.name);
  expect(volume?.secret).toEqual({ secretName: "tv-signing-keys" });
  expect(mount?.readOnly).toBe(true);
});

test.each([
  ["built", {}, ["tv-broker-node", "tv-signing-keys"]],
  ["external", EXTERNAL_BROKER, ["tv-broker-external-node", "tv-signing-keys", "my-broker", "my-broker"]],
])("a node with a broker that is %s needs these Secrets and no other", (_, spec, names) => {
  expect(secretsOf({ pod: pod(spec), containers: [service(spec), postgresql(spec)] })).toEqual(names);
});

test("images, resources, storage and scheduling are those of the spec", () => {
  const set = aaaStatefulSet(aCluster(FULL));
  expect(set.spec?.replicas).toBe(7);
  expect(service(FULL)).toMatchObject({ image: "my-node:2", resources: { limits: { memory: "2Gi" } } });
  expect(postgresql(FULL)).toMatchObject({ image: "my-postgresql:3", resources: { requests: { cpu: "500m" } } });
  expect(set.spec?.volumeClaimTemplates?.[0]?.spec).toMatchObject({
    storageClassName: "fast",
    resources: { requests: { storage: "10Gi" } },
  });
  expect(pod(FULL)).toMatchObject({ priorityClassName: "gold", nodeSelector: { disk: "ssd" } });
});
