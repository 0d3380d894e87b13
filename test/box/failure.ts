import { RefusedError } from "./box.ts";
import { TimeoutError } from "./connection.ts";

/** Pure: what kind of failure an error is, in a word or two that a report counts by. */
export function kindOf(error: unknown): string {
  if (error instanceof RefusedError) return `HTTP ${error.status}`;
  if (error instanceof TimeoutError) return "timeout";
  if (error instanceof SyntaxError) return "no JSON";
  const { code } = Object(error) as { readonly code?: unknown };
  if (code === "ECONNREFUSED" || code === "UND_ERR_CONNECT_TIMEOUT") return "not connected";
  return typeof code === "string" ? "connection lost" : "wrong answer";
}

/** Pure: whether the same request may succeed later: the cluster was not reached, was overloaded, or has broken down. */
export function mayHelpToRetry(error: unknown): boolean {
  if (error instanceof RefusedError) return error.status >= 500 || error.status === 429;
  return kindOf(error) !== "wrong answer";
}
