import { expect, test } from "@jest/globals";
import { environmentOf } from "../testing/children.ts";
import { postgresqlContainer } from "./postgresql.ts";

const container = postgresqlContainer({
  image: "postgresql:1",
  resources: {},
  args: [],
  user: "oss",
  authentication: [],
  probeHost: "127.0.0.1",
});

// Another path would be an empty database at the next restart.
test("it keeps its data in a folder of the volume, and always in the same", () => {
  expect(environmentOf(container).PGDATA).toBe("/var/lib/postgresql/data/pgdata");
  expect(container.volumeMounts).toContainEqual({ name: "data", mountPath: "/var/lib/postgresql/data" });
});

test("it may replay its log for half an hour after a crash", () => {
  const { periodSeconds = 0, failureThreshold = 0 } = container.startupProbe;
  expect(periodSeconds * failureThreshold).toBe(30 * 60);
});

test("it is asked every ten seconds whether it takes connections", () => {
  const command = ["pg_isready", "-q", "-h", "127.0.0.1", "-U", "oss", "-d", "oss"];
  expect(container.readinessProbe).toEqual({ exec: { command }, periodSeconds: 10, timeoutSeconds: 5 });
});

test("a PostgreSQL that is busy is not restarted", () => {
  expect(container).not.toHaveProperty("livenessProbe");
});
