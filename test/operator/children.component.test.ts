import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { build } from "../../operator/src/cluster/build/index.ts";
import {
  CHILD_KINDS,
  PERSISTENT_VOLUME_CLAIM,
  SECRET,
  SERVICE,
  STATEFUL_SET,
} from "../../operator/src/cluster/kinds.ts";
import { componentOf } from "../../operator/src/cluster/labels.ts";
import { SETTINGS } from "../../operator/src/cluster/testing/fixtures.ts";
import { validate } from "../../operator/src/cluster/validate.ts";
import { controllerOf, type KubeObject } from "../../operator/src/kube/index.ts";
import { until } from "../lib/until.ts";
import { makeCertificate } from "../services/certificate.ts";
import { Stage } from "./stage.ts";
import { DEADLINE, type TestCluster } from "./test-cluster.ts";

const PRIORITY_CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses";
const MINUTE_MS = 60_000;
const SMALL = { broker: { replicas: 1 }, oss: { replicas: 1 }, nodes: { replicas: 1 } };

const scheduling = {
  spread: "Required",
  nodeSelector: { disk: "ssd" },
  tolerations: [
    { key: "dedicated", value: "iptv", effect: "NoSchedule" },
    { operator: "Exists", effect: "NoExecute", tolerationSeconds: 30 },
  ],
  priorityClassName: "important",
};
const resources = { requests: { cpu: "0.5", memory: "1024Mi" }, limits: { cpu: 2, memory: "2G" } };
const storage = { size: "0.5Gi", storageClassName: "fast" };
const gateway = (type: "LoadBalancer" | "NodePort") => ({
  replicas: 3,
  service: {
    type,
    annotations: { "example.com/pool": "boxes" },
    ...(type === "NodePort"
      ? {}
      : { loadBalancerClass: "example.com/lb", loadBalancerSourceRanges: ["192.0.2.0/24", "2001:db8::/32"] }),
  },
  nodeSelector: { edge: "yes" },
  resources,
});

/** A spec with every field that a spec may have at once. */
const EVERYTHING = {
  broker: {
    replicas: 5,
    image: "rabbitmq:2",
    storage,
    resources,
    scheduling,
    additionalConfig: "heartbeat = 20\n# a comment",
    tls: { secretName: "broker-tls" },
    queue: { maxLength: 5, maxLengthBytes: 1_000_000, deliveryLimit: 7, expiresAfterSeconds: 3600 },
    gateway: gateway("NodePort"),
  },
  oss: {
    replicas: 3,
    image: "oss:2",
    exchange: "our.exchange",
    resources,
    scheduling,
    database: { image: "postgresql:2", storage, resources },
    gateway: gateway("NodePort"),
  },
  nodes: {
    replicas: 3,
    image: "node:2",
    resources,
    scheduling,
    database: { image: "postgresql:2", storage, resources },
    maxLagSeconds: 5,
    staleReads: "Refuse",
    gateway: gateway("LoadBalancer"),
  },
};

const balanced = { replicas: 1, gateway: { service: { type: "LoadBalancer" } } };
/** No gateway has an address, so the status has none either. */
const NOWHERE = { broker: balanced, oss: balanced, nodes: balanced };

let stage: Stage;
let cluster: TestCluster;

beforeAll(async () => {
  stage = await Stage.start();
  await stage.client.request("POST", PRIORITY_CLASSES, { body: { metadata: { name: "important" }, value: 1 } });
  await stage.startOperator();
}, MINUTE_MS);

afterEach(() => cluster?.end());
afterAll(() => stage?.[Symbol.asyncDispose]());

/** What a spec is built into, as `Kind/name`. */
async function built(): Promise<string[]> {
  return build(validate(await cluster.get(), SETTINGS)).map(
    ({ resource, manifest }) => `${resource.kind}/${manifest.metadata.name}`,
  );
}

