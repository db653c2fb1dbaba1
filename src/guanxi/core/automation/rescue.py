"""Jobs whose worker died while doing them are put back into the queue."""

from __future__ import annotations

from django.db import IntegrityError, connection, transaction

#: A worker that gave no sign of life for so long (seconds) is taken for dead; it gives one every 5.
SILENCE_SECONDS = 30
#: A job that took so many workers with it is given up.
ATTEMPTS = 5

_STALLED = """
SELECT j.id, j.attempts FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
WHERE j.status = 'doing' AND (w.id IS NULL OR w.last_heartbeat < now() - make_interval(secs => %s))
ORDER BY j.id FOR UPDATE OF j SKIP LOCKED
"""


def stalled_jobs_retry() -> int:
    """Put jobs of dead workers back, those that killed five workers aside. Returns how many go on."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_STALLED, [SILENCE_SECONDS])
        return sum(_retry(job, attempts) for job, attempts in cursor.fetchall())


def _retry(job: int, attempts: int) -> bool:
    with connection.cursor() as cursor:
        if attempts + 1 < ATTEMPTS:
            try:
                with transaction.atomic():
                    cursor.execute("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", [job])
            except IntegrityError:  # the same work waits in the queue already, under its lock
                cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', true)", [job])
                return False
            return True
        cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', false)", [job])
        return False
