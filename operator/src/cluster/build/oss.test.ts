import { expect, test } from "@jest/globals";
import { containerOf, environmentOf, podOf, secretsOf } from "../testing/children.ts";
import { aCluster } from "../testing/fixtures.ts";
import { ALL_EXTERNAL, EXTERNAL_DATABASE, FULL } from "../testing/specs.ts";
import { ossNodesService, ossStatefulSet } from "./oss.ts";

const pod = (spec = {}) => podOf(ossStatefulSet(aCluster(spec)));
const service = (spec = {}) => containerOf(pod(spec), "oss-service");
/** The Secret in which a file of the container is. */
const secretWith = (file: string, spec = {}): string | undefined => {
  const mount = service(spec).volumeMounts?.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
  return pod(spec).volumes?.find(({ name }) => name === mount?.name)?.secret?.secretName;
};

test("OSS pods start all at once, by names that the gateway finds, and keep nothing", () => {
  expect(ossStatefulSet(aCluster())).toMatchObject({
    metadata: { name: "tv-oss" },
    spec: { replicas: 2, serviceName: "tv-oss-nodes", podManagementPolicy: "Parallel" },
  });
  expect(ossStatefulSet(aCluster()).spec).not.toHaveProperty("volumeClaimTemplates");
  expect(ossNodesService(aCluster())).toMatchObject({
    metadata: { name: "tv-oss-nodes" },
    spec: { clusterIP: "None", publishNotReadyAddresses: true, ports: [{ name: "http", port: 6700 }] },
  });
});

test("OSS pods write into the database of the cluster, with a password that only a file has", () => {
  const environment = environmentOf(service());
  expect(environment).toMatchObject({
    PGHOST: "tv-oss-database.aaa.svc",
    PGPORT: "5432",
    PGDATABASE: "oss",
    PGUSER: "oss",
    DATABASE_PASSWORD_FILE: "/run/secrets/database/password",
  });
  expect(secretWith("/run/secrets/database/password")).toBe("tv-oss-database");
});

test("an external database is as its Secret says", () => {
  expect(environmentOf(service(EXTERNAL_DATABASE))).toMatchObject({
    PGHOST: "secret:my-database/host",
    PGPORT: "secret:my-database/port",
    PGDATABASE: "secret:my-database/dbname",
    PGUSER: "secret:my-database/username",
    PGSSLMODE: "secret:my-database/sslmode",
    PGSSLROOTCERT: "/run/secrets/database/ca.crt",
    DATABASE_PASSWORD_FILE: "/run/secrets/database/password",
  });
  expect(secretWith("/run/secrets/database/password", EXTERNAL_DATABASE)).toBe("my-database");
});

test("of the Secret of an external database only sslmode may be left out", () => {
  const optional = service(EXTERNAL_DATABASE).env?.filter(
    ({ valueFrom }) => valueFrom?.secretKeyRef?.optional === true,
  );
  expect(optional?.map(({ name }) => name)).toEqual(["PGSSLMODE"]);
});

test("who provisions has the token that the operator made", () => {
  const file = environmentOf(service()).API_TOKEN_FILE ?? "";
  expect(file.endsWith("/token")).toBe(true);
  expect(secretWith(file)).toBe("tv-oss-api");
});

test.each([
  ["its own broker and database", {}, ["tv-broker-oss", "tv-oss-api", "tv-oss-database"]],
  [
    "an external broker with TLS and an external database",
    ALL_EXTERNAL,
    ["broker-tls", "my-broker", "my-database", "tv-broker-external-oss", "tv-oss-api"],
  ],
])("OSS with %s needs these Secrets and no other", (_, spec, names) => {
  const needed = new Set(secretsOf({ pod: pod(spec), containers: [service(spec)] }));
  expect([...needed].sort()).toEqual(names);
});

test("OSS serves on 6700, and broadcasts to the exchange of the spec", () => {
  expect(environmentOf(service(FULL))).toMatchObject({
    PORT: "6700",
    OSS_EXCHANGE: "broadcasts",
    INSTANCE: "field:metadata.name",
  });
  expect(service()).toMatchObject({
    ports: [{ name: "http", containerPort: 6700 }],
    readinessProbe: { httpGet: { path: "/readyz", port: 6700 } },
    livenessProbe: { httpGet: { path: "/livez", port: 6700 } },
  });
});

test("image, resources and scheduling are those of the spec", () => {
  expect(ossStatefulSet(aCluster(FULL)).spec?.replicas).toBe(3);
  expect(service(FULL)).toMatchObject({ image: "my-oss:2", resources: { limits: { memory: "2Gi" } } });
  expect(pod(FULL)).toMatchObject({ priorityClassName: "gold", nodeSelector: { disk: "ssd" } });
});
