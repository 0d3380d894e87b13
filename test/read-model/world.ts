import { expect } from "@jest/globals";
import type pg from "pg";
import { replaceEntities } from "../../node-service/src/partition/snapshot-storage.ts";
import { commitPlan, readWatermark } from "../../node-service/src/partition/storage.ts";
import type { Place } from "../../node-service/src/partition/watermark.ts";
import type { Keys, Reading } from "../../node-service/src/read-model/content.ts";
import { ReadModel } from "../../node-service/src/read-model/read-model.ts";
import { readPieces } from "../../node-service/src/reads.ts";
import { type Change, type Content, changed, eventOf, type Look, type Seen, seenBy, truthOf } from "./content.ts";

/** So little memory that most of what is known has to go again soon. */
const LIMIT_BYTES = 4_000;

/** Lets everything else go on for so many turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
}

/** A database with one writer, a read model that follows it, and what the content was at every place. */
export class World {
  readonly #pool: pg.Pool;
  readonly #contents = new Map<string, Content>();
  readonly #seen = new Map<string, Seen>();
  readonly model: ReadModel;
  /** How many turns each read of the database waits before it and after it, one after the other. */
  readonly #delays: readonly number[];
  #reads = 0;
  #place: Place = { epoch: 1n, sequence: 0n };
  #content: Content = new Map();

  private constructor(pool: pg.Pool, delays: readonly number[]) {
    this.#pool = pool;
    this.#delays = delays;
    this.model = new ReadModel({ limitBytes: LIMIT_BYTES, read: (keys) => this.#read(keys) });
  }

  static async on(pool: pg.Pool, delays: readonly number[]): Promise<World> {
    await pool.query("truncate entities");
    await pool.query("update watermark set epoch = 1, sequence = 0, digest = 0");
    const world = new World(pool, delays);
    world.#reach(world.#place, new Map());
    world.model.found(await readWatermark(pool));
    return world;
  }

  /**
   * Commits changes; the model hears of it some turns later.
   * @param isHeard otherwise the consumer is lost before it knows of the commit, and finds it when it starts again
   */
  async commit(changes: readonly Change[], hearsAfter: number, isHeard: boolean): Promise<void> {
    const from = this.#place;
    const to = { epoch: from.epoch, sequence: from.sequence + BigInt(changes.length) };
    const events = changes.map((change, index) => eventOf(change, from.sequence + BigInt(index) + 1n));
    const upserts = [...new Map(events.map((event) => [`${event.entity}/${event.entityId}`, event])).values()];
    this.#reach(to, changed(this.#content, changes));
    const digest = await commitPlan(this.#pool, {
      from,
      to,
      upserts,
      poison: [],
      dropped: 0,
      unknown: 0,
      taken: changes.length,
      proof: null,
    });
    await turns(hearsAfter);
    if (isHeard) this.model.committed({ place: to, digest }, upserts);
    else this.model.found(await readWatermark(this.#pool));
  }

  /** Replaces everything by a snapshot of another content, in a new epoch; the model hears of it some turns later. */
  async replace(changes: readonly Change[], hearsAfter: number): Promise<void> {
    const content = changed(new Map(), changes);
    const rows = [...content].map(([name, payload]) => {
      const [entity, entityId] = name.split("/");
      return `${[entity, entityId, "1", JSON.stringify(payload)].join("\t")}\n`;
    });
    // Lower than before, as after OSS was restored from a backup.
    const place = { epoch: this.#place.epoch + 1n, sequence: this.#place.sequence / 2n + 1n };
    this.#reach(place, content);
    const bytes = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from(rows.join(""));
    };
    const watermark = await replaceEntities(this.#pool, bytes, ({ digest }) => ({ place, digest }));
    await turns(hearsAfter);
    this.model.replaced(watermark);
  }

  /**
   * Looks, and compares what it sees with what was there at the place that the model names. Whoever has looked there before
   * believes what was seen then, as long as the model still knows the pieces.
   */
  async look(look: Look, before: number): Promise<void> {
    await turns(before);
    const name = JSON.stringify(look);
    const { place, sight } = await this.model.answer((known) => {
      const former = this.#seen.get(name);
      const isStillSo = former?.pieces.every((piece) => known.stillKnows(piece)) ?? false;
      const seen = isStillSo ? former : seenBy(known, look);
      if (seen === undefined) return undefined;
      this.#seen.set(name, seen);
      return { place: this.model.place, sight: seen.sight };
    });
    const content = this.#contents.get(nameOf(place));
    if (content === undefined) throw new Error(`nobody was ever at ${nameOf(place)}`);
    expect({ at: nameOf(place), look, sight }).toEqual({ at: nameOf(place), look, sight: truthOf(content, look) });
  }

  async #read(keys: Keys): Promise<Reading> {
    await turns(this.#nextDelay());
    const reading = await readPieces(this.#pool, keys);
    await turns(this.#nextDelay());
    return reading;
  }

  #nextDelay(): number {
    return this.#delays[this.#reads++ % this.#delays.length] ?? 0;
  }

  #reach(place: Place, content: Content): void {
    this.#place = place;
    this.#content = content;
    this.#contents.set(nameOf(place), content);
  }
}

const nameOf = ({ epoch, sequence }: Place): string => `${epoch}/${sequence}`;
