import { expect, test } from "@jest/globals";
import { containerOf, environmentOf, podOf } from "../testing/children.ts";
import { aCluster } from "../testing/fixtures.ts";
import { EXTERNAL_DATABASE, FULL } from "../testing/specs.ts";
import { ossDatabaseService, ossDatabaseStatefulSet } from "./oss-database.ts";

const pod = (spec = {}) => podOf(ossDatabaseStatefulSet(aCluster(spec)));
const postgresql = (spec = {}) => containerOf(pod(spec), "postgresql");

test("OSS has one PostgreSQL, by a name of its own, however many OSS pods there are", () => {
  expect(ossDatabaseStatefulSet(aCluster(FULL))).toMatchObject({
    metadata: { name: "tv-oss-database" },
    // Otherwise a pod that never gets ready, as one with a wrong image, would keep its correction from being rolled out.
    spec: { replicas: 1, serviceName: "tv-oss-database", podManagementPolicy: "Parallel" },
  });
  expect(ossDatabaseService(aCluster())).toMatchObject({
    metadata: { name: "tv-oss-database" },
    spec: { clusterIP: "None", ports: [{ name: "postgresql", port: 5432 }] },
  });
});

test("it listens for the OSS pods, and asks them for the password that the operator made", () => {
  expect(postgresql()).toMatchObject({
    args: ["-c", "listen_addresses=*"],
    ports: [{ name: "postgresql", containerPort: 5432 }],
  });
  const environment = environmentOf(postgresql());
  expect(environment.POSTGRES_PASSWORD_FILE).toBe("/run/secrets/database/password");
  expect(environment).not.toHaveProperty("POSTGRES_HOST_AUTH_METHOD");
  expect(postgresql().volumeMounts).toContainEqual({
    name: "password",
    mountPath: "/run/secrets/database",
    readOnly: true,
  });
  expect(pod().volumes).toContainEqual({ name: "password", secret: { secretName: "tv-oss-database" } });
});

test("it is ready when it takes connections, not while it only makes its database through the socket", () => {
  expect(postgresql().readinessProbe?.exec?.command).toEqual(
    expect.arrayContaining(["pg_isready", "-h", "127.0.0.1", "-U", "oss", "-d", "oss"]),
  );
});

test("image, resources, storage and scheduling are those of the spec", () => {
  expect(postgresql(FULL)).toMatchObject({ image: "my-postgresql:2", resources: { requests: { cpu: "500m" } } });
  const [claim] = ossDatabaseStatefulSet(aCluster(FULL))?.spec?.volumeClaimTemplates ?? [];
  expect(claim?.spec).toMatchObject({ storageClassName: "fast", resources: { requests: { storage: "10Gi" } } });
  expect(pod(FULL)).toMatchObject({ priorityClassName: "gold", nodeSelector: { disk: "ssd" } });
});

test("with an external database there is none", () => {
  expect(ossDatabaseStatefulSet(aCluster(EXTERNAL_DATABASE))).toBeNull();
  expect(ossDatabaseService(aCluster(EXTERNAL_DATABASE))).toBeNull();
});
