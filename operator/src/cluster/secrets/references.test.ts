import { afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { makeCertificate, type ServerCertificate } from "../../../../test/services/certificate.ts";
import { FakeApiServer, fail } from "../../kube/testing/fake-api-server.ts";
import { aCluster } from "../testing/fixtures.ts";
import { ALL_EXTERNAL, EXTERNAL_BROKER, EXTERNAL_DATABASE, WITH_HTTPS, WITH_TLS } from "../testing/specs.ts";
import { referencedSecrets } from "./references.ts";
import { SecretStore } from "./store.ts";

const HOST = "tv-broker-gateway.aaa.svc";
const BROKER = { host: "rabbit.example", port: "5672", username: "admin", password: "secret" };
const DATABASE = { host: "pg.example", port: "5432", dbname: "oss", username: "oss", password: "secret" };
const IN_TWO_DAYS = 2 * 24 * 60 * 60 * 1_000;

let server: FakeApiServer;
let certificate: ServerCertificate;
let another: ServerCertificate;

beforeAll(async () => {
  [certificate, another] = await Promise.all([makeCertificate(HOST), makeCertificate("broker.example")]);
});

beforeEach(async () => {
  server = await FakeApiServer.start();
});

afterEach(() => server[Symbol.asyncDispose]());

type Values = Readonly<Record<string, string>>;

function put(name: string, values: Values): void {
  const data = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  );
  const secret = { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "aaa" }, data };
  server.put(`/api/v1/namespaces/aaa/secrets/${name}`, secret);
}

const read = (spec = {}, now = new Date()) =>
  referencedSecrets({ client: server.client, secrets: new SecretStore(() => now) }, aCluster(spec), now);
const messages = async (spec = {}, now = new Date()): Promise<string[]> =>
  (await read(spec, now)).problems.map(({ message }) => message);

test("a Secret that the operator may not read is a problem of its own, and keeps nobody from the others", async () => {
  put("my-database", DATABASE);
  server.fault = ({ path }, response) => {
    if (!path.endsWith("/my-broker")) return false;
    fail(response, 403, "Forbidden");
    return true;
  };
  const { referenced, problems } = await read({ ...EXTERNAL_BROKER, ...EXTERNAL_DATABASE });
  expect(problems.map(({ message }) => message)).toEqual([
    "Secret aaa/my-broker, which spec.broker.external.secretName names, may not be read by the operator (Forbidden as the test wants it): grant it that right",
  ]);
  expect(referenced).toEqual({ "my-broker": undefined, "my-database": DATABASE });
});

test("a spec that names no Secret reads none", async () => {
  expect(await read()).toEqual({ referenced: {}, problems: [] });
  expect(server.calls).toEqual([]);
});

test("Secrets that have all that they need are no problem, and their values are known", async () => {
  put("my-broker", { ...BROKER, "management-port": "15672" });
  put("my-database", DATABASE);
  put("broker-tls", { "ca.crt": certificate.ca });
  expect(await read(ALL_EXTERNAL)).toEqual({
    referenced: {
      "my-broker": { ...BROKER, "management-port": "15672" },
      "my-database": DATABASE,
      "broker-tls": { "ca.crt": certificate.ca },
    },
    problems: [],
  });
});

test.each([
  [
    "an external broker",
    EXTERNAL_BROKER,
    "Secret aaa/my-broker, which spec.broker.external.secretName names, does not exist: make it with host, port, username and password",
  ],
  [
    "an external database",
    EXTERNAL_DATABASE,
    "Secret aaa/my-database, which spec.oss.database.externalSecretName names, does not exist: make it with host, port, dbname, username and password",
  ],
  [
    "TLS",
    WITH_TLS,
    "Secret aaa/broker-tls, which spec.broker.tls.secretName names, does not exist: make it with tls.crt and tls.key",
  ],
  [
    "TLS to an external broker",
    { broker: { external: { secretName: "x" }, tls: { secretName: "broker-tls" } } },
    "Secret aaa/broker-tls, which spec.broker.tls.secretName names, does not exist: make it",
  ],
])("a Secret for %s that does not exist is named with what it needs", async (_, spec, message) => {
  put("x", BROKER);
  expect(await messages(spec)).toEqual([message]);
});

test.each<[string, Values, string]>([
  ["one key", { ...BROKER, password: "" }, "lacks password: add it"],
  ["two keys", { host: "rabbit.example", port: "5672" }, "lacks username and password: add them"],
  ["all keys", {}, "lacks host, port, username and password: add them"],
])("a Secret that lacks %s is told which", async (_, values, problem) => {
  put("my-broker", values);
  expect(await messages(EXTERNAL_BROKER)).toEqual([
    `Secret aaa/my-broker, which spec.broker.external.secretName names, ${problem}`,
  ]);
});

