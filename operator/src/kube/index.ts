/** A controller core that knows nothing of AAA: client, caches, queue, controller, apply, metrics. */
export { Applier, Foreign, hashOf, type Manifest, type Stamp } from "./apply.ts";
export { type Backoff, backoffMs } from "./backoff.ts";
export { Cache, type ChangeHandler } from "./cache.ts";
export { KubeClient } from "./client.ts";
export { type Action, awaitChange, runController } from "./controller.ts";
export { ApiError, Conflict, Forbidden, Gone, Invalid, NotFound, Throttled, Unreachable } from "./errors.ts";
export { createMetrics, type Metrics } from "./metrics.ts";
export {
  apiVersionOf,
  controllerOf,
  type KubeObject,
  keyOf,
  type ObjectMeta,
  type OwnerReference,
  pathOf,
  type Resource,
} from "./objects.ts";
export { parseQuantity } from "./quantity.ts";
export { WorkQueue } from "./queue.ts";
export { type Answer, portOf, serve } from "./server.ts";