/** The names of the children that exist, without Secrets, in order. */
async function existing(): Promise<string[]> {
  return [...(await cluster.children()).keys()].filter((name) => !name.startsWith("Secret/")).sort();
}

const sameNames = async (names: readonly string[]): Promise<boolean> =>
  JSON.stringify(await existing()) === JSON.stringify([...names].sort());

describe.each<[string, object]>([
  ["nothing", {}],
  ["everything", EVERYTHING],
  ["that all gateways are load balancers, which have no address yet", NOWHERE],
])("of a spec that says %s", (_, spec) => {
  test(
    "all children are taken by the API server and their pods by the restricted standard, and then nothing is asked",
    async () => {
      const namespace = await stage.newNamespace();
      const { ca, certificate, key } = await makeCertificate(`tv-broker-gateway.${namespace}.svc`);
      cluster = await stage.newCluster({ ...spec, paused: true }, namespace);
      if (spec === EVERYTHING) cluster.tls = { certificate, key };
      const data = { "tls.crt": certificate, "tls.key": key, "ca.crt": ca };
      await cluster.kubernetes.create(SECRET, { metadata: { name: "broker-tls" }, stringData: data });
      await cluster.setSpec({ paused: false });
      await cluster.ready("NoAddress");
      const children = await cluster.children();
      const { metadata } = await cluster.get();
      expect(await existing()).toEqual((await built()).sort());
      for (const child of children.values()) {
        expect(child.metadata).toMatchObject({
          labels: {
            "app.kubernetes.io/name": "aaacluster",
            "app.kubernetes.io/instance": "tv",
            "app.kubernetes.io/managed-by": "aaa-operator",
          },
          ownerReferences: [{ kind: "AaaCluster", name: "tv", uid: metadata.uid, controller: true }],
          managedFields: expect.arrayContaining([expect.objectContaining({ manager: "aaa-operator" })]),
        });
      }
      await cluster.reconciled();
      const before = stage.asked;
      for (let round = 0; round < 5; round++) await cluster.reconciled();
      expect(stage.askedSince(before)).toEqual([]);
    },
    MINUTE_MS,
  );
});

test(
  "a load balancer's address is in the status when there is one",
  async () => {
    cluster = await stage.newCluster({
      ...SMALL,
      nodes: { replicas: 1, gateway: { service: { type: "LoadBalancer" } } },
    });
    expect((await cluster.ready("NoAddress")).status?.endpoints).not.toHaveProperty("aaa");
    const ingress = [{ ip: "192.0.2.20" }];
    await cluster.kubernetes.patch(SERVICE, "tv-aaa-gateway", { status: { loadBalancer: { ingress } } }, "status");
    const found = async () => (await cluster.get()).status?.endpoints?.aaa === "192.0.2.20:6060";
    await until("the address is in the status", found, DEADLINE);
    await cluster.setSpec({ nodes: { gateway: { service: null } } });
    const address = `tv-aaa-gateway.${cluster.namespace}.svc:6060`;
    await until(
      "the address is the Service's",
      async () => (await cluster.get()).status?.endpoints?.aaa === address,
      DEADLINE,
    );
  },
  MINUTE_MS,
);

