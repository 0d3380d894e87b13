import { type Applier, Conflict, controllerOf, type KubeClient, pathOf, type Stamp } from "../../kube/index.ts";
import { SECRET } from "../kinds.ts";
import type { ValidatedCluster } from "../validate.ts";
import { derivedSecrets, newRoot } from "./generate.ts";
import { decoded, type SecretData, type SecretObject, type SecretStore, type Secrets } from "./store.ts";

/** What it takes to read Secrets and make those that are missing. */
export interface SecretContext {
  readonly client: KubeClient;
  readonly applier: Applier;
  readonly secrets: SecretStore;
}

/** One that was deleted by hand is missed after at most this time. */
const MAX_AGE_MS = 60_000;

/**
 * The Secrets that a cluster has of its own. Those that do not exist are made, unless it is paused; what is in one that
 * exists is never touched. One that belongs to somebody else is an error, and is not used.
 */
export async function ownSecrets(
  ctx: SecretContext,
  cluster: ValidatedCluster,
  stamp: Stamp,
): Promise<{ readonly own: Secrets; readonly errors: readonly Error[] }> {
  const errors: Error[] = [];
  const secretOf = async (name: string, generate: () => SecretData): Promise<SecretData | undefined> => {
    try {
      const found = await readOwn(ctx, name, stamp);
      if (found !== undefined) return decoded(found);
      return cluster.paused ? undefined : decoded(await create(ctx, name, generate(), stamp));
    } catch (error) {
      errors.push(error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
  };
  const root = await secretOf(cluster.names.root, newRoot);
  if (root === undefined) return { own: {}, errors };
  const derived = Object.entries(derivedSecrets(cluster, root.key));
  const found = await Promise.all(
    derived.map(async ([name, data]) => [name, await secretOf(name, () => data)] as const),
  );
  return { own: Object.fromEntries(found), errors };
}

async function readOwn(ctx: SecretContext, name: string, stamp: Stamp): Promise<SecretObject | undefined> {
  const secret = await ctx.secrets.read(ctx.client, stamp.namespace, name, MAX_AGE_MS);
  if (secret === undefined || controllerOf(secret)?.uid === stamp.owner.uid) return secret;
  // Adopts an orphan of ours, and rejects for whatever belongs to somebody else.
  await ctx.applier.apply(SECRET, { metadata: { name } }, secret, stamp);
  return ctx.secrets.read(ctx.client, stamp.namespace, name, 0);
}

async function create(ctx: SecretContext, name: string, data: SecretData, stamp: Stamp): Promise<SecretObject> {
  const { namespace } = stamp;
  const manifest = { metadata: { name }, type: "Opaque", stringData: data };
  try {
    const created: SecretObject = await ctx.applier.createOnce(SECRET, manifest, stamp);
    ctx.secrets.note(namespace, name, created);
    return created;
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
    // Somebody was quicker.
    return await ctx.client.request<SecretObject>("GET", pathOf(SECRET, { namespace, name }));
  }
}
