import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { SECRET, SERVICE, STATEFUL_SET } from "../../operator/src/cluster/kinds.ts";
import type { SecretObject } from "../../operator/src/cluster/secrets/store.ts";
import type { LiveStatefulSet } from "../../operator/src/cluster/world.ts";
import { until } from "../lib/until.ts";
import { makeCertificate } from "../services/certificate.ts";
import { Stage } from "./stage.ts";
import { DEADLINE, type TestCluster } from "./test-cluster.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const SMALL = { broker: { replicas: 1 }, oss: { replicas: 1 }, nodes: { replicas: 1 } };

let stage: Stage;
let cluster: TestCluster;

beforeAll(async () => {
  stage = await Stage.start();
  await stage.startOperator();
}, MINUTE_MS);

afterEach(() => cluster?.end());
afterAll(() => stage?.[Symbol.asyncDispose]());

/** The values of the cluster's own Secrets, by name. */
async function ownSecrets(): Promise<Record<string, SecretObject["data"]>> {
  const secrets = [...(await cluster.children())].filter(([name]) => name.startsWith("Secret/"));
  return Object.fromEntries(secrets.map(([, secret]) => [secret.metadata.name, (secret as SecretObject).data]));
}

const secretNames = async (): Promise<string[]> =>
  (await cluster.kubernetes.list(SECRET)).map(({ metadata }) => metadata.name).sort();

test(
  "Secrets that were deleted are back after a minute with the same values",
  async () => {
    cluster = await stage.newCluster(SMALL);
    await cluster.ready();
    const before = await ownSecrets();
    expect(Object.keys(before)).toHaveLength(8);
    for (const name of Object.keys(before)) await cluster.kubernetes.remove(SECRET, name);
    stage.passTime(MINUTE_MS);
    await cluster.reconciled();
    expect(await ownSecrets()).toEqual(before);
  },
  MINUTE_MS,
);

test(
  "a root that was deleted while no operator ran is made anew, and what was derived from the old one stays",
  async () => {
    cluster = await stage.newCluster(SMALL);
    await cluster.ready();
    const { "tv-root": root, ...derived } = await ownSecrets();
    await stage.stopOperator();
    await cluster.kubernetes.remove(SECRET, "tv-root");
    await stage.startOperator();
    await cluster.reconciled();
    const { "tv-root": another, ...after } = await ownSecrets();
    expect(another).toBeDefined();
    expect(another).not.toEqual(root);
    expect(after).toEqual(derived);
  },
  MINUTE_MS,
);

test(
  "while a cluster is paused no Secret is made, adopted or changed",
  async () => {
    cluster = await stage.newCluster({ ...SMALL, paused: true });
    await cluster.reconciled();
    expect(await secretNames()).toEqual([]);
    await cluster.setSpec({ paused: false });
    await cluster.until("Reconciling", { reason: "RollingOut" });
    await cluster.end();
    const labelled = await cluster.kubernetes.list(SECRET);
    for (const { metadata } of labelled) {
      await cluster.kubernetes.patch(SECRET, metadata.name, { metadata: { ownerReferences: null } });
    }
    const before = await cluster.kubernetes.list(SECRET);
    cluster = await stage.newCluster({ ...SMALL, paused: true }, cluster.namespace);
    stage.passTime(MINUTE_MS);
    await cluster.reconciled();
    expect(await cluster.kubernetes.list(SECRET)).toEqual(before);
  },
  MINUTE_MS,
);

test(
  "a Secret that somebody else made while none was known is not used",
  async () => {
    cluster = await stage.newCluster({ ...SMALL, paused: true });
    await cluster.reconciled();
    await cluster.kubernetes.create(SECRET, { metadata: { name: "tv-root" }, stringData: { key: "theirs" } });
    await cluster.setSpec({ paused: false });
    const { message } = await cluster.until("Stalled", { status: "True", reason: "ForeignObject" });
    expect(message).toContain(`Secret ${cluster.namespace}/tv-root exists and does not belong to AaaCluster tv`);
    expect(await secretNames()).toEqual(["tv-root"]);
  },
  MINUTE_MS,
);

/** What may be wrong with the Secret of a certificate: what is said of it, and its values. */
const FLAWS: readonly (readonly [string, (host: string) => Promise<Record<string, string>>])[] = [
  ["lacks tls.key: add it", async () => ({ "tls.crt": "x" })],
  ["lacks tls.crt and tls.key: add them", async () => ({})],
  ["cannot be read", async () => ({ "tls.crt": "x", "tls.key": "y" })],
  ["is not for tv-broker-gateway.", async () => pair(await makeCertificate("elsewhere.example"))],
  [
    "has a tls.key that is not of its tls.crt",
    async (host) => ({
      ...pair(await makeCertificate(host)),
      "tls.key": (await makeCertificate(host)).key,
    }),
  ],
];

const pair = ({ certificate, key }: { readonly certificate: string; readonly key: string }) => ({
  "tls.crt": certificate,
  "tls.key": key,
});

