import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { CONFIG_MAP, SERVICE } from "../../operator/src/cluster/kinds.ts";
import type { LiveService } from "../../operator/src/cluster/world.ts";
import { Stage } from "./stage.ts";
import { conditionOf, type TestCluster } from "./test-cluster.ts";

const MINUTE_MS = 60_000;
const ROUNDS = 10;

let stage: Stage;
let cluster: TestCluster;

beforeAll(async () => {
  stage = await Stage.start();
  await stage.startOperator("1.0.0");
  cluster = await stage.newCluster();
  await cluster.ready();
}, 2 * MINUTE_MS);

afterAll(() => stage?.[Symbol.asyncDispose]());

const writes = (asked: readonly string[]): string[] => asked.filter((one) => !one.startsWith("GET "));

test(
  "reconciles with nothing to do ask the API server nothing",
  async () => {
    await cluster.reconciled();
    const before = stage.asked;
    for (let round = 0; round < ROUNDS; round++) await cluster.reconciled();
    expect(stage.askedSince(before)).toEqual([]);
  },
  MINUTE_MS,
);

test(
  "after a minute Secrets are read again, and nothing else",
  async () => {
    const before = stage.asked;
    stage.passTime(MINUTE_MS);
    await cluster.reconciled();
    await cluster.reconciled();
    const path = `/api/v1/namespaces/${cluster.namespace}/secrets`;
    const secrets = [
      "broker-admin",
      "broker-erlang-cookie",
      "broker-node",
      "broker-oss",
      "oss-api",
      "oss-database",
      "root",
      "signing-keys",
    ];
    expect(stage.askedSince(before).sort()).toEqual(secrets.map((name) => `GET ${path}/tv-${name}`));
  },
  MINUTE_MS,
);

test(
  "an operator that begins anew writes nothing",
  async () => {
    const children = await cluster.children();
    const before = stage.asked;
    await stage.startOperator("1.0.0");
    for (let round = 0; round < ROUNDS; round++) await cluster.reconciled();
    expect(writes(stage.askedSince(before))).toEqual([]);
    expect(await cluster.children()).toEqual(children);
  },
  MINUTE_MS,
);

test(
  "an operator of another version writes its version into the status, and nothing else",
  async () => {
    const children = await cluster.children();
    const before = stage.asked;
    await stage.startOperator("2.0.0");
    for (let round = 0; round < ROUNDS; round++) await cluster.reconciled();
    const path = `/apis/aaacluster.io/v1alpha1/namespaces/${cluster.namespace}/aaaclusters/tv/status`;
    expect(writes(stage.askedSince(before))).toEqual([`PATCH ${path}`]);
    expect(await cluster.children()).toEqual(children);
    const found = await cluster.get();
    expect(found.status?.operatorVersion).toBe("2.0.0");
    expect(conditionOf(found, "Ready")?.status).toBe("True");
  },
  MINUTE_MS,
);

test(
  "what somebody changed while no operator ran is put right by the next",
  async () => {
    const children = await cluster.children();
    await stage.stopOperator();
    const service = children.get("Service/tv-aaa-gateway");
    await cluster.kubernetes.patch(SERVICE, "tv-aaa-gateway", { spec: { selector: { app: "theirs" } } });
    await cluster.kubernetes.remove(CONFIG_MAP, "tv-oss-gateway");
    await stage.startOperator("2.0.0");
    await cluster.ready();
    expect(await cluster.live(SERVICE, "tv-aaa-gateway")).toMatchObject({
      spec: { selector: (service as LiveService).spec?.selector },
    });
    expect([...(await cluster.children()).keys()].sort()).toEqual([...children.keys()].sort());
  },
  MINUTE_MS,
);
