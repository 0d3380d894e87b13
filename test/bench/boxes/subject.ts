/** CPU seconds since the beginning. */
export interface Cpu {
  readonly service: number;
  /** Of the database that it asks; 0 when there is none. */
  readonly database: number;
}

/** What is measured: something that answers boxes, on the core of subjects. */
export interface Subject extends AsyncDisposable {
  readonly name: string;
  cpu(): Promise<Cpu>;
  /**
   * Does what is counted once, for one box of the population, and rejects when the answer is not the right one.
   * @param lane calls of one lane come one after the other
   */
  once(lane: number, box: number): Promise<void>;
  /** Puts a new process in the place of the one that was measured, where one process differs from the next. */
  renew?(): Promise<void>;
}
