import type { Report } from "./box.ts";

/** One use of a service: makes its records, each with the next number. */
export class Session {
  readonly #id: string;
  readonly #service: string;
  readonly #startedAt: Date;
  #records = 0;

  /** @param id unique among the sessions of the box */
  constructor(id: string, service: string, now: Date) {
    this.#id = id;
    this.#service = service;
    this.#startedAt = now;
  }

  /** The next record. A box that sends it again sends the same one. */
  report(acctStatusType: Report["acctStatusType"], now: Date): Report {
    const acctSessionTime = Math.floor((now.getTime() - this.#startedAt.getTime()) / 1000);
    const accountingRecordNumber = this.#records;
    this.#records += 1;
    return {
      acctSessionId: this.#id,
      acctStatusType,
      accountingRecordNumber,
      service: this.#service,
      eventTime: now.toISOString(),
      ...(acctStatusType === "Start" ? {} : { acctSessionTime }),
      ...(acctStatusType === "Stop" ? { acctTerminateCause: "User-Request" } : {}),
    };
  }
}
