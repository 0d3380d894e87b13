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

test("it keeps its data in a folder of the volume, since the volume's own may hold what the file system put there", () => {
  const mount = container.volumeMounts?.find(({ name }) => name === "data");
  expect(environmentOf(container).PGDATA).toMatch(new RegExp(`^${mount?.mountPath}/.`));
});

test("it may replay its log for half an hour after a crash", () => {
  const { periodSeconds = 0, failureThreshold = 0 } = container.startupProbe;
  expect(periodSeconds * failureThreshold).toBe(30 * 60);
});

test("a PostgreSQL that is busy is not restarted", () => {
  expect(container).not.toHaveProperty("livenessProbe");
});
