import { type Action, awaitChange, type Backoff, backoffMs, Conflict, Throttled } from "../kube/index.ts";
import { isOfTerminatingNamespace } from "./conditions.ts";
import { InvalidSpec } from "./validate.ts";

const BACKOFF: Backoff = { firstMs: 500, longestMs: 60_000 };
/** Some children failed, and all others want to be looked at as soon as ever. */
const CHILD_BACKOFF: Backoff = { firstMs: 500, longestMs: 10_000 };
const CONFLICT_MS = 200;

/** What a failed reconcile leads to. Nothing is ever given up, but a wrong spec waits until it is changed. */
export function errorPolicy(error: unknown, failures: number): Action {
  return actionOn(error, failures, BACKOFF);
}

function actionOn(error: unknown, failures: number, backoff: Backoff): Action {
  if (error instanceof AggregateError) {
    const waits = error.errors.flatMap((one) => {
      const action = actionOn(one, failures, CHILD_BACKOFF);
      return "requeueAfterMs" in action ? [action.requeueAfterMs] : [];
    });
    return waits.length === 0 ? awaitChange : { requeueAfterMs: Math.max(...waits) };
  }
  if (error instanceof InvalidSpec || isOfTerminatingNamespace(error)) return awaitChange;
  if (error instanceof Conflict) return { requeueAfterMs: CONFLICT_MS };
  if (error instanceof Throttled) return { requeueAfterMs: error.retryAfterMs };
  return { requeueAfterMs: backoffMs(backoff, failures) };
}
