#!/bin/sh
# The sample database: made at the first start, with the role that Muster works as; then it runs as the user postgres.
set -eu
bin=/usr/lib/postgresql/15/bin
data=/srv/shop/database
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }

chown postgres:postgres "$data" /var/run/postgresql /srv/shop/uploads
if [ ! -s "$data/PG_VERSION" ]; then
  as_postgres "$bin/initdb" -D "$data" --data-checksums --auth-local=peer --auth-host=scram-sha-256 > /dev/null
  echo 'host replication muster 127.0.0.1/32 scram-sha-256' >> "$data/pg_hba.conf"
  as_postgres "$bin/pg_ctl" -D "$data" -w -s -o "-c listen_addresses=''" start
  # On standard input: a command line can be read by everybody on the machine.
  as_postgres psql -q -v ON_ERROR_STOP=1 -d postgres << SQL
create role muster login replication password '$(cat /run/secrets/shop-database-password)';
grant pg_monitor to muster;
grant execute on function pg_switch_wal() to muster;
create table orders (id bigint generated always as identity primary key, at timestamptz not null default now());
SQL
  as_postgres "$bin/pg_ctl" -D "$data" -w -s -m fast stop
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$bin/postgres" -D "$data"
