import { expect, test } from "@jest/globals";
import { freePorts } from "../services/ports.ts";
import { Connection, TimeoutError } from "./connection.ts";
import { kindOf } from "./failure.ts";
import { scriptedGateway } from "./testing/scripted-gateway.ts";

const PATIENT_MS = 10_000;

test("requests one after the other go over one connection", async () => {
  await using gateway = await scriptedGateway(({ body }) => ({ status: 200, body }));
  const connection = new Connection(gateway.url, PATIENT_MS);
  for (const number of [1, 2, 3]) {
    expect(await connection.post("/v1/echo", { number })).toMatchObject({ status: 200, body: { number } });
  }
  expect(gateway.connections()).toBe(1);
  await connection.drop();
});

test("a request that is not answered in time fails as such, and the next one has another connection", async () => {
  await using gateway = await scriptedGateway((_, index) => (index === 0 ? "silence" : { status: 200, body: {} }));
  const connection = new Connection(gateway.url, 200);
  await expect(connection.post("/", {})).rejects.toThrow(TimeoutError);
  expect((await connection.post("/", {})).status).toBe(200);
  expect(gateway.connections()).toBe(2);
  await connection.drop();
});

test("a connection that breaks and an answer that is no JSON are told apart", async () => {
  await using gateway = await scriptedGateway((_, index) => (index === 0 ? null : { status: 502, body: "<html>" }));
  const connection = new Connection(gateway.url, PATIENT_MS);
  const failure = async (): Promise<string> => connection.post("/", {}).then(String, kindOf);
  expect(await failure()).toBe("connection lost");
  expect(await failure()).toBe("no JSON");
  await connection.drop();
});

test("a gateway that is not there fails as such", async () => {
  const [port] = await freePorts(1);
  const connection = new Connection(`http://127.0.0.1:${port}`, PATIENT_MS);
  expect(await connection.post("/", {}).then(String, kindOf)).toBe("not connected");
  await connection.drop();
});

test("dropping the connection rejects what is on its way", async () => {
  await using gateway = await scriptedGateway(() => "silence");
  const connection = new Connection(gateway.url, PATIENT_MS);
  const waiting = expect(connection.post("/", {})).rejects.toThrow();
  await connection.drop();
  await waiting;
});
