#!/bin/sh
# Runs PostgreSQL on $PGDATA, which is made first when it is not there. The arguments go to `postgres`.
#
#   POSTGRES_USER              the superuser, default postgres
#   POSTGRES_DB                a database to make, default the user's name
#   POSTGRES_PASSWORD_FILE     file with the superuser's password, asked for over TCP
#   POSTGRES_HOST_AUTH_METHOD  "trust": no password over TCP either
set -eu
: "${POSTGRES_USER:=postgres}" "${POSTGRES_PASSWORD_FILE:=}" "${POSTGRES_HOST_AUTH_METHOD:=}"
: "${POSTGRES_DB:=$POSTGRES_USER}"

# The data folder gets its name when it is whole, so an interrupted start is simply done again.
initialize() {
  if [ "$POSTGRES_HOST_AUTH_METHOD" = trust ]; then
    set -- --auth-host=trust
  elif [ -n "$POSTGRES_PASSWORD_FILE" ]; then
    set -- --auth-host=scram-sha-256 --pwfile="$POSTGRES_PASSWORD_FILE"
  else
    echo "error: set POSTGRES_PASSWORD_FILE, or POSTGRES_HOST_AUTH_METHOD=trust" >&2
    exit 1
  fi
  partial="$PGDATA.partial"
  rm -rf "$partial"
  initdb --pgdata="$partial" --username="$POSTGRES_USER" --auth-local=trust "$@" \
    --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8 --data-checksums
  echo "host all all all ${1#--auth-host=}" >> "$partial/pg_hba.conf"
  if [ "$POSTGRES_DB" != postgres ]; then
    echo "CREATE DATABASE \"$POSTGRES_DB\"" | postgres --single -D "$partial" postgres
  fi
  sync
  [ ! -e "$PGDATA" ] || rmdir "$PGDATA"
  mv "$partial" "$PGDATA"
}

# A pod that was deleted by force has a successor before its own PostgreSQL has ended. Two of them would ruin the data, and
# what PostgreSQL itself does against that compares process ids, which mean nothing between containers. Every process of
# PostgreSQL keeps the lock.
alone() {
  exec 9> "$PGDATA.lock"
  flock --nonblock 9 && return
  echo "waiting for another PostgreSQL that still uses $PGDATA"
  flock 9 &
  trap 'kill $! 2>/dev/null; exit 143' TERM INT
  wait $!
  trap - TERM INT
}

alone
[ -s "$PGDATA/PG_VERSION" ] || initialize
exec postgres -D "$PGDATA" "$@"
