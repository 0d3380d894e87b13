import { hkdfSync, randomBytes } from "node:crypto";
import type { Names } from "../names.ts";
import { brokerScope, type ValidatedCluster } from "../validate.ts";
import { type Derive, rotatedKeys, signingKeys } from "./signing-keys.ts";
import type { SecretData } from "./store.ts";

const ROOT_BYTES = 32;
const PASSWORD_BYTES = 24;
const KEYS = "jwks.json";

/** A new root: what all other secrets of a cluster are derived from. */
export function newRoot(): SecretData {
  return { key: randomBytes(ROOT_BYTES).toString("base64url") };
}

/**
 * The values of every Secret of a cluster but the root, by name. They follow from the root, and signing keys from the week,
 * so that one that was deleted comes back as it was: brokers, databases and boxes that know it need not be told.
 * @param root the key of the root; left out, as the time, when only the shape is of interest
 */
export function derivedSecrets(
  cluster: ValidatedCluster,
  root = "",
  now = new Date(0),
): Readonly<Record<string, SecretData>> {
  const { names } = cluster;
  const { oss, node } = brokerScope(cluster);
  const derive = deriveFrom(root);
  const password = (secret: string): string => derive(secret.slice(cluster.name.length + 1), PASSWORD_BYTES);
  return {
    ...(cluster.broker.external === undefined ? builtBrokerSecrets(names, password) : {}),
    [oss.secret]: { username: oss.name, password: password(oss.secret) },
    [node.secret]: { username: node.name, password: password(node.secret) },
    ...(cluster.oss.database.externalSecretName === undefined
      ? { [names.ossDatabase]: { username: "oss", password: password(names.ossDatabase) } }
      : {}),
    [names.ossApi]: { token: password(names.ossApi) },
    [names.signingKeys]: { [KEYS]: signingKeys(derive, now) },
  };
}

/** What a Secret of a cluster shall have instead of what it has, because of the time; null when it stays as it is. */
export function renewedSecret(
  { names }: ValidatedCluster,
  name: string,
  found: SecretData,
  root: string,
  now: Date,
): SecretData | null {
  if (name !== names.signingKeys) return null;
  const keys = rotatedKeys(found[KEYS] ?? "", deriveFrom(root), now);
  return keys === null ? null : { ...found, [KEYS]: keys };
}

function deriveFrom(root: string): Derive {
  return (purpose, bytes) =>
    Buffer.from(hkdfSync("sha256", root, "", `aaacluster.io/${purpose}`, bytes)).toString("base64url");
}

function builtBrokerSecrets(names: Names, password: (secret: string) => string): Readonly<Record<string, SecretData>> {
  return {
    [names.brokerAdmin]: { username: "operator", password: password(names.brokerAdmin) },
    [names.erlangCookie]: { cookie: password(names.erlangCookie) },
  };
}
