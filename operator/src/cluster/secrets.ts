import { randomBytes, randomUUID } from "node:crypto";
import { type Applier, Conflict, type KubeClient, type KubeObject, pathOf, type Stamp } from "../kube/index.ts";
import { SECRET } from "./kinds.ts";
import { BROKER, type Names } from "./names.ts";

/** The decoded values of one Secret. */
export type SecretData = Readonly<Record<string, string>>;

/** The values of every Secret of a cluster, by name. A name is absent until that Secret exists. */
export type Secrets = Readonly<Record<string, SecretData | undefined>>;

interface SecretObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

const PASSWORD_BYTES = 24;
const SIGNING_KEY_BYTES = 32;

const newPassword = (): string => randomBytes(PASSWORD_BYTES).toString("base64url");

const newSigningKeys = (): string => {
  const k = randomBytes(SIGNING_KEY_BYTES).toString("base64url");
  return JSON.stringify({ keys: [{ kty: "oct", kid: randomUUID(), k, alg: "HS256" }] });
};

/** What each Secret is made of when it does not exist yet. */
function generators(names: Names): Readonly<Record<string, () => SecretData>> {
  return {
    [names.brokerAdmin]: () => ({ username: "operator", password: newPassword() }),
    [names.brokerOss]: () => ({ username: BROKER.ossUser, password: newPassword() }),
    [names.brokerNode]: () => ({ username: BROKER.nodeUser, password: newPassword() }),
    [names.erlangCookie]: () => ({ cookie: newPassword() }),
    [names.ossDatabase]: () => ({ username: "oss", password: newPassword() }),
    [names.ossApi]: () => ({ token: newPassword() }),
    [names.signingKeys]: () => ({ "jwks.json": newSigningKeys() }),
  };
}

/** Reads the Secrets of a cluster by name: the operator may not list Secrets. */
export async function readSecrets(client: KubeClient, namespace: string, names: Names): Promise<Secrets> {
  const found = await Promise.all(
    Object.keys(generators(names)).map(async (name) => [name, await readSecret(client, namespace, name)] as const),
  );
  return Object.fromEntries(found);
}

/** Makes the Secrets that do not exist, and never touches one that does. Returns them all. */
export async function createMissing(
  { client, applier }: { readonly client: KubeClient; readonly applier: Applier },
  names: Names,
  known: Secrets,
  stamp: Stamp,
): Promise<Secrets> {
  const secrets: Record<string, SecretData | undefined> = { ...known };
  for (const [name, generate] of Object.entries(generators(names))) {
    if (secrets[name] !== undefined) continue;
    const stringData = generate();
    try {
      await applier.createOnce(SECRET, { metadata: { name }, type: "Opaque", stringData }, stamp);
      secrets[name] = stringData;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      secrets[name] = await readSecret(client, stamp.namespace, name);
    }
  }
  return secrets;
}

async function readSecret(client: KubeClient, namespace: string, name: string): Promise<SecretData | undefined> {
  const secret = await client.find<SecretObject>(pathOf(SECRET, { namespace, name }));
  if (secret === undefined) return undefined;
  const entries = Object.entries(secret.data ?? {});
  return Object.fromEntries(entries.map(([key, value]) => [key, Buffer.from(value, "base64").toString()]));
}
