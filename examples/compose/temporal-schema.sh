#!/bin/sh
# Databases and tables of the Temporal server. The password comes from SQL_PASSWORD, never from a command line.
set -eu

sql() {
  temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "$DB_PORT" -u "$POSTGRES_USER" "$@"
}

for schema in temporal visibility; do
  database=temporal
  [ "$schema" = temporal ] || database=temporal_visibility
  # Refused where they are there already; what really failed shows in the update.
  sql --db "$database" create-database || true
  sql --db "$database" setup-schema -v 0.0 || true
  sql --db "$database" update-schema -d "/etc/temporal/schema/postgresql/v12/$schema/versioned"
done
