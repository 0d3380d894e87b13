import type { ReceivedEvent } from "@aaa-cluster/contract";
import { Problem } from "@aaa-cluster/service-kit";
import type { Watermark } from "../partition/storage.ts";
import { isSamePlace, NEVER_SYNCED, type Place } from "../partition/watermark.ts";
import { Batches } from "./batches.ts";
import { type Changes, changesOf, isChanged } from "./changes.ts";
import {
  type Account,
  findPieces,
  isIdentifier,
  type KeptDevice,
  type KeptOffering,
  type Keys,
  type Kind,
  kinds,
  NO_PIECES,
  type Pieces,
  type Reading,
  weighers,
} from "./content.ts";
import { isKept, type Kept, Sieve } from "./sieve.ts";
import { Watch } from "./watch.ts";

/** Of the memory that is allowed; an account takes about four times as much as a device. */
const SHARES: Readonly<Record<Kind, number>> = { accounts: 0.77, devices: 0.18, offerings: 0.05 };
/** A question is asked anew when something it needs changed or had to go meanwhile, which is rare. */
const TRIES = 50;

/** What a question is answered from. Undefined: it is not known yet, and is being read. */
export interface Known {
  account(subscriberId: string): Account | undefined;
  device(deviceId: string): KeptDevice | undefined;
  offering(offeringId: string): KeptOffering | undefined;
  /** Whether a piece that was known once is known as it was, so that what follows from it does so still. */
  stillKnows(piece: Kept): boolean;
}

/** Who is told what the database has become, before anybody else is. */
export interface Follower {
  /** The database was found to be here, by a consumer that starts. */
  found(watermark: Watermark): void;
  /** It went on to here by these changes and no others. */
  committed(watermark: Watermark, events: readonly ReceivedEvent[]): void;
  /** It is here now, and may have another content than before. */
  replaced(watermark: Watermark): void;
}

export interface ReadModelOptions {
  /** How much memory it may take, in bytes, as it estimates. It exceeds that by no more than what one statement reads. */
  readonly limitBytes: number;
  /** Reads pieces from the database in one statement, together with the place it is at. */
  readonly read: (keys: Keys) => Promise<Reading>;
}

/**
 * What this process knows of the content of its node's database: always exactly as it is at the node's watermark, because only the
 * transaction that changed the database changes it, and by forgetting. What is not known is read when it is asked for.
 */
export class ReadModel implements Known, Follower {
  readonly #read: ReadModelOptions["read"];
  readonly #sieves: { readonly [K in Kind]: Sieve<Pieces[K]> };
  /** Whose an entitlement is that is in a known account. */
  readonly #owners = new Map<string, string>();
  readonly #batches = new Batches((keys) => this.#load(keys));
  readonly #watches = new Set<Watch>();
  #watermark: Watermark = { place: NEVER_SYNCED, digest: 0n };
  #missing: Promise<void>[] = [];
  /** Questions that were answered at once, and such that had to wait for the database. */
  readonly answers = { hit: 0, miss: 0 };

