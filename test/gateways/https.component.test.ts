import { once } from "node:events";
import { createServer } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { gatewayOf } from "../../operator/src/cluster/testing/fixtures.ts";
import { getByHttps, type HttpsAnswer } from "../lib/https.ts";
import { until } from "../lib/until.ts";
import { makeCertificate, type ServerCertificate } from "../services/certificate.ts";
import { type RunningGateway, startGateway } from "./haproxy.ts";

// The first run on a machine builds the images.
jest.setTimeout(300_000);

const HOST = "boxes.example";
const SOON = { deadlineMs: 30_000, intervalMs: 100 };

const cleanup = new AsyncDisposableStack();
let certificate: ServerCertificate;
let gateway: RunningGateway;

beforeAll(async () => {
  certificate = await makeCertificate(HOST);
  const node = createServer((_, response) => response.end("{}"));
  await once(node.listen(0, "127.0.0.1"), "listening");
  cleanup.defer(async () => {
    node.closeAllConnections();
    await once(node.close(), "close");
  });
  const spec = { nodes: { gateway: { tls: { secretName: "boxes-tls" } } } };
  const { port } = node.address() as AddressInfo;
  gateway = cleanup.use(await startGateway(gatewayOf("aaa-gateway", spec), [port], certificate));
  await until("its server is up", async () => (await gateway.own("/readyz")).status === 200, SOON);
});

afterAll(() => cleanup.disposeAsync());

/** Asks as a box that believes these authorities. */
function ask(believed: readonly ServerCertificate[], agent?: https.Agent): Promise<HttpsAnswer> {
  return getByHttps({
    host: "127.0.0.1",
    port: gateway.port,
    servername: HOST,
    ca: believed.map(({ ca }) => ca),
    path: "/v1/partition",
    ...(agent && { agent }),
  });
}

test("boxes speak HTTPS with a gateway that has a certificate", async () => {
  expect(await ask([certificate])).toMatchObject({ status: 200 });
});

test("who speaks HTTP without TLS, or a TLS that is too old, is not answered", async () => {
  await expect(fetch(`http://127.0.0.1:${gateway.port}/v1/partition`)).rejects.toThrow();
  const old = connect({
    host: "127.0.0.1",
    port: gateway.port,
    servername: HOST,
    ca: certificate.ca,
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT:@SECLEVEL=0",
  });
  const [error] = await once(old, "error");
  expect(error).toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
});

test("a certificate that is renewed comes into effect, and no request fails meanwhile", async () => {
  const renewed = await makeCertificate(HOST);
  const before = await ask([certificate]);
  const failures: unknown[] = [];
  const keepAlive = new https.Agent({ keepAlive: true, maxSockets: 1 });
  let isRenewed = false;
  const stay = (async () => {
    while (!isRenewed) {
      await ask([certificate, renewed], keepAlive).catch((error) => failures.push(error));
      await sleep(5);
    }
  })();
  await gateway.renew(renewed);
  const answer = await until("the new certificate comes", () => ask([renewed]), SOON);
  isRenewed = true;
  await stay;
  keepAlive.destroy();
  expect(answer.status).toBe(200);
  expect(answer.serial).not.toBe(before.serial);
  expect(failures).toEqual([]);
});

test("a certificate that cannot be used changes nothing", async () => {
  const [good, other] = [await makeCertificate(HOST), await makeCertificate(HOST)];
  await gateway.renew(good);
  await until("the good one comes", () => ask([good]), SOON);
  await gateway.renew({ ...good, certificate: other.certificate });
  await until("it is refused", () => gateway.container.log().includes("was refused"), SOON);
  expect(await ask([good])).toMatchObject({ status: 200 });
});
