import { expect, test } from "@jest/globals";
import { Registry } from "prom-client";
import Type from "typebox";
import { backoffMs, createHttp, createLog, Drain, isDatabaseAway, Problem, runForever, tally, Wake } from "./index.ts";

const quiet = createLog("silent");

test("a ring while nobody waits is kept, and silence is told from a ring", async () => {
  const { signal } = new AbortController();
  const wake = new Wake();
  wake.ring();
  await expect(wake.wait(signal, 1)).resolves.toBe(true);
  await expect(wake.wait(signal, 1)).resolves.toBe(false);
  const waiting = wake.wait(signal);
  wake.ring();
  await expect(waiting).resolves.toBe(true);
});

test("a wait ends with the reason when its signal aborts", async () => {
  const controller = new AbortController();
  const waiting = new Wake().wait(controller.signal);
  controller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
});

test("retries wait longer and longer, up to five seconds, and never all at once", () => {
  expect([0, 1, 2, 10, 1_000].map((attempt) => backoffMs(attempt, () => 1))).toEqual([100, 200, 400, 5_000, 5_000]);
  expect(backoffMs(2, () => 0)).toBe(200);
});

test("a session that fails is run again until the signal aborts", async () => {
  const controller = new AbortController();
  let runs = 0;
  await runForever(
    "test",
    async () => {
      runs += 1;
      if (runs === 3) controller.abort();
      throw new Error("lost");
    },
    { signal: controller.signal, log: quiet },
  );
  expect(runs).toBe(3);
});

test("a database that refuses connections is away, a wrong statement is not", () => {
  expect(isDatabaseAway(Object.assign(new Error("connect ECONNREFUSED"), { syscall: "connect" }))).toBe(true);
  expect(isDatabaseAway(new Error("Connection terminated unexpectedly"))).toBe(true);
  expect(isDatabaseAway(new TypeError("x is not a function"))).toBe(false);
});

test("every error is answered as a problem, and only expected ones tell their message", async () => {
  const app = createHttp({
    log: quiet,
    drain: new Drain(),
    registry: new Registry(),
    notReady: async () => "it sleeps",
    describeErrors: (errors) => errors.map(({ message }) => message),
  });
  app.post("/strict", { schema: { body: Type.Object({ a: Type.Integer() }) } }, async () => ({}));
  app.get("/known", async () => {
    throw new Problem(409, "still-in-use", "stop it first");
  });
  app.get("/unknown", async () => {
    throw new Error("secret detail");
  });
  const ask = async (method: "GET" | "POST", url: string, body?: object) => {
    const answer = await app.inject({ method, url, ...(body === undefined ? {} : { payload: body }) });
    expect(answer.headers["content-type"]).toContain(answer.statusCode < 400 ? "application/json" : "problem+json");
    return answer.json();
  };
  expect(await ask("GET", "/livez")).toEqual({ status: "alive" });
  expect(await ask("GET", "/readyz")).toMatchObject({ status: 503, detail: "it sleeps" });
  expect(await ask("GET", "/known")).toMatchObject({ type: "urn:aaacluster:problem:still-in-use", status: 409 });
  expect(JSON.stringify(await ask("GET", "/unknown"))).not.toContain("secret");
  expect(await ask("POST", "/strict", { a: "1" })).toMatchObject({ status: 400, errors: ["must be integer"] });
  expect(await ask("GET", "/nowhere?x=1")).toMatchObject({ status: 404, detail: "there is no GET /nowhere" });
});

test("a tally tells every value of its label from the beginning, and what was counted since", async () => {
  const registry = new Registry();
  const drinks = tally(registry, { name: "drinks_total", help: "Drinks", label: "kind", values: ["tea", "coffee"] });
  const told = async (): Promise<string[]> =>
    (await registry.metrics()).split("\n").filter((line) => line.startsWith("drinks"));
  expect(await told()).toEqual(['drinks_total{kind="tea"} 0', 'drinks_total{kind="coffee"} 0']);
  drinks.tea += 2;
  drinks.tea += 1;
  await told();
  expect(await told()).toEqual(['drinks_total{kind="tea"} 3', 'drinks_total{kind="coffee"} 0']);
});
