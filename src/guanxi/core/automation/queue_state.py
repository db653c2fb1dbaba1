"""What the queue of jobs is like now."""

from __future__ import annotations

from typing import Any

from django.db import connection


def workers_alive() -> int:
    """Number of workers that gave a sign of life in the last minute; each does so for long work and for short."""
    rows = _rows("SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '60 seconds'")
    return -(-int(rows[0][0]) // 2)


def queue_counts() -> dict[str, int]:
    """Number of jobs by state: todo, doing, failed; and ``late``: due for more than a minute and not begun."""
    rows = _rows(
        "SELECT status::text, count(*) FROM procrastinate_jobs "
        "WHERE status IN ('todo', 'doing', 'failed') GROUP BY status"
    )
    late = _rows(
        "SELECT count(*) FROM procrastinate_jobs j WHERE status = 'todo' AND coalesce(scheduled_at, "
        "(SELECT min(at) FROM procrastinate_events e WHERE e.job_id = j.id)) < now() - interval '1 minute'"
    )
    return (
        {"todo": 0, "doing": 0, "failed": 0}
        | {str(state): int(number) for state, number in rows}
        | {"late": int(late[0][0])}
    )


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
