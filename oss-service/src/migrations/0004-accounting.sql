-- What the nodes took from boxes, each record once. The record is without the partition, which is not part of what it says.
create table accounting (
  record_id text primary key,
  position bigint generated always as identity,
  subscriber_id text not null,
  device_id text not null,
  partition text not null,
  record jsonb not null,
  stored_at timestamptz not null default now()
);
create unique index on accounting (position);
create index on accounting (subscriber_id, position);
create index on accounting (device_id, position);

-- Messages of the accounting queue that could not be stored, with the reason; one that comes again is there once.
create table accounting_quarantine (
  body bytea not null,
  digest bytea primary key generated always as (sha256(body)) stored,
  quarantined_at timestamptz not null default now(),
  reason text not null
);
