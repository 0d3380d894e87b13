-- Accounting records that boxes were told are safe. One that OSS's queue has stays for a day as the memory of its id.
create table accounting (
  record_id text primary key,
  record jsonb not null,
  accepted_at timestamptz not null default now(),
  delivered_at timestamptz
);
create index on accounting (accepted_at) where delivered_at is null;
create index on accounting (delivered_at) where delivered_at is not null;