test(
  "with an external broker the built one's children go and nothing else, without it they are back",
  async () => {
    cluster = await stage.newCluster(SMALL);
    await cluster.ready();
    const before = await cluster.children();
    const claims = await cluster.kubernetes.list(PERSISTENT_VOLUME_CLAIM);
    const data = { host: "127.0.0.1", port: "5672", "management-port": "1", username: "them", password: "secret" };
    await cluster.kubernetes.create(SECRET, { metadata: { name: "theirs" }, stringData: data });
    await cluster.setSpec({ broker: { external: { secretName: "theirs" } } });
    const isOfBroker = ({ metadata }: KubeObject): boolean =>
      ["broker", "broker-gateway"].includes(componentOf(metadata.labels) ?? "");
    const kept = [...before].filter(([, child]) => !isOfBroker(child)).map(([name]) => name);
    await until("the broker is gone", () => sameNames(kept.filter((name) => !name.startsWith("Secret/"))), DEADLINE);
    const secrets = [...(await cluster.children()).keys()].filter((name) => name.startsWith("Secret/"));
    expect(secrets).toEqual(expect.arrayContaining(kept.filter((name) => name.startsWith("Secret/"))));
    await cluster.reconciled();
    expect((await cluster.kubernetes.list(PERSISTENT_VOLUME_CLAIM)).map(({ metadata }) => metadata.name)).toEqual(
      claims.map(({ metadata }) => metadata.name),
    );
    await cluster.setSpec({ broker: { external: null } });
    await cluster.ready();
    expect([...(await cluster.children()).keys()]).toEqual(expect.arrayContaining([...before.keys()]));
  },
  MINUTE_MS,
);

test(
  "volume claims become the AaaCluster's, and those of AAA nodes that were scaled away go",
  async () => {
    cluster = await stage.newCluster({ ...SMALL, nodes: { replicas: 3 } });
    const { metadata } = await cluster.ready();
    const claims = async (): Promise<string[]> => {
      const found = await cluster.kubernetes.list(PERSISTENT_VOLUME_CLAIM);
      return found
        .filter((claim) => claim.metadata.deletionTimestamp === undefined)
        .map((claim) => claim.metadata.name);
    };
    const owned = async (): Promise<boolean> => {
      const found = await cluster.kubernetes.list(PERSISTENT_VOLUME_CLAIM);
      return found.every((claim) => controllerOf(claim)?.uid === metadata.uid);
    };
    await until("every claim is the AaaCluster's", owned, DEADLINE);
    expect(await claims()).toEqual([
      "data-tv-aaa-0",
      "data-tv-aaa-1",
      "data-tv-aaa-2",
      "data-tv-broker-0",
      "data-tv-oss-database-0",
    ]);
    await cluster.setSpec({ nodes: { replicas: 1 } });
    await cluster.until("Reconciling", { reason: "RollingOut" });
    await cluster.reconciled();
    // The pods are still there.
    expect(await claims()).toHaveLength(5);
    await cluster.ready();
    const left = ["data-tv-aaa-0", "data-tv-broker-0", "data-tv-oss-database-0"];
    await until("the claims of the nodes are gone", async () => `${await claims()}` === `${left}`, DEADLINE);
    for (const { metadata: set } of await cluster.kubernetes.list(STATEFUL_SET)) {
      await cluster.kubernetes.remove(STATEFUL_SET, set.name);
    }
    await cluster.ready();
    expect(await claims()).toEqual(left);
    for (const set of await cluster.kubernetes.list(STATEFUL_SET)) {
      const keep = { whenDeleted: "Retain", whenScaled: "Retain" };
      expect(set).toMatchObject({
        spec: set.metadata.name === "tv-oss" ? {} : { persistentVolumeClaimRetentionPolicy: keep },
      });
    }
  },
  MINUTE_MS,
);

/** What must not change when an object gets another owner. */
const essence = (object: KubeObject & { readonly spec?: unknown; readonly data?: unknown }): object => {
  return { uid: object.metadata.uid, spec: object.spec, data: object.data };
};

const OWNED = [...CHILD_KINDS, SECRET, PERSISTENT_VOLUME_CLAIM];

