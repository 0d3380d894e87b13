import type { Logger } from "pino";
import { AAA_CLUSTER, type AaaCluster } from "../api/aaacluster.ts";
import {
  type Action,
  type Applier,
  applySet,
  awaitChange,
  type EventRecorder,
  type KubeClient,
  type KubeObject,
  keyOf,
  Leftover,
  type Resource,
} from "../kube/index.ts";
import { announcements } from "./announce.ts";
import { brokerAccess, externalBrokerEndpoint } from "./broker/access.ts";
import { tendBroker } from "./broker/index.ts";
import { gatewaysOf } from "./build/gateways.ts";
import { build } from "./build/index.ts";
import { tendClaims } from "./claims.ts";
import { judge, judgeInvalid, judgeNew, type Verdict } from "./conditions.ts";
import { STATEFUL_SET } from "./kinds.ts";
import { componentOf } from "./labels.ts";
import { type Observed, observe } from "./observe.ts";
import { ownSecrets } from "./secrets/own.ts";
import { referencedSecrets, type SecretProblem } from "./secrets/references.ts";
import type { SecretStore } from "./secrets/store.ts";
import type { Settings } from "./settings.ts";
import { stampOf } from "./stamp.ts";
import { statusOf } from "./status.ts";
import { isStillNeeded } from "./successors.ts";
import { InvalidSpec, type ValidatedCluster, validate } from "./validate.ts";
import { claimsOf } from "./virtual-routers.ts";
import type { World } from "./world.ts";

/** Everything a reconcile works with. */
export interface Context {
  readonly client: KubeClient;
  readonly applier: Applier;
  readonly events: Pick<EventRecorder, "record">;
  readonly world: World;
  readonly secrets: SecretStore;
  readonly settings: Settings;
  /** By key of a cluster, from what its children were last made without an error. */
  readonly applied: Map<string, string>;
  readonly log: Logger;
  readonly now: () => Date;
}

/** How soon to look again: at what no event tells, as a queue deleted at the broker or a node that fell behind. */
const READY_RESYNC_MS = 8_000;
const UNREADY_RESYNC_MS = 4_000;

/** Makes the world as the AaaCluster of this key says, and says in its status how far that is. */
export async function reconcile(key: string, ctx: Context): Promise<Action> {
  const cached = ctx.world.cluster(key);
  if (cached === undefined) ctx.applied.delete(key);
  if (cached === undefined || cached.metadata.deletionTimestamp !== undefined) return awaitChange;
  const object = ctx.applier.latest(cached);

  const cluster = await validated(object, ctx);
  // The first making takes a while.
  if (isNew(object)) await report(object, judgeNew(), ctx);

  const { secrets, secretProblems, secretErrors } = await dereference(object, cluster, ctx);
  const failures = [...secretErrors, ...(await apply(object, cluster, secretProblems, ctx))];
  const brokerReport = await tendBroker({
    cluster,
    secrets,
    access: brokerAccess(cluster, secrets, ctx.world.pods(object, "broker")),
    nodePods: ctx.world.pods(object, "aaa").map(({ metadata }) => metadata.name),
    syncedQueues: object.status?.partitions?.flatMap(({ queue, synced }) => (synced ? [queue] : [])) ?? [],
    log: ctx.log,
  });
  const observed = await observe(ctx, object, cluster, brokerReport);
  const verdicts = judge({ cluster, observed, failures, secretProblems });
  const externalBroker = externalBrokerEndpoint(cluster, secrets);
  await report(object, verdicts, ctx, { observed, ...(externalBroker === undefined ? {} : { externalBroker }) });

  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} objects could not be written`);
  const holds = (type: string): boolean =>
    verdicts.some((verdict) => verdict.type === type && verdict.status === "True");
  return { requeueAfterMs: holds("Ready") && !holds("Reconciling") ? READY_RESYNC_MS : UNREADY_RESYNC_MS };
}

/** Whether no operator has ever looked at it. */
function isNew({ status }: AaaCluster): boolean {
  return (status?.observedGeneration ?? 0) === 0;
}

async function validated(object: AaaCluster, ctx: Context): Promise<ValidatedCluster> {
  try {
    const others = ctx.world.clusters().filter((other) => keyOf(other) !== keyOf(object));
    return validate(object, ctx.settings, claimsOf([object, ...others]));
  } catch (error) {
    if (error instanceof InvalidSpec) await report(object, judgeInvalid(error.message), ctx);
    throw error;
  }
}

/** Reads the Secrets of a cluster, its own and those that its spec names, and makes those of its own that are missing. */
async function dereference(object: AaaCluster, cluster: ValidatedCluster, ctx: Context) {
  const { own, errors: secretErrors } = await ownSecrets(ctx, cluster, stampOf(object), isNew(object));
  const { referenced, problems: secretProblems } = await referencedSecrets(ctx, cluster, ctx.now());
  return { secrets: { ...referenced, ...own }, secretProblems, secretErrors };
}

/**
 * Makes the children as they shall be, but for those that a Secret, another gateway or an old volume holds back. Returns what
 * could not be done. Where nothing of what they follow from has changed since that was nothing, there is nothing to look at.
 */
async function apply(
  object: AaaCluster,
  cluster: ValidatedCluster,
  secretProblems: readonly SecretProblem[],
  { applier, world, applied }: Context,
): Promise<readonly Error[]> {
  if (cluster.paused) return [];
  const gateways = gatewaysOf(cluster);
  const clashing = gateways.flatMap(({ component, vrrp }) => (vrrp?.clashes.length ? [component] : []));
  const held = [...secretProblems.flatMap(({ holds }) => holds), ...clashing];
  const { uid, generation } = object.metadata;
  const routers = gateways.map(({ vrrp }) => vrrp?.id ?? 0);
  const basis = [uid, generation, world.revision(object), ...routers, ...held].join(" ");
  const key = keyOf(object);
  if (applied.get(key) === basis) return [];
  applied.delete(key);
  const stamp = stampOf(object);
  const claimErrors = await tendClaims({ world, applier }, object, cluster, stamp);
  // A pod that takes a volume of a deleted cluster of this name would lose it later, and has its passwords till then.
  const mayMount = !claimErrors.some((error) => error instanceof Leftover);
  const isFree = (kind: Resource, { metadata }: Pick<KubeObject, "metadata">): boolean =>
    (mayMount || kind !== STATEFUL_SET) && !held.some((component) => component === componentOf(metadata.labels));
  const desired = build(cluster).filter(({ resource, manifest }) => isFree(resource, manifest));
  const children = world.childrenByKind(object);
  const live = [...children].map(
    ([kind, ofKind]) =>
      [kind, ofKind.filter((child) => isFree(kind, child) && !isStillNeeded(kind, child, desired, children))] as const,
  );
  const errors = [...(await applySet(applier, { desired, live: new Map(live), stamp })), ...claimErrors];
  if (errors.length === 0) applied.set(key, basis);
  return errors;
}

async function report(
  object: AaaCluster,
  verdicts: readonly Verdict[],
  { applier, events, settings, now }: Context,
  seen: { readonly observed?: Observed; readonly externalBroker?: string } = {},
): Promise<void> {
  for (const event of announcements({ object, verdicts, ...seen })) events.record(object, event);
  const status = statusOf({ object, verdicts, ...seen, operatorVersion: settings.version, now: now() });
  await applier.applyStatus(AAA_CLUSTER, object, status);
}
