import type { AccountingRecord } from "@aaa-cluster/contract";
import { isDatabaseAway, isDataError, type Logger, Problem } from "@aaa-cluster/service-kit";
import type pg from "pg";
import { overloaded, retryAfterSeconds } from "../admission/problems.ts";
import type { Metrics } from "../metrics.ts";
import { type Acceptance, acceptancesOf, firstsOf } from "./group.ts";
import { storeRecords } from "./outbox.ts";

/** How many records wait, and so how many go into one statement. */
const MOST_WAITING = 2_000;

export interface GroupCommitDeps {
  /** Sessions for this alone, which are `durable`; one is used. */
  readonly pool: pg.Pool;
  /** How long the database may take for a commit. */
  readonly timeoutMs: number;
  readonly metrics: Metrics;
  readonly log: Logger;
}

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
  readonly #deps: GroupCommitDeps;
  #waiting: Waiting[] = [];
  #isCommitting = false;

  constructor(deps: GroupCommitDeps) {
    this.#deps = deps;
  }

  /** Whether any record would be refused now because too many wait. */
  get isFull(): boolean {
    return this.#waiting.length >= MOST_WAITING;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Resolves when all records are safe, or others are under their ids. Rejects with Problem 503 when too many wait, or when the
   * database is away or takes too long, which leaves open whether they were stored; with Problem 400 when the database refuses one.
   */
  accept(records: readonly AccountingRecord[]): Promise<Acceptance[]> {
    if (this.#waiting.length + records.length > MOST_WAITING) return Promise.reject(this.#refusal());
    const accepted = records.map((record) => this.#add(record));
    if (!this.#isCommitting) void this.#commitAll();
    return Promise.all(accepted);
  }

  #add(record: AccountingRecord): Promise<Acceptance> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, resolve, reject });
    });
  }

  /** For a record that was read while there still was room. */
  #refusal(): Problem {
    this.#deps.metrics.shed.inc({ reason: "accounting" });
    return overloaded("too many accounting records wait for this node's disk");
  }

  async #commitAll(): Promise<void> {
    this.#isCommitting = true;
    while (this.#waiting.length > 0) {
      await this.#commit(this.#takeWaiting());
    }
    this.#isCommitting = false;
  }

  #takeWaiting(): Waiting[] {
    const group = this.#waiting;
    this.#waiting = [];
    return group;
  }

  /** Never rejects. */
  async #commit(group: readonly Waiting[]): Promise<void> {
    const { pool, timeoutMs, metrics } = this.#deps;
    const records = group.map(({ record }) => record);
    const stop = metrics.accountingCommitSeconds.startTimer();
    const began = performance.now();
    try {
      const earlier = await storeRecords(pool, firstsOf(records), timeoutMs);
      metrics.accountingGroupSize.observe(group.length);
      const acceptances = acceptancesOf(records, earlier);
      for (const [index, { resolve }] of group.entries()) resolve(acceptances[index] as Acceptance);
    } catch (error) {
      if (isDatabaseAway(error)) this.#giveUp(group, error, performance.now() - began);
      else if (!isDataError(error)) for (const { reject } of group) reject(error);
      else if (group.length === 1) group[0]?.reject(unstorable());
      // Whichever it is, it is not the fault of the others.
      else for (const half of halvesOf(group)) await this.#commit(half);
    } finally {
      stop();
    }
  }

  /** Whoever waited behind a commit that took too long has waited long enough too. */
  #giveUp(group: readonly Waiting[], error: unknown, tookMs: number): void {
    const { timeoutMs, log } = this.#deps;
    const behind = tookMs < timeoutMs ? [] : this.#takeWaiting();
    log.error({ err: error, records: group.length, behind: behind.length }, "accounting records were not committed");
    for (const { reject } of group) reject(uncertain());
    for (const { reject } of behind) reject(uncertain());
  }
}

function halvesOf<T>(things: readonly T[]): [T[], T[]] {
  const middle = Math.ceil(things.length / 2);
  return [things.slice(0, middle), things.slice(middle)];
}

function uncertain(): Problem {
  const detail = "the database does not answer, so the record may be stored or not; send it again unchanged";
  return new Problem(503, "database-away", detail, [], retryAfterSeconds());
}

function unstorable(): Problem {
  return new Problem(400, "invalid-request", "the record cannot be stored: the database refuses a value of it");
}