test(
  "what an AaaCluster left behind is adopted by the next of its name without a change",
  async () => {
    cluster = await stage.newCluster(SMALL);
    const { metadata } = await cluster.ready();
    const claimsAreOwned = async (): Promise<boolean> => {
      const claims = await cluster.kubernetes.list(PERSISTENT_VOLUME_CLAIM);
      return claims.length === 3 && claims.every((claim) => controllerOf(claim)?.uid === metadata.uid);
    };
    await until("the claims are owned", claimsAreOwned, DEADLINE);
    const before = await orphans(metadata.uid);
    await cluster.end();
    for (const { kind, object } of before) {
      await cluster.kubernetes.patch(kind, object.metadata.name, { metadata: { ownerReferences: null } });
    }
    cluster = await stage.newCluster(SMALL, cluster.namespace);
    const { uid } = (await cluster.get()).metadata;
    stage.passTime(MINUTE_MS);
    await until("all is adopted", async () => (await orphans(uid)).length === before.length, DEADLINE);
    const after = await orphans(uid);
    expect(after.map(({ object }) => essence(object))).toEqual(before.map(({ object }) => essence(object)));
  },
  MINUTE_MS,
);

/** Everything that the AaaCluster of this uid controls. */
async function orphans(uid: string | undefined) {
  const lists = await Promise.all(
    OWNED.map(async (kind) => (await cluster.kubernetes.list(kind)).map((object) => ({ kind, object }))),
  );
  return lists.flat().filter(({ object }) => controllerOf(object)?.uid === uid);
}

test(
  "children of an AaaCluster of the same name that was deleted are waited for, and then made anew",
  async () => {
    cluster = await stage.newCluster(SMALL);
    const { metadata } = await cluster.ready();
    const left = await orphans(metadata.uid);
    await cluster.end();
    cluster = await stage.newCluster(SMALL, cluster.namespace);
    await cluster.reconciled();
    expect(await cluster.condition("Stalled")).toMatchObject({ status: "False" });
    const { message } = await cluster.until("Reconciling", { status: "True", reason: "ApplyFailed" });
    expect(message).toContain("/tv-aaa-gateway belongs to a deleted AaaCluster tv, and goes with it");
    // As the garbage collector does.
    for (const { kind, object } of left) await cluster.kubernetes.remove(kind, object.metadata.name);
    stage.passTime(MINUTE_MS);
    await cluster.ready();
  },
  MINUTE_MS,
);

test(
  "objects of somebody else keep their places, and all others are made beside them",
  async () => {
    cluster = await stage.newCluster({ ...SMALL, nodes: { replicas: 2 }, paused: true });
    const { kubernetes, namespace } = cluster;
    const desired = build(validate(await cluster.get(), SETTINGS));
    const theirs = CHILD_KINDS.flatMap((kind) => desired.findLast(({ resource }) => resource.kind === kind.kind) ?? []);
    for (const { resource, manifest } of theirs) {
      await kubernetes.create(resource, { ...manifest, metadata: { name: manifest.metadata.name } });
    }
    await kubernetes.create(SECRET, { metadata: { name: "tv-broker-admin" }, stringData: { username: "somebody" } });
    const places = [
      { resource: SECRET, name: "tv-broker-admin" },
      ...theirs.map(({ resource, manifest }) => ({ resource, name: manifest.metadata.name })),
    ];
    const seen = (): Promise<KubeObject[]> =>
      Promise.all(places.map(({ resource, name }) => cluster.live(resource, name)));
    const before = await seen();
    await cluster.setSpec({ paused: false });
    const { message } = await cluster.until("Stalled", { status: "True", reason: "ForeignObject" });
    expect(message.split("; ").sort()).toEqual(
      places
        .map(
          ({ resource: { kind }, name }) =>
            `${kind} ${namespace}/${name} exists and does not belong to AaaCluster tv: delete or rename it`,
        )
        .sort(),
    );
    expect(await seen()).toEqual(before);
    const isTheirs = (child: string): boolean =>
      places.some(({ resource, name }) => child === `${resource.kind}/${name}`);
    expect(await existing()).toEqual((await built()).filter((child) => !isTheirs(child)).sort());
    for (const { resource, name } of places) await kubernetes.remove(resource, name);
    await cluster.touch();
    await cluster.until("Stalled", { status: "False", reason: "AsWanted" });
    expect(await existing()).toEqual((await built()).sort());
  },
  MINUTE_MS,
);
