-- The content digest of all entities after the last change of the stream.
alter table stream add column digest bigint not null default 0;
update stream set digest =
  (select coalesce(bit_xor(content_digest(entity, entity_id, version, payload)), 0) from entities);
