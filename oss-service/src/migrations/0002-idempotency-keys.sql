-- What was answered under an idempotency key, written in the transaction of the change. The chunks of a stream are the
-- parts of its key; every other request is part 0. Answers are null only inside a transaction.
create table idempotency_keys (
  key text not null,
  part bigint not null,
  fingerprint bytea not null,
  answer json,
  created_at timestamptz not null default now(),
  primary key (key, part)
);
create index idempotency_keys_by_age on idempotency_keys (created_at);