  constructor({ limitBytes, read }: ReadModelOptions) {
    this.#read = read;
    this.#sieves = {
      accounts: new Sieve(limitBytes * SHARES.accounts, weighers.accounts, ({ entitlements }) => {
        for (const { id } of entitlements) this.#owners.delete(id);
      }),
      devices: new Sieve(limitBytes * SHARES.devices, weighers.devices),
      offerings: new Sieve(limitBytes * SHARES.offerings, weighers.offerings),
    };
  }

  /**
   * Answers a question from what is at the watermark in the moment in which the question says its answer. It is a function
   * that is called, perhaps several times, until it returns something else than undefined, which it may do only when something that it needs is undefined. Rejects when the
   * database cannot be read.
   */
  answer<T>(question: (known: Known) => T | undefined): T | Promise<T> {
    this.#missing = [];
    const answer = question(this);
    if (answer === undefined) return this.#answerLater(question, this.#missing);
    this.answers.hit += 1;
    return answer;
  }

  async #answerLater<T>(question: (known: Known) => T | undefined, missing: Promise<void>[]): Promise<T> {
    this.answers.miss += 1;
    for (let tries = 0; tries < TRIES; tries += 1) {
      await Promise.all(missing);
      this.#missing = [];
      const answer = question(this);
      if (answer !== undefined) return answer;
      missing = this.#missing;
    }
    throw new Problem(503, "overloaded", "what is asked for changes faster than it can be read; try again");
  }

  account(subscriberId: string): Account | undefined {
    return this.#find("accounts", subscriberId);
  }

  device(deviceId: string): KeptDevice | undefined {
    return this.#find("devices", deviceId);
  }

  offering(offeringId: string): KeptOffering | undefined {
    return this.#find("offerings", offeringId);
  }

  stillKnows(piece: Kept): boolean {
    return isKept(piece);
  }

  found(watermark: Watermark): void {
    const { place, digest } = this.#watermark;
    // A commit that nobody heard of, or somebody else's write; mostly neither, and then all that is known is right.
    if (!isSamePlace(watermark.place, place) || watermark.digest !== digest) this.replaced(watermark);
  }

  committed(watermark: Watermark, events: readonly ReceivedEvent[]): void {
    const { entitlements, ...changed } = changesOf(events);
    for (const kind of kinds) for (const id of changed[kind]) this.#sieves[kind].delete(id);
    for (const id of entitlements) {
      const owner = this.#owners.get(id);
      if (owner !== undefined) this.#sieves.accounts.delete(owner);
    }
    this.#watermark = watermark;
    for (const watch of this.#watches) watch.committed(watermark.place, events);
  }

  replaced(watermark: Watermark): void {
    for (const kind of kinds) this.#sieves[kind].clear();
    this.#watermark = watermark;
    for (const watch of this.#watches) watch.replaced();
  }

  /** The place in the stream at which everything is that it answers. */
  get place(): Place {
    return this.#watermark.place;
  }

  /** How many pieces it knows, and how many bytes they take as it estimates. */
  get size(): { readonly pieces: number; readonly bytes: number } {
    const { accounts, devices, offerings } = this.#sieves;
    return {
      pieces: accounts.size + devices.size + offerings.size,
      bytes: accounts.weight + devices.weight + offerings.weight,
    };
  }

  #find<K extends Kind>(kind: K, id: string): Pieces[K] | undefined {
    const piece = this.#sieves[kind].get(id);
    if (piece !== undefined) return piece;
    // Nothing has such an id, and the database might refuse to look for it.
    if (!isIdentifier(id)) return NO_PIECES[kind];
    this.#missing.push(this.#batches.want(kind, id));
    return undefined;
  }

  /** Reads pieces until what was read of each is right at the watermark. */
  async #load(keys: Keys): Promise<void> {
    let left = keys;
    while (kinds.some((kind) => left[kind].size > 0)) left = await this.#loadOnce(left);
  }

  /** @returns what has to be read again */
  async #loadOnce(keys: Keys): Promise<Keys> {
    const watch = new Watch(this.place);
    this.#watches.add(watch);
    try {
      const { place, rows } = await this.#read(keys);
      await watch.until(place);
      const changes = watch.changesSince(place);
      if (changes === null) return keys;
      for (const kind of kinds) this.#sieves[kind].makeRoom();
      const { accounts, devices, offerings } = findPieces(keys, rows);
      const stale = {
        accounts: this.#keep("accounts", accounts, changes),
        devices: this.#keep("devices", devices, changes),
        offerings: this.#keep("offerings", offerings, changes),
      };
      for (const { id, entitlements } of accounts.values()) {
        if (!stale.accounts.has(id)) for (const held of entitlements) this.#owners.set(held.id, id);
      }
      return stale;
    } finally {
      this.#watches.delete(watch);
    }
  }

  /** @returns the ids of the pieces that are not right any more, which it has not kept */
  #keep<K extends Kind>(kind: K, found: ReadonlyMap<string, Pieces[K]>, changes: Changes): Set<string> {
    const stale = new Set<string>();
    for (const [id, piece] of found) {
      if (isChanged(changes, kind, id, piece)) stale.add(id);
      else this.#sieves[kind].set(id, piece);
    }
    return stale;
  }
}
