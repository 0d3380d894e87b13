import { Problem } from "@aaa-cluster/service-kit";

/** Between these, at random, so that boxes that were refused together do not come back together. */
const RETRY_AFTER_SECONDS = [1, 5] as const;

/** Whole seconds after which to try again. */
export function retryAfterSeconds(random: () => number = Math.random): number {
  const [least, most] = RETRY_AFTER_SECONDS;
  return least + Math.floor(random() * (most - least + 1));
}

/** This node has more to do than it can now. */
export function overloaded(why: string): Problem {
  return new Problem(503, "overloaded", `${why}; try again later, or another node`, [], retryAfterSeconds());
}

/** One box asks more than boxes do. */
export function tooManyRequests(seconds: number): Problem {
  const detail = "this box asks too often; ask again after as many seconds as Retry-After says";
  return new Problem(429, "too-many-requests", detail, [], Math.ceil(seconds));
}
