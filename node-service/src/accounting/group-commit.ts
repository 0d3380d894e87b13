import type { AccountingRecord } from "@aaa-cluster/contract";
import { BY_KEY, isDataError, Problem } from "@aaa-cluster/service-kit";
import type pg from "pg";
import { overloaded } from "../admission/problems.ts";
import type { Metrics } from "../metrics.ts";
import { type Acceptance, acceptancesOf, firstsOf } from "./group.ts";
import { storeRecords } from "./outbox.ts";

/** How many records wait, and so how many go into one statement. */
const MOST_WAITING = 2_000;

/** What the server is told for the sessions of the pool: what it has answered is on the disk, whatever its own default. */
export const DURABLE = `${BY_KEY} -c synchronous_commit=on`;

interface Waiting {
  readonly record: AccountingRecord;
  readonly resolve: (acceptance: Acceptance) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits accounting records. Those that come while others are committed go together in the next statement: one flush of the
 * disk serves them all. One that the database refuses fails alone.
 */
export class GroupCommit {
  readonly #pool: pg.Pool;
  readonly #metrics: Metrics;
  #waiting: Waiting[] = [];
  #isCommitting = false;

  /** @param pool sessions for this alone, which are `DURABLE`; one is used */
  constructor(pool: pg.Pool, metrics: Metrics) {
    this.#pool = pool;
    this.#metrics = metrics;
  }

  /** Whether a record would be refused now because too many wait. */
  get isFull(): boolean {
    return this.#waiting.length >= MOST_WAITING;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Resolves when the record is safe, or another one is under its id. Rejects with Problem 503 when too many wait, with Problem
   * 400 when the database refuses it, or with the error that leaves open whether it was stored.
   */
  accept(record: AccountingRecord): Promise<Acceptance> {
    if (this.isFull) return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, resolve, reject });
      if (!this.#isCommitting) void this.#commitAll();
    });
  }

  /** For a record that was read while there still was room. */
  #refusal(): Problem {
    this.#metrics.shed.inc({ reason: "accounting" });
    return overloaded("too many accounting records wait for this node's disk");
  }

  async #commitAll(): Promise<void> {
    this.#isCommitting = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      await this.#commit(group);
    }
    this.#isCommitting = false;
  }

  /** Never rejects. */
  async #commit(group: readonly Waiting[]): Promise<void> {
    const records = group.map(({ record }) => record);
    const stop = this.#metrics.accountingCommitSeconds.startTimer();
    try {
      const earlier = await storeRecords(this.#pool, firstsOf(records));
      this.#metrics.accountingGroupSize.observe(group.length);
      const acceptances = acceptancesOf(records, earlier);
      for (const [index, { resolve }] of group.entries()) resolve(acceptances[index] as Acceptance);
    } catch (error) {
      if (!isDataError(error)) for (const { reject } of group) reject(error);
      else if (group.length === 1) group[0]?.reject(unstorable());
      // Whichever it is, it is not the fault of the others.
      else for (const half of halvesOf(group)) await this.#commit(half);
    } finally {
      stop();
    }
  }
}

function halvesOf<T>(things: readonly T[]): [T[], T[]] {
  const middle = Math.ceil(things.length / 2);
  return [things.slice(0, middle), things.slice(middle)];
}

function unstorable(): Problem {
  return new Problem(400, "invalid-request", "the record cannot be stored: the database refuses a value of it");
}
