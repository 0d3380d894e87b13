import pg from "pg";
import { connectionOptions, type DatabaseSettings } from "../database-settings.ts";
import { digestText } from "./digest.ts";
import { ALL, formatAt, formatBucket, formatEntity, NONE, readingKey } from "./lines.ts";

const ROWS = 2_000;
const BUCKETS = 256;

// Of an entity: the first byte of a hash of its name, so that whoever has it has it in the same bucket.
const BUCKET = "get_byte(sha256(convert_to(entity || '/' || entity_id, 'UTF8')), 0)";

export interface ReadOptions {
  readonly database: DatabaseSettings;
  /** Whose content it is, as the reading says. */
  readonly name: string;
  /** A statement that gives `epoch` and `sequence`: the place of the stream that the content is of. */
  readonly place: string;
  /** The buckets whose entities are read: two hexadecimal digits each, or ALL. */
  readonly buckets: readonly string[] | typeof ALL;
}

/**
 * Reads a database of OSS or of a node as of one moment, as lines without line breaks. It holds no more than a few
 * thousand of them, and locks nobody out however slowly they are taken.
 */
export async function* readContent({ database, name, place, buckets }: ReadOptions): AsyncGenerator<string> {
  const client = new pg.Client(await connectionOptions(database));
  // The statement that fails says so; without a listener the event that comes with it would end the process.
  client.on("error", () => {});
  await client.connect();
  try {
    await client.query("begin isolation level repeatable read read only");
    const places = await client.query<{ epoch: string; sequence: string }>(place);
    const [at] = places.rows;
    if (at === undefined) throw new Error("the table with the place of the stream has lost its row");
    const all = await readBuckets(client);
    // What it gives is kept aside at the commit: a node could not put a snapshot in the place of a table that is read.
    await client.query(`declare content no scroll cursor with hold for ${entitiesIn(buckets)}`);
    await client.query("commit");

    const whole = all.reduce((digest, bucket) => digest ^ bucket.digest, 0n);
    const chosen = all.filter(({ name }) => buckets === ALL || buckets.includes(name));
    const reading = readingKey(name, at.sequence, digestText(whole));
    const entities = chosen.reduce((sum, bucket) => sum + bucket.entities, 0);
    yield formatAt(reading, at.epoch, coverageOf(buckets), entities);
    for (const bucket of all) yield formatBucket(bucket.name, reading, digestText(bucket.digest));
    for (;;) {
      const { rows } = await client.query<EntityRow>(`fetch ${ROWS} from content`);
      if (rows.length === 0) break;
      for (const { entity, entity_id, version, digest } of rows) {
        yield formatEntity(entity, entity_id, reading, version, digest === null ? null : digestText(BigInt(digest)));
      }
    }
  } finally {
    await client.end();
  }
}

interface EntityRow {
  readonly entity: string;
  readonly entity_id: string;
  readonly version: string;
  readonly digest: string | null;
}

interface Bucket {
  readonly name: string;
  readonly digest: bigint;
  readonly entities: number;
}

async function readBuckets(client: pg.Client): Promise<Bucket[]> {
  const { rows } = await client.query<{ bucket: number; digest: string; entities: string }>(
    `select ${BUCKET} as bucket, count(*) as entities,
       bit_xor(content_digest(entity, entity_id, version, payload)) as digest
     from entities group by 1`,
  );
  const known = new Map(rows.map(({ bucket, ...rest }) => [bucket, rest]));
  return Array.from({ length: BUCKETS }, (_, bucket) => {
    const { digest = "0", entities = "0" } = known.get(bucket) ?? {};
    const name = bucket.toString(16).padStart(2, "0");
    return { name, digest: BigInt(digest), entities: Number(entities) };
  });
}

/** In the order of the bytes, as the lines are. */
function entitiesIn(buckets: ReadOptions["buckets"]): string {
  const numbers = buckets === ALL ? [] : buckets.map((bucket) => Number.parseInt(bucket, 16));
  const chosen = buckets === ALL ? "true" : numbers.length === 0 ? "false" : `${BUCKET} in (${numbers.join(", ")})`;
  return `select entity, entity_id, version,
      case when payload is not null then content_digest(entity, entity_id, version, payload) end as digest
    from entities where ${chosen} order by entity collate "C", entity_id collate "C"`;
}

function coverageOf(buckets: ReadOptions["buckets"]): string {
  if (buckets === ALL) return ALL;
  return buckets.length === 0 ? NONE : [...new Set(buckets)].sort().join(",");
}
