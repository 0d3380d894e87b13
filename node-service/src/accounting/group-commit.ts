import type { AccountingRecord } from "@aaa-cluster/contract";
import { isDatabaseAway, isDataError, type Logger, Problem } from "@aaa-cluster/service-kit";
import type pg from "pg";
import { overloaded, retryAfterSeconds } from "../admission/problems.ts";
import type { Metrics } from "../metrics.ts";
import { type Acceptance, acceptancesOf, firstsOf } from "./group.ts";
import { storeRecords } from "./outbox.ts";

/** How many records go into one statement. The last request may bring more, as it is not divided. */
const GROUP = 2_000;
/** How many records wait: what they take of the memory is bounded. */
const MOST_WAITING = 20_000;
/** How long a record may wait before no more are taken behind it: with its commit it is answered sooner than a gateway asks another node. */
const LONGEST_WAIT_MS = 500;

export interface GroupCommitDeps {
  /** A session for this alone, which is `durable`. */
  readonly pool: pg.Pool;
  /** How long the database may take for a commit. */
  readonly timeoutMs: number;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** The records of one request. */
interface Waiting {
  readonly records: readonly AccountingRecord[];
  /** When they came, by the monotonic clock, in ms. */
  readonly since: number;
  readonly resolve: (acceptances: Acceptance[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Commits accounting records. Those that come while others are committed go together in the next statement: one flush of the
 * disk serves them all. The records of a request are committed together or not at all, and what the database refuses fails alone.
 */
export class GroupCommit {
  readonly #deps: GroupCommitDeps;
  readonly #waiting: Waiting[] = [];
  #waitingRecords = 0;
  #isCommitting = false;

  constructor(deps: GroupCommitDeps) {
    this.#deps = deps;
  }

  /** Whether any record would be refused now because too many wait, or have waited for too long. */
  get isFull(): boolean {
    const [first] = this.#waiting;
    if (first === undefined) return false;
    return this.#waitingRecords >= MOST_WAITING || performance.now() - first.since > LONGEST_WAIT_MS;
  }

  /** How many records wait. */
  get waiting(): number {
    return this.#waitingRecords;
  }

  /**
   * Resolves with what became of each when all records of a request are safe, or others are under their ids. Rejects with Problem 503
   * when too many wait, or when the database is away or takes too long, which leaves open whether they were stored; with Problem 400,
   * and none of them is stored, when the database refuses one.
   */
  accept(records: readonly AccountingRecord[]): Promise<Acceptance[]> {
    if (this.#waitingRecords + records.length > MOST_WAITING) return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ records, since: performance.now(), resolve, reject });
      this.#waitingRecords += records.length;
      if (!this.#isCommitting) void this.#commitAll();
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
      await this.#commit(this.#take(GROUP));
    }
    this.#isCommitting = false;
  }

  /** Those that have waited longest, with at least so many records if there are. */
  #take(count: number): Waiting[] {
    let [requests, records] = [0, 0];
    while (records < count && requests < this.#waiting.length) {
      records += (this.#waiting[requests] as Waiting).records.length;
      requests += 1;
    }
    this.#waitingRecords -= records;
    return this.#waiting.splice(0, requests);
  }

  /** Never rejects. */
  async #commit(group: readonly Waiting[]): Promise<void> {
    const { pool, timeoutMs, metrics } = this.#deps;
    const records = group.flatMap((waiting) => waiting.records);
    const stop = metrics.accountingCommitSeconds.startTimer();
    const began = performance.now();
    try {
      const earlier = await storeRecords(pool, firstsOf(records), timeoutMs);
      metrics.accountingGroupSize.observe(records.length);
      answer(group, acceptancesOf(records, earlier));
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
    const behind = tookMs < timeoutMs ? [] : this.#take(this.#waitingRecords);
    log.error({ err: error, requests: group.length, behind: behind.length }, "accounting records were not committed");
    for (const { reject } of group) reject(uncertain());
    for (const { reject } of behind) reject(uncertain());
  }
}

/** Tells each request what became of its own records. */
function answer(group: readonly Waiting[], acceptances: readonly Acceptance[]): void {
  let from = 0;
  for (const { records, resolve } of group) {
    resolve(acceptances.slice(from, from + records.length));
    from += records.length;
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
  return new Problem(400, "invalid-request", "a record cannot be stored: the database refuses a value of it");
}
