import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { KubeClient, type KubeObject } from "../../operator/src/kube/index.ts";
import { until } from "../lib/until.ts";
import { type ApiServer, startApiServer } from "../services/api-server.ts";
import { define } from "./custom-resource.ts";

const SOURCE = join(import.meta.dirname, "greeter.ts");
const CONFIG_MAP = "/api/v1/namespaces/default/configmaps/world";
const GREETINGS = "/apis/example.com/v1/namespaces/default/greetings";
const EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events";
const DEADLINE = { deadlineMs: 30_000, intervalMs: 50 };

let server: ApiServer;
let client: KubeClient;
let operator: ChildProcess;
let exited: Promise<unknown>;

beforeAll(async () => {
  server = await startApiServer();
  client = new KubeClient(server.config());
  await define(client, { group: "example.com", version: "v1", kind: "Greeting", plural: "greetings" });
  await until("the API server serves greetings", () => client.request("GET", GREETINGS), DEADLINE);
  const env = { ...process.env, KUBECONFIG: server.kubeconfig, NODE_OPTIONS: "" };
  operator = spawn(process.execPath, [SOURCE], { env, stdio: "inherit" });
  exited = once(operator, "exit");
}, 60_000);

afterAll(async () => {
  operator?.kill("SIGKILL");
  await exited;
  await server?.stop();
});

const textOf = async (): Promise<string | undefined> =>
  (await client.request<KubeObject & { data?: { text: string } }>("GET", CONFIG_MAP)).data?.text;

test("the operator of the documentation makes, repairs and reports what its resource asks for, and ends in good order", async () => {
  const greeting = {
    apiVersion: "example.com/v1",
    kind: "Greeting",
    metadata: { name: "world" },
    spec: { name: "you" },
  };
  await client.request("POST", GREETINGS, { body: greeting });
  await until("it greets", async () => (await textOf()) === "Hello, you!", DEADLINE);

  await client.request("DELETE", CONFIG_MAP);
  await until("the ConfigMap is back", textOf, DEADLINE);

  const change = { body: { spec: { name: "all" } }, contentType: "application/merge-patch+json" };
  await client.request("PATCH", `${GREETINGS}/world`, change);
  await until("the new text is there", async () => (await textOf()) === "Hello, all!", DEADLINE);
  const status = async () =>
    (await client.request<KubeObject & { status?: unknown }>("GET", `${GREETINGS}/world`)).status;
  await until("the status says so", async () => JSON.stringify(await status()) === '{"text":"Hello, all!"}', DEADLINE);
  const notes = async () =>
    (await client.request<{ items: { note: string }[] }>("GET", EVENTS)).items.map(({ note }) => note);
  await until("events say so", async () => (await notes()).includes("Hello, all!"), DEADLINE);

  operator.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
  const lease = "/apis/coordination.k8s.io/v1/namespaces/default/leases/greeter";
  expect(await client.request("GET", lease)).toMatchObject({ spec: { holderIdentity: "" } });
}, 120_000);

test("the documentation shows this very operator", () => {
  const document = readFileSync(join(import.meta.dirname, "../../docs/controller-core.md"), "utf8");
  expect(document).toContain(`\`\`\`ts\n${readFileSync(SOURCE, "utf8")}\`\`\``);
});
