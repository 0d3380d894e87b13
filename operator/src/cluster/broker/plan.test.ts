import { createHash } from "node:crypto";
import { expect, test } from "@jest/globals";
import { namesOf } from "../names.ts";
import { aCluster } from "../testing/fixtures.ts";
import { type Definitions, planTopology } from "./plan.ts";
import { topologyOf } from "./topology.ts";

const names = namesOf("tv");
const secrets = {
  [names.brokerOss]: { username: "oss", password: "oss-secret" },
  [names.brokerNode]: { username: "node", password: "node-secret" },
};
const PODS = ["tv-aaa-0", "tv-aaa-1"];
const topology = (pods = PODS, nodes = 2) => topologyOf(aCluster({ nodes: { replicas: nodes } }), secrets, pods);

const hashOf = (password: string): string => {
  const salt = Buffer.from("salt");
  return Buffer.concat([salt, createHash("sha256").update(salt).update(password).digest()]).toString("base64");
};

const NOTHING: Definitions = {
  vhosts: [],
  users: [],
  permissions: [],
  policies: [],
  exchanges: [],
  queues: [],
  bindings: [],
};

/** A broker on which everything is as it shall be. */
function asWanted(): Definitions {
  const { users, exchanges, policies, bindings } = topology();
  const vhost = "aaa";
  return {
    vhosts: [{ name: vhost }],
    users: users.map(({ name, password }) => ({
      name,
      password_hash: hashOf(password),
      hashing_algorithm: "rabbit_password_hashing_sha256",
      tags: [],
    })),
    permissions: users.map(({ name, permissions }) => ({ user: name, vhost, ...permissions })),
    policies: policies.map((policy) => ({ ...policy, vhost, "apply-to": "quorum_queues" })),
    exchanges: exchanges.map((exchange) => ({ ...exchange, vhost, durable: true })),
    queues: bindings.map(({ destination }) => ({ name: destination, vhost })),
    bindings: bindings.map(({ source, destination, routingKey }) => ({
      source,
      vhost,
      destination,
      destination_type: "queue",
      routing_key: routingKey,
    })),
  };
}

const plan = (changes: Partial<Definitions>, desired = topology()) =>
  planTopology(desired, { ...asWanted(), ...changes }, new Set()).map(({ method, path }) => `${method} ${path}`);

test("a broker that is as it shall be needs nothing", () => {
  expect(plan({})).toEqual([]);
});

test("an empty broker gets everything but bindings of queues that do not exist", () => {
  expect(planTopology(topology(), NOTHING, new Set()).map(({ method, path }) => `${method} ${path}`)).toEqual([
    "PUT /vhosts/aaa",
    "PUT /users/oss",
    "PUT /permissions/aaa/oss",
    "PUT /users/node",
    "PUT /permissions/aaa/node",
    "PUT /exchanges/aaa/oss_exchange",
    "PUT /exchanges/aaa/oss_requests",
    "PUT /exchanges/aaa/accounting",
    "PUT /policies/aaa/aaa-partitions",
    "PUT /policies/aaa/oss-accounting",
  ]);
});

test("users of services have no tags, so that the management interface is closed to them", () => {
  const step = planTopology(topology(), NOTHING, new Set()).find(({ path }) => path === "/users/oss");
  expect(step?.body).toEqual({ password: "oss-secret", tags: "" });
});

test("a password that somebody changed is set again", () => {
  const users = asWanted().users.map((user) => (user.name === "oss" ? { ...user, password_hash: hashOf("x") } : user));
  expect(plan({ users })).toEqual(["PUT /users/oss"]);
});

test("permissions that somebody widened are set again", () => {
  const permissions = asWanted().permissions.map((one) => (one.user === "node" ? { ...one, configure: ".*" } : one));
  expect(plan({ permissions })).toEqual(["PUT /permissions/aaa/node"]);
});

test("an exchange of the wrong type goes before the right one comes", () => {
  const exchanges = asWanted().exchanges.map((one) => (one.name === "oss_exchange" ? { ...one, type: "topic" } : one));
  expect(plan({ exchanges })).toEqual(["DELETE /exchanges/aaa/oss_exchange", "PUT /exchanges/aaa/oss_exchange"]);
});

test.each([
  ["was changed", (definition: object) => ({ ...definition, overflow: "reject-publish" })],
  ["got a key too many", (definition: object) => ({ ...definition, "message-ttl": 1 })],
])("a policy that %s is set again", (_, change) => {
  const policies = asWanted().policies.map((policy) =>
    policy.name === "aaa-partitions" ? { ...policy, definition: { ...change(policy.definition) } } : policy,
  );
  expect(plan({ policies })).toEqual(["PUT /policies/aaa/aaa-partitions"]);
});

