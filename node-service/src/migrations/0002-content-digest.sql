-- The content digest of all entities, as this node has written them.
alter table watermark add column digest bigint not null default 0;
update watermark set digest =
  (select coalesce(bit_xor(content_digest(entity, entity_id, version, payload)), 0) from entities);
