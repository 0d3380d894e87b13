-- This node's copy of every entity. A null payload is a tombstone: the entity was deleted at that version.
create table entities (
  entity text not null,
  entity_id text not null,
  version bigint not null,
  payload jsonb,
  primary key (entity, entity_id)
);
create index on entities ((payload ->> 'subscriberId')) where entity = 'Entitlement' and payload is not null;

-- The last change of the stream that is in the table above. Epoch 0: this node has never been synced.
create table watermark (
  only_row boolean primary key default true check (only_row),
  epoch bigint not null default 0,
  sequence bigint not null default 0
);
insert into watermark default values;

-- Broadcasts that could not be applied, with the reason.
create table quarantine (
  id bigint generated always as identity primary key,
  quarantined_at timestamptz not null default now(),
  reason text not null,
  body bytea not null
);
