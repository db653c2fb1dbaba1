"""A ledger outside the product: what was asked, what was acknowledged, and whether the database agrees.

The ledger is an SQLite file written with fsync before each request (intent) and after each answer (acknowledgement), so it survives
whatever happens to the product. It knows the product by its API and the database by SQL only.
"""

from __future__ import annotations

import http.client
import json
import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

_TABLES = """
CREATE TABLE IF NOT EXISTS entry (
    key TEXT PRIMARY KEY, sort TEXT NOT NULL, token TEXT NOT NULL UNIQUE, record INTEGER,
    acknowledged INTEGER NOT NULL DEFAULT 0, status INTEGER)
"""


class Ledger:
    """Intents and acknowledgements. Safe for several threads."""

    def __init__(self, place: Path) -> None:
        self._lock = threading.Lock()
        self._base = sqlite3.connect(place, check_same_thread=False, isolation_level=None)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.execute(_TABLES)

    def intend(self, key: str, sort: str, token: str, record: int | None = None) -> None:
        """Note that a request will be sent."""
        with self._lock:
            self._base.execute(
                "INSERT INTO entry (key, sort, token, record) VALUES (?, ?, ?, ?)", [key, sort, token, record]
            )

    def acknowledge(self, key: str, status: int, record: int | None) -> None:
        """Note its answer; below 300 is an acknowledgement."""
        with self._lock:
            self._base.execute(
                "UPDATE entry SET status = ?, acknowledged = ?, record = coalesce(?, record) WHERE key = ?",
                [status, int(status < 300), record, key],
            )

    def unknown(self) -> list[tuple[str, str, str, int | None]]:
        """Requests that never got an answer: key, sort, token, record."""
        return self._rows("SELECT key, sort, token, record FROM entry WHERE status IS NULL")

    def of(self, sort: str) -> list[tuple[str, int | None, int]]:
        """Entries of a sort: token, record, acknowledged."""
        return self._rows("SELECT token, record, acknowledged FROM entry WHERE sort = ? ORDER BY rowid", sort)

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._base.execute(sql, values).fetchall()


@dataclass
class Client:
    """Speaks to the API; ``None`` for an answer that never came."""

    port: int
    token: str

    def send(self, method: str, path: str, body: dict[str, Any], key: str) -> tuple[int, dict[str, Any]] | None:
        """One request under an Idempotency-Key."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", "Idempotency-Key": key}
        try:
            connection.request(method, path, json.dumps(body).encode(), headers)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, json.loads(content or b"{}")
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()


@dataclass
class Audit:
    """What the comparison found; ``faults`` is empty when the ledger is clean."""

    created: int = 0
    changed: int = 0
    unanswered: int = 0
    faults: list[str] = field(default_factory=list)


def compare(ledger: Ledger, database: str) -> Audit:
    """Compare ledger and database: acknowledged exactly once, unanswered at most once, audit and outbox the same as the rows."""
    found = Audit(unanswered=len(ledger.unknown()))
    with psycopg.connect(database) as connection:
        _creations(ledger, connection, found)
        _changes(ledger, connection, found)
        waiting = connection.execute("SELECT count(*) FROM core_outboxevent WHERE delivered_at IS NULL").fetchone()
        if waiting and waiting[0]:
            found.faults.append(f"{waiting[0]} events wait in the outbox")
    return found


_CREATED = """
SELECT c.id, c.name,
  (SELECT count(*) FROM core_auditentry a WHERE a.entity = 'customers_customer' AND a.record_id = c.id AND a.action = 'create'),
  (SELECT count(*) FROM core_outboxevent o WHERE o.name = 'customers.customer.created' AND o.record_id = c.id),
  (SELECT count(*) FROM core_search_doc s WHERE s.entity = 'customers.customer' AND s.record_id = c.id)
FROM customers_customer c WHERE c.name = ANY(%s) AND c.deleted_at IS NULL
"""


def _creations(ledger: Ledger, connection: psycopg.Connection, found: Audit) -> None:
    entries = ledger.of("create")
    rows: dict[str, list[tuple[int, int, int, int]]] = {}
    for number, name, *counts in connection.execute(_CREATED, [[token for token, _r, _a in entries]]):
        rows.setdefault(name, []).append((number, *counts))
    for token, record, acknowledged in entries:
        there = rows.get(token, [])
        if len(there) > 1 or (acknowledged and len(there) != 1):
            found.faults.append(f"{token}: acknowledged {acknowledged}, {len(there)} rows")
        for number, audited, told, searchable in there:
            if (audited, told, searchable) != (1, 1, 1):
                found.faults.append(f"{token}: {audited} audit entries, {told} events, {searchable} search documents")
            if acknowledged and record != number:
                found.faults.append(f"{token}: acknowledged as {record}, stored as {number}")
        found.created += len(there)


_CHANGED = """
SELECT a.record_id, a.changes -> 'short_name' ->> 1
FROM core_auditentry a WHERE a.entity = 'customers_customer' AND a.action = 'update' AND a.changes -> 'short_name' ->> 1 = ANY(%s)
ORDER BY a.id
"""


def _changes(ledger: Ledger, connection: psycopg.Connection, found: Audit) -> None:
    entries = ledger.of("change")
    times: dict[str, int] = {}
    last: dict[int, str] = {}
    for record, token in connection.execute(_CHANGED, [[token for token, _r, _a in entries]]):
        times[token] = times.get(token, 0) + 1
        last[record] = token
    for token, _record, acknowledged in entries:
        number = times.get(token, 0)
        if number > 1 or (acknowledged and number != 1):
            found.faults.append(f"{token}: acknowledged {acknowledged}, audited {number} times")
        found.changed += number
    stored = connection.execute("SELECT id, short_name FROM customers_customer WHERE id = ANY(%s)", [list(last)])
    for record, short_name in stored:
        if short_name != last[record]:
            found.faults.append(f"customer {record} holds {short_name}, the audit says {last[record]}")
