import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { expect, jest, test } from "@jest/globals";
import amqp from "amqplib";
import { gatewayOf } from "../../operator/src/cluster/testing/fixtures.ts";
import { WITH_TLS } from "../../operator/src/cluster/testing/specs.ts";
import { until } from "../lib/until.ts";
import { freshVhost } from "../services/fresh.ts";
import { sharedRabbitmq } from "../services/shared.ts";
import { type RunningGateway, startGateway } from "./haproxy.ts";

// The first run on a machine builds the images.
jest.setTimeout(300_000);

const SOON = { deadlineMs: 20_000, intervalMs: 100 };

const serversUp = async (gateway: RunningGateway): Promise<number> =>
  (JSON.parse((await gateway.own("/v1/gateway")).text) as { servers: number }).servers;

/** A pod that says whether it is ready, and answers everything else so. */
async function aPod(answer: RequestListener, isReady = () => true): Promise<Server & AsyncDisposable> {
  const server = createServer((request, response) => {
    if (request.url === "/readyz") response.writeHead(isReady() ? 200 : 503).end("{}");
    else answer(request, response);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return Object.assign(server, {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  });
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

test.each([
  ["amqp", {}],
  ["amqps", WITH_TLS],
] as const)("a real broker that speaks %s is used, and one that hangs is not", async (scheme, spec) => {
  const { port, tls } = sharedRabbitmq();
  const hangs = createTcpServer((socket) => socket.on("error", () => {})).unref();
  await once(hangs.listen(0, "127.0.0.1"), "listening");
  await using gateway = await startGateway(gatewayOf("broker-gateway", spec), [
    (scheme === "amqp" ? port : tls?.port) ?? 0,
    portOf(hangs),
  ]);
  const isChecked = async (): Promise<boolean> => {
    const { text } = await gateway.own("/metrics");
    return text.includes('haproxy_server_check_status{proxy="servers",server="server1",state="L7OK"} 1');
  };
  const isDown = () => gateway.container.log().includes("server2 is DOWN");
  await until(
    "only the broker is up",
    async () => (await isChecked()) && isDown() && (await serversUp(gateway)) === 1,
    SOON,
  );
  await using vhost = await freshVhost();
  const { username, password } = vhost.oss;
  const url = `${scheme}://${username}:${password}@localhost:${gateway.port}/${vhost.name}`;
  const connection = await amqp.connect(url, { ca: tls?.ca });
  await connection.createChannel();
  await connection.close();
  hangs.close();
});

test("a gateway without a server says so, and that it is alive", async () => {
  await using gateway = await startGateway(gatewayOf("aaa-gateway"), [1]);
  await until("the server is down", async () => (await serversUp(gateway)) === 0, SOON);
  expect(await gateway.own("/readyz")).toEqual({ status: 503, text: "no server is up" });
  expect(await gateway.own("/livez")).toMatchObject({ status: 200 });
  expect((await gateway.own("/metrics")).text).toContain('haproxy_backend_active_servers{proxy="servers"} 0');
});

test.each([
  ["dies of requests", (request: { destroy(): void }) => request.destroy()],
  [
    "says that it is not ready",
    (_: unknown, response: { writeHead(status: number): { end(): void } }) => response.writeHead(503).end(),
  ],
  ["stands still", () => {}],
])("a node that %s costs boxes nothing", async (_, answer) => {
  await using bad = await aPod((request, response) => answer(request.socket, response));
  await using good = await aPod((_request, response) => response.end("permit"));
  await using gateway = await startGateway(gatewayOf("aaa-gateway"), [bad, good].map(portOf));
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/authorize`, { method: "POST", body: "{}" });
      return [response.status, await response.text()];
    }),
  );
  expect(answers).toEqual(Array.from({ length: 20 }, () => [200, "permit"]));
});

test("what a pod was asked before it said that it is about to end is answered", async () => {
  let isReady = true;
  let answer: (() => void) | undefined;
  const keeps: RequestListener = (_request, response) => {
    answer = () => response.end("done");
  };
  await using pod = await aPod(keeps, () => isReady);
  await using gateway = await startGateway(gatewayOf("oss-gateway"), [portOf(pod)]);
  const answered = fetch(`http://127.0.0.1:${gateway.port}/v1/subscribers`, { method: "POST" });
  await until("the pod was asked", () => answer !== undefined, SOON);
  isReady = false;
  await until("the pod is known to be about to end", async () => (await serversUp(gateway)) === 0, SOON);
  answer?.();
  expect((await answered).status).toBe(200);
});

test("what OSS may have done already is not sent again, but for what it knows by its idempotency key", async () => {
  const seen: string[] = [];
  const dies: RequestListener = (request) => {
    seen.push(`${request.method} ${request.headers["idempotency-key"] ?? "without a key"}`);
    request.socket.destroy();
  };
  await using one = await aPod(dies);
  await using other = await aPod(dies);
  await using gateway = await startGateway(gatewayOf("oss-gateway"), [one, other].map(portOf));
  const send = async (method: string, headers = {}): Promise<number> =>
    (await fetch(`http://127.0.0.1:${gateway.port}/v1/subscribers`, { method, headers })).status;
  expect(await send("POST")).toBe(502);
  expect(seen.splice(0)).toEqual(["POST without a key"]);
  expect(await send("POST", { "idempotency-key": "k" })).toBe(502);
  expect(seen.splice(0)).toEqual(["POST k", "POST k", "POST k", "POST k"]);
  expect(await send("GET")).toBe(502);
  expect(seen).toHaveLength(4);
});
