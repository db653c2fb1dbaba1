#!/bin/sh
# The role of the application: adds to the audit, cannot change it. The first start of the database image runs this.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set password="$APP_PASSWORD" <<'SQL'
CREATE ROLE guanxi_app LOGIN PASSWORD :'password';
SQL
