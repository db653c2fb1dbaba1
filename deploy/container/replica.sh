#!/bin/bash
# The replica: a copy of the primary the first time, then it follows. Promote it with: pg_ctl promote -D "$PGDATA"
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    pg_basebackup --host=primary --username=replicator --pgdata="$PGDATA" --wal-method=stream --slot=replica --write-recovery-conf
    chmod 0700 "$PGDATA"
fi
exec postgres -D "$PGDATA"
