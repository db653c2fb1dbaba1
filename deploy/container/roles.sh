#!/bin/sh
# The role of the application: works with rows, adds to the audit, owns nothing. The first start of the database image runs this.
set -eu
psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set password="$APP_PASSWORD" <<'SQL'
CREATE ROLE guanxi_app LOGIN PASSWORD :'password';
SQL
