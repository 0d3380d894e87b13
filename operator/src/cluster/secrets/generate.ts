import { hkdfSync, randomBytes } from "node:crypto";
import type { Names } from "../names.ts";
import { brokerScope, type ValidatedCluster } from "../validate.ts";
import type { SecretData } from "./store.ts";

const ROOT_BYTES = 32;
const PASSWORD_BYTES = 24;
const SIGNING_KEY_BYTES = 32;
const KEY_ID_BYTES = 8;

/** A new root: what all other secrets of a cluster are derived from. */
export function newRoot(): SecretData {
  return { key: randomBytes(ROOT_BYTES).toString("base64url") };
}

/**
 * The values of every Secret of a cluster but the root, by name. They follow from the root alone, so that one that was
 * deleted comes back as it was: brokers, databases and boxes that know it need not be told.
 * @param root the key of the root; undefined when only the shape is of interest
 */
export function derivedSecrets(cluster: ValidatedCluster, root = ""): Readonly<Record<string, SecretData>> {
  const { names } = cluster;
  const { oss, node } = brokerScope(cluster);
  const derive = (purpose: string, bytes: number): string =>
    Buffer.from(hkdfSync("sha256", root, "", `aaacluster.io/${purpose}`, bytes)).toString("base64url");
  const password = (secret: string): string => derive(secret.slice(cluster.name.length + 1), PASSWORD_BYTES);
  const signingKey = {
    kty: "oct",
    kid: derive("signing-key-id", KEY_ID_BYTES),
    k: derive("signing-key", SIGNING_KEY_BYTES),
    alg: "HS256",
  };
  return {
    ...(cluster.broker.external === undefined ? builtBrokerSecrets(names, password) : {}),
    [oss.secret]: { username: oss.name, password: password(oss.secret) },
    [node.secret]: { username: node.name, password: password(node.secret) },
    ...(cluster.oss.database.externalSecretName === undefined
      ? { [names.ossDatabase]: { username: "oss", password: password(names.ossDatabase) } }
      : {}),
    [names.ossApi]: { token: password(names.ossApi) },
    [names.signingKeys]: { "jwks.json": JSON.stringify({ keys: [signingKey] }) },
  };
}

function builtBrokerSecrets(names: Names, password: (secret: string) => string): Readonly<Record<string, SecretData>> {
  return {
    [names.brokerAdmin]: { username: "operator", password: password(names.brokerAdmin) },
    [names.erlangCookie]: { cookie: password(names.erlangCookie) },
  };
}