test.each(["0", "65536", "amqp", "-1", "5672 ", "0x1", "123456"])("%j is no port", async (port) => {
  put("my-database", { ...DATABASE, port });
  put("my-broker", { ...BROKER, "management-port": port });
  expect(await messages(EXTERNAL_DATABASE)).toEqual([
    `Secret aaa/my-database, which spec.oss.database.externalSecretName names, has port ${port}: write a number, as 5432`,
  ]);
  expect(await messages(EXTERNAL_BROKER)).toEqual([
    `Secret aaa/my-broker, which spec.broker.external.secretName names, has management-port ${port}: write a number, as 5432`,
  ]);
  put("my-broker", { ...BROKER, port });
  expect(await messages(EXTERNAL_BROKER)).toEqual([
    `Secret aaa/my-broker, which spec.broker.external.secretName names, has port ${port}: write a number, as 5432`,
  ]);
});

test.each(["1", "5432", "65535"])("%s is a port", async (port) => {
  put("my-broker", { ...BROKER, port, "management-port": port });
  expect(await messages(EXTERNAL_BROKER)).toEqual([]);
});

/** What is wrong with a certificate and key for the broker of the cluster. */
async function flawOf(crt: string, key: string, now = new Date()): Promise<string | undefined> {
  put("broker-tls", { "tls.crt": crt, "tls.key": key });
  const [message, ...others] = await messages(WITH_TLS, now);
  expect(others).toEqual([]);
  return message?.replace("Secret aaa/broker-tls, which spec.broker.tls.secretName names, ", "");
}

test("a certificate for the broker's gateway with its key is no problem", async () => {
  expect(await flawOf(certificate.certificate, certificate.key)).toBeUndefined();
  expect(await flawOf(certificate.certificate + certificate.ca, certificate.key)).toBeUndefined();
});

test("a certificate for another host would be believed by nobody", async () => {
  expect(await flawOf(another.certificate, another.key)).toBe(
    `has a certificate that is not for ${HOST}: add this name to its subject alternative names`,
  );
});

test("the key of another certificate is told apart", async () => {
  expect(await flawOf(certificate.certificate, another.key)).toBe(
    "has a tls.key that is not of its tls.crt: write the two of one pair",
  );
});

test("a certificate that expired is told with its day", async () => {
  const flaw = await flawOf(certificate.certificate, certificate.key, new Date(Date.now() + IN_TWO_DAYS));
  expect(flaw).toMatch(/^has a certificate that expired on [A-Z][a-z]{2} .* GMT: renew it$/);
});

test("what is no certificate or key is told to be none", async () => {
  const unreadable = /^has a tls.crt or tls.key that cannot be read \(.+\): write both as PEM$/;
  expect(await flawOf("no certificate", certificate.key)).toMatch(unreadable);
  expect(await flawOf(certificate.certificate, "no key")).toMatch(unreadable);
});

test("a broker of somebody else has its own certificate: only the authority is read", async () => {
  put("my-broker", BROKER);
  put("broker-tls", { "tls.crt": another.certificate, "tls.key": certificate.key });
  expect(await messages({ broker: { ...EXTERNAL_BROKER.broker, ...WITH_TLS.broker } })).toEqual([]);
});

test("a gateway may be known to its clients by any name: its certificate needs a key of its own, and to be valid", async () => {
  put("oss-tls", { "tls.crt": certificate.certificate, "tls.key": certificate.key });
  put("boxes-tls", { "tls.crt": certificate.certificate, "tls.key": another.key });
  const { problems } = await read(WITH_HTTPS);
  expect(problems).toEqual([
    {
      condition: "GatewaysReady",
      holds: ["aaa-gateway"],
      message:
        "Secret aaa/boxes-tls, which spec.nodes.gateway.tls.secretName names, has a tls.key that is not of its tls.crt: write the two of one pair",
    },
  ]);
});

test("each problem shows in the condition of its part, and holds back what follows from the Secret", async () => {
  const { problems, referenced } = await read(ALL_EXTERNAL);
  expect(problems.map(({ condition, holds }) => [condition, holds])).toEqual([
    ["BrokerReady", ["broker", "broker-gateway", "oss", "aaa"]],
    ["BrokerReady", ["broker", "broker-gateway", "oss", "aaa"]],
    ["OssReady", ["oss"]],
  ]);
  expect(referenced).toEqual({ "my-broker": undefined, "my-database": undefined, "broker-tls": undefined });
});

test("a Secret that was set right is seen within seconds, and not read at every visit", async () => {
  let now = Date.now();
  const secrets = new SecretStore(() => new Date(now));
  const problems = async (): Promise<number> => {
    const found = await referencedSecrets({ client: server.client, secrets }, aCluster(EXTERNAL_BROKER), new Date(now));
    return found.problems.length;
  };
  expect(await problems()).toBe(1);
  put("my-broker", BROKER);
  now += 7_499;
  expect(await problems()).toBe(1);
  now += 1;
  expect(await problems()).toBe(0);
});
