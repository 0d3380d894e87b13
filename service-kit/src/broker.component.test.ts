import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { fastify } from "fastify";
import { TcpGate } from "../../test/fault/tcp-gate.ts";
import { until } from "../../test/lib/until.ts";
import { makeCertificate } from "../../test/services/certificate.ts";
import { type FreshVhost, freshVhost } from "../../test/services/fresh.ts";
import { sharedRabbitmq } from "../../test/services/shared.ts";
import { BrokerSession, brokerSettings, runForever } from "./index.ts";

const REFUSAL =
  /^cannot connect to the broker at amqps:..localhost:\d+ \(its certificate is checked against the CA in ca.crt\): .*certificate/;

let vhost: FreshVhost;
beforeAll(async () => {
  vhost = await freshVhost();
});
const stop = new AbortController();
afterAll(async () => {
  stop.abort();
  await vhost[Symbol.asyncDispose]();
});

const settings = (url: string) => brokerSettings({ BROKER_URL: url, BROKER_CREDENTIALS_DIR: vhost.oss.dir });
const open = (url: string): Promise<BrokerSession> => BrokerSession.open(settings(url), "test", stop.signal);
const authority = (): string => join(vhost.oss.dir, "ca.crt");

test("a broker whose certificate is for another name is refused", async () => {
  const { host, tls } = sharedRabbitmq();
  const cause = expect.objectContaining({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  await expect(open(`amqps://${host}:${tls?.port}/${vhost.name}`)).rejects.toMatchObject({ cause });
});

test("a broker that a strange CA vouches for is refused, until the file of the CA changes", async () => {
  await rm(authority());
  await expect(open(vhost.tlsUrl)).rejects.toThrow("(its certificate is checked against public CAs)");
  await writeFile(authority(), (await makeCertificate("localhost")).ca);

  const lines: string[] = [];
  const { log } = fastify({ logger: { level: "warn", stream: { write: (line) => lines.push(line) } } });
  const session = async (): Promise<void> => {
    await using broker = await open(vhost.tlsUrl);
    expect(broker.signal.aborted).toBe(false);
    stop.abort();
  };
  const running = runForever("test", session, { signal: stop.signal, log });
  await until("the refusal is logged", () => lines.length > 0, { deadlineMs: 10_000, intervalMs: 10 });
  await writeFile(authority(), sharedRabbitmq().tls?.ca ?? "");
  await running;
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { session: "test", err: { message: expect.stringMatching(REFUSAL) } },
  ]);
});

test("a channel whose connection is lost while it is closed keeps nobody waiting", async () => {
  await using gate = await TcpGate.start(sharedRabbitmq().port);
  await using broker = await BrokerSession.open(
    settings(`amqp://127.0.0.1:${gate.port}/${vhost.name}`),
    "released",
    new AbortController().signal,
  );
  const channel = await broker.channel();
  gate.silence();
  const released = broker.release(channel);
  gate.close();
  await released;
  expect(broker.signal.aborted).toBe(true);
});
