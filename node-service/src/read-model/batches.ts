import { type Keys, type Kind, kinds } from "./content.ts";

/** How many pieces one statement reads at most. */
export const BATCH = 500;
/** How many statements are on their way at a time; meanwhile the next ones gather. */
const FLIGHTS = 4;

interface Batch {
  readonly keys: { readonly [K in Kind]: Set<string> };
  size: number;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Gathers the keys that are asked for one by one, so that many are read at once and each only once at a time. While nothing is
 * on its way, what is asked for in one turn of the event loop goes together.
 */
export class Batches {
  readonly #read: (keys: Keys) => Promise<void>;
  readonly #reading = new Map<string, Promise<void>>();
  readonly #waiting: Batch[] = [];
  #flights = 0;
  #isCalled = false;

  /** @param read resolves when what the keys stand for is there */
  constructor(read: (keys: Keys) => Promise<void>) {
    this.#read = read;
  }

  /** Resolves when the piece was read, and rejects when it could not be; nobody has to listen. */
  want(kind: Kind, id: string): Promise<void> {
    const key = `${kind}/${id}`;
    const reading = this.#reading.get(key) ?? this.#add(kind, id);
    this.#reading.set(key, reading);
    return reading;
  }

  #add(kind: Kind, id: string): Promise<void> {
    let batch = this.#waiting.at(-1);
    if (batch === undefined || batch.size === BATCH) {
      batch = newBatch();
      this.#waiting.push(batch);
    }
    batch.keys[kind].add(id);
    batch.size += 1;
    this.#call();
    return batch.done.promise;
  }

  #call(): void {
    if (this.#isCalled) return;
    this.#isCalled = true;
    setImmediate(() => {
      this.#isCalled = false;
      while (this.#flights < FLIGHTS) {
        const batch = this.#waiting.shift();
        if (batch === undefined) return;
        void this.#fly(batch);
      }
    });
  }

  async #fly({ keys, done }: Batch): Promise<void> {
    this.#flights += 1;
    await this.#read(keys).then(done.resolve, done.reject);
    for (const kind of kinds) for (const id of keys[kind]) this.#reading.delete(`${kind}/${id}`);
    this.#flights -= 1;
    this.#call();
  }
}

function newBatch(): Batch {
  const done = Promise.withResolvers<void>();
  done.promise.catch(() => {});
  return { keys: { accounts: new Set(), devices: new Set(), offerings: new Set() }, size: 0, done };
}
