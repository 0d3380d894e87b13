import pg from "pg";
import type { Written } from "./subject.ts";

// ALWAYS: otherwise it would not fire for what a subscription writes.
const TRIGGER = `
  create function tell() returns trigger language plpgsql as $$
    begin perform pg_notify('committed', new.entity_id || '@' || new.version); return null; end $$;
  create trigger tell after insert or update on entities for each row execute function tell();
  alter table entities enable always trigger tell;
  listen committed`;

/**
 * When which version of an entity was committed in a database. The database tells it, by a trigger that is the same
 * whoever writes there, so that nothing is asked again and again.
 */
export class Sightings implements AsyncDisposable {
  readonly #client: pg.Client;
  readonly #at = new Map<string, number>();

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async of(url: string): Promise<Sightings> {
    const sightings = new Sightings(new pg.Client({ connectionString: url }));
    await sightings.#client.connect();
    sightings.#client.on("notification", ({ payload = "" }) => sightings.#at.set(payload, performance.now()));
    await sightings.#client.query(TRIGGER);
    return sightings;
  }

  /** In ms of this process's clock; null while it was not seen. */
  at({ entityId, version }: Written): number | null {
    return this.#at.get(`${entityId}@${version}`) ?? null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.query("drop function tell cascade");
    await this.#client.end();
  }
}
