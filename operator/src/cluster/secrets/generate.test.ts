import { expect, test } from "@jest/globals";
import { hashOf } from "../../kube/index.ts";
import { aCluster, anAaaCluster, SETTINGS } from "../testing/fixtures.ts";
import { EXTERNAL_BROKER, EXTERNAL_DATABASE } from "../testing/specs.ts";
import { validate } from "../validate.ts";
import { derivedSecrets, newRoot } from "./generate.ts";

const ROOT = newRoot().key ?? "";
const NOW = new Date(Date.UTC(2026, 0));
const derived = (spec = {}, root = ROOT) => derivedSecrets(aCluster(spec), root, NOW);
/** Every value that nobody may guess. */
const valuesOf = (secrets: ReturnType<typeof derivedSecrets>): string[] =>
  Object.values(secrets).flatMap((data) =>
    Object.entries(data).flatMap(([key, value]) => (key === "username" ? [] : [value])),
  );
const bytesOf = (text: string | undefined): number => Buffer.from(text ?? "", "base64url").length;

test("a root is 32 bytes that no other root has", () => {
  expect(bytesOf(ROOT)).toBe(32);
  expect(newRoot()).not.toEqual(newRoot());
});

test("Secrets come back as they were: all follow from the root", () => {
  expect(derived()).toEqual(derived());
});

// A Secret that is deleted after an upgrade of the operator has to come back as it was before.
test.each([
  ["a broker of its own", {}, "87faa574d3659eb5"],
  ["an external broker", EXTERNAL_BROKER, "d028e45bda939659"],
])("no version of the operator derives other values for a cluster with %s", (_, spec, hash) => {
  expect(hashOf(derived(spec, "the root of a cluster"))).toBe(hash);
});

test("no Secret is told by another, or by that of another cluster", () => {
  const other = derived({}, newRoot().key);
  const values = [...valuesOf(derived()), ...valuesOf(other)];
  expect(new Set(values).size).toBe(values.length);
  expect(values.length).toBe(14);
});

test("the values do not depend on the name of the cluster, only on its root", () => {
  const object = anAaaCluster();
  const renamed = validate({ ...object, metadata: { ...object.metadata, name: "other" } }, SETTINGS);
  expect(Object.values(derivedSecrets(renamed, ROOT, NOW))).toEqual(Object.values(derived()));
});

test("a change of the spec changes no value, but for what there is none of", () => {
  const changed = derived({ broker: { replicas: 5, tls: { secretName: "s" } }, nodes: { replicas: 9 } });
  expect(changed).toEqual(derived());
});

test("a cluster has these Secrets, with these keys", () => {
  const keys = Object.entries(derived()).map(([name, data]) => `${name}: ${Object.keys(data).join(" ")}`);
  expect(keys).toEqual([
    "tv-broker-admin: username password",
    "tv-broker-erlang-cookie: cookie",
    "tv-broker-oss: username password",
    "tv-broker-node: username password",
    "tv-oss-database: username password",
    "tv-oss-api: token",
    "tv-signing-keys: jwks.json",
  ]);
});

test("users are named for what they do, and passwords have 24 bytes that need no quotes in any file", () => {
  const {
    "tv-broker-admin": admin,
    "tv-broker-oss": oss,
    "tv-broker-node": node,
    "tv-oss-database": database,
  } = derived();
  expect([admin, oss, node, database].map((data) => data?.username)).toEqual(["operator", "oss", "node", "oss"]);
  for (const password of [admin, oss, node, database].map((data) => data?.password)) {
    expect(password).toMatch(/^[A-Za-z0-9_-]+$/);
    expect(bytesOf(password)).toBe(24);
  }
});

test("at an external broker services are users of this cluster, with passwords of their own", () => {
  const external = derived(EXTERNAL_BROKER);
  expect(Object.keys(external)).toEqual([
    "tv-broker-external-oss",
    "tv-broker-external-node",
    "tv-oss-database",
    "tv-oss-api",
    "tv-signing-keys",
  ]);
  expect(external["tv-broker-external-oss"]?.username).toBe("aaa.tv.oss");
  expect(external["tv-broker-external-node"]?.username).toBe("aaa.tv.node");
  expect(valuesOf(derived())).not.toContain(external["tv-broker-external-oss"]?.password);
});

test("an external database has its own password", () => {
  expect(derived(EXTERNAL_DATABASE)).not.toHaveProperty("tv-oss-database");
});
