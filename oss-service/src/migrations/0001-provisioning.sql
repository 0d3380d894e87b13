-- The truth about every entity. A null payload is a tombstone: the entity was deleted, its version goes on.
create table entities (
  entity text not null,
  entity_id text not null,
  version bigint not null,
  payload jsonb,
  primary key (entity, entity_id)
);
create index entities_by_subscriber on entities ((payload ->> 'subscriberId')) where payload ? 'subscriberId';
create index entities_by_product_offering on entities ((payload ->> 'productOfferingId'))
  where payload ? 'productOfferingId';

-- The last sequence number given to a committed change. Its row lock makes commit order the order of the numbers.
create table stream (
  only_row boolean primary key default true check (only_row),
  sequence bigint not null default 0
);
insert into stream default values;

-- Events to publish, without epoch and sequence, which the relay adds.
create table outbox (
  sequence bigint primary key,
  body json not null
);

-- Who relays, in which epoch, and up to which sequence the broker has confirmed everything.
create table relay (
  only_row boolean primary key default true check (only_row),
  epoch bigint not null default 0,
  origin_epoch bigint not null default 0,
  lineage text not null default '',
  published bigint not null default 0,
  instance text not null default ''
);
insert into relay default values;
