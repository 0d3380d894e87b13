import { expect, test } from "@jest/globals";
import pg from "pg";
import { Registry } from "prom-client";
import { createHttp, createLog, Drain, masked } from "./index.ts";

/** A service that logs into an array. */
function service() {
  const lines: string[] = [];
  const drain = new Drain();
  const log = createLog("info", { write: (line) => lines.push(line) });
  const app = createHttp({
    log,
    registry: new Registry(),
    drain,
    notReady: async () => null,
    describeErrors: () => [],
  });
  return { app, log, lines, drain };
}

test("of an identity its end is shown, and never more than half", () => {
  expect(["box-11731", "abcd", "ab", "a", ""].map(masked)).toEqual(["…731", "…cd", "…b", "…a", "…"]);
});

test("who asked is not in the log: neither the URL, nor what the database says of the row", async () => {
  const { app, lines } = service();
  app.get("/v1/things/:id", async () => {
    throw Object.assign(new pg.DatabaseError('duplicate key value violates "things_pkey"', 1, "error"), {
      code: "23505",
      detail: "Key (device_id)=(box-secret) already exists.",
      where: "JSON data, line 1: box-secret",
    });
  });
  await app.inject({ method: "GET", url: "/v1/things/box-secret?deviceId=box-secret" });
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain("box-secret");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    route: "/v1/things/:id",
    msg: "request failed",
    err: { type: "DatabaseError", code: "23505", message: expect.stringContaining("things_pkey") },
  });
});

test("a value that the database could not read is not in the log", async () => {
  const { log, lines } = service();
  const error = new pg.DatabaseError('invalid input syntax for type bigint: "box-secret"', 1, "error");
  log.warn({ err: Object.assign(error, { code: "22P02" }) }, "failed");
  expect(lines.join()).not.toContain("box-secret");
  expect(JSON.parse(lines[0] ?? "").err).toMatchObject({ message: 'invalid input syntax for type bigint: "…"' });
});

test("secrets are left out of a line, and identities shortened", () => {
  const { log, lines } = service();
  log.info({ deviceId: "box-11731", body: { accessToken: "ey.secret", macAddress: "00:11:22:33:44:55" } }, "said");
  log.info({ password: "a secret" }, "said");
  expect(lines.join()).not.toMatch(/secret|box-11731|00:11/);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    deviceId: "…731",
    body: { accessToken: "…", macAddress: "…:55" },
  });
});

test("a service that drains is not ready, answers all the same, and lets the connection go", async () => {
  const { app, drain } = service();
  app.get("/work", async () => ({ done: true }));
  const ask = (url: string) => app.inject({ method: "GET", url });
  expect((await ask("/work")).headers.connection).not.toBe("close");
  drain.begin();
  expect((await ask("/readyz")).json()).toMatchObject({ status: 503, type: "urn:aaacluster:problem:draining" });
  const answer = await ask("/work");
  expect([answer.statusCode, answer.headers.connection]).toEqual([200, "close"]);
  expect((await ask("/livez")).statusCode).toBe(200);
});
