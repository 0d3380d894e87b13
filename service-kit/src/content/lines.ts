import { createHash } from "node:crypto";

/**
 * The content of a database as lines of text, to compare it with that of others. Every line says which reading it is of,
 * so that lines of many readings may be mixed, and the order of their bytes is the order in which `compare` wants them:
 * what was read, then the 256 buckets of it, then entity by entity.
 *
 *     at      <reading>  <epoch>  <buckets whose entities follow: all, none, or as 0a,ff>  <how many entities follow>
 *     bucket  <bucket>   <reading>  <digest>
 *     entity  <entity>   <id>  <reading>  <version>  <digest, or "deleted">
 */
export type Line =
  | { readonly kind: "at"; readonly reading: Reading }
  | { readonly kind: "bucket"; readonly bucket: string; readonly reading: string; readonly digest: string }
  | ({ readonly kind: "entity"; readonly entity: string; readonly id: string; readonly reading: string } & State);

/** Whose content was read, and at which place of the stream. */
export interface Reading {
  /** `name@sequence@digest`: what has another content is another reading. */
  readonly key: string;
  readonly name: string;
  readonly sequence: bigint;
  readonly digest: string;
  readonly epoch: string;
  /** The buckets whose entities were read. */
  readonly coverage: string;
  /** How many entities were read. */
  readonly entities: number;
}

/** What a database has of an entity. */
export interface State {
  readonly version: bigint;
  /** Null when the entity was deleted at that version. */
  readonly digest: string | null;
}

const DELETED = "deleted";

/** The coverage of a reading with all entities, and of one without. */
export const ALL = "all";
export const NONE = "none";

export const isBucket = (text: string): boolean => /^[0-9a-f]{2}$/.test(text);

/** The bucket of an entity, as `BUCKET` counts it in the database. */
export function bucketOf(entity: string, id: string): string {
  return createHash("sha256").update(`${entity}/${id}`).digest("hex").slice(0, 2);
}

export const readingKey = (name: string, sequence: string, digest: string): string => `${name}@${sequence}@${digest}`;

export const formatAt = (reading: string, epoch: string, coverage: string, entities: number): string =>
  join("at", reading, epoch, coverage, String(entities));
export const formatBucket = (bucket: string, reading: string, digest: string): string =>
  join("bucket", bucket, reading, digest);
export const formatEntity = (entity: string, id: string, reading: string, version: string, digest: string | null) =>
  join("entity", entity, id, reading, version, digest ?? DELETED);

const join = (...columns: readonly string[]): string => columns.join("\t");

/** Null for a line that `content` does not write. */
export function parseLine(line: string): Line | null {
  const [kind, ...columns] = line.split("\t");
  const [a = "", b = "", c = "", d = "", e = ""] = columns;
  switch (`${kind} ${columns.length}`) {
    case "at 4": {
      const [, name, sequence, digest] = /^(.+)@(\d+)@([0-9a-f]{16})$/.exec(a) ?? [];
      if (name === undefined || sequence === undefined || digest === undefined || !isNumber(d)) return null;
      const place = { key: a, name, sequence: BigInt(sequence), digest, epoch: b };
      return { kind: "at", reading: { ...place, coverage: c, entities: Number(d) } };
    }
    case "bucket 3":
      return isBucket(a) ? { kind: "bucket", bucket: a, reading: b, digest: c } : null;
    case "entity 5": {
      if (!isNumber(d)) return null;
      const state = { version: BigInt(d), digest: e === DELETED ? null : e };
      return { kind: "entity", entity: a, id: b, reading: c, ...state };
    }
    default:
      return null;
  }
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);
