import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http, { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, jest, test } from "@jest/globals";
import amqp from "amqplib";
import type { Gateway } from "../../operator/src/cluster/build/gateways.ts";
import { haproxyVersion } from "../../operator/src/cluster/build/haproxy-config.ts";
import { gatewayOf } from "../../operator/src/cluster/testing/fixtures.ts";
import { treeOf } from "../lib/process-tree.ts";
import { until } from "../lib/until.ts";
import { freshVhost } from "../services/fresh.ts";
import { sharedRabbitmq } from "../services/shared.ts";
import { startNameServer } from "./dns.ts";
import { type RunningGateway, startGateway } from "./haproxy.ts";

// The first run on a machine builds the images.
jest.setTimeout(300_000);

const SOON = { deadlineMs: 20_000, intervalMs: 50 };
const CHANGES = 10;

function gatewayTo(port: number, component: Gateway["component"]): Gateway {
  const gateway = gatewayOf(component);
  return { ...gateway, backend: { ...gateway.backend, port } };
}

/** The same gateway with another configuration, which its clients do not notice. */
const changed = (gateway: Gateway, change: number): Gateway => ({
  ...gateway,
  backend: { ...gateway.backend, slots: 10 + change },
});

const saidBy = async (running: RunningGateway): Promise<{ configuration: string; servers: number }> =>
  JSON.parse((await running.own("/v1/gateway")).text);

const isUp = (running: RunningGateway, servers: number) =>
  until("its servers are up", async () => (await saidBy(running)).servers === servers, SOON);

/** Resolves when a configuration is in effect; until then and after it, the gateway must have servers to send to. */
async function takes(running: RunningGateway, gateway: Gateway): Promise<void> {
  await running.configure(gateway);
  const isTaken = async () => (await saidBy(running)).configuration === haproxyVersion(gateway);
  await until(`the configuration is in effect, of\n${running.container.log()}`, isTaken, SOON);
  expect(await running.own("/readyz")).toMatchObject({ status: 200 });
}

/** Does something again and again until it is disposed of, and keeps what went wrong. */
class Repeated implements AsyncDisposable {
  times = 0;
  readonly failures: unknown[] = [];
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(act: () => Promise<unknown>) {
    this.#running = this.#run(act);
  }

  async #run(act: () => Promise<unknown>): Promise<void> {
    while (!this.#stopped) {
      this.times += 1;
      await act().catch((error) => this.failures.push(error));
      await sleep(2);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }
}

/** Asks once; rejects unless the answer is 200. */
function ask(port: number, agent: http.Agent | false, path = "/v1/partition"): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.get({ port, host: "127.0.0.1", path, agent }, (response) => {
      response.resume();
      response.on("end", () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))));
      response.on("error", reject);
    });
    request.on("error", reject);
  });
}

async function someNodes() {
  const server = createServer((_, response) => response.end("{}"));
  await once(server.listen(0, "0.0.0.0"), "listening");
  return Object.assign(server, {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await once(server.close(), "close");
    },
  });
}

test("boxes do not notice that the configuration changes, neither those that come anew nor those that stay", async () => {
  await using nodes = await someNodes();
  await using names = await startNameServer(["127.0.0.2", "127.0.0.3"]);
  const gateway = gatewayTo(nodes.port, "aaa-gateway");
  await using running = await startGateway(gateway, names);
  await isUp(running, 2);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  await using come = new Repeated(() => ask(running.port, false));
  await using stay = new Repeated(() => ask(running.port, agent));
  for (let change = 1; change <= CHANGES; change += 1) await takes(running, changed(gateway, change));
  expect([come.failures, stay.failures]).toEqual([[], []]);
  expect(Math.min(come.times, stay.times)).toBeGreaterThan(CHANGES);
  expect(await saidBy(running)).toMatchObject({ servers: 2 });
  agent.destroy();
});

test("a connection to the broker outlives changes of the configuration, and others come meanwhile", async () => {
  const { port } = sharedRabbitmq();
  await using names = await startNameServer(["127.0.0.1"]);
  const gateway = gatewayTo(port, "broker-gateway");
  await using running = await startGateway(gateway, names);
  await isUp(running, 1);
  await using vhost = await freshVhost();
  const { username, password } = vhost.oss;
  const url = `amqp://${username}:${password}@127.0.0.1:${running.port}/${vhost.name}`;
  const connection = await amqp.connect(url);
  let lost: unknown;
  connection.on("error", (error) => {
    lost = error;
  });
  const channel = await connection.createConfirmChannel();
  const broadcast = async () => {
    channel.publish("oss_exchange", "", Buffer.from("{}"));
    await channel.waitForConfirms();
  };
  await using broadcasts = new Repeated(broadcast);
  await using others = new Repeated(async () => {
    await (await amqp.connect(url)).close();
  });
  for (let change = 1; change <= CHANGES; change += 1) await takes(running, changed(gateway, change));
  await broadcast();
  expect({ lost, broadcasts: broadcasts.failures, others: others.failures }).toEqual({ broadcasts: [], others: [] });
  expect(others.times).toBeGreaterThan(CHANGES);
  await connection.close();
});

