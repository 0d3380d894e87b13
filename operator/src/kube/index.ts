/**
 * A controller core: all that an operator needs besides knowing its own resources. It knows nothing of AAA.
 *
 * A `Manager` is one process of an operator. Ask it for a `Cache` of each kind, add a controller whose `reconcile` makes
 * the world as an object says, and `run` it. `docs/controller-core.md` has a whole operator.
 */
export { Applier, Foreign, Leftover, type Manifest, type Stamp } from "./apply/apply.ts";
export { type ApplySet, applySet, type Desired } from "./apply/apply-set.ts";
export { addFinalizer, removeFinalizer } from "./apply/finalizers.ts";
export { parseQuantity } from "./apply/quantity.ts";
export { type Backoff, backoffMs } from "./backoff.ts";
export { Cache, type CacheScope, type Change, type ChangeHandler } from "./cache/cache.ts";
export type { IndexFunction } from "./cache/store.ts";
export {
  type ClientOptions,
  KubeClient,
  type Query,
  type RequestOptions,
  type StreamOptions,
} from "./client/client.ts";
export {
  ApiError,
  Conflict,
  Forbidden,
  Gone,
  Invalid,
  LeadershipLost,
  NotFound,
  NotLeading,
  ServerFailed,
  Throttled,
  Unauthorized,
  Unreachable,
} from "./client/errors.ts";
export {
  type Action,
  awaitChange,
  Controller,
  type ControllerOptions,
  type ErrorPolicy,
  type Reconcile,
  type Reconciliation,
  specChanged,
} from "./controller/controller.ts";
export type { EventInput } from "./events/event-object.ts";
export { EventRecorder } from "./events/events.ts";
export { hashOf } from "./hash.ts";
export { type LeaderElectionOptions, LeaderElector } from "./leader/leader.ts";
export { createLogger } from "./log.ts";
export { type LeaderElectionSettings, Manager, type ManagerOptions } from "./manager.ts";
export { Metrics } from "./metrics.ts";
export {
  apiVersionOf,
  controllerOf,
  type KubeObject,
  keyOf,
  type ObjectMeta,
  type OwnerReference,
  ownerKey,
  ownerReferenceTo,
  partsOf,
  pathOf,
  type Resource,
  withoutManagedFields,
} from "./objects.ts";
export { stopSignal } from "./process.ts";
export { RecentMap } from "./recent-map.ts";
