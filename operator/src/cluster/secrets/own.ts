import { type Applier, Conflict, controllerOf, type KubeClient, type Stamp } from "../../kube/index.ts";
import { SECRET } from "../kinds.ts";
import type { ValidatedCluster } from "../validate.ts";
import { derivedSecrets, newRoot, renewedSecret } from "./generate.ts";
import { decoded, encoded, type SecretData, type SecretObject, type SecretStore, type Secrets } from "./store.ts";

/** What it takes to read Secrets and make those that are missing. */
export interface SecretContext {
  readonly client: KubeClient;
  readonly applier: Applier;
  readonly secrets: SecretStore;
  readonly now: () => Date;
}

/** One that was deleted by hand is missed after at most this time. */
const MAX_AGE_MS = 60_000;

/**
 * The Secrets that a cluster has of its own. Those that do not exist are made, unless it is paused; what is in one that
 * exists is never touched, but that signing keys rotate. One that belongs to somebody else is an error, and is not used.
 * @param isNew whether no operator has ever looked at the cluster, so that hardly any Secret can be there
 */
export async function ownSecrets(
  ctx: SecretContext,
  cluster: ValidatedCluster,
  stamp: Stamp,
  isNew = false,
): Promise<{ readonly own: Secrets; readonly errors: readonly Error[] }> {
  const errors: Error[] = [];
  const secretOf = async (
    name: string,
    generate: () => SecretData,
    renew: (found: SecretData) => SecretData | null = () => null,
  ): Promise<SecretData | undefined> => {
    try {
      const known = isNew ? undefined : await readOwn(ctx, name, stamp, cluster);
      const found = known ?? (await create(ctx, name, generate, stamp, cluster));
      if (found === undefined) return undefined;
      const renewed = cluster.paused ? null : renew(decoded(found));
      return decoded(renewed === null ? found : await write(ctx, name, encoded(renewed), found, stamp));
    } catch (error) {
      errors.push(error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
  };
  const root = await secretOf(cluster.names.root, newRoot);
  if (root === undefined) return { own: {}, errors };
  if ((root.key ?? "") === "") return { own: {}, errors: [...errors, keyless(cluster)] };
  const { key = "" } = root;
  const own: Record<string, SecretData | undefined> = {};
  // One after the other: all at once, of every worker, would keep a hundred connections to the API server open.
  for (const [name, data] of Object.entries(derivedSecrets(cluster, key, ctx.now()))) {
    own[name] = await secretOf(
      name,
      () => data,
      (found) => renewedSecret(cluster, name, found, key, ctx.now()),
    );
  }
  return { own, errors };
}

/** Nothing may follow from no key at all: anyone could tell the passwords. */
function keyless({ names, namespace }: ValidatedCluster): Error {
  return new Error(`Secret ${namespace}/${names.root} lacks key: put it back from your copy, or delete the Secret`);
}

async function readOwn(
  ctx: SecretContext,
  name: string,
  stamp: Stamp,
  { paused }: ValidatedCluster,
): Promise<SecretObject | undefined> {
  const { client, secrets } = ctx;
  const read = (maxAgeMs: number) => secrets.read(client, stamp.namespace, name, maxAgeMs);
  const isOurs = (secret: SecretObject): boolean => controllerOf(secret)?.uid === stamp.owner.uid;
  const known = await read(MAX_AGE_MS);
  if (known === undefined || isOurs(known)) return known;
  // What somebody else had may be gone by now.
  const found = await read(0);
  if (found === undefined || isOurs(found)) return found;
  if (paused) return undefined;
  // Adopts an orphan of ours, and rejects for whatever belongs to somebody else.
  return write(ctx, name, found.data ?? {}, found, stamp);
}

/** Sets what an existing Secret has. All of it each time: the API server takes away what is not set again. */
async function write(
  { applier, secrets }: SecretContext,
  name: string,
  data: SecretData,
  found: SecretObject,
  stamp: Stamp,
): Promise<SecretObject> {
  const written: SecretObject = await applier.apply(SECRET, { metadata: { name }, data }, found, stamp);
  secrets.note(stamp.namespace, name, written);
  return written;
}

async function create(
  ctx: SecretContext,
  name: string,
  generate: () => SecretData,
  stamp: Stamp,
  cluster: ValidatedCluster,
): Promise<SecretObject | undefined> {
  if (cluster.paused) return undefined;
  const { namespace } = stamp;
  // One that was deleted comes back as it was, with whatever somebody had written into it.
  const last = ctx.secrets.last(namespace, name);
  const wasOurs = last !== undefined && controllerOf(last)?.uid === stamp.owner.uid;
  const data = wasOurs ? (last.data ?? {}) : encoded(generate());
  const manifest = { metadata: { name }, type: "Opaque", data };
  try {
    const created: SecretObject = await ctx.applier.createOnce(SECRET, manifest, stamp);
    ctx.secrets.note(namespace, name, created);
    return created;
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    // Somebody was quicker.
    await ctx.secrets.read(ctx.client, namespace, name, 0);
    return readOwn(ctx, name, stamp, cluster);
  }
}
