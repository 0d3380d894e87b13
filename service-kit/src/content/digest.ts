/**
 * The SQL function `content_digest` of one entity: 64 bits of SHA-256 over its name, version and payload; 0 for a
 * tombstone. The digest of a table is the exclusive or of its entities', so that a change is told by the difference of
 * the two states alone, in any order. Both sides of the stream have the same one. Should it ever change, so must its name.
 * It is called stable, as `convert_to` is: PostgreSQL puts no immutable function that says more than it holds into a
 * statement, and to call it takes ten times as long.
 */
export const CONTENT_DIGEST_FUNCTION = `
  create or replace function content_digest(entity text, entity_id text, version bigint, payload jsonb) returns bigint
  language sql stable parallel safe as $$
    select case when payload is null then 0 else
      ('x' || encode(substring(sha256(convert_to(
        entity || '/' || entity_id || '@' || version || payload::text, 'UTF8')) for 8), 'hex'))::bit(64)::bigint
    end
  $$`;

/** The SQL expression for the digest of a whole table of entities, as bigint. */
export const digestOfTable = (table: string): string =>
  `(select coalesce(bit_xor(content_digest(entity, entity_id, version, payload)), 0) from ${table})`;

/** A digest as it is told: 16 hexadecimal digits. */
export function digestText(digest: bigint): string {
  return BigInt.asUintN(64, digest).toString(16).padStart(16, "0");
}
