import type { Logger } from "pino";
import { AAA_CLUSTER, type AaaCluster } from "../api/aaacluster.ts";
import {
  type Action,
  type Applier,
  applySet,
  awaitChange,
  type EventRecorder,
  type KubeClient,
} from "../kube/index.ts";
import { announcements } from "./announce.ts";
import { tendBroker } from "./broker/index.ts";
import { build } from "./build/index.ts";
import { judge, judgeInvalid, judgeNew, type Verdict } from "./conditions.ts";
import { PORTS } from "./names.ts";
import { type Observed, observe } from "./observe.ts";
import { addressOf, isReady } from "./pods.ts";
import { createMissing, readSecrets } from "./secrets.ts";
import type { Settings } from "./settings.ts";
import { stampOf } from "./stamp.ts";
import { statusOf } from "./status.ts";
import { InvalidSpec, type ValidatedCluster, validate } from "./validate.ts";
import type { World } from "./world.ts";

/** Everything a reconcile works with. */
export interface Context {
  readonly client: KubeClient;
  readonly applier: Applier;
  readonly events: Pick<EventRecorder, "record">;
  readonly world: World;
  readonly settings: Settings;
  readonly log: Logger;
  readonly now: () => Date;
}

/** How soon to look again: at what no event tells, as a queue deleted at the broker or a node that fell behind. */
const READY_RESYNC_MS = 10_000;
const UNREADY_RESYNC_MS = 5_000;

/** Makes the world as the AaaCluster of this key says, and says in its status how far that is. */
export async function reconcile(key: string, ctx: Context): Promise<Action> {
  const cached = ctx.world.cluster(key);
  if (cached === undefined || cached.metadata.deletionTimestamp !== undefined) return awaitChange;
  const object = ctx.applier.latest(cached);

  const cluster = await validated(object, ctx);
  // Tools take an object without conditions for one that is as it shall be, and the first making takes a while.
  if (object.status === undefined) await report(object, judgeNew(), ctx);
  const secrets = await readSecrets(ctx.client, cluster.namespace, cluster.names);
  const { complete, errors } = await applied(object, cluster, secrets, ctx);
  const brokerReport = await tendBroker({
    cluster,
    secrets: complete,
    address: addressOf(ctx.world.pods(object, "broker").find(isReady), PORTS.management),
    nodePods: ctx.world.pods(object, "aaa").map(({ metadata }) => metadata.name),
    log: ctx.log,
  });
  const observed = await observe(ctx, object, cluster, brokerReport);
  const verdicts = judge({ cluster, observed, failures: errors });
  await report(object, verdicts, ctx, observed);

  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} children could not be applied`);
  const holds = (type: string): boolean =>
    verdicts.some((verdict) => verdict.type === type && verdict.status === "True");
  return { requeueAfterMs: holds("Ready") && !holds("Reconciling") ? READY_RESYNC_MS : UNREADY_RESYNC_MS };
}

async function validated(object: AaaCluster, ctx: Context): Promise<ValidatedCluster> {
  try {
    return validate(object, ctx.settings);
  } catch (error) {
    if (error instanceof InvalidSpec) await report(object, judgeInvalid(error.message), ctx);
    throw error;
  }
}

async function applied(
  object: AaaCluster,
  cluster: ValidatedCluster,
  secrets: Awaited<ReturnType<typeof readSecrets>>,
  ctx: Context,
): Promise<{ readonly complete: typeof secrets; readonly errors: readonly Error[] }> {
  if (cluster.paused) return { complete: secrets, errors: [] };
  const complete = await createMissing(ctx, cluster.names, secrets, stampOf(object));
  const set = { desired: build(cluster), live: ctx.world.childrenByKind(object), stamp: stampOf(object) };
  return { complete, errors: await applySet(ctx.applier, set) };
}

async function report(
  object: AaaCluster,
  verdicts: readonly Verdict[],
  { applier, events, settings, now }: Context,
  observed?: Observed,
): Promise<void> {
  const found = { object, verdicts, ...(observed === undefined ? {} : { observed }) };
  for (const event of announcements(found)) events.record(object, event);
  const status = statusOf({ ...found, operatorVersion: settings.version, now: now() });
  await applier.applyStatus(AAA_CLUSTER, object, status);
}
