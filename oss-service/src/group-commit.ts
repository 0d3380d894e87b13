import { Problem, sqlState } from "@aaa-cluster/service-kit";
import type pg from "pg";
import { keyOf } from "./change.ts";
import { groupOf, type Member } from "./group.ts";
import { type Answered, type WriteRequest, type Written, write, writeUnlocked } from "./store.ts";

// Data exceptions, violated constraints, and transactions that were rolled back for others' sake.
const ROLLED_BACK = /^(22|23|40)/;

interface Waiting extends Member {
  readonly at: Date;
  /** Takes null when nothing was written because the group did not succeed. */
  readonly resolve: (written: Written | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits requests as `write` does, but those of one entity that come while others are committed together: one
 * transaction, with one flush, costs little more than that of one of them. When one of a group is refused, nothing of the group has
 * happened, and each is committed by itself. One group at a time: two could each hold what the other refers to.
 */
export class GroupCommit {
  readonly #pool: pg.Pool;
  #waiting: Waiting[] = [];
  #isCommitting = false;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** As `write`. */
  async write<T>(request: WriteRequest<T>, at: Date): Promise<Answered<T>> {
    // Whoever waits for a key that another request has now keeps nobody else waiting.
    if (request.idempotent !== null) return write(this.#pool, request, at);
    const writes = await request.prepare();
    // The events of one request have places that follow each other, which they would not have among those of others.
    const written = writes.length > 1 ? null : await this.#inGroup(writes, at);
    if (written !== null) return { answer: request.answer(written), written };
    return write(this.#pool, { ...request, prepare: async () => writes }, at);
  }

  #inGroup(writes: Waiting["writes"], at: Date): Promise<Written | null> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ writes, at, resolve, reject });
      if (!this.#isCommitting) void this.#commitAll();
    });
  }

  async #commitAll(): Promise<void> {
    this.#isCommitting = true;
    while (this.#waiting.length > 0) {
      const group = groupOf(this.#waiting);
      this.#waiting = this.#waiting.filter((waiting) => !group.includes(waiting));
      await this.#commit(group);
    }
    this.#isCommitting = false;
  }

  /** Never rejects. */
  async #commit(group: readonly Waiting[]): Promise<void> {
    const writes = group.flatMap(({ writes, at }) => writes.map((one) => ({ ...one, at })));
    try {
      const written = await writeUnlocked(this.#pool, writes);
      for (const { writes, resolve } of group) {
        resolve(written === null ? null : partOf(written, new Set(writes.map(keyOf))));
      }
    } catch (error) {
      // After any other error it may have been committed, so it must not be tried again.
      const rolledBack = error instanceof Problem || ROLLED_BACK.test(sqlState(error) ?? "");
      for (const { resolve, reject } of group) {
        if (rolledBack) resolve(null);
        else reject(error);
      }
    }
  }
}

/** Pure: the events of some entities among those that were written together. */
function partOf({ events, sequence }: Written, keys: ReadonlySet<string>): Written {
  const isOurs = ({ entity, entityId: id }: Written["events"][number]): boolean => keys.has(keyOf({ entity, id }));
  const behind = events.length - 1 - events.findLastIndex(isOurs);
  return { events: events.filter(isOurs), sequence: (BigInt(sequence) - BigInt(behind)).toString() };
}