test("a configuration that HAProxy refuses changes nothing, and the next one is taken", async () => {
  await using nodes = await someNodes();
  await using names = await startNameServer(["127.0.0.2"]);
  const gateway = gatewayTo(nodes.port, "aaa-gateway");
  await using running = await startGateway(gateway, names);
  await isUp(running, 1);
  await using come = new Repeated(() => ask(running.port, false));
  await running.configure("global\n  nonsense\n");
  const isRefused = () => running.container.log().includes("the changed configuration was refused");
  await until("it is refused", isRefused, SOON);
  expect(running.container.log()).toContain("unknown keyword 'nonsense'");
  expect(await saidBy(running)).toEqual({ configuration: haproxyVersion(gateway), servers: 1 });
  await takes(running, changed(gateway, 1));
  expect(come.failures).toEqual([]);
});

/** Name and state of every process of a gateway's container, with its PID on this machine, parents first. */
async function processesOf({ container }: RunningGateway) {
  const pids = await treeOf(container.pid);
  const all = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
      const field = (name: string) => new RegExp(`^${name}:\\s+(\\w+)`, "m").exec(status)?.[1] ?? "";
      return { pid, name: field("Name"), state: field("State") };
    }),
  );
  return all.filter(({ name }) => name !== "");
}

test("workers that have no connection any more end, and nothing of them stays", async () => {
  await using nodes = await someNodes();
  await using names = await startNameServer(["127.0.0.2"]);
  const gateway = gatewayTo(nodes.port, "aaa-gateway");
  await using running = await startGateway(gateway, names);
  await isUp(running, 1);
  const before = (await processesOf(running)).filter(({ name }) => name === "haproxy").length;
  for (let change = 1; change <= 3; change += 1) await takes(running, changed(gateway, change));
  const isTidy = async () => {
    const processes = await processesOf(running);
    const workers = processes.filter(({ name }) => name === "haproxy");
    return workers.length === before && processes.every(({ state }) => state !== "Z");
  };
  await until("only the newest worker is there", isTidy, SOON);
});

test.each([
  ["HAProxy", "haproxy"],
  ["its worker", "worker"],
])("the container ends when %s dies", async (_, who) => {
  await using nodes = await someNodes();
  await using names = await startNameServer(["127.0.0.2"]);
  const gateway = gatewayTo(nodes.port, "aaa-gateway");
  await using running = await startGateway(gateway, names);
  await isUp(running, 1);
  await takes(running, changed(gateway, 1));
  const all = (await processesOf(running)).filter(({ name }) => name === "haproxy");
  // The worker before may not have ended yet; the newest comes last.
  const victim = who === "worker" ? all.at(-1) : all[0];
  if (victim === undefined) throw new Error("no HAProxy");
  process.kill(victim.pid, "SIGKILL");
  await until("the container ended", () => !running.container.isRunning(), SOON);
  expect(await running.container.exited).toBe(137);
});

test("it ends within Kubernetes' patience although a client of an old worker stays", async () => {
  const { port } = sharedRabbitmq();
  await using names = await startNameServer(["127.0.0.1"]);
  const gateway = gatewayTo(port, "broker-gateway");
  await using running = await startGateway(gateway, names);
  await isUp(running, 1);
  await using vhost = await freshVhost();
  const { username, password } = vhost.oss;
  const connection = await amqp.connect(`amqp://${username}:${password}@127.0.0.1:${running.port}/${vhost.name}`);
  connection.on("error", () => {});
  await takes(running, changed(gateway, 1));
  await running.container.signal("SIGUSR1");
  await until("the container ended", () => !running.container.isRunning(), { deadlineMs: 25_000 });
});

test("who comes just when it is told to end is still answered, and it ends", async () => {
  await using nodes = await someNodes();
  await using names = await startNameServer(["127.0.0.2"]);
  await using running = await startGateway(gatewayTo(nodes.port, "aaa-gateway"), names);
  await isUp(running, 1);
  await using come = new Repeated(() => ask(running.port, false));
  const toldAt = performance.now();
  await running.container.signal("SIGUSR1");
  await until("nobody is answered any more", () => come.failures.length > 0, SOON);
  expect(performance.now() - toldAt).toBeGreaterThan(1_000);
  await until("the container ended", () => !running.container.isRunning(), SOON);
});
