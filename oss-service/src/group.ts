import { keyOf } from "./change.ts";
import type { Write } from "./store.ts";

/** How many requests are committed together at most: more of them would only hold their locks longer. */
const LARGEST = 200;

export interface Member {
  readonly writes: readonly Write[];
}

/** Pure: which of the requests that wait are committed together, in their order: no two that write the same entity. */
export function groupOf<T extends Member>(waiting: readonly T[]): T[] {
  const group: T[] = [];
  // Also those of requests that are left, so that none overtakes an earlier one of the same entity.
  const written = new Set<string>();
  for (const member of waiting) {
    if (group.length === LARGEST) break;
    const keys = member.writes.map(keyOf);
    if (!keys.some((key) => written.has(key))) group.push(member);
    for (const key of keys) written.add(key);
  }
  return group;
}