test("the policy never rejects: one dead node must not block every broadcast", () => {
  expect(topology().policies[0]?.definition).toMatchObject({ overflow: "drop-head" });
});

test("no policy bounds the accounting queue or throws away what it holds: it is money", () => {
  const applied = topology().policies.filter(({ pattern }) => new RegExp(pattern).test("oss.accounting"));
  expect(applied.map(({ definition }) => definition)).toEqual([{ "delivery-limit": -1 }]);
});

test("a queue that lost its binding is bound again", () => {
  const bindings = asWanted().bindings.filter(({ destination }) => destination !== "aaa.partition.tv-aaa-1");
  expect(plan({ bindings })).toEqual(["POST /bindings/aaa/e/oss_exchange/q/aaa.partition.tv-aaa-1"]);
});

test("a binding that is missing is a repair only when the queue was used: before, its node has not bound it yet", () => {
  const lacking = { ...asWanted(), bindings: [] };
  const steps = planTopology(topology(), lacking, new Set(["aaa.partition.tv-aaa-0"]));
  expect(steps.filter(({ isRepair }) => isRepair).map(({ what }) => what)).toEqual([
    "binding of aaa.partition.tv-aaa-0 to oss_exchange",
  ]);
  expect(steps).toHaveLength(4);
});

test("the queue of a node that was scaled away is deleted, once its pod is gone", () => {
  const scaledDown = (pods: string[]) => plan({}, topology(pods, 1));
  expect(scaledDown(["tv-aaa-0", "tv-aaa-1"])).toEqual([]);
  expect(scaledDown(["tv-aaa-0"])).toEqual(["DELETE /queues/aaa/aaa.partition.tv-aaa-1"]);
});

test("the queue of a node whose pod is only away is kept", () => {
  expect(plan({}, topology([]))).toEqual([]);
});

test("queues and objects that are not ours are left alone", () => {
  const queues = [
    ...asWanted().queues,
    { name: "aaa.partition.other-9", vhost: "aaa" },
    { name: "aaa.partition.tv-aaa-9", vhost: "/" },
  ];
  const exchanges = [...asWanted().exchanges, { name: "mine", vhost: "aaa", type: "topic", durable: true }];
  expect(plan({ queues, exchanges })).toEqual([]);
});

test("the permissions are exactly what each role needs", () => {
  const [oss, node] = topology().users;
  const allows = (pattern: string | undefined, name: string): boolean => new RegExp(pattern ?? "^$").test(name);
  expect(allows(oss?.permissions.write, "oss_exchange")).toBe(true);
  expect(allows(oss?.permissions.write, "oss_exchange2")).toBe(false);
  expect(allows(oss?.permissions.read, "aaa.partition.tv-aaa-0")).toBe(false);
  expect(allows(node?.permissions.write, "oss_exchange")).toBe(false);
  expect(allows(node?.permissions.read, "oss_exchange")).toBe(true);
  expect(allows(node?.permissions.write, "accounting")).toBe(true);
  for (const right of ["configure", "read"] as const)
    expect(allows(node?.permissions[right], "accounting")).toBe(false);
  for (const right of ["configure", "write", "read"] as const) {
    expect(allows(node?.permissions[right], "oss.accounting")).toBe(false);
  }
  expect(allows(oss?.permissions.read, "accounting")).toBe(true);
  expect(allows(oss?.permissions.write, "accounting")).toBe(false);
  expect(allows(node?.permissions.configure, "oss.snapshot-requests")).toBe(false);
});

test("an exchange with dots in its name is not a pattern", () => {
  const { users } = topologyOf(aCluster({ oss: { exchange: "oss.events" } }), secrets, PODS);
  expect(new RegExp(users[1]?.permissions.read ?? "").test("ossXevents")).toBe(false);
});

test.each([[["administrator"]], ["management"]])("a user to whom somebody gave the tags %j loses them", (tags) => {
  const users = asWanted().users.map((user) => (user.name === "oss" ? { ...user, tags } : user));
  expect(plan({ users })).toEqual(["PUT /users/oss"]);
});

test("a queue that goes comes last, so that one which cannot be deleted keeps nothing from being repaired", () => {
  const steps = plan({ bindings: [] }, topology(["tv-aaa-0"], 1));
  expect(steps).toHaveLength(4);
  expect(steps.at(-1)).toBe("DELETE /queues/aaa/aaa.partition.tv-aaa-1");
});