test(
  "what cannot be used in a certificate is named, what follows from it is left alone, and all else is healed",
  async () => {
    cluster = await stage.newCluster(SMALL);
    await cluster.ready();
    const { kubernetes, namespace } = cluster;
    const host = `tv-broker-gateway.${namespace}.svc`;
    const broker = (): Promise<LiveStatefulSet> => cluster.live(STATEFUL_SET, "tv-broker");
    const before = await broker();
    const problem = async (): Promise<string> => (await cluster.condition("BrokerReady"))?.message ?? "";
    const secret = `Secret ${namespace}/certificate, which spec.broker.tls.secretName names,`;

    await cluster.setSpec({ broker: { image: "rabbitmq:2", tls: { secretName: "certificate" } } });
    await cluster.until("BrokerReady", { reason: "SecretInvalid" });
    expect(await problem()).toBe(`${secret} does not exist: make it with tls.crt and tls.key`);
    for (const [words, data] of FLAWS) {
      await kubernetes.remove(SECRET, "certificate");
      await kubernetes.create(SECRET, { metadata: { name: "certificate" }, stringData: await data(host) });
      stage.passTime(8_000);
      await cluster.reconciled();
      expect(await problem()).toContain(secret);
      expect(await problem()).toContain(words);
    }
    // It is held back, also when somebody changes it, and what it does not concern is looked after.
    expect(await broker()).toEqual(before);
    await kubernetes.remove(SERVICE, "tv-aaa-gateway");
    await until("the gateway is back", () => cluster.live(SERVICE, "tv-aaa-gateway"), DEADLINE);

    const made = await makeCertificate(host);
    await kubernetes.remove(SECRET, "certificate");
    const stringData = { ...pair(made), "ca.crt": made.ca };
    await kubernetes.create(SECRET, { metadata: { name: "certificate" }, stringData });
    cluster.tls = made;
    stage.passTime(8_000);
    await cluster.ready();
    expect((await broker()).spec?.template.spec?.containers[0]?.image).toBe("rabbitmq:2");

    stage.passTime(2 * DAY_MS);
    await cluster.touch();
    const { message } = await cluster.until("BrokerReady", { reason: "SecretInvalid" });
    expect(message).toMatch(/has a certificate that expired on .*: renew it$/);
  },
  MINUTE_MS,
);

test.each([
  [
    "broker",
    { broker: { external: { secretName: "theirs" } } },
    "BrokerReady",
    { host: "127.0.0.1", port: "5672", "management-port": "1", username: "them", password: "secret" },
    ["tv-aaa", "tv-oss"],
  ],
  [
    "database",
    { oss: { database: { externalSecretName: "theirs" } } },
    "OssReady",
    { host: "127.0.0.1", port: "5432", dbname: "oss", username: "them", password: "secret" },
    ["tv-oss"],
  ],
] as const)(
  "an external %s is not used before its Secret has all that it needs",
  async (_, spec, type, data, held) => {
    cluster = await stage.newCluster(spec);
    const { kubernetes } = cluster;
    const waiting = async (): Promise<string[]> => {
      const sets = await kubernetes.list(STATEFUL_SET);
      return held.filter((name) => !sets.some(({ metadata }) => metadata.name === name));
    };
    await cluster.until(type, { reason: "SecretInvalid" });
    expect(await waiting()).toEqual(held);
    await kubernetes.create(SECRET, { metadata: { name: "theirs" }, stringData: { ...data, port: "amqp" } });
    stage.passTime(8_000);
    await cluster.reconciled();
    expect((await cluster.condition(type))?.message).toContain("has port amqp: write a number");
    expect(await waiting()).toEqual(held);
    await kubernetes.patch(SECRET, "theirs", { stringData: { port: data.port } });
    stage.passTime(8_000);
    await cluster.reconciled();
    expect((await cluster.condition(type))?.reason).not.toBe("SecretInvalid");
    expect(await waiting()).toEqual([]);
    // Nobody plays the external broker.
    if (type === "OssReady") await cluster.ready();
  },
  MINUTE_MS,
);

// Last: the certificates of the tests above would have expired.
test(
  "signing keys rotate by the week, the next one is known before it signs, and no pod is rolled",
  async () => {
    cluster = await stage.newCluster(SMALL);
    await cluster.ready();
    const template = async () => (await cluster.live<LiveStatefulSet>(STATEFUL_SET, "tv-aaa")).spec?.template;
    const before = { template: await template(), secrets: await ownSecrets() };
    stage.passTime(7 * DAY_MS);
    await cluster.reconciled();
    const { "tv-signing-keys": rotated, ...others } = await ownSecrets();
    const { "tv-signing-keys": former, ...othersBefore } = before.secrets;
    const [current, , next] = kidsOf(former);
    expect(kidsOf(rotated).slice(0, 2)).toEqual([next, current]);
    expect(others).toEqual(othersBefore);
    expect(await template()).toEqual(before.template);
    await cluster.kubernetes.remove(SECRET, "tv-signing-keys");
    stage.passTime(MINUTE_MS);
    await cluster.reconciled();
    expect((await ownSecrets())["tv-signing-keys"]).toEqual(rotated);
  },
  MINUTE_MS,
);

const kidsOf = (data: SecretObject["data"]): string[] =>
  JSON.parse(Buffer.from(data?.["jwks.json"] ?? "", "base64").toString()).keys.map(({ kid }: { kid: string }) => kid);
