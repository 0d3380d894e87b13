import { createServer, type Server } from "node:http";
import { afterEach, expect, test } from "@jest/globals";
import { PORTS } from "./names.ts";
import { gatewayReport, isRelaying, nodeReport } from "./services.ts";
import type { LivePod } from "./world.ts";

/** Services have fixed ports, so that each test process needs an address of its own. */
const HOST = `127.77.${(process.pid >> 8) & 255}.${process.pid & 255 || 1}`;

const pod = (metadata: object = {}, status: object = { podIP: HOST }): LivePod =>
  ({ apiVersion: "v1", kind: "Pod", metadata: { name: "tv-aaa-0", ...metadata }, status }) as LivePod;
const SILENT = {
  name: "tv-aaa-0",
  queue: "aaa.partition.tv-aaa-0",
  synced: false,
  consuming: false,
  behind: false,
  differs: false,
};
const SAID = {
  queue: "aaa.partition.tv-aaa-0",
  epoch: "2",
  sequence: "17",
  digest: "00000000000000a1",
  lag: 3,
  lagSeconds: 1,
  synced: true,
  consuming: true,
  behind: false,
  differs: false,
};

let server: Server | undefined;
const asked: (string | undefined)[] = [];

/** A service that answers everything with this. */
async function serve(port: number, status: number, body: string): Promise<void> {
  server = createServer((request, response) => {
    asked.push(request.url);
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server?.listen(port, HOST, resolve));
}

afterEach(async () => {
  asked.splice(0);
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
});

test("a node is as it says itself, by the name of its pod", async () => {
  const troubled = { ...SAID, behind: true, differs: true };
  await serve(PORTS.aaa, 200, JSON.stringify({ ...troubled, name: "somebody", partition: "x" }));
  expect(await nodeReport(pod())).toEqual({ name: "tv-aaa-0", ...troubled });
  expect(asked).toEqual(["/v1/partition"]);
});

test("what a node does not know is absent, as the status wants it", async () => {
  const { epoch: _, sequence: __, lag: ___, lagSeconds: ____, digest: _____, ...known } = SAID;
  await serve(PORTS.aaa, 200, JSON.stringify(known));
  expect(await nodeReport(pod())).toStrictEqual({ name: "tv-aaa-0", ...known });
});

test.each([
  ["an error", 503, "{}"],
  ["something else than JSON", 200, "<html>"],
])("a node that answers with %s is neither synced nor known to consume", async (_, status, body) => {
  await serve(PORTS.aaa, status, body);
  expect(await nodeReport(pod())).toEqual(SILENT);
});

test.each([
  ["does not say whether it is synced", { synced: undefined }],
  ["has a lag that is no whole number", { lag: 0.5 }],
  ["has its sequence as a number", { sequence: 17 }],
  ["says of its consumer what is neither true nor false", { consuming: "yes" }],
])("a node that %s is taken for silent, as the API server would refuse the whole status", async (_, changes) => {
  await serve(PORTS.aaa, 200, JSON.stringify({ ...SAID, ...changes }));
  expect(await nodeReport(pod())).toEqual(SILENT);
});

test("a node of an older version, which says neither whether it is behind nor whether it differs, does neither", async () => {
  await serve(PORTS.aaa, 200, JSON.stringify({ ...SAID, behind: undefined, differs: undefined }));
  expect(await nodeReport(pod())).toEqual({ name: "tv-aaa-0", ...SAID });
});

test("a node where nobody listens is neither synced nor known to consume", async () => {
  expect(await nodeReport(pod())).toEqual(SILENT);
});

test("a node without an address, or on its way out, is not asked", async () => {
  await serve(PORTS.aaa, 200, JSON.stringify(SAID));
  expect(await nodeReport(pod({}, {}))).toEqual(SILENT);
  expect(await nodeReport(pod({ deletionTimestamp: "now" }))).toEqual(SILENT);
  expect(asked).toEqual([]);
});

test.each([
  ["says that it does", 200, { relaying: true }, true],
  ["says that it does not", 200, { relaying: false }, false],
  ["does not say", 200, {}, false],
  ["fails", 500, { relaying: true }, false],
])("whether an OSS pod broadcasts that %s", async (_, status, body, relays) => {
  await serve(PORTS.oss, status, JSON.stringify(body));
  expect(await isRelaying(pod())).toBe(relays);
  expect(asked).toEqual(["/v1/relay"]);
});

test("an OSS pod that is not there does not broadcast", async () => {
  expect(await isRelaying(pod())).toBe(false);
  expect(await isRelaying(pod({}, {}))).toBe(false);
});

test.each([
  [200, '{"servers":2,"more":1}', 2],
  [200, '{"servers":"many"}', 0],
  [200, "alive", 0],
  [503, '{"servers":2}', 0],
])("a gateway that answers %d %s knows of %d pods to send to", async (status, body, servers) => {
  await serve(PORTS.haproxyHealth, status, body);
  expect(await gatewayReport(pod(), PORTS.haproxyHealth)).toEqual({ pod: "tv-aaa-0", servers });
  expect(asked).toEqual(["/v1/gateway"]);
});

test("a gateway that does not answer knows of nobody to send to", async () => {
  expect(await gatewayReport(pod(), PORTS.haproxyHealth)).toEqual({ pod: "tv-aaa-0", servers: 0 });
});

test("a gateway that answers at the virtual IP is its holder, by its Kubernetes node", async () => {
  await serve(28_051, 200, '{"servers":2,"virtualIP":"192.0.2.10","holds":1}');
  const candidate = { ...pod(), spec: { nodeName: "n1" } } as LivePod;
  expect(await gatewayReport(candidate, 28_051)).toEqual({
    pod: "tv-aaa-0",
    servers: 2,
    holds: "192.0.2.10",
    node: "n1",
  });
});
